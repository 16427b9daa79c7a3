/* What killed gits, syncs and power cuts leave in the workspace's .git, and would block every sync after them. */
#pragma once

#include "sync/repo.h"

/* Whether a git program of ours works in the workspace. */
struct git_seen {
        struct timespec at;     /* when it was looked for */
        pid_t pid;              /* 0: there was none */
        struct timespec killed; /* when a sync was begun that did not end; zero: none was */
};

/* Looks for one. A process that has confined itself is shown no other than its own (landlock(7), and proc(5): hidepid), so
 * it looks before that. */
void cleanup_look_for_git(const struct workspace_config *c, struct git_seen *ret);

/* Removes what killed syncs leave among the objects: half-received packs of up to a gigabyte. Only ours have libgit2's
 * names, and the lock says that no other sync runs. And the empty files that a power cut leaves: an object that is there
 * is not written again, and a ref that cannot be read not moved. */
void cleanup_leftovers(const struct repo *repo);

/* Rebuilds the index from HEAD, if a power cut left nothing of it: git writes it without waiting for the disk. Only
 * while the gateway is not running, and locked. If it can't, repo_check() says so. */
void cleanup_index(const struct repo *repo);

/* From here on, until cleanup_end(), locks may be ours: a later run learns so from GIT. */
void cleanup_begin(const struct repo *repo, struct git_seen *git);

/* Removes stale *.lock files: of a sync that was killed, or over an hour old. Others are waited for until the deadline, then
 * refused. Only while the gateway is not running. 0 or -ECANCELED. */
int cleanup_locks(const struct repo *repo, const struct git_seen *git, struct sync_result *r);
/* The sync has come to its end: a lock from now on is not ours. */
void cleanup_end(const struct repo *repo);
