/* Refuses an open repository in a state that no sync must touch, such as a merge under way; see repo.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/text.h"
#include "sync/repo.h"

/* Refuses, with a git COMMAND that ends with WORD, unless that is "". */
static int refuse(const struct repo *repo, enum refusal_code code, const char *what, const char *command,
        const char *word, struct sync_result *r) {
        _cleanup_free_ char *quoted = *word ? shell_quote(word) : strdup("");

        (void) sync_refuse(r, code, "%s %s", repo->config->path, what);
        return quoted ? sync_command(r, "sudo -u %s git -C %s %s%s%s", repo->user, repo->word, command,
                                *word ? " " : "", quoted)
                      : -ECANCELED;
}

/* Refuses a merge, rebase and so on under way, with the git command that stops it. */
static int check_state(const struct repo *repo, struct sync_result *r) {
        static const char *const stop[] = {
                [GIT_REPOSITORY_STATE_MERGE] = "merge --abort",
                [GIT_REPOSITORY_STATE_REVERT] = "revert --abort",
                [GIT_REPOSITORY_STATE_REVERT_SEQUENCE] = "revert --abort",
                [GIT_REPOSITORY_STATE_CHERRYPICK] = "cherry-pick --abort",
                [GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE] = "cherry-pick --abort",
                [GIT_REPOSITORY_STATE_BISECT] = "bisect reset",
                [GIT_REPOSITORY_STATE_REBASE] = "rebase --abort",
                [GIT_REPOSITORY_STATE_REBASE_INTERACTIVE] = "rebase --abort",
                [GIT_REPOSITORY_STATE_REBASE_MERGE] = "rebase --abort",
                [GIT_REPOSITORY_STATE_APPLY_MAILBOX] = "am --abort",
                [GIT_REPOSITORY_STATE_APPLY_MAILBOX_OR_REBASE] = "am --abort",
        };
        int state = git_repository_state(repo->git);
        const char *command = state < 0 || (size_t) state >= ELEMENTSOF(stop) ? NULL : stop[state];

        if (!command)
                return 0;
        return sync_refuse(r, REFUSAL_UNDER_WAY, "git %.*s is under way in %s: finish it, or stop it",
                       (int) strcspn(command, " "), command, repo->config->path),
               sync_command(r, "sudo -u %s git -C %s %s", repo->user, repo->word, command);
}

/* A mixed reset changes no file of the tree. doctor has not fetched, or no sync could: so the user does. */
static int refuse_unborn(const struct repo *repo, struct sync_result *r) {
        const char *remote = repo->config->remote;
        _cleanup_free_ char *branch = shell_quote(repo->follow);

        (void) sync_refuse(r, REFUSAL_UNBORN, "%s has no commit", repo->config->path);
        return sync_command(r, "sudo -u %s git -C %s fetch %s && sudo -u %s git -C %s reset %s/%s",
                repo->user, repo->word, remote, repo->user, repo->word, remote, branch ? branch : "");
}

static int check_head(const struct repo *repo, struct sync_result *r) {
        if (git_repository_head_unborn(repo->git) == 1)
                return refuse_unborn(repo, r);
        if (git_oid_is_zero(&repo->head))
                return sync_fail_git(r, "HEAD");
        if (repo->branch[0])
                return 0;
        return refuse(repo, REFUSAL_DETACHED, "has a detached HEAD: no branch is checked out", "switch",
                repo->follow, r);
}

int repo_check_branch(const struct repo *repo, const char *branch, struct sync_result *r) {
        char what[2 * REPO_BRANCH_MAX + 50];

        (void) snprintf(what, sizeof what, "has the branch %s checked out, not %s", repo->branch, branch);
        return strcmp(repo->branch, branch) == 0 ? 0
                                                 : refuse(repo, REFUSAL_BRANCH, what, "switch", branch, r);
}

/* libgit2 cannot read a split index nor, before 1.8, one without a checksum: git writes either again in its
 * usual form, with all that is staged. git rebuilds a broken index from HEAD. */
static int refuse_index(const struct repo *repo, struct sync_result *r) {
        char words[sizeof r->workspace_why.text];

        return sync_refuse(r, REFUSAL_INDEX, "the index of %s cannot be read (%.100s)", repo->config->path,
                       git_words(words, sizeof words)),
               sync_command(r,
                       "sudo -u %s env -C %s sh -c 'git config core.splitIndex false; git config index.skipHash false; git update-index --force-write-index || git read-tree HEAD'",
                       repo->user, repo->word);
}

static int check_index(const struct repo *repo, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *index = NULL;

        if (git_repository_index(&index, repo->git) < 0)
                return refuse_index(repo, r);
        if (git_index_has_conflicts(index))
                return refuse(
                        repo, REFUSAL_UNDER_WAY, "has conflicts that are not resolved", "status", "", r);
        return 0;
}

int repo_check_writable(const struct repo *repo, struct sync_result *r) {
        char ours[REPO_BRANCH_MAX + 20], theirs[REPO_BRANCH_MAX + 200];
        /* git replaces other files, but appends to these logs */
        const char *const places[] = { "objects", "objects/pack", "refs", "refs/heads", "logs/HEAD", ours,
                theirs };

        (void) snprintf(ours, sizeof ours, "logs/refs/heads/%s", repo->branch);
        (void) snprintf(
                theirs, sizeof theirs, "logs/refs/remotes/%s/%s", repo->config->remote, repo->follow);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                struct stat st = { .st_uid = geteuid() };
                int error = faccessat(repo->dir_fd, places[i], W_OK, AT_EACCESS) < 0 ? errno : 0;

                if (error != EACCES && error != EROFS)
                        continue;
                (void) fstatat(repo->dir_fd, places[i], &st, 0);
                return repo_refuse_unwritable(repo, places[i], error, st.st_uid, r);
        }
        return 0;
}

void repo_find_closed(const struct repo *repo, struct refusal *why) {
        char *const roots[] = { repo->dir, NULL };
        _cleanup_(fts_closep) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        FTSENT *e;

        while (fts && !repo_is_over(repo) && (e = fts_read(fts)))
                if ((e->fts_info == FTS_D || e->fts_info == FTS_DNR) &&
                        access(e->fts_path, R_OK | W_OK | X_OK) < 0 && errno == EACCES) {
                        (void) repo_set_open_command(repo, e->fts_statp->st_uid, why);
                        break;
                }
}

int repo_check(struct repo *repo, struct sync_result *r) {
        int k = repo_check_settings(repo, false, r);

        if (k < 0)
                return k;
        if (git_repository_is_shallow(repo->git) == 1)
                return refuse(repo, REFUSAL_SETTING, "is a shallow clone", "fetch --unshallow", "", r);
        k = check_state(repo, r);
        if (k == 0)
                k = check_head(repo, r);
        return k == 0 ? check_index(repo, r) : k;
}
