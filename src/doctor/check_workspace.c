/* Could the workspace be synced tonight? The sync worker's own functions are asked, as its user, so that doctor refuses
 * what the worker would refuse, in the same words. Nothing moves: the tree, the index and the refs stay as they are. */
#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/strv.h"
#include "lib/text.h"
#include "sync/changes.h"
#include "sync/checkout.h"
#include "sync/incoming.h"
#include "sync/remote.h"
#include "sync/repo.h"
#include "sync/saved_branches.h"
#include "sync/workspace.h"

void finding_refuse(struct finding *f, const struct refusal *why) {
        finding_fail(f, "%s", why->text);
        if (*why->command)
                finding_fix(f, "%s", why->command);
}

/* Opens and checks the workspace; false with a finding if the worker would refuse it. */
static bool open_workspace(const struct checkup *c, struct repo *repo, struct finding *f) {
        struct sync_result r = { 0 };
        char host[64];
        int k;

        checkup_take_agent(c);
        if (git_libgit2_init() < 0)
                k = sync_fail_git(&r, "libgit2");
        else
                k = repo_open(repo, &c->config->workspace, &r);
        if (k == 0) /* what a sync is about to finish is no trouble */
                k = repo_lock(repo, now_usec(CLOCK_BOOTTIME) + c->config->workspace.timeout, &r);
        if (k == 0) {
                (void) flock(
                        repo->dir_fd, LOCK_UN); /* nothing here needs it, and a sync would wait for it */
                repo_find_head(repo);
                repo_find_filters(repo, NULL);
                k = repo_check(repo, &r);
        }
        if (k == 0)
                k = repo_check_writable(repo, &r);
        if (k == 0) {
                saved_host(host);
                k = saved_check_name(repo, host, &r);
        }
        if (k < 0)
                finding_refuse(f, &r.workspace_why);
        return k == 0;
}

static void find_unsaved(const struct checkup *c, const struct repo *repo, struct finding *f) {
        _cleanup_work_ struct changes work = { 0 };
        struct sync_result r = { 0 };
        struct paths paths = { 0 };
        git_oid base;
        char host[64];

        saved_host(host);
        if (changes_find(repo, NULL, NULL, checkout_base(repo, &base) == 0 ? &base : NULL, &paths, &work,
                    &r) < 0 ||
                checkout_check(repo, &paths, work.bytes, &r) < 0 || r.workspace_why.code)
                finding_refuse(f, &r.workspace_why);
        else if (work.n == 0 || saved_has(repo, &work, host))
                finding_ok(f, "%s, branch %s", c->config->workspace.path, repo->branch);
        else {
                finding_fail(f, "%s has work that is saved nowhere: %zu file%s", c->config->workspace.path,
                        work.n, work.n == 1 ? "" : "s");
                finding_fix(f, "sudo systemctl start %s", c->names->sync_unit);
        }
        paths_free(&paths);
}

void look_workspace(const struct checkup *c, struct finding *f) {
        struct repo repo = REPO_NONE;

        if (!*c->config->workspace.path) {
                finding_off(f, "none is synced ([workspace] path is empty)");
                return;
        }
        if (open_workspace(c, &repo, f)) {
                if (checkup_gateway_runs(c))
                        finding_ok(f, "%s, branch %s: in the hands of the gateway that runs here",
                                c->config->workspace.path, repo.branch);
                else
                        find_unsaved(c, &repo, f);
        }
        repo_close(&repo);
}

/* A private key in OpenSSH's format names its cipher right after the magic bytes (PROTOCOL.key): in Base64, these are the
 * magic bytes and "none". The older formats say it in words. */
bool key_has_passphrase(const char *text) {
        static const char magic[] = "b3BlbnNzaC1rZXktdjE", open[] = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAA";
        const char *body = strstr(text, magic);

        if (body)
                return strncmp(body, open, strlen(open)) != 0;
        return strstr(text, "ENCRYPTED") != NULL;
}

enum key { KEY_GOOD, KEY_ABSENT, KEY_CLOSED, KEY_LOCKED };

static enum key judge_key(const char *path) {
        _cleanup_free_ char *text = NULL;
        int r = read_file(path, 64 * 1024, &text);
        enum key key = r == -ENOENT        ? KEY_ABSENT
                : r < 0                    ? KEY_CLOSED
                : key_has_passphrase(text) ? KEY_LOCKED
                                           : KEY_GOOD;

        if (text)
                explicit_bzero(text, strlen(text));
        return key;
}

static void say_key(const struct checkup *c, enum key key, const char *path, struct finding *f) {
        const char *user = checkup_sync_user(c);
        _cleanup_free_ char *quoted = shell_quote(path);

        if (!quoted)
                return;
        switch (key) {
        case KEY_GOOD:
                finding_ok(f, "%s can be read, and needs no passphrase", path);
                break;
        case KEY_ABSENT:
                finding_fail(f, "user %s has no key %s", user, path);
                finding_fix(f, "sudo -u %s ssh-keygen -t ed25519 -N '' -f %s", user, quoted);
                finding_fix(f, "sudo cat %s.pub # to be allowed to read at the remote (deploy key)", quoted);
                break;
        case KEY_CLOSED:
                finding_fail(f, "user %s cannot read the key %s", user, path);
                if (!finding_by_link(f, path))
                        finding_fix(f, "sudo chown -h %s: %s && sudo -u %s chmod 0600 %s", user, quoted,
                                user, quoted);
                break;
        case KEY_LOCKED:
                finding_fail(f, "the key %s has a passphrase, which a sync cannot type", path);
                finding_fix(f, "sudo -u %s ssh-keygen -p -N '' -f %s", user, quoted);
                break;
        }
}

/* The configured key, or the best of the usual ones. */
static void find_key(const struct checkup *c, struct finding *f) {
        static const char *const usual[] = { "id_ed25519", "id_ecdsa", "id_rsa" };
        _cleanup_free_ char *best_path = NULL;
        enum key best = KEY_ABSENT;

        if (c->config->workspace.ssh_key) {
                say_key(c, judge_key(c->config->workspace.ssh_key), c->config->workspace.ssh_key, f);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(usual); i++) {
                char *path = NULL;
                enum key key;

                if (asprintf(&path, "%s/.ssh/%s", getenv("HOME"), usual[i]) < 0)
                        return;
                key = judge_key(path);
                if (!best_path || key == KEY_GOOD || (best == KEY_ABSENT && key != KEY_ABSENT)) {
                        free(best_path);
                        best_path = TAKE(path);
                        best = key;
                }
                free(path);
                if (best == KEY_GOOD)
                        break;
        }
        say_key(c, best, best_path, f);
}

static bool is_ssh(const char *url) {
        const char *scheme = strstr(url, "://");

        return scheme ? strncmp(url, "ssh", 3) == 0 || strncmp(url, "git+ssh", 7) == 0
                      : *url != '/' && strchr(url, ':');
}

void look_workspace_key(const struct checkup *c, struct finding *f) {
        const struct workspace_config *w = &c->config->workspace;
        _cleanup_(git_remote_freep) git_remote *remote = NULL;
        struct repo repo = REPO_NONE;

        if (open_workspace(c, &repo, f)) {
                const char *url =
                        git_remote_lookup(&remote, repo.git, w->remote) == 0 ? git_remote_url(remote) : NULL;

                if (!url)
                        finding_ok(f, "none is needed: there is no remote %s", w->remote);
                else if (is_ssh(url) && getenv("SSH_AUTH_SOCK"))
                        finding_ok(f, "an ssh agent holds it (%s)", getenv("SSH_AUTH_SOCK"));
                else if (is_ssh(url))
                        find_key(c, f);
                else if (!w->token_file)
                        finding_ok(f, "no ssh key is needed for %s, and no token is configured", w->remote);
                else if (access(w->token_file, R_OK) >= 0)
                        finding_ok(f, "%s can be read", w->token_file);
                else
                        say_key(c, KEY_CLOSED, w->token_file, f);
        }
        repo_close(&repo);
}

/* What the worker would find out next, after the fetch. */
static int judge_fetched(struct repo *repo, const struct fetch_answer *fetched, struct sync_result *r) {
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        struct incoming incoming = { 0 };
        int k;

        k = workspace_check_tracking(repo, fetched->branch, r);
        if (k == 0)
                k = workspace_check_branch(repo, fetched->branch, r);
        if (k < 0)
                return k;
        if (git_commit_lookup(&target, repo->git, &fetched->commit) < 0)
                return sync_fail_git(r, "the remote's commit");
        k = incoming_check(repo, target, &incoming, r);
        paths_free(&incoming.paths);
        return k;
}

/* Where the worker's words end without a command. */
static void fix_remote(
        const struct checkup *c, const struct repo *repo, enum refusal_code code, struct finding *f) {
        const struct workspace_config *w = &c->config->workspace;
        _cleanup_free_ char *config = shell_quote(c->names->config), *path = shell_quote(w->path),
                            *usual = NULL, *key = NULL;

        if (asprintf(&usual, "%s/.ssh/id_ed25519", getenv("HOME")) >= 0)
                key = shell_quote(w->ssh_key ? w->ssh_key : usual);
        if (*f->fix || !config || !path || !key)
                return;
        if (code == REFUSAL_SSH)
                finding_fix(f, "sudo cat %s.pub # to be allowed to read at the remote (deploy key)", key);
        else if (code == REFUSAL_LOGIN || code == REFUSAL_NO_BRANCH)
                finding_fix(f, "sudo ${EDITOR:-vi} %s && sudo systemctl try-reload-or-restart %s", config,
                        c->names->unit);
        else
                finding_fix(f, "sudo -u %s git -C %s fetch %s", repo->user, path, w->remote);
}

void look_remote(const struct checkup *c, struct finding *f) {
        struct fetch_answer fetched = { 0 };
        struct sync_result r = { 0 };
        struct repo repo = REPO_NONE;
        struct child child;
        int k;

        if (open_workspace(c, &repo, f)) {
                k = remote_fetch_start(&repo, 0, &child, &r);
                if (k == 0)
                        k = remote_fetch_finish(&repo, &child, &fetched, &r);
                if (k == 0)
                        k = judge_fetched(&repo, &fetched, &r);
                if (k < 0) {
                        finding_refuse(f, &r.workspace_why);
                        fix_remote(c, &repo, r.workspace_why.code, f);
                } else
                        finding_ok(f, "%s answers, and its branch %s can be checked out",
                                c->config->workspace.remote, fetched.branch);
        }
        repo_close(&repo);
}

/* The newest of the remote's that is known here is enough: each sync brings it up to date. */
void look_saved_work(const struct checkup *c, struct finding *f) {
        const struct workspace_config *w = &c->config->workspace;
        char branches[512], commands[2048], host[64], *save = NULL;
        struct sync_result r = { 0 };
        struct repo repo = REPO_NONE;

        if (open_workspace(c, &repo, f)) {
                saved_unmerged(&repo, &r);
                saved_host(host);
                (void) sync_result_merge_commands(
                        &r, w->path, w->remote, checkup_sync_user(c), host, commands, sizeof commands);
                if (r.n_unmerged > 0)
                        finding_warn(f, "the primary lacks work that was done here, in branch %s",
                                sync_result_say_unmerged(&r, branches, sizeof branches));
                else
                        finding_ok(f, "the primary has all the work that was done here");
                for (char *line = strtok_r(commands, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                        finding_fix(f, "%s # on the primary, as user %s", line, checkup_sync_user(c));
                if (r.n_unmerged > 0)
                        finding_fix(f, "sudo systemctl start %s", c->names->sync_unit);
        }
        repo_close(&repo);
}
