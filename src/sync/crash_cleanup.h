/* Removes what killed syncs and power cuts leave in the workspace's .git, and would block later syncs. */
#pragma once

#include "sync/repo.h"

/* A checkout that is under way, or was cut short. */
struct intent {
        git_oid from, to;
        char branch[REPO_BRANCH_MAX]; /* the branch that moves */
};

/* Reads the intent that an earlier run left. 0, or -ENOENT if there is none. */
int cleanup_find_intent(const struct repo *repo, struct intent *ret);
/* Writes the intent to the disk before it returns; NULL removes it. 0 or a negative errno. */
int cleanup_set_intent(const struct repo *repo, const struct intent *intent);

/* Removes the half-received packs of killed syncs, up to a gigabyte each: only ours have libgit2's names,
 * and the caller's lock excludes another sync. Also removes the empty objects that a power cut leaves:
 * libgit2 does not write an object that exists. */
void cleanup_objects(const struct repo *repo);

/* Finds out whether the last sync was killed. The caller calls this before repo_mark_busy(). */
void cleanup_begin(struct repo *repo);
/* Removes stale *.lock files: those of a killed sync (at most 5 minutes younger than its last
 * repo_mark_busy()), and those over an hour old. Only while the gateway is not running. If it WAITS, it
 * waits for the others until the deadline, and then refuses. 0 or -ECANCELED. */
int cleanup_locks(const struct repo *repo, bool waits, struct sync_result *r);
/* Ends the sync: later locks are not ours. If the sync has not REMOVED the locks of a killed sync, the next
 * one still knows them. */
void cleanup_end(const struct repo *repo, bool removed);
