/* What killed syncs and power cuts leave in the workspace's .git, and would block every sync after them. */
#pragma once

#include "sync/repo.h"

/* A checkout under way, or that was. */
struct intent {
        git_oid from, to;
        char branch[REPO_BRANCH_MAX]; /* that moves */
};

/* The intent that a run before left. 0, or -ENOENT if there is none. */
int cleanup_find_intent(const struct repo *repo, struct intent *ret);
/* On disk when this returns. 0 or a negative errno. */
int cleanup_write_intent(const struct repo *repo, const struct intent *intent);
int cleanup_remove_intent(const struct repo *repo);

/* Removes what killed syncs leave among the objects: half-received packs of up to a gigabyte. Only ours have libgit2's
 * names, and the lock says that no other sync runs. And the empty objects that a power cut leaves: one that is there is not
 * written again. */
void cleanup_objects(const struct repo *repo);

/* Before this sync marks anything: looks whether the last one was killed. */
void cleanup_begin(struct repo *repo);
/* Removes stale *.lock files: of a sync that was killed, which are little younger than its last repo_mark_busy(), or over an
 * hour old. Only while the gateway is not running. If it WAITS, then for the others until the deadline, and then it refuses.
 * 0 or -ECANCELED. */
int cleanup_locks(const struct repo *repo, bool waits, struct sync_result *r);
/* The sync has come to its end: a lock from now on is not ours. If it never REMOVED any, the next one still must know those of a
 * sync that was killed. */
void cleanup_end(const struct repo *repo, bool removed);
