/* The workspace's remote, fetched from and pushed to; see remote.h. */
#include "sync/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"
#include "sync/ssh_transport.h"

/* GitHub takes a token as the password of any user; this is the name that its own documents use. */
#define TOKEN_USER "x-access-token"
#define TOKEN_MAX 4096
#define HEADS "refs/heads/"
/* libgit2 resolves deltas in memory, and the remote chooses their size: this is the limit. */
#define FETCH_MEMORY_MAX ((rlim_t) 1 << 30)

size_t remote_fetch_max = (size_t) 1 << 30;

struct push_task {
        const struct repo *repo;
        const char *const *branches;
        size_t n;
};

/* One connection. The child starts libgit2 again: after a fork, TLS must not share random numbers. */
struct line {
        const struct repo *repo;
        struct sync_result *result;
        git_repository *git;
        git_remote *remote;
        struct ssh_transport ssh;
        bool token_given;
        bool rejected; /* the remote refused the branch */
};

static int transfer_progress(const git_indexer_progress *stats, void *userdata) {
        struct line *line = userdata;

        if (stats->received_bytes <= remote_fetch_max)
                return 0;
        (void) sync_refuse(line->result, REFUSAL_TOO_LARGE,
                "the remote sent more than %zu MiB at once: fetch by hand", remote_fetch_max >> 20);
        return GIT_EUSER;
}

/* Gives the token over https alone, and once: libgit2 asks again for as long as it gets one. */
static int give_token(
        git_credential **ret, const char *url, const char *user, unsigned allowed _unused_, void *userdata) {
        struct line *line = userdata;
        const char *file = line->repo->config->token_file;
        _cleanup_free_ char *token = NULL;
        int r;

        if (line->token_given || !file || !begins_with(url, "https://"))
                return sync_fail(line->result, REFUSAL_LOGIN, "the remote %s %s", line->repo->config->remote,
                               line->token_given
                                       ? "does not take the token in token_file"
                                       : "wants a login: set token_file= in [workspace], for https alone"),
                       GIT_EAUTH;
        r = read_file(file, TOKEN_MAX, &token);
        if (r < 0)
                return sync_fail(line->result, REFUSAL_LOGIN, "token_file %s: %s", file, strerror(-r)),
                       GIT_EAUTH;
        line->token_given = true;
        token[strcspn(token, "\r\n")] = '\0';
        return git_credential_userpass_plaintext_new(ret, user ? user : TOKEN_USER, token);
}

static int push_update_reference(const char *name, const char *status, void *userdata) {
        struct line *line = userdata;

        line->rejected = status;
        if (status)
                (void) sync_fail(line->result, REFUSAL_REJECTED, "the remote %s does not take %s: %s",
                        line->repo->config->remote, name, status);
        return 0;
}

static void set_callbacks(struct line *line, git_remote_callbacks *callbacks) {
        callbacks->transfer_progress = transfer_progress;
        callbacks->credentials = give_token;
        callbacks->push_update_reference = push_update_reference;
        callbacks->payload = line;
}

/* git's option for the key of the ini, as a shell reads it. NULL: it has none. */
static char *key_option(const struct workspace_config *c) {
        _cleanup_free_ char *key = c->ssh_key ? shell_quote(c->ssh_key) : NULL, *setting = NULL;

        return key && asprintf(&setting, "core.sshCommand=ssh -i %s", key) > 0 ? shell_quote(setting) : NULL;
}

/* Sets why LINE failed, unless that is known: the message of ssh, of the remote's git, or of libgit2. A user
 * who types the command gets ssh's questions, and its advice about a changed host key. */
static int line_failed(struct line *line) {
        const struct workspace_config *c = line->repo->config;
        _cleanup_free_ char *key = key_option(c);
        char words[256];

        if (line->result->workspace_why.code)
                return -ECANCELED;
        if (ssh_transport_failed(&line->ssh, words, sizeof words))
                (void) sync_fail(
                        line->result, REFUSAL_SSH, "ssh to the remote %s failed: %s", c->remote, words);
        else
                (void) sync_fail(line->result, REFUSAL_REMOTE, "the remote %s: %s", c->remote,
                        *words ? words : git_words(words, sizeof words));
        return sync_command(line->result, "sudo -u %s git -C %s%s%s fetch %s", line->repo->user,
                line->repo->word, key ? " -c " : "", key ? key : "", c->remote);
}

/* The first of the remote's URLs under KEY, since git fetches from the first. NULL: none. */
static char *first_url(git_repository *git, const char *remote, const char *key) {
        _cleanup_(git_config_freep) git_config *config = NULL;
        _cleanup_(git_config_iterator_freep) git_config_iterator *i = NULL;
        _cleanup_free_ char *name = NULL;
        git_config_entry *e;

        if (asprintf(&name, "remote.%s.%s", remote, key) < 0 || git_repository_config(&config, git) < 0 ||
                git_config_multivar_iterator_new(&i, config, name, NULL) < 0 || git_config_next(&e, i) < 0)
                return NULL;
        return strdup(e->value);
}

/* Makes a remote from the URL alone, so that the refspecs of the configured one write none of our refs. */
static int line_open(struct line *line, bool push) {
        git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;
        const struct workspace_config *c = line->repo->config;
        _cleanup_free_ char *url = NULL;

        while (git_libgit2_shutdown() > 0)
                ;
        line->ssh.key = c->ssh_key;
        if (repo_init_git() < 0 || ssh_transport_register(&line->ssh) < 0 ||
                git_repository_open_ext(&line->git, c->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
                return sync_fail_git(line->result, c->path);
        url = push ? first_url(line->git, c->remote, "pushurl") : NULL;
        if (!url)
                url = first_url(line->git, c->remote, "url");
        if (!url)
                return sync_refuse(line->result, REFUSAL_NO_REMOTE,
                        "%s has no remote %s with an address: add it (git remote add)", c->path, c->remote);
        options.repository = line->git;
        options.flags = GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
        if (chdir(c->path) < 0 || /* a URL may be a path relative to this */
                git_remote_create_with_opts(&line->remote, url, &options) < 0)
                return sync_fail_git(line->result, c->remote);
        return 0;
}

/* The commit of the remote's ref NAME; NULL: none. */
static const git_oid *find_head(const struct line *line, const char *name) {
        const git_remote_head **heads;
        size_t n;

        if (git_remote_ls(&heads, &n, line->remote) < 0)
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (strcmp(heads[i]->name, name) == 0)
                        return &heads[i]->oid;
        return NULL;
}

/* Finds the pushed branches that a user has deleted at the remote, or pushed to since. */
static void find_gone(struct line *line, struct fetch_answer *answer) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        size_t found = 0, prefix = strlen("refs/remotes/") + strlen(line->repo->config->remote) + 1;
        const char *tracking;
        char glob[200];

        (void) snprintf(glob, sizeof glob, "refs/remotes/%s/failover/*", line->repo->config->remote);
        if (git_reference_iterator_glob_new(&i, line->git, glob) < 0)
                return;
        while (found < ELEMENTSOF(answer->gone) && git_reference_next_name(&tracking, i) == 0) {
                const char *branch = tracking + prefix;
                char name[REPO_BRANCH_MAX + 20];
                const git_oid *theirs;
                git_oid ours;

                (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
                theirs = find_head(line, name);
                if (git_reference_name_to_id(&ours, line->git, tracking) == 0 &&
                        strlen(branch) < sizeof answer->gone[0] && !(theirs && git_oid_equal(theirs, &ours)))
                        (void) strcpy(answer->gone[found++], branch);
        }
}

/* Fetches the branch to follow, the configured one or the remote's HEAD, and answers with it. Follows no
 * redirect: the other host would get the login. */
static int fetch(struct line *line, struct fetch_answer *answer) {
        git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
        const char *branch = line->repo->config->branch;
        char name[REPO_BRANCH_MAX + 11], *refspec = name;
        git_buf head = GIT_BUF_INIT;
        const git_oid *commit;

        set_callbacks(line, &options.callbacks);
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
        (void) snprintf(name, sizeof name, "%s%s", branch ? HEADS : "HEAD", branch ? branch : "");
        if (git_remote_download(line->remote, &(git_strarray){ &refspec, 1 }, &options) < 0)
                return line_failed(line);
        if (!branch && git_remote_default_branch(&head, line->remote) == 0)
                (void) snprintf(name, sizeof name, "%s", head.ptr);
        git_buf_dispose(&head);
        commit = begins_with(name, HEADS) ? find_head(line, name) : NULL;
        if (!commit)
                return sync_refuse(line->result, REFUSAL_NO_BRANCH,
                        "the remote %s has no branch %s: set branch= in [workspace]",
                        line->repo->config->remote, branch ? branch : name);
        (void) strcpy(answer->branch, name + strlen(HEADS));
        git_oid_cpy(&answer->commit, commit);
        find_gone(line, answer);
        return 0;
}

static void fetch_child(const void *repo, void *ret) {
        struct fetch_answer *answer = ret;
        struct line line = { .repo = repo, .result = &answer->result };

#ifndef __SANITIZE_ADDRESS__ /* its shadow memory would count */
        (void) setrlimit(RLIMIT_DATA, &(const struct rlimit){ FETCH_MEMORY_MAX, FETCH_MEMORY_MAX });
#endif
        if (line_open(&line, false) == 0)
                (void) fetch(&line, answer);
}

static bool push(struct line *line, const char *branch) {
        git_push_options options = GIT_PUSH_OPTIONS_INIT;
        char name[2 * REPO_BRANCH_MAX + 40], *refspec = name;
        bool pushed;

        set_callbacks(line, &options.callbacks);
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
        line->rejected = false;
        (void) snprintf(name, sizeof name, "refs/heads/%s:refs/heads/%s", branch, branch);
        pushed = git_remote_upload(line->remote, &(git_strarray){ &refspec, 1 }, &options) == 0;
        if (!pushed)
                (void) line_failed(line);
        (void) git_remote_disconnect(line->remote);
        return pushed && !line->rejected;
}

/* Pushes each branch by itself: the remote may reject one and take the others. */
static void push_child(const void *userdata, void *ret) {
        const struct push_task *task = userdata;
        struct push_answer *answer = ret;
        struct line line = { .repo = task->repo, .result = &answer->result };

        if (line_open(&line, true) == 0)
                for (size_t i = 0; i < task->n; i++)
                        answer->pushed |= push(&line, task->branches[i]) ? 1u << i : 0;
}

/* Reports why a child could not start, or failed, with K. */
static int child_failed(const struct repo *repo, int k, struct sync_result *r) {
        const char *remote = repo->config->remote;

        return k == -ETIMEDOUT
                ? sync_fail(r, REFUSAL_TIMEOUT, "no answer from the remote %s in time", remote)
                : sync_fail(r, REFUSAL_REMOTE, "git with the remote %s died (out of memory?)", remote);
}

/* The time until the deadline. */
static usec_t left(const struct repo *repo) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        return repo->until == 0 ? repo->config->timeout : repo->until > now ? repo->until - now : 0;
}

void remote_remove_dangling_head(const struct repo *repo) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[REPO_BRANCH_MAX];
        git_oid id;

        (void) snprintf(name, sizeof name, "refs/remotes/%s/HEAD", repo->config->remote);
        if (git_reference_lookup(&ref, repo->git, name) == 0 &&
                git_reference_name_to_id(&id, repo->git, name) == GIT_ENOTFOUND)
                (void) git_reference_delete(ref);
}

int remote_fetch_start(const struct repo *repo, struct child *c, struct sync_result *r) {
        int k = child_start(c, fetch_child, repo, sizeof(struct fetch_answer), left(repo));

        return k < 0 ? child_failed(repo, k, r) : 0;
}

int remote_fetch_finish(
        const struct repo *repo, struct child *c, struct fetch_answer *ret, struct sync_result *r) {
        int k = child_finish(c, ret, sizeof *ret);

        if (k < 0)
                return child_failed(repo, k, r);
        if (ret->result.workspace == SYNC_NONE)
                return 0;
        sync_take(r, &ret->result);
        return -ECANCELED;
}

void remote_push(const struct repo *repo, const char *const *branches, size_t n, struct push_answer *ret) {
        const struct push_task task = { .repo = repo, .branches = branches, .n = n };
        struct child c;
        int k = child_start(&c, push_child, &task, sizeof *ret, repo->config->timeout);

        if (k == 0)
                k = child_finish(&c, ret, sizeof *ret);
        if (k < 0)
                (void) child_failed(repo, k, &ret->result);
}
