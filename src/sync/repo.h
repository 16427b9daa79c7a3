/* The workspace's repository: opened, locked, and refused if it is in a state that a sync cannot do right.
 *
 * Whatever is refused is refused with a code and, where there is one, the command that helps. Nothing here touches the work tree. */
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
DEFINE_CLEANUP(git_reflog *, git_reflog_free)
DEFINE_CLEANUP(git_revwalk *, git_revwalk_free)
DEFINE_CLEANUP(git_signature *, git_signature_free)

#define REPO_BRANCH_MAX 200

struct repo {
        const struct workspace_config *config;
        git_repository *git;
        char *dir;     /* the .git directory */
        int dir_fd;    /* of the same; it holds the lock */
        char user[64]; /* who we are, for the commands that fix */
        char *word;    /* the workspace's path as a word of a shell, for the same */

        const char *state; /* a directory of ours that outlives a run; NULL: none */
        usec_t until;      /* of CLOCK_BOOTTIME: what is looked for, or saved, gives up then; 0: never */
        time_t killed;     /* when the last sync was busy last, if it never ended; 0: it did */
        bool is_sparse;    /* not all of the tree is there */
        bool no_index;     /* it cannot be read, and so no attributes either */
        char follow[REPO_BRANCH_MAX]; /* the remote's branch to follow, as far as it is known */

        /* From repo_find_head(): */
        char branch[REPO_BRANCH_MAX]; /* the branch that is checked out, "main"; "": none */
        git_oid head;                 /* and its commit; zero: there is none yet */

        git_oid target; /* of what comes: its attributes count, too; or zero */
};

#define REPO_NONE                                                                                           \
        { .dir_fd = -1 }

/* git_libgit2_init(3) for repositories with extensions that do not keep a save from being right. 0 or libgit2's error. */
int repo_init_git(void);
/* Opens the workspace. 0, or -ECANCELED with the refusal in R. libgit2 is initialised. C must outlive REPO. */
int repo_open(struct repo *repo, const struct workspace_config *c, struct sync_result *r);
/* Locks it against another sync, for whose end it waits until UNTIL, of CLOCK_BOOTTIME: flock(2) on .git itself, so there is
 * no file to go stale. 0 or -ECANCELED. */
int repo_lock(const struct repo *repo, usec_t until, struct sync_result *r);
void repo_close(struct repo *repo);

/* Finds out what is checked out, in whatever state that is. */
void repo_find_head(struct repo *repo);
/* The commit that what is here goes on from: HEAD or, where nothing is committed yet, what the remote was seen to have.
 * 0 or -ENOENT. */
int repo_find_parent(const struct repo *repo, git_oid *ret);
/* Whether any attributes name a filter or an encoding for PATH, which libgit2 would not apply; or that is not known. */
bool repo_is_filtered(const struct repo *repo, const char *path);
/* Whether the time is over, or a signal said so. */
bool repo_is_over(const struct repo *repo);
/* The remote's branch to follow, as it was last seen. 0 or -ENOENT. */
int repo_find_theirs(const struct repo *repo, git_oid *ret);

/* The commits of TIP that no branch of the remote's had when they were last seen. 0 or libgit2's error. */
int repo_walk_unpushed(const struct repo *repo, const git_oid *tip, git_revwalk **ret);
/* Takes from WALK what the refs of GLOB keep. */
void repo_hide(const struct repo *repo, git_revwalk *walk, const char *glob);

/* Refuses what the settings make of the repository; if it is OPENING, only what nothing can be saved from. 0 or -ECANCELED. */
int repo_check_settings(struct repo *repo, bool opening, struct sync_result *r);
/* Refuses merges under way, a detached HEAD and so on. 0 or -ECANCELED. */
int repo_check(struct repo *repo, struct sync_result *r);

/* Refuses unless BRANCH, the one that the remote has us follow, is checked out. 0 or -ECANCELED. */
int repo_check_branch(const struct repo *repo, const char *branch, struct sync_result *r);
/* Refuses a .git that cannot be written. 0 or -ECANCELED. */
int repo_check_writable(const struct repo *repo, struct sync_result *r);
/* Adds the command with which root gives PATH to USER; only words where another than root could lead that elsewhere.
 * -ECANCELED. */
int repo_refuse_owner(const char *path, const char *user, struct refusal *why);
/* Adds the command that lets us have what OWNER has closed. -ECANCELED. */
int repo_set_open_command(const struct repo *repo, uid_t owner, struct refusal *why);
/* Refuses since WHAT, a path in the workspace, cannot be written, for the reason ERROR (errno). OWNER: of the
 * directory that is closed. -ECANCELED. */
int repo_refuse_unwritable(
        const struct repo *repo, const char *what, int error, uid_t owner, struct sync_result *r);

/* In .git while a sync may hold locks there; its time is that of the last repo_mark_busy(). */
#define REPO_BUSY "failover-busy"
/* Locks are about to be taken. 0 or a negative errno. */
int repo_mark_busy(const struct repo *repo);
/* Everything written so far is on disk when this returns: one flush of the file system at the few points where a power
 * cut matters, instead of one for each of perhaps thousands of objects. What is written from then on is waited for one by
 * one: refs and the index. Marks it busy, so that a later run knows their locks by the time. 0 or a negative errno. */
int repo_settle(const struct repo *repo);
/* Thousands of objects are about to be written. */
void repo_unsettle(void);

/* The files of TREE, all levels of it. libgit2 inflates a whole directory again for each path that it looks up in a tree,
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
