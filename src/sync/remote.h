/* Fetches from the workspace's remote and pushes to it, each in a child process with a deadline.
 *
 * A child writes objects, but no ref and no file of the tree, so the worker may kill it at any instant. It
 * asks the remote for one branch, whatever refspecs the repository configures. */
#pragma once

#include "lib/child.h"
#include "sync/repo.h"

struct fetch_answer {
        struct sync_result result; /* .workspace is SYNC_NONE after a success */
        char branch[REPO_BRANCH_MAX];
        git_oid commit;    /* the branch's newest, whose objects are here */
        char gone[8][100]; /* our branches that the remote no longer has as they were pushed; "": none */
};

/* Removes the remote's HEAD here if its branch is gone: each fetch of libgit2 before 1.6 fails at that. */
void remote_remove_dangling_head(const struct repo *repo);

/* A workspace has a few megabytes of notes. A fetch of more bytes is no workspace, and must not fill the
 * disk. Tests set less. */
extern size_t remote_fetch_max;
/* Starts a fetch until REPO's deadline; it answers with a struct fetch_answer. 0 or -ECANCELED with the
 * reason in R. */
int remote_fetch_start(const struct repo *repo, struct child *c, struct sync_result *r);
/* Waits for the fetch, at most until the deadline. 0 or -ECANCELED with the reason in R. */
int remote_fetch_finish(
        const struct repo *repo, struct child *c, struct fetch_answer *ret, struct sync_result *r);

struct push_answer {
        struct sync_result result; /* .workspace_why: why the last failed push failed */
        uint32_t pushed;           /* a bit for each branch that the remote has now */
};
#define REMOTE_PUSH_MAX 20
/* Pushes N branches (short names, at most REMOTE_PUSH_MAX), each by itself, to the same names at the remote.
 * Waits at most [workspace] timeout. The caller passes *RET zeroed. */
void remote_push(const struct repo *repo, const char *const *branches, size_t n, struct push_answer *ret);
