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

#include "lib/strv.h"
#include "sync/repo.h"

/* A checkout under way, or that was. */
struct intent {
        git_oid from, to;
        char branch[REPO_BRANCH_MAX]; /* that moves */
};

/* The intent that a run before left. 0, -ENOENT if there is none. */
int checkout_unfinished(const struct repo *repo, struct intent *ret);

/* Refuses what would fail half-way: directories that cannot be written, a disk without room for BYTES.
 * 0 or -ECANCELED with the reason in R. */
int checkout_check(
        const struct repo *repo, const struct paths *paths, uint64_t bytes, struct sync_result *r);

/* The same for the disk alone, and FILES new files of BYTES. */
int checkout_check_room(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r);

/* Puts TARGET into the tree, whose PATHS (sorted) may be anything now, and moves the branch there. SAVED: the files of our
 * commit with all that was saved. What is in neither has changed since, and is nowhere else: then nothing moves.
 * 0 or -ECANCELED with the reason in R. */
int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths, git_index *saved,
        struct sync_result *r);

/* A commit that the remote once had and ours continues, or is: not work of the standby, even if the remote forgot it
 * since. 0 or -ENOENT. Each move notes its own. */
int checkout_base(const struct repo *repo, git_oid *ret);
int checkout_note_base(const struct repo *repo, const git_oid *commit);
