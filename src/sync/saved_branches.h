/* The branches with the standby's work: failover/HOST/TIME and, for what is never pushed,
 * failover/HOST/TIME-private, so that a merge of the first brings no secret.
 *
 * A saved branch continues the commit that was checked out, so a merge is enough to get the work. The worker
 * removes none before the remote has its work. */
#pragma once

#include "sync/changes.h"
#include "sync/repo.h"

/* Commits WORK to branches, unless the last ones have it all. The tree and the index stay. HOST: this
 * machine's name. R.saved gets the branch's name, if any. Drops from WORK the untracked files that git
 * ignores by now and no branch has. 0 or -ECANCELED with the reason in R. */
int saved_add(const struct repo *repo, struct changes *work, const char *host, struct sync_result *r);

/* The last branch of a host, if the remote has not merged it. */
struct saved_last {
        char branch[128]; /* "": none */
        git_oid tip;
        bool at_remote;   /* the remote had the branch when last seen, at any commit */
        git_index *files; /* the caller frees it; NULL: no branch, or it shares no history with HEAD */
        git_index *base;  /* the same, where the branch left the history of HEAD; NULL: that is HEAD */
};
void saved_find_last(const struct repo *repo, const char *host, bool is_private, struct saved_last *ret);
/* Makes BRANCH at the commit TIP, or moves it there FROM another (NULL: none). 0 or -ECANCELED. */
int saved_create(const struct repo *repo, const char *branch, const git_oid *from, const git_oid *tip,
        struct sync_result *r);
/* Removes BRANCH, unless a work tree has it checked out and would lose its commit. Whether it did. */
bool saved_remove(const struct repo *repo, const char *branch);
/* The name for a new branch. The last must be the newest, so the name sorts after all that exist: its TIME
 * is now, or later if the clock was once ahead. */
void saved_name(const struct repo *repo, const char *host, char branch[static 128]);
/* Makes a branch failover/HOST-stash-…/TIME of each stash, which has no name that a pull takes. 0 or
 * -ECANCELED. */
int saved_keep_stashes(const struct repo *repo, const char *host, struct sync_result *r);

/* A branch whose work the remote lacks. */
struct saved_branch {
        const char *name;
        git_oid tip;
        bool ours; /* a saved branch of any host; false: the agent's own */
        bool is_private;
        bool pushed; /* the remote has this branch at this commit */
};
struct saved_branches {
        struct saved_branch *items; /* the newest first */
        size_t n;
        struct paths names;
};
/* Finds all unmerged branches. PRUNES: removes ours that the remote has merged, or has as a branch that is
 * 30 days old. The caller frees RET. */
void saved_review(const struct repo *repo, bool prunes, struct saved_branches *ret);
void saved_branches_free(struct saved_branches *b);
#define _cleanup_branches_ _cleanup_(saved_branches_free)
/* Fills in R.unmerged: ours first, private branches last. A branch of an odd name is only counted. */
void saved_list(const struct saved_branches *branches, struct sync_result *r);

/* Whether to push the branch: it is ours, is not pushed yet, and no commit has what is never pushed. If a
 * commit has, writes the reason to WHY, unless WHY is set already. */
bool saved_is_for_push(const struct repo *repo, const struct saved_branch *b, char why[static 128]);

/* This machine's name as a part of a branch's name. */
void saved_host(char host[static 64]);
