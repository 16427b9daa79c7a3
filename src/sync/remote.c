/* The workspace's remote, fetched from and pushed to; see remote.h. */
#include "sync/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "sync/credentials.h"
#include "sync/ssh_transport.h"

/* A workspace is notes and memories, a few megabytes. A fetch over this is not one, and must not fill the disk. */
#define FETCH_MAX ((size_t) 1 << 30)
/* Deltas are resolved in memory, and say themselves how large they will be: this is all that they get. */
#define FETCH_MEMORY_MAX ((rlim_t) 1 << 30)

struct task {
        const struct repo *repo;
        size_t max;            /* bytes to fetch */
        char *const *branches; /* to push */
        size_t n;
};

/* One connection: the child's own repository, since TLS must not share a fork's random numbers, and the remote. */
struct line {
        const struct workspace_config *config;
        const char *user; /* of this machine */
        struct sync_result *result;
        git_repository *git;
        git_remote *remote;
        struct credentials login;
        struct ssh_transport ssh;
        size_t max;
        bool too_much, connected;
        char rejected[256]; /* what the remote said to a push it did not take */
};

static int transfer_progress(const git_indexer_progress *stats, void *userdata) {
        struct line *line = userdata;

        line->too_much = stats->received_bytes > line->max;
        return line->too_much ? GIT_EUSER : 0;
}

static int credentials(
        git_credential **ret, const char *url, const char *user, unsigned allowed, void *userdata) {
        struct line *line = userdata;

        return credentials_next(&line->login, ret, url, user, allowed);
}

static int push_update_reference(const char *name, const char *status, void *userdata) {
        struct line *line = userdata;

        if (status && !line->rejected[0])
                (void) snprintf(line->rejected, sizeof line->rejected, "%s: %s", name, status);
        return 0;
}

static void line_callbacks(struct line *line, git_remote_callbacks *callbacks) {
        callbacks->transfer_progress = transfer_progress;
        callbacks->credentials = credentials;
        callbacks->push_update_reference = push_update_reference;
        callbacks->payload = line;
}

/* There, a person sees what ssh asks, and can answer. */
static int set_ssh_command(const struct line *line) {
        struct ssh_address a;
        _cleanup_free_ char *login = NULL,
                            *key = line->config->ssh_key ? shell_quote(line->config->ssh_key) : NULL;

        if (ssh_address_parse(line->login.url, &a) < 0 || !(login = shell_quote(a.login)))
                return -ECANCELED;
        return sync_command(line->result,
                "sudo -u %s ssh -o StrictHostKeyChecking=accept-new %s%s%s%s%s%s true", line->user,
                key ? "-i " : "", key ? key : "", a.port[0] ? " -p " : "", a.port,
                key || a.port[0] ? " " : "", login);
}

/* The reason for what went wrong on LINE: ssh's words, or git's from the other end, or libgit2's. */
static int line_failed(struct line *line) {
        char host[128], words[256];
        bool is_ssh = ssh_transport_failed(&line->ssh);

        if (line->too_much)
                return sync_refuse(line->result, REFUSAL_TOO_LARGE,
                        "the remote sent more than %zu MiB at once: fetch by hand", line->max >> 20);
        if (credentials_failed(&line->login, line->result))
                return -ECANCELED;
        credentials_host(&line->login, host, sizeof host);
        if (is_ssh)
                return sync_fail(line->result, REFUSAL_SSH, "ssh to %s failed: %s", host,
                               ssh_last_words(line->ssh.words, words, sizeof words)),
                       set_ssh_command(line);
        if (line->ssh.words_n > 0)
                return sync_fail(line->result, REFUSAL_REMOTE, "%s: %s", host,
                        ssh_last_words(line->ssh.words, words, sizeof words));
        return sync_fail(line->result, REFUSAL_REMOTE, "%s: %s", host, git_words(words, sizeof words));
}

/* A remote may have several addresses: like git, the first is the one to fetch from; NULL if there is none. */
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

/* Makes a remote of the configured one's address and nothing else, so that its refspecs write no ref of ours. */
static int line_open(struct line *line, const struct repo *repo, bool push) {
        git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;
        const struct workspace_config *c = repo->config;
        _cleanup_free_ char *url = NULL;
        const char *used, *wrong;

        while (git_libgit2_shutdown() > 0)
                ;
        line->user = repo->user;
        line->ssh.key = c->ssh_key;
        if (git_libgit2_init() < 0 || ssh_transport_register(&line->ssh) < 0 ||
                git_repository_open_ext(&line->git, c->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
                return sync_fail_git(line->result, c->path);
        url = first_url(line->git, c->remote, push ? "pushurl" : "url");
        if (!url && push)
                url = first_url(line->git, c->remote, "url");
        if (!url)
                return sync_refuse(line->result, REFUSAL_NO_REMOTE,
                        "%s has no remote %s with an address: add it (git remote add)", c->path, c->remote);
        options.repository = line->git;
        options.flags = GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
        if (git_remote_create_with_opts(&line->remote, url, &options) < 0)
                return sync_fail_git(line->result, c->remote);
        used = push ? git_remote_pushurl(line->remote) : NULL; /* insteadOf, too (git-config(1)) */
        wrong = credentials_open(&line->login, c, used ? used : git_remote_url(line->remote));
        if (wrong)
                return sync_refuse(line->result, REFUSAL_ADDRESS,
                        "the remote %s %s: set another (git remote set-url%s)", c->remote, wrong,
                        push ? " --push" : "");
        return 0;
}

/* The branch to follow, as "refs/heads/…": the configured one, or the remote's HEAD. */
static int choose_branch(struct line *line, char *ret, size_t size) {
        const struct workspace_config *c = line->config;
        git_buf head = GIT_BUF_INIT;
        int n;

        if (c->branch)
                n = snprintf(ret, size, "refs/heads/%s", c->branch);
        else if (git_remote_default_branch(&head, line->remote) < 0)
                return sync_refuse(line->result, REFUSAL_NO_BRANCH,
                        "the remote %s names no branch as its HEAD: set branch= in [workspace]", c->remote);
        else
                n = snprintf(ret, size, "%s", head.ptr);
        git_buf_dispose(&head);
        if (n >= (int) size || strncmp(ret, "refs/heads/", 11) != 0)
                return sync_refuse(line->result, REFUSAL_NO_BRANCH,
                        "the remote %s has a HEAD that is no branch: set branch= in [workspace]", c->remote);
        return 0;
}

static int find_head(struct line *line, const char *branch, git_oid *ret) {
        const git_remote_head **heads;
        size_t n;

        if (git_remote_ls(&heads, &n, line->remote) < 0)
                return line_failed(line);
        for (size_t i = 0; i < n; i++)
                if (strcmp(heads[i]->name, branch) == 0) {
                        git_oid_cpy(ret, &heads[i]->oid);
                        return 0;
                }
        return sync_refuse(line->result, REFUSAL_NO_BRANCH,
                "the remote %s has no branch %s: set branch= in [workspace]", line->config->remote,
                branch + strlen("refs/heads/"));
}

/* No redirect to another host, which would get the login. */
static int connect_to(struct line *line, git_direction direction) {
        git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;

        line_callbacks(line, &options.callbacks);
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
        return git_remote_connect_ext(line->remote, direction, &options) < 0 ? line_failed(line) : 0;
}

static bool has_head(const git_remote_head **heads, size_t n, const char *name, const git_oid *id) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(heads[i]->name, name) == 0)
                        return git_oid_equal(&heads[i]->oid, id);
        return false;
}

/* Which of the branches that were pushed are there no longer: a person deleted them, or pushed something else. */
static void find_gone(struct line *line, struct fetch_answer *answer) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        size_t n, found = 0, prefix = strlen("refs/remotes/") + strlen(line->config->remote) + 1;
        const git_remote_head **heads;
        git_reference *ref;
        char glob[200];

        (void) snprintf(glob, sizeof glob, "refs/remotes/%s/failover/*", line->config->remote);
        if (git_remote_ls(&heads, &n, line->remote) < 0 ||
                git_reference_iterator_glob_new(&i, line->git, glob) < 0)
                return;
        while (found < ELEMENTSOF(answer->gone) && git_reference_next(&ref, i) == 0) {
                const char *branch = git_reference_name(ref) + prefix;
                char name[REPO_BRANCH_MAX + 20];

                (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
                if (git_reference_target(ref) && strlen(branch) < sizeof answer->gone[0] &&
                        !has_head(heads, n, name, git_reference_target(ref)))
                        (void) strcpy(answer->gone[found++], branch);
                git_reference_free(ref);
        }
}

static int fetch(struct line *line, struct fetch_answer *answer) {
        git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        char branch[REPO_BRANCH_MAX + 11], *refspec = branch;
        git_strarray refspecs = { &refspec, 1 };
        int r;

        line_callbacks(line, &options.callbacks);
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;

        r = connect_to(line, GIT_DIRECTION_FETCH);
        if (r == 0)
                r = choose_branch(line, branch, sizeof branch);
        if (r == 0)
                r = find_head(line, branch, &answer->commit);
        if (r < 0)
                return r;
        find_gone(line, answer);
        if (git_remote_download(line->remote, &refspecs, &options) < 0)
                return line_failed(line);
        if (git_commit_lookup(&commit, line->git, &answer->commit) < 0)
                return sync_refuse(line->result, REFUSAL_NO_BRANCH,
                        "the branch %s of the remote %s points at no commit", branch + strlen("refs/heads/"),
                        line->config->remote);
        (void) snprintf(answer->branch, sizeof answer->branch, "%s", branch + strlen("refs/heads/"));
        return 0;
}

static void fetch_child(const void *userdata, void *ret) {
        struct fetch_answer *answer = ret;
        const struct task *task = userdata;
        struct line line = { .config = task->repo->config, .result = &answer->result, .max = task->max };

#ifndef __SANITIZE_ADDRESS__ /* whose shadow of the whole address space would count */
        (void) setrlimit(RLIMIT_DATA, &(const struct rlimit){ FETCH_MEMORY_MAX, FETCH_MEMORY_MAX });
#endif
        if (line_open(&line, task->repo, false) == 0)
                (void) fetch(&line, answer);
}

static int push(struct line *line, const char *branch) {
        git_push_options options = GIT_PUSH_OPTIONS_INIT;
        char refspec[2 * REPO_BRANCH_MAX + 40], *refspecs = refspec;
        git_strarray array = { &refspecs, 1 };
        int r;

        line_callbacks(line, &options.callbacks);
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
        line->rejected[0] = '\0';
        (void) snprintf(refspec, sizeof refspec, "refs/heads/%s:refs/heads/%s", branch, branch);
        r = connect_to(line, GIT_DIRECTION_PUSH);
        line->connected = r == 0;
        if (r == 0 && git_remote_upload(line->remote, &array, &options) < 0)
                r = line_failed(line);
        (void) git_remote_disconnect(line->remote);
        if (r == 0 && line->rejected[0])
                r = sync_fail(line->result, REFUSAL_REJECTED, "the remote does not take %s", line->rejected);
        return r;
}

/* Each by itself: one that the remote rejects holds back no other. */
static void push_child(const void *userdata, void *ret) {
        const struct task *task = userdata;
        struct push_answer *answer = ret;
        struct line line = { .config = task->repo->config, .result = &answer->result };

        if (line_open(&line, task->repo, true) < 0)
                return;
        for (size_t i = 0; i < task->n; i++)
                if (push(&line, task->branches[i]) == 0)
                        answer->pushed |= 1u << i;
                else if (!line.connected)
                        return;
}

/* What child_finish() said, in words. */
static int child_failed(const struct repo *repo, int k, struct sync_result *r) {
        char span[SPAN_MAX];

        if (k == -ETIMEDOUT)
                return sync_fail(r, REFUSAL_TIMEOUT, "no answer from the remote %s in %s",
                        repo->config->remote, format_span(span, repo->config->timeout));
        return sync_fail(
                r, REFUSAL_REMOTE, "git with the remote %s died (out of memory?)", repo->config->remote);
}

/* What is left of the time. */
static usec_t left(const struct repo *repo) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        return repo->until == 0 ? repo->config->timeout : repo->until > now ? repo->until - now : 0;
}

int remote_fetch_start(const struct repo *repo, size_t max, struct child *c, struct sync_result *r) {
        const struct task task = { .repo = repo, .max = max ? max : FETCH_MAX };
        int k = child_start(c, fetch_child, &task, sizeof(struct fetch_answer), left(repo));

        return k < 0 ? sync_fail(r, REFUSAL_ERROR, "cannot start a fetch: %s", strerror(-k)) : 0;
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

void remote_push(const struct repo *repo, char *const *branches, size_t n, struct push_answer *ret) {
        const struct task task = { .repo = repo, .branches = branches, .n = n };
        struct child c;
        int k = child_start(&c, push_child, &task, sizeof *ret, repo->config->timeout);

        if (k < 0)
                (void) sync_fail(&ret->result, REFUSAL_ERROR, "cannot start a push: %s", strerror(-k));
        else if ((k = child_finish(&c, ret, sizeof *ret)) < 0) {
                *ret = (struct push_answer){ 0 };
                (void) child_failed(repo, k, &ret->result);
        }
}
