/* The states that a sync cannot follow; see repo.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/text.h"
#include "sync/repo.h"

static bool is_set(const struct repo *repo, const char *key) {
        _cleanup_(git_config_freep) git_config *config = NULL;
        int value = 0;

        return git_repository_config(&config, repo->git) == 0 &&
                git_config_get_bool(&value, config, key) == 0 && value;
}

static bool has(const struct repo *repo, const char *name) {
        return faccessat(repo->dir_fd, name, F_OK, 0) == 0;
}

/* Whether git had begun a rebase, and not yet noted of what: --abort fails then, where otherwise --quit would leave half. */
static bool has_crashed_rebase(const struct repo *repo) {
        bool merge = has(repo, "rebase-merge") && !has(repo, "rebase-merge/head-name");
        bool apply = has(repo, "rebase-apply") && !has(repo, "rebase-apply/head-name") &&
                !has(repo, "rebase-apply/applying");

        return merge || apply;
}

/* What is under way, and the git command that gives it up. */
static int check_state(const struct repo *repo, struct sync_result *r) {
        static const struct {
                int state;
                const char *what, *fix;
        } states[] = {
                { GIT_REPOSITORY_STATE_MERGE, "a merge", "merge --abort" },
                { GIT_REPOSITORY_STATE_REVERT, "a revert", "revert --abort" },
                { GIT_REPOSITORY_STATE_REVERT_SEQUENCE, "a revert", "revert --abort" },
                { GIT_REPOSITORY_STATE_CHERRYPICK, "a cherry-pick", "cherry-pick --abort" },
                { GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE, "a cherry-pick", "cherry-pick --abort" },
                { GIT_REPOSITORY_STATE_BISECT, "a bisection", "bisect reset" },
                { GIT_REPOSITORY_STATE_REBASE, "a rebase", "rebase --abort" },
                { GIT_REPOSITORY_STATE_REBASE_INTERACTIVE, "a rebase", "rebase --abort" },
                { GIT_REPOSITORY_STATE_REBASE_MERGE, "a rebase", "rebase --abort" },
                { GIT_REPOSITORY_STATE_APPLY_MAILBOX, "a git am", "am --abort" },
                { GIT_REPOSITORY_STATE_APPLY_MAILBOX_OR_REBASE, "a git am", "am --abort" },
        };
        int state = git_repository_state(repo->git);

        if (has_crashed_rebase(repo))
                return sync_refuse(r, REFUSAL_UNDER_WAY, "a rebase that crashed is under way in %s",
                               repo->config->path),
                       sync_command(r, "sudo -u %s git -C %s rebase --quit", repo->user, repo->word);
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (state == states[i].state)
                        return sync_refuse(r, REFUSAL_UNDER_WAY,
                                       "%s is under way in %s: finish it, or stop it", states[i].what,
                                       repo->config->path),
                               sync_command(
                                       r, "sudo -u %s git -C %s %s", repo->user, repo->word, states[i].fix);
        return 0;
}

/* Nothing of the tree is touched. */
static int refuse_unborn(const struct repo *repo, struct sync_result *r) {
        _cleanup_free_ char *tracking = NULL, *word = NULL;

        if (asprintf(&tracking, "%s/%s", repo->config->remote, repo->follow) < 0 ||
                !(word = shell_quote(tracking)))
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        return sync_refuse(r, REFUSAL_UNBORN, "%s has no commit", repo->config->path),
               sync_command(r, "sudo -u %s git -C %s fetch %s && sudo -u %s git -C %s reset %s", repo->user,
                       repo->word, repo->config->remote, repo->user, repo->word, word);
}

static int refuse_detached(const struct repo *repo, struct sync_result *r) {
        _cleanup_free_ char *word = shell_quote(repo->follow);

        if (!word)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        return sync_refuse(r, REFUSAL_DETACHED, "no branch is checked out in %s (detached HEAD)",
                       repo->config->path),
               sync_command(r, "sudo -u %s git -C %s switch %s", repo->user, repo->word, word);
}

static int check_head(const struct repo *repo, struct sync_result *r) {
        if (git_repository_head_unborn(repo->git) == 1)
                return refuse_unborn(repo, r);
        if (git_oid_is_zero(&repo->head))
                return sync_fail_git(r, "HEAD");
        return repo->branch[0] ? 0 : refuse_detached(repo, r);
}

static int refuse_hidden(const struct repo *repo, const char *path, const char *fix, struct sync_result *r) {
        _cleanup_free_ char *word = shell_quote(path);

        if (!word)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        return sync_refuse(r, REFUSAL_INDEX, "changes of %s are hidden", path),
               sync_command(
                       r, "sudo -u %s git -C %s update-index %s -- %s", repo->user, repo->word, fix, word);
}

/* Whether git left out the checksum at its end, which libgit2 insists on before 1.8 (git-config(1), index.skipHash). */
static bool has_no_checksum(const struct repo *repo) {
        static const char none[20] = { 0 };
        char end[sizeof none];
        _cleanup_close_ int fd = openat(repo->dir_fd, "index", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t) sizeof end &&
                pread(fd, end, sizeof end, st.st_size - (off_t) sizeof end) == sizeof end &&
                memcmp(end, none, sizeof end) == 0;
}

static bool is_split(const struct repo *repo) {
        _cleanup_free_ char *pattern = NULL;
        glob_t found = { 0 };
        bool split;

        if (asprintf(&pattern, "%s/sharedindex.*", repo->dir) < 0)
                return false;
        split = glob(pattern, 0, NULL, &found) == 0;
        globfree(&found);
        return split;
}

/* An index in two files libgit2 does not read; while the setting is there, git splits it again. A broken one git rebuilds from
 * what was committed. */
static int refuse_index(const struct repo *repo, struct sync_result *r) {
        char words[sizeof r->workspace_why.text];
        bool always;

        (void) git_words(words, sizeof words);
        if (has_no_checksum(repo))
                return sync_refuse(r, REFUSAL_INDEX, "the index of %s has no checksum", repo->config->path),
                       sync_command(r,
                               "sudo -u %s git -C %s config index.skipHash false && sudo -u %s git -C %s read-tree HEAD",
                               repo->user, repo->word, repo->user, repo->word);
        if (!is_split(repo))
                return sync_refuse(r, REFUSAL_INDEX, "the index of %s is broken (%.100s)",
                               repo->config->path, words),
                       sync_command(r, "sudo -u %s git -C %s read-tree HEAD", repo->user, repo->word);
        always = is_set(repo, "core.splitindex");
        return sync_refuse(r, REFUSAL_INDEX, "the index of %s is split", repo->config->path),
               sync_command(r, "sudo -u %s git -C %s %s", repo->user, repo->word,
                       always ? "config core.splitIndex false" : "update-index --no-split-index");
}

/* Flags that hide changes from git status, and so from us. */
static int check_index(const struct repo *repo, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        const char *path = repo->config->path;

        if (git_repository_index(&index, repo->git) < 0)
                return refuse_index(repo, r);
        if (git_index_has_conflicts(index))
                return sync_refuse(r, REFUSAL_UNDER_WAY, "conflicts in %s are not resolved", path),
                       sync_command(r, "sudo -u %s git -C %s status", repo->user, repo->word);
        for (size_t i = 0; i < git_index_entrycount(index); i++) {
                const git_index_entry *e = git_index_get_byindex(index, i);

                if (e->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE)
                        return refuse_hidden(repo, e->path, "--no-skip-worktree", r);
                /* The index format's "assume valid" bit; libgit2 has no name for it (gitformat-index(5)). */
                if (e->flags & 0x8000)
                        return refuse_hidden(repo, e->path, "--no-assume-unchanged", r);
        }
        return 0;
}

int repo_check_writable(const struct repo *repo, struct sync_result *r) {
        static const char *const places[] = { "", "objects", "objects/pack", "refs", "refs/heads", "index" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *place = *places[i] ? places[i] : ".";
                struct stat st = { .st_uid = geteuid() };
                int error = faccessat(repo->dir_fd, place, W_OK, AT_EACCESS) < 0 ? errno : 0;

                if (error == 0 || error == ENOENT)
                        continue;
                (void) fstatat(repo->dir_fd, place, &st, 0);
                return repo_refuse_unwritable(repo, places[i], error, st.st_uid, r);
        }
        return 0;
}

/* What a .git brings along from a Mac: two names that differ in case are then one file to libgit2, and here they are two. */
static int check_case(const struct repo *repo, struct sync_result *r) {
        if (!is_set(repo, "core.ignorecase") || has(repo, "hEAD"))
                return 0;
        return sync_refuse(r, REFUSAL_SETTING,
                       "%s has core.ignorecase set, and is on a file system that tells cases apart",
                       repo->config->path),
               sync_command(r, "sudo -u %s git -C %s config core.ignorecase false", repo->user, repo->word);
}

int repo_check(struct repo *repo, struct sync_result *r) {
        int k;

        if (git_repository_is_shallow(repo->git) == 1)
                return sync_refuse(r, REFUSAL_SETTING, "%s is a shallow clone", repo->config->path),
                       sync_command(r, "sudo -u %s git -C %s fetch --unshallow", repo->user, repo->word);
        k = check_case(repo, r);
        if (k == 0)
                k = check_state(repo, r);
        if (k == 0)
                k = check_head(repo, r);
        if (k == 0)
                k = check_index(repo, r);
        return k;
}
