/* Moves the tree and the branch from one commit to another, so that a crash at any instant is repaired by the next run.
 *
 *      write the intent (from, to, branch) ── clear what will be written ── check out ── move the branch ── remove the intent
 *
 * Everything of value was committed before. What is in the way is removed by us, by name and never through a symbolic
 * link, and libgit2 then only ever creates files: its own forced checkout would truncate a file in place, through hard
 * and symbolic links, and wait on a FIFO for ever. Anything that appeared since we looked makes its safe checkout stop, and
 * anything that changed since is not removed. */
#pragma once

#include "lib/strv.h"
#include "sync/changes.h"
#include "sync/repo.h"

/* The intent that a run before left. 0, -ENOENT if there is none. */
int checkout_unfinished(const struct repo *repo, struct intent *ret);

/* Refuses what would fail half-way: directories that cannot be written, a disk without room for BYTES.
 * 0 or -ECANCELED with the reason in R. */
int checkout_check(
        const struct repo *repo, const struct paths *paths, uint64_t bytes, struct sync_result *r);

/* The same for the disk alone, and FILES new files of BYTES. */
int checkout_check_room(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r);

/* Puts TARGET into the tree, whose PATHS (sorted) may be anything now, and moves the branch there. FULL: the tree as it
 * was, all of it saved; LOOKED: when that was seen. What has changed since is nowhere else: it stays, and fails the move.
 * If that fails, FULL is put back. 0 or -ECANCELED with the reason in R. */
int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths, git_tree *full,
        usec_t looked, struct sync_result *r);

/* A commit that the remote once had and ours continues, or is: not work of the standby, even if the remote forgot it
 * since. 0 or -ENOENT. Each move notes its own. COMMIT may be NULL: none is known. */
int checkout_base(const struct repo *repo, git_oid *ret);
void checkout_note_base(const struct repo *repo, const git_oid *commit);
