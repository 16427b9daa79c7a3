/* The workspace's remote: fetched from and pushed to, each in a child process with a deadline.
 *
 * The children talk to the network and write objects; they move no ref and touch no file of the tree, so that they may
 * be killed at any instant. What is asked of the remote is one branch, whatever refspecs the repository configures. */
#pragma once

#include "lib/child.h"
#include "sync/repo.h"

struct fetch_answer {
        struct sync_result result; /* .workspace is SYNC_NONE if all is well, else why not */
        char branch[REPO_BRANCH_MAX];
        git_oid commit;    /* the branch's newest, whose objects are here */
        char gone[8][100]; /* branches of ours that are no longer there as they were pushed; "" for none */
};

/* A remote's HEAD whose branch was renamed there, and pruned here, ends each fetch of libgit2 before 1.6. */
void remote_remove_dangling_head(const struct repo *repo);

/* More than MAX bytes are refused (0: than a GiB). The time is REPO's. 0 or -ECANCELED with the reason in R. The answer is
 * struct fetch_answer. */
int remote_fetch_start(const struct repo *repo, size_t max, struct child *c, struct sync_result *r);
/* Waits for it, at most until the deadline. 0 or -ECANCELED with the reason in R. */
int remote_fetch_finish(
        const struct repo *repo, struct child *c, struct fetch_answer *ret, struct sync_result *r);

struct push_answer {
        struct sync_result result; /* .workspace_why: why the last that failed did */
        uint32_t pushed;           /* a bit for each branch that is at the remote now */
};
#define REMOTE_PUSH_MAX 20
/* Pushes N branches (short names, at most so many), each by itself, to the remote under the same names; waits for it, at most as
 * long as a fetch usually takes. *RET is zeroed. */
void remote_push(const struct repo *repo, const char *const *branches, size_t n, struct push_answer *ret);
