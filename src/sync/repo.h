/* The workspace's repository: opened, locked, and refused if it is in a state that a sync cannot do right.
 *
 * Whatever is refused is refused in words with the command that mends it. Nothing here touches the work tree. */
#pragma once

#include <git2.h>

#include "config/config.h"
#include "lib/util.h"
#include "sync_result.h"

DEFINE_CLEANUP(git_repository *, git_repository_free)
DEFINE_CLEANUP(git_config *, git_config_free)
DEFINE_CLEANUP(git_config_iterator *, git_config_iterator_free)
DEFINE_CLEANUP(git_remote *, git_remote_free)
DEFINE_CLEANUP(git_reference *, git_reference_free)
DEFINE_CLEANUP(git_reference_iterator *, git_reference_iterator_free)
DEFINE_CLEANUP(git_commit *, git_commit_free)
DEFINE_CLEANUP(git_tree *, git_tree_free)
DEFINE_CLEANUP(git_tree_entry *, git_tree_entry_free)
DEFINE_CLEANUP(git_blob *, git_blob_free)
DEFINE_CLEANUP(git_index *, git_index_free)
DEFINE_CLEANUP(git_odb *, git_odb_free)
DEFINE_CLEANUP(git_diff *, git_diff_free)
DEFINE_CLEANUP(git_status_list *, git_status_list_free)
DEFINE_CLEANUP(git_revwalk *, git_revwalk_free)
DEFINE_CLEANUP(git_signature *, git_signature_free)

#define REPO_BRANCH_MAX 200

struct repo {
        const struct workspace_config *config;
        git_repository *git;
        char *dir;     /* the .git directory */
        int dir_fd;    /* of the same; it holds the lock */
        char user[64]; /* who we are, for the mending commands */
        char *word;    /* the workspace's path as a word of a shell, for the same */

        /* From repo_check(): */
        char branch[REPO_BRANCH_MAX]; /* the branch that is checked out, "main" */
        git_oid head;                 /* and its commit */
};

#define REPO_NONE                                                                                           \
        { .dir_fd = -1 }

/* Opens the workspace. 0, or -ECANCELED with the refusal in R. libgit2 is initialised. C must outlive REPO. */
int repo_open(struct repo *repo, const struct workspace_config *c, struct sync_result *r);
/* Locks it against another sync, for whose end it waits until UNTIL, of CLOCK_BOOTTIME: flock(2) on .git itself, so there is
 * no file to go stale. 0 or -ECANCELED. */
int repo_lock(const struct repo *repo, usec_t until, struct sync_result *r);
void repo_close(struct repo *repo);

/* Refuses merges under way, a detached HEAD and so on; learns the branch and its commit. 0 or -ECANCELED. */
int repo_check(struct repo *repo, struct sync_result *r);

/* The branch to follow, as far as it is known without asking the remote. For the caller to free; NULL without memory. */
char *repo_usual_branch(const struct repo *repo);

/* Refuses since WHAT, a path in the workspace ("" for .git), cannot be written, for the reason ERROR (errno). OWNER: of the
 * directory that is closed. -ECANCELED. */
int repo_refuse_unwritable(
        const struct repo *repo, const char *what, int error, uid_t owner, struct sync_result *r);

/* Everything written so far is on disk when this returns: one flush of the file system at the few points where a power
 * cut matters, instead of one for each of perhaps thousands of objects (GIT_OPT_ENABLE_FSYNC_GITDIR). */
int repo_settle(const struct repo *repo);

/* The files of TREE, all levels of it. libgit2 inflates a whole directory anew for each path that it looks up in a tree,
 * which takes minutes where a directory has thousands; in an index it is a binary search. 0 or libgit2's error. */
int tree_files(git_tree *tree, git_index **ret);
/* The same of a commit. */
int commit_files(git_repository *git, const git_oid *commit, git_index **ret);
/* The file PATH; NULL if there is none. */
const git_index_entry *find_file(git_index *files, const char *path);

/* The last error of libgit2, safe to print and without the user and password of a URL. Returns BUF. */
char *git_words(char *buf, size_t size);
/* Sets SYNC_FAILED with WHAT and libgit2's last error. -ECANCELED. */
int sync_fail_git(struct sync_result *r, const char *what);
