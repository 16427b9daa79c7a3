/* The branches that hold what the standby had: failover/HOST/TIME, and for what is never pushed failover/HOST/TIME-private and,
 * of the index, failover/HOST/TIME-staged, so that merging the first brings no secret along. Made, listed, pruned, and asked whether the remote has their work by now.
 *
 * A saved branch continues the commit that was checked out, so merging it is all that it takes to have the work. None is
 * removed before the remote has its work. */
#pragma once

#include "sync/changes.h"
#include "sync/repo.h"

#define SAVED_PUSH_MAX 20

/* Commits WORK to new branches unless the last ones hold the very same. Neither the tree nor the index is touched. HOST: this
 * machine's name. R.saved: the new branch's name, if there is one. 0 or -ECANCELED with the reason in R. */
int saved_add(const struct repo *repo, struct changes *work, const char *host, struct sync_result *r);
/* The files of our commit with those of WORK whose kind is in the mask KINDS. 0 or libgit2's error. */
int saved_files(const struct repo *repo, const struct changes *work, unsigned kinds, git_index **ret);
/* Whether the last branches hold all of WORK. What was saved once and stays in the tree, untracked, is not saved again. */
bool saved_has(const struct repo *repo, const struct changes *work, const char *host);
/* The same of one kind. */
bool saved_has_kind(
        const struct repo *repo, const struct changes *work, const char *host, enum change_kind kind);
/* The last branch of HOST for KIND that the remote has not merged. 0 or -ENOENT. */
int saved_find_last(const struct repo *repo, const char *host, enum change_kind kind,
        char branch[static 128], git_oid *tip);
extern const char *const saved_suffixes[_WORK_MAX];
/* The name that a new branch gets: it sorts after all that are there, since the last is the newest. Its TIME is now, or
 * later if the clock was ahead once. */
void saved_name(const struct repo *repo, const char *host, char branch[static 128]);
/* Makes a branch failover/HOST-other/TIME of each that no command could name: git's stash, and a branch with a name that is
 * not printed. The one that is there stays. 0 or -ECANCELED with the reason in R. */
int saved_keep_unnamed(const struct repo *repo, const char *host, struct sync_result *r);
/* Removes those whose work the remote has, and those that it has had for 30 days as a branch of its own. */
void saved_prune(const struct repo *repo);
/* Fills R.unmerged: every branch, the agent's own too, whose work the remote does not have, the newest first. */
void saved_unmerged(const struct repo *repo, struct sync_result *r);

/* The branches that are to be pushed: not merged, not pushed yet, and fit to be. N at most SAVED_PUSH_MAX; each is the
 * caller's to free. WHY, of 128 bytes: why the newest is not fit; "" if it is. */
int saved_to_push(const struct repo *repo, char *branches[static SAVED_PUSH_MAX], char why[static 128]);
/* Notes that BRANCH is at the remote, as git push does; or that it no longer is. */
void saved_mark_pushed(const struct repo *repo, const char *branch, bool pushed);

/* Refuses a branch failover or failover/HOST, which leaves no room for those below it. 0 or -ECANCELED. */
int saved_check_name(const struct repo *repo, const char *host, struct sync_result *r);
/* This machine's name as part of a branch's. */
void saved_host(char host[static 64]);
