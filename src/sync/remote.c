/* The workspace's remote, fetched from and pushed to; see remote.h. */
#include "sync/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "sync/credentials.h"

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
        struct sync_result *result;
        git_repository *git;
        git_remote *remote;
        struct credentials login;
        size_t max;
        bool too_much;
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

static int certificate_check(git_cert *cert, int valid, const char *host _unused_, void *userdata) {
        struct line *line = userdata;

        return credentials_check_host(&line->login, cert, valid);
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
        callbacks->certificate_check = certificate_check;
        callbacks->push_update_reference = push_update_reference;
        callbacks->payload = line;
}

/* libgit2's reason for what went wrong on LINE, in words where its own help nobody. */
static int line_failed(struct line *line) {
        char host[128], words[256];

        if (line->too_much)
                return sync_refuse(line->result, REFUSAL_TOO_LARGE,
                        "the remote sent more than %zu MiB at once: fetch by hand", line->max >> 20);
        if (credentials_failed(&line->login, line->result))
                return -ECANCELED;
        return sync_fail(line->result, REFUSAL_ERROR, "%s: %s",
                credentials_host(&line->login, host, sizeof host), git_words(words, sizeof words));
}

/* Makes a remote of the configured one's address and nothing else, so that its refspecs write no ref of ours. */
static int line_open(struct line *line, const struct repo *repo, bool push) {
        git_remote_create_options options = GIT_REMOTE_CREATE_OPTIONS_INIT;
        _cleanup_(git_remote_freep) git_remote *configured = NULL;
        const struct workspace_config *c = repo->config;
        const char *url, *wrong;

        while (git_libgit2_shutdown() > 0)
                ;
        if (git_libgit2_init() < 0 ||
                git_repository_open_ext(&line->git, c->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
                return sync_fail_git(line->result, c->path);
        if (git_remote_lookup(&configured, line->git, c->remote) < 0)
                return sync_refuse(line->result, REFUSAL_NO_REMOTE,
                        "%s has no remote %s: add it (git remote add)", c->path, c->remote);
        url = push ? git_remote_pushurl(configured) : NULL;
        if (!url)
                url = git_remote_url(configured);
        wrong = url ? credentials_open(&line->login, c, url, repo->user) : "has no address";
        if (wrong)
                return sync_refuse(line->result, REFUSAL_ADDRESS,
                        "the remote %s %s: set another (git remote set-url%s)", c->remote, wrong,
                        push ? " --push" : "");

        options.repository = line->git;
        options.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
        if (git_remote_create_with_opts(&line->remote, url, &options) < 0)
                return sync_fail_git(line->result, c->remote);
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

static int fetch(struct line *line, struct fetch_answer *answer) {
        git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        char branch[REPO_BRANCH_MAX + 11], *refspec = branch;
        git_strarray refspecs = { &refspec, 1 };
        int r;

        line_callbacks(line, &options.callbacks);
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE; /* to other hosts, which would get the login */

        if (git_remote_connect(
                    line->remote, GIT_DIRECTION_FETCH, &options.callbacks, &options.proxy_opts, NULL) < 0)
                return line_failed(line);
        r = choose_branch(line, branch, sizeof branch);
        if (r == 0)
                r = find_head(line, branch, &answer->commit);
        if (r < 0)
                return r;
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

static int push(struct line *line, const struct task *task) {
        git_push_options options = GIT_PUSH_OPTIONS_INIT;
        char *refspecs[PUSH_MAX];
        git_strarray array = { refspecs, task->n };

        line_callbacks(line, &options.callbacks);
        options.proxy_opts.type = GIT_PROXY_AUTO;
        options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
        for (size_t i = 0; i < task->n; i++)
                if (asprintf(&refspecs[i], "refs/heads/%s:refs/heads/%s", task->branches[i],
                            task->branches[i]) < 0)
                        return sync_fail(line->result, REFUSAL_ERROR, "out of memory");
        if (git_remote_connect(
                    line->remote, GIT_DIRECTION_PUSH, &options.callbacks, &options.proxy_opts, NULL) < 0 ||
                git_remote_upload(line->remote, &array, &options) < 0)
                return line_failed(line);
        if (line->rejected[0])
                return sync_fail(
                        line->result, REFUSAL_REJECTED, "the remote does not take %s", line->rejected);
        return 0;
}

static void push_child(const void *userdata, void *ret) {
        const struct task *task = userdata;
        struct sync_result *result = ret;
        struct line line = { .config = task->repo->config, .result = result };

        if (line_open(&line, task->repo, true) == 0)
                (void) push(&line, task);
}

/* What child_finish() said, in words. */
static int child_failed(const struct repo *repo, int k, struct sync_result *r) {
        char span[SPAN_MAX];

        if (k == -ETIMEDOUT)
                return sync_fail(r, REFUSAL_TIMEOUT, "no answer from the remote %s in %s",
                        repo->config->remote, format_span(span, repo->config->timeout));
        return sync_fail(
                r, REFUSAL_ERROR, "git with the remote %s died (out of memory?)", repo->config->remote);
}

int remote_fetch_start(
        const struct repo *repo, usec_t late, size_t max, struct child *c, struct sync_result *r) {
        const struct task task = { .repo = repo, .max = max ? max : FETCH_MAX };
        int k = child_start(
                c, fetch_child, &task, sizeof(struct fetch_answer), repo->config->timeout - late);

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

int remote_push(const struct repo *repo, char *const *branches, size_t n, struct sync_result *r) {
        const struct task task = { .repo = repo, .branches = branches, .n = MIN(n, (size_t) PUSH_MAX) };
        struct child c;
        int k = child_start(&c, push_child, &task, sizeof *r, repo->config->timeout);

        if (k < 0)
                return sync_fail(r, REFUSAL_ERROR, "cannot start a push: %s", strerror(-k));
        k = child_finish(&c, r, sizeof *r);
        if (k < 0)
                return child_failed(repo, k, r);
        return r->workspace == SYNC_NONE ? 0 : -ECANCELED;
}
