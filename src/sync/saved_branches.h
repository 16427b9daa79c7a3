/* The branches that hold what the standby had: failover/HOST/TIME and, for what is never pushed, failover/HOST/TIME-private, so
 * that merging the first brings no secret along. Made, listed, pruned, and asked whether the remote has their work by now.
 *
 * A saved branch continues the commit that was checked out, so merging it is all that it takes to have the work. None is
 * removed before the remote has its work. */
#pragma once

#include "sync/changes.h"
#include "sync/repo.h"

/* Commits WORK to branches unless the last ones hold the very same. Neither the tree nor the index is touched. HOST: this
 * machine's name. R.saved: the branch's name, if there is one. 0 or -ECANCELED with the reason in R. */
int saved_add(const struct repo *repo, struct changes *work, const char *host, struct sync_result *r);
/* Whether the last branches hold all of WORK, from which, as in saved_add(), goes what git ignores by now. What was saved once and
 * stays in the tree, untracked, is not saved again. */
bool saved_has(const struct repo *repo, struct changes *work, const char *host);

/* The last branch of a host, if the remote has not merged it. */
struct saved_last {
        char branch[128]; /* "": there is none */
        git_oid tip;
        bool at_remote; /* as some commit, when that was last seen */
        git_index *
                files; /* the caller's to free; NULL: there is none, or it is of another history than HEAD */
};
void saved_find_last(const struct repo *repo, const char *host, bool is_private, struct saved_last *ret);
/* Makes BRANCH of the commit TIP, or moves it there FROM another, unless NULL. 0 or -ECANCELED with the reason in R. */
int saved_create(const struct repo *repo, const char *branch, const git_oid *from, const git_oid *tip,
        struct sync_result *r);
/* Removes BRANCH, but for one that is checked out, here or in another tree of git's: without it, HEAD would have no commit. Whether it
 * did. */
bool saved_remove(const struct repo *repo, const char *branch);
/* Refuses a branch whose name leaves no room for those of HOST. 0 or -ECANCELED with the reason in R. */
int saved_check_name(const struct repo *repo, const char *host, struct sync_result *r);
/* The name that a new branch gets: it sorts after all that are there, since the last is the newest. Its TIME is now, or
 * later if the clock was ahead once. */
void saved_name(const struct repo *repo, const char *host, char branch[static 128]);
/* Makes a branch failover/HOST-other/TIME of each that no command could name: git's stashes, and a branch with a name that is not
 * printed. The one that is there stays, until one that goes on from it takes its place. 0 or -ECANCELED with the reason in R. */
int saved_keep_unnamed(const struct repo *repo, const char *host, struct sync_result *r);

/* A branch whose work the remote lacks. */
struct saved_branch {
        const char *name;
        git_oid tip;
        bool ours; /* one of those above, of any host; otherwise the agent's own */
        bool is_private;
        bool pushed; /* it is at the remote under its name */
};
struct saved_branches {
        struct saved_branch *items; /* the newest first */
        size_t n;
        struct paths names;
};
/* Finds them all. If it PRUNES, it removes ours whose work the remote has, or has had for 30 days as a branch of its own.
 * RET is the caller's to free. */
void saved_review(const struct repo *repo, bool prunes, struct saved_branches *ret);
void saved_branches_free(struct saved_branches *b);
#define _cleanup_branches_ _cleanup_(saved_branches_free)
/* Fills R.unmerged: what may be merged first. */
void saved_list(const struct saved_branches *branches, struct sync_result *r);

/* Whether the branch is to be pushed: ours, not pushed yet, and without a commit that holds what is never pushed. If it is for that:
 * WHY, of 128 bytes, unless it says something already. */
bool saved_is_for_push(const struct repo *repo, const struct saved_branch *b, char why[static 128]);
/* Notes that BRANCH is at the remote, as git push does; or that it no longer is. */
void saved_mark_pushed(const struct repo *repo, const char *branch, bool pushed);

/* This machine's name as part of a branch's. */
void saved_host(char host[static 64]);
