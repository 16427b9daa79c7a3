/* The workspace's repository: opens and locks it, and refuses states in which a sync could do harm.
 *
 * A refusal has a code and, if there is one, the command that helps. Nothing here touches the work tree. */
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
        int dir_fd;    /* of .dir; holds the lock */
        char user[64]; /* this process's user, for the commands that fix */
        char *word;    /* the workspace's path quoted for a shell, for the same commands */

        const char *state; /* a directory of ours that outlives a run; NULL: none */
        usec_t until;      /* the deadline of all that may give up, CLOCK_BOOTTIME; 0: none */
        time_t killed;     /* when a killed sync last called repo_mark_busy(); 0: the last sync ended */
        bool is_sparse;    /* a sparse checkout: the tree lacks files of HEAD */
        bool no_index;     /* the index cannot be read, and so neither can attributes */
        char follow[REPO_BRANCH_MAX]; /* the remote's branch to follow, as far as it is known */

        /* From repo_find_head(): */
        char branch[REPO_BRANCH_MAX]; /* the branch that is checked out, "main"; "": none */
        git_oid head;                 /* HEAD's commit; zero: none yet */

        git_oid target; /* the commit to move to, whose attributes count, too; zero: none */
};

#define REPO_NONE                                                                                           \
        { .dir_fd = -1 }

/* Initialises libgit2, and allows extensions with which a save is still right. 0 or a libgit2 error. */
int repo_init_git(void);
/* Opens the workspace and initialises libgit2. C must outlive REPO. 0 or -ECANCELED with the reason in R. */
int repo_open(struct repo *repo, const struct workspace_config *c, struct sync_result *r);
/* Locks REPO against another sync, and waits for that one's end until UNTIL (CLOCK_BOOTTIME). flock(2) on
 * .git itself leaves no stale lock file. 0 or -ECANCELED. */
int repo_lock(const struct repo *repo, usec_t until, struct sync_result *r);
void repo_close(struct repo *repo);

/* Finds out what is checked out, in any state of the repository. */
void repo_find_head(struct repo *repo);
/* The commit that the tree continues: HEAD or, before the first commit, the remote's. 0 or -ENOENT. */
int repo_find_parent(const struct repo *repo, git_oid *ret);
/* Whether attributes name, or may name, a filter or an encoding for PATH: libgit2 applies neither. */
bool repo_is_filtered(const struct repo *repo, const char *path);
/* Whether the deadline is over, or a signal ends the sync. A loop that reads blobs, trees or attributes asks. */
bool repo_is_over(const struct repo *repo);
/* Fails if so: WHAT, such as "saving the work in", was not done in time. 0 or -ECANCELED. */
int repo_check_time(const struct repo *repo, const char *what, struct sync_result *r);
/* The commit of the remote's branch to follow, as last seen. 0 or -ENOENT. */
int repo_find_theirs(const struct repo *repo, git_oid *ret);

/* Walks the commits of TIP that no remote-tracking branch contains. 0 or a libgit2 error. */
int repo_walk_unpushed(const struct repo *repo, const git_oid *tip, git_revwalk **ret);
/* Leaves out of WALK what the refs of GLOB contain. */
void repo_hide(const struct repo *repo, git_revwalk *walk, const char *glob);

/* Refuses settings that a sync cannot follow; OPENING: only those that prevent a save. 0 or -ECANCELED. */
int repo_check_settings(struct repo *repo, bool opening, struct sync_result *r);
/* Refuses a merge under way, a detached HEAD and so on. 0 or -ECANCELED. */
int repo_check(struct repo *repo, struct sync_result *r);

/* Refuses unless BRANCH, the branch to follow, is checked out. 0 or -ECANCELED. */
int repo_check_branch(const struct repo *repo, const char *branch, struct sync_result *r);
/* Refuses a .git that cannot be written. 0 or -ECANCELED. */
int repo_check_writable(const struct repo *repo, struct sync_result *r);
/* After a failure: adds the command that opens a directory of .git, if one is closed to us, as after a git of
 * root's. libgit2 has words alone for that. */
void repo_find_closed(const struct repo *repo, struct refusal *why);
/* The user's name, safe to print. */
void name_user(uid_t uid, char buf[static 64]);
/* Adds the command with which root gives PATH to USER, or the symbolic link that the command would follow.
 * -ECANCELED. */
int repo_refuse_owner(const char *path, const char *user, struct refusal *why);
/* Adds the command that gives this process access to what OWNER has closed. -ECANCELED. */
int repo_set_open_command(const struct repo *repo, uid_t owner, struct refusal *why);
/* Refuses because WHAT, a path in the workspace, cannot be written for the reason ERROR (errno). OWNER is
 * the closed directory's. -ECANCELED. */
int repo_refuse_unwritable(
        const struct repo *repo, const char *what, int error, uid_t owner, struct sync_result *r);

/* A file in .git while a sync may hold locks there. Its time is that of the last repo_mark_busy(). */
#define REPO_BUSY "failover-busy"
/* Makes REPO_BUSY before the sync takes locks. 0 or a negative errno. */
int repo_mark_busy(const struct repo *repo);
/* Flushes the file system at the few points where a power cut matters: not after each of perhaps thousands
 * of objects. Later writes, of refs and the index, wait for the disk one by one. Calls repo_mark_busy(), so
 * that a later run knows their locks by the time. 0 or a negative errno. */
int repo_flush(const struct repo *repo);
/* Lets later writes not wait for the disk: they may be thousands of objects. */
void repo_delay_flush(void);

/* The files of TREE on all levels. libgit2 inflates a directory again for each path that it looks up in a
 * tree: minutes for thousands of files. An index is searched fast. 0 or a libgit2 error. */
int tree_files(git_tree *tree, git_index **ret);
/* The files of COMMIT's tree, likewise. */
int commit_files(git_repository *git, const git_oid *commit, git_index **ret);
/* The file PATH, or NULL. */
const git_index_entry *find_file(git_index *files, const char *path);

/* libgit2's last error, safe to print, without the user and password of a URL. Returns BUF. */
char *git_words(char *buf, size_t size);
/* Sets SYNC_FAILED with WHAT and libgit2's last error. -ECANCELED. */
int sync_fail_git(struct sync_result *r, const char *what);
