/* Could the workspace be synced tonight? doctor calls the worker's own functions as its user, so it refuses
 * what the worker would refuse, in the same words. The tree, the index and the refs stay as they are. */
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
#include "sync/remote.h"
#include "sync/repo.h"
#include "sync/saved_branches.h"

void finding_refuse(struct finding *f, const struct refusal *why) {
        finding_fail(f, "%s", why->text);
        if (*why->command)
                finding_fix(f, "%s", why->command);
}

/* Opens and checks the workspace; false with a finding if the worker would refuse it. */
static bool open_workspace(const struct checkup *c, struct repo *repo, struct finding *f) {
        struct sync_result r = { 0 };
        int k;

        checkup_take_agent(c);
        k = repo_open(repo, &c->config->workspace, &r);
        if (k == 0) /* a sync may be about to fix the trouble */
                k = repo_lock(repo, now_usec(CLOCK_BOOTTIME) + c->config->workspace.timeout, &r);
        if (k == 0) {
                (void) flock(
                        repo->dir_fd, LOCK_UN); /* no look needs the lock, and a sync would wait for it */
                repo_find_head(repo);
                k = repo_check(repo, &r);
        }
        if (k == 0)
                k = repo_check_writable(repo, &r);
        if (k < 0)
                finding_refuse(f, &r.workspace_why);
        return k == 0;
}

/* Looks for what the worker could not save, or not put back. */
static void look_tree(const struct checkup *c, const struct repo *repo, struct finding *f) {
        _cleanup_work_ struct changes work = { 0 };
        struct sync_result r = { 0 };

        if (changes_find(repo, &work, &r) < 0 || checkout_check(repo, work.paths.n, work.bytes, &r) < 0 ||
                r.workspace_why.code)
                finding_refuse(f, &r.workspace_why);
        else
                finding_ok(f, "%s, branch %s", c->config->workspace.path, repo->branch);
}

void look_workspace(const struct checkup *c, struct finding *f) {
        _cleanup_(repo_close) struct repo repo = REPO_NONE;

        if (!*c->config->workspace.path)
                finding_off(f, "none is synced ([workspace] path is empty)");
        else if (!open_workspace(c, &repo, f))
                return;
        else if (checkup_gateway_runs(c))
                finding_ok(f, "%s, branch %s: in the hands of the gateway that runs here",
                        c->config->workspace.path, repo.branch);
        else
                look_tree(c, &repo, f);
}

void look_remote(const struct checkup *c, struct finding *f) {
        const struct workspace_config *w = &c->config->workspace;
        _cleanup_free_ char *path = shell_quote(w->path);
        struct fetch_answer fetched = { 0 };
        _cleanup_(repo_close) struct repo repo = REPO_NONE;
        struct sync_result r = { 0 };
        struct child child;
        int k;

        if (!open_workspace(c, &repo, f))
                return;
        k = remote_fetch_start(&repo, &child, &r);
        if (k == 0)
                k = remote_fetch_finish(&repo, &child, &fetched, &r);
        if (k == 0)
                k = repo_check_branch(&repo, fetched.branch, &r);
        if (k < 0) {
                finding_refuse(f, &r.workspace_why);
                if (!*f->fix)
                        finding_fix(f, "sudo -u %s git -C %s fetch %s", repo.user, path ?: "", w->remote);
        } else
                finding_ok(
                        f, "%s answers, and its branch %s is checked out here", w->remote, fetched.branch);
}

/* Whether this clone kept the primary's name: a command for the primary would then lead the primary to
 * itself, and no user could see whose the branches are. */
static bool has_name_of_primary(const struct checkup *c, const char *host) {
        const char *primary = c->config->primary.host;
        char name[256];

        if (tailnet_name(primary, name, sizeof name) == 0)
                primary = name;
        return strlen(host) == strcspn(primary, ".") && strncasecmp(host, primary, strlen(host)) == 0;
}

/* Compares with the remote as last fetched: each sync updates that. */
void look_saved_work(const struct checkup *c, struct finding *f) {
        const struct workspace_config *w = &c->config->workspace;
        char commands[2048], host[64], *save = NULL;
        _cleanup_branches_ struct saved_branches unmerged = { 0 };
        _cleanup_(repo_close) struct repo repo = REPO_NONE;
        struct sync_result r = { 0 };

        if (!open_workspace(c, &repo, f))
                return;
        saved_review(&repo, false, &unmerged);
        saved_list(&unmerged, &r);
        saved_host(host);
        (void) sync_result_merge_commands(
                &r, w->path, w->remote, checkup_sync_user(c), host, commands, sizeof commands);
        if (has_name_of_primary(c, host)) {
                finding_warn(f,
                        "this machine bears the primary's name, %s: commands for the primary would pull from itself",
                        host);
                finding_fix(f, "sudo hostnamectl set-hostname %s-standby", host);
        } else if (r.n_unmerged > 0) {
                finding_warn(f, "the primary lacks work that was done here, in %u branch%s", r.n_unmerged,
                        r.n_unmerged == 1 ? "" : "es");
                for (char *line = strtok_r(commands, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                        finding_fix(f, "%s # on the primary, as user %s", line, checkup_sync_user(c));
                finding_fix(f, "sudo systemctl start %s", c->instance->sync_unit);
        } else
                finding_ok(f, "the primary has all the work that was done here");
}
