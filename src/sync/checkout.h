/* Moves the tree and the branch from one commit to another, so that a crash at any instant is repaired by the next run.
 *
 *      write the intent (from, to, branch) ── clear what will be written ── check out ── move the branch ── remove the intent
 *
 * There is one way, forward: what a crash, a full disk or a file that cannot be removed cuts short, the next run ends.
 *
 * A file goes only if its very content is known to be saved, or is what is to be written. What is in the way is removed by
 * us, by name and never through a symbolic link, and libgit2 then only ever creates files: its own forced checkout would
 * truncate a file in place, through hard and symbolic links, and wait on a FIFO for ever. */
#pragma once

#include "sync/changes.h"

/* Refuses what would fail half-way: directories that cannot be written, a disk without room for BYTES.
 * 0 or -ECANCELED with the reason in R. */
int checkout_check(
        const struct repo *repo, const struct paths *paths, uint64_t bytes, struct sync_result *r);

/* The same for the disk alone, and FILES new files of BYTES. */
int checkout_check_room(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r);

/* Adds to WORK, all of which is saved, what else is in the way of TARGET at PATHS (sorted). 0, or -ECANCELED if it may not go. */
int checkout_find(struct repo *repo, git_commit *target, const struct paths *paths, struct changes *work,
        struct sync_result *r);
/* Puts TARGET into the tree, and moves the branch there. SAVED: all that was saved. What is neither in that nor in our commit has
 * changed since, and is nowhere else: then nothing moves. 0 or -ECANCELED with the reason in R. */
int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths,
        const struct changes *saved, struct sync_result *r);
