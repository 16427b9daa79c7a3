/* Opens and locks the workspace's repository, or refuses one that is bare, sparse, partial or of another
 * owner; see repo.h. repo_check.c judges the state of an open one. */
#include "sync/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/child.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"

/* Blanks out "user:password" in "scheme://user:password@host". A password may contain "@", a blank or a
 * quote, so everything before the last "@" goes. */
static void hide_logins(char *text) {
        char *login = strstr(text, "://"), *at = strrchr(text, '@');

        if (login && at && at > login + 3)
                (void) memset(login + 3, '*', (size_t) (at - login - 3));
}

char *git_words(char *buf, size_t size) {
        const git_error *e = git_error_last();
        _cleanup_free_ char *words = strdup(e && e->message ? e->message : "no reason given");

        if (words)
                hide_logins(words); /* before safe_text() cuts the text, perhaps before the "@" */
        return safe_text(buf, size, words ? words : "out of memory");
}

int sync_fail_git(struct sync_result *r, const char *what) {
        char words[sizeof r->workspace_why.text];

        return sync_fail(r, REFUSAL_ERROR, "%s: %s", what, git_words(words, sizeof words));
}

int tree_files(git_tree *tree, git_index **ret) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        int k = git_index_new(&files);

        if (k == 0)
                k = git_index_read_tree(files, tree);
        if (k == 0)
                *ret = TAKE(files);
        return k;
}

int commit_files(git_repository *git, const git_oid *commit, git_index **ret) {
        _cleanup_(git_commit_freep) git_commit *c = NULL;
        _cleanup_(git_tree_freep) git_tree *tree = NULL;
        int k = git_commit_lookup(&c, git, commit);

        if (k == 0)
                k = git_commit_tree(&tree, c);
        return k == 0 ? tree_files(tree, ret) : k;
}

const git_index_entry *find_file(git_index *files, const char *path) {
        return git_index_get_bypath(files, path, 0);
}

void name_user(uid_t uid, char buf[static 64]) {
        const struct passwd *pw = getpwuid(uid);

        if (pw)
                safe_text(buf, 64, pw->pw_name);
        else
                (void) snprintf(buf, 64, "#%u", (unsigned) uid);
}

int repo_refuse_owner(const char *path, const char *user, struct refusal *why) {
        _cleanup_free_ char *plain = without_slash(path), *word = plain ? shell_quote(plain) : NULL;
        _cleanup_free_ char *link = find_link(path);

        return link || !word
                ? refusal_set(why, why->code, "%s: %s", why->text, link ? link : strerror(ENOMEM))
                : refusal_set_command(why, "sudo chown -hR %s: %s", user, word);
}

/* chmod opens our own files. Another owner may have closed one on purpose, so a user decides on a chown. */
int repo_set_open_command(const struct repo *repo, uid_t owner, struct refusal *why) {
        return owner == geteuid()
                ? refusal_set_command(why, "sudo -u %s chmod -R u+rwX %s", repo->user, repo->word)
                : repo_refuse_owner(repo->config->path, repo->user, why);
}

static int refuse_owner(const struct repo *repo, struct sync_result *r, const char *path, uid_t owner) {
        char name[64];

        name_user(owner, name);
        (void) sync_refuse(r, REFUSAL_OWNER, "%s belongs to %s, not to %s", path, name, repo->user);
        return repo_set_open_command(repo, owner, &r->workspace_why);
}

int repo_refuse_unwritable(
        const struct repo *repo, const char *what, int error, uid_t owner, struct sync_result *r) {
        const char *path = repo->config->path;

        if (error == EROFS)
                return sync_refuse(r, REFUSAL_READ_ONLY,
                        "%s is read-only here. If only for the unit: systemctl edit openclaw-failover-sync, [Service] ReadWritePaths=%s",
                        path, path);
        (void) sync_refuse(
                r, REFUSAL_UNWRITABLE, "%s in %s cannot be written: %s", what, path, strerror(error));
        return repo_set_open_command(repo, owner, &r->workspace_why);
}

/* Checks the directory and its .git before libgit2 does, whose messages for these would help no user. */
static int check_directories(struct repo *repo, struct sync_result *r) {
        const char *path = repo->config->path;
        struct stat st;

        if (asprintf(&repo->dir, "%s/.git", path) < 0)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        if (stat(path, &st) < 0)
                return sync_refuse(r, REFUSAL_NO_REPOSITORY, "%s: %s. Clone the workspace there (git clone)",
                        path, strerror(errno));
        if (st.st_uid != geteuid())
                return refuse_owner(repo, r, path, st.st_uid);
        if (lstat(repo->dir, &st) < 0)
                return sync_refuse(r, REFUSAL_NO_REPOSITORY,
                        "%s is no git repository, or a bare one: move it away, and clone the workspace there (git clone)",
                        path);
        if (!S_ISDIR(st.st_mode))
                return sync_refuse(r, REFUSAL_NO_REPOSITORY,
                        "%s is no directory: a linked worktree or a submodule; use a clone", repo->dir);
        if (st.st_uid != geteuid())
                return refuse_owner(repo, r, repo->dir, st.st_uid);
        if (access(repo->dir, R_OK | W_OK | X_OK) < 0)
                return repo_refuse_unwritable(repo, ".git", errno, st.st_uid, r);
        return 0;
}

/* Settings with which the repository is no complete tree and history, and the command that reverts each.
 * libgit2 ignores some of them. */
static const struct {
        const char *key;
        bool is_closed; /* nothing in it can be saved */
        const char *what, *fix;
} settings[] = {
        { "core.bare", true, "is a bare repository: clone it without --bare", NULL },
        { "core.worktree", true, "has its work tree elsewhere: commit and push that, then clone it here",
                NULL },
        /* A .git copied from a Mac has it: libgit2 then takes two names that differ in case for one. */
        { "core.ignorecase", false, "is told to ignore the case of names, as on a Mac",
                "config core.ignorecase false" },
        { "core.sparsecheckout", false, "is sparse", "sparse-checkout disable" },
        { "extensions.worktreeconfig", false, "has a configuration for each work tree",
                "config --unset extensions.worktreeConfig" },
        { "extensions.partialclone", false, "is a partial clone: clone all of it", NULL },
        { "remote.*.promisor", false, "is a partial clone: clone all of it", NULL },
        { "extensions.refstorage", true, "keeps its branches in another form than files",
                "refs migrate --ref-format=files" },
        { "extensions.*", true, "has an extension that we do not know: push what is there, then clone it",
                NULL },
};

static int check_setting(struct repo *repo, bool opening, const git_config_entry *e, struct sync_result *r) {
        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                int value = 1;

                if (fnmatch(settings[i].key, e->name, 0) != 0)
                        continue;
                (void) git_config_parse_bool(&value, e->value);
                if (!value || strcmp(e->name, "extensions.noop") == 0)
                        return 0;
                repo->is_sparse = repo->is_sparse || strcmp(e->name, "core.sparsecheckout") == 0;
                if (opening &&
                        !settings[i].is_closed) /* a saved tree may name blobs that a partial clone lacks */
                        return git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
                (void) sync_refuse(r, REFUSAL_SETTING, "%s %s (%s = %s)", repo->config->path,
                        settings[i].what, e->name, e->value ? e->value : "");
                return settings[i].fix
                        ? sync_command(r, "sudo -u %s git -C %s %s", repo->user, repo->word, settings[i].fix)
                        : -ECANCELED;
        }
        return 0;
}

/* Reads the files itself: the repository may not be open yet. git sparse-checkout writes config.worktree. */
int repo_check_settings(struct repo *repo, bool opening, struct sync_result *r) {
        static const char *const names[] = { "config.worktree", "config" };
        int k = 0;

        for (size_t i = 0; k == 0 && i < ELEMENTSOF(names); i++) {
                _cleanup_(git_config_iterator_freep) git_config_iterator *entries = NULL;
                _cleanup_(git_config_freep) git_config *config = NULL;
                _cleanup_free_ char *file = NULL;
                git_config_entry *e;

                if (asprintf(&file, "%s/%s", repo->dir, names[i]) < 0)
                        return sync_fail(r, REFUSAL_ERROR, "out of memory");
                if (git_config_open_ondisk(&config, file) < 0 ||
                        git_config_iterator_new(&entries, config) < 0)
                        return sync_fail_git(r, file);
                while (k == 0 && git_config_next(&e, entries) == 0)
                        k = check_setting(repo, opening, e, r);
        }
        return k;
}

/* Finds the branch to follow: the ini's, else the remote's HEAD as git recorded it here, else main. */
static void find_follow(struct repo *repo) {
        const struct workspace_config *c = repo->config;
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[REPO_BRANCH_MAX], prefix[REPO_BRANCH_MAX];
        const char *branch = c->branch;

        (void) snprintf(name, sizeof name, "refs/remotes/%s/HEAD", c->remote);
        (void) snprintf(prefix, sizeof prefix, "refs/remotes/%s/", c->remote);
        if (!branch && git_reference_lookup(&ref, repo->git, name) == 0) {
                branch = git_reference_symbolic_target(ref);
                branch = branch && begins_with(branch, prefix) ? branch + strlen(prefix) : NULL;
        }
        (void) snprintf(repo->follow, sizeof repo->follow, "%s", branch ? branch : "main");
}

int repo_init_git(void) {
        static const char *harmless[] = { "worktreeconfig", "partialclone" };
        int k = git_libgit2_init();

        return k < 0 ? k : git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, harmless, ELEMENTSOF(harmless));
}

int repo_open(struct repo *repo, const struct workspace_config *c, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        int k;

        *repo = (struct repo){ .config = c, .dir_fd = -1, .word = shell_quote(c->path) };
        if (!repo->word)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        if (repo_init_git() < 0)
                return sync_fail_git(r, "libgit2");
        name_user(geteuid(), repo->user);
        k = check_directories(repo, r);
        if (k == 0)
                k = repo_check_settings(repo, true, r);
        if (k < 0)
                return k;

        if (git_repository_open_ext(&repo->git, c->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
                return sync_fail_git(r, c->path);

        repo->no_index = git_repository_index(&index, repo->git) < 0;
        find_follow(repo);
        repo->dir_fd = open(repo->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (repo->dir_fd < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->dir, strerror(errno));
        return 0;
}

int repo_lock(const struct repo *repo, usec_t until, struct sync_result *r) {
        return lock_until(repo->dir_fd, until) < 0
                ? sync_fail(r, REFUSAL_BUSY, "another sync is at work in %s", repo->config->path)
                : 0;
}

void repo_close(struct repo *repo) {
        git_repository_free(repo->git);
        free(repo->dir);
        free(repo->word);
        if (repo->dir_fd >= 0)
                (void) close(repo->dir_fd);
        *repo = (struct repo) REPO_NONE;
}

int repo_mark_busy(const struct repo *repo) {
        _cleanup_close_ int fd = openat(
                repo->dir_fd, REPO_BUSY, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

        return fd < 0 || futimens(fd, NULL) < 0 ? -errno : 0;
}

int repo_flush(const struct repo *repo) {
        int k = repo_mark_busy(repo);

        if (k < 0 || syncfs(repo->dir_fd) < 0)
                return k < 0 ? k : -errno;
        (void) git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
        return 0;
}

void repo_delay_flush(void) {
        (void) git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
}

void repo_find_head(struct repo *repo) {
        _cleanup_(git_reference_freep) git_reference *head = NULL;

        repo->branch[0] = '\0';
        repo->head = (git_oid){ 0 };
        if (git_repository_head(&head, repo->git) < 0)
                return;
        git_oid_cpy(&repo->head, git_reference_target(head));
        if (git_reference_is_branch(head) && git_repository_head_detached(repo->git) == 0 &&
                strlen(git_reference_shorthand(head)) < sizeof repo->branch)
                (void) strcpy(repo->branch, git_reference_shorthand(head));
}

int repo_find_parent(const struct repo *repo, git_oid *ret) {
        *ret = repo->head;
        return git_oid_is_zero(ret) ? repo_find_theirs(repo, ret) : 0;
}

bool repo_is_filtered(const struct repo *repo, const char *path) {
        static const char *names[] = { "filter", "working-tree-encoding" };
        git_attr_options options = GIT_ATTR_OPTIONS_INIT;
        const char *values[ELEMENTSOF(names)];

        options.flags = GIT_ATTR_CHECK_FILE_THEN_INDEX;
        if (!git_oid_is_zero(&repo->target)) {
                options.flags |= GIT_ATTR_CHECK_INCLUDE_COMMIT;
                git_oid_cpy(&options.attr_commit_id, &repo->target);
        }
        return repo->no_index || /* libgit2 1.5 leaks the path then */
                git_attr_get_many_ext(values, repo->git, &options, path, ELEMENTSOF(names), names) < 0 ||
                git_attr_value(values[0]) == GIT_ATTR_VALUE_STRING ||
                git_attr_value(values[1]) == GIT_ATTR_VALUE_STRING;
}

bool repo_is_over(const struct repo *repo) {
        return child_stop || (repo->until && now_usec(CLOCK_BOOTTIME) >= repo->until);
}

int repo_check_time(const struct repo *repo, const char *what, struct sync_result *r) {
        return repo_is_over(repo)
                ? sync_fail(r, REFUSAL_TIMEOUT, "%s %s was not done in time", what, repo->config->path)
                : 0;
}

int repo_find_theirs(const struct repo *repo, git_oid *ret) {
        char name[REPO_BRANCH_MAX + 200];

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", repo->config->remote, repo->follow);
        return git_reference_name_to_id(ret, repo->git, name) < 0 ? -ENOENT : 0;
}

/* A dangling ref hides nothing: git fetch --prune leaves such a HEAD when the remote renamed its branch. */
void repo_hide(const struct repo *repo, git_revwalk *walk, const char *glob) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        const char *name;
        git_oid id;

        if (git_reference_iterator_glob_new(&i, repo->git, glob) < 0)
                return;
        while (git_reference_next_name(&name, i) == 0)
                if (git_reference_name_to_id(&id, repo->git, name) == 0)
                        (void) git_revwalk_hide(walk, &id);
}

int repo_walk_unpushed(const struct repo *repo, const git_oid *tip, git_revwalk **ret) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        char tracking[256];
        int k = git_revwalk_new(&walk, repo->git);

        (void) snprintf(tracking, sizeof tracking, "refs/remotes/%s/*", repo->config->remote);
        if (k == 0)
                k = git_revwalk_push(walk, tip);
        if (k < 0)
                return k;
        repo_hide(repo, walk, tracking);
        *ret = TAKE(walk);
        return 0;
}
