/* Moves the tree and the branch from one commit to another. The next run repairs a crash at any instant.
 *
 *      write the intent ── clear what will be written ── check out ── move the branch ── remove the intent
 *
 * The only way is forward: the next run finishes what a crash, a full disk or a file that cannot be removed
 * cut short. The worker removes a file only if its very content is saved or the new one. It removes by name,
 * never through a symbolic link. libgit2 then only creates files: its own forced checkout would truncate a
 * file in place, through hard and symbolic links, and wait on a FIFO for ever. */
#pragma once

#include "sync/changes.h"

/* Refuses if the disk lacks room for FILES new files of BYTES. 0 or -ECANCELED with the reason in R. */
int checkout_check(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r);

/* Adds to WORK, all saved, the other files in the way of TARGET at PATHS (sorted). 0, or -ECANCELED if one
 * must stay, or a directory cannot be written. */
int checkout_find(struct repo *repo, git_commit *target, const struct paths *paths, struct changes *work,
        struct sync_result *r);
/* Puts TARGET into the tree, and moves the branch there. SAVED: all that was saved. A file that neither
 * SAVED nor our commit has is saved nowhere: then nothing moves. 0 or -ECANCELED with the reason in R. */
int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths,
        const struct changes *saved, struct sync_result *r);
