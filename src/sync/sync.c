/* The command `sync`: syncs the workspace and the secrets side by side, and reports both; see sync.h. */
#include "sync/sync.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "lib/child.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/systemd.h"
#include "sync/landlock.h"
#include "sync/secrets.h"
#include "sync/workspace.h"

/* How much of a timeout systemd takes to make the sandbox, and to pass the result to the daemon. */
#define LATE (200 * USEC_PER_MSEC)

struct context {
        const struct instance *instance;
        const struct config *config;
};

/* While the gateway runs, the tree is the agent's. Without systemd's answer, it may be running. */
static bool gateway_is_stopped(void *userdata) {
        const struct context *c = userdata;
        int r = unit_is_stopped(c->config->gateway.unit);

        if (r < 0)
                log_warning("systemd cannot be asked whether %s runs (%s): the workspace is left alone",
                        c->config->gateway.unit, strerror(-r));
        return r > 0;
}

static bool nobody_waits(void *userdata) {
        const struct context *c = userdata;
        _cleanup_free_ char *promoting = NULL;

        return asprintf(&promoting, "%s/promoting", c->instance->runtime_dir) > 0 &&
                access(promoting, F_OK) < 0;
}

/* Lets this process write only to the ini's paths, our own state, and /dev/null, which ssh opens. */
static void confine(const struct context *c) {
        const struct config *config = c->config;
        const char *paths[4] = { "/dev/null", c->instance->sync_state_dir };
        size_t n = 2;
        int r;

        if (config->workspace.path[0])
                paths[n++] = config->workspace.path;
        if (config->secrets.host) {
                (void) mkdir(
                        config->secrets.target, 0700); /* too late once confined; secrets.c reports why */
                paths[n++] = config->secrets.target;
        }
        r = landlock_confine_writes(paths, n);
        if (r < 0 && r != -EOPNOTSUPP)
                log_warning("writing cannot be confined to workspace and secrets: %s", strerror(-r));
}

/* systemd stops a sync with SIGTERM: waits and searches give up, and a move under way finishes. */
static void on_signal(int number _unused_) {
        child_stop = 1;
}

static void run_both(const struct context *c, struct sync_result *r) {
        const struct secrets_task secrets = { .config = &c->config->secrets, .late = LATE };
        const struct workspace_config *w = &c->config->workspace;
        /* While no promotion waits, a large fetch may take up to half of the time until the next. */
        const struct workspace_job workspace = { .config = w,
                .late = LATE,
                .timeout = nobody_waits((void *) c) ? MAX(w->timeout, w->refresh / 2) : 0,
                .state = access(c->instance->sync_state_dir, W_OK) == 0 ? c->instance->sync_state_dir : NULL,
                .may_move = gateway_is_stopped,
                .may_push = nobody_waits,
                .userdata = (void *) c };
        bool has_secrets = c->config->secrets.host != NULL;
        struct child child;

        /* Our own timeouts end the sync. The unit's is for what has none. */
        (void) sd_notifyf(false, "EXTEND_TIMEOUT_USEC=%" PRIu64,
                MAX(MAX(workspace.timeout, w->timeout), c->config->secrets.timeout) + 10 * USEC_PER_MINUTE);
        if (has_secrets)
                has_secrets = secrets_start(&secrets, &child, r) == 0;
        if (w->path[0])
                workspace_sync(&workspace, r);
        if (has_secrets)
                secrets_finish(&secrets, &child, r);
}

/* Whether LINE is news: not if it says the same as the last time, and nothing was updated. */
static bool is_news(const struct instance *instance, const struct sync_result *r, const char *line) {
        _cleanup_free_ char *path = NULL, *last = NULL;
        bool same;

        if (asprintf(&path, "%s/last", instance->sync_state_dir) < 0)
                return true;
        same = read_file(path, SYNC_RESULT_MAX, &last) == 0 && strcmp(last, line) == 0;
        if (!same)
                (void) write_file_atomic(
                        path, line, 0600); /* without the unit, the directory may be missing */
        return !same || r->workspace == SYNC_UPDATED || r->secrets == SYNC_UPDATED || isatty(STDERR_FILENO);
}

static void report(const struct instance *instance, const struct sync_result *r) {
        char line[SYNC_RESULT_MAX], words[1024];
        bool bad = r->workspace >= SYNC_INCOMPLETE || r->secrets >= SYNC_INCOMPLETE;
        int k = sync_result_format(r, line);

        if (k < 0) {
                log_error("the result of the sync cannot be put into words: %s", strerror(-k));
                return;
        }
        (void) sd_notifyf(false, "STATUS=%s", line);
        if (is_news(instance, r, line))
                log_line(bad ? LOG_WARNING : LOG_INFO, "%s", sync_result_describe(r, words, sizeof words));
}

int cmd_sync(const struct instance *instance, const struct config *config) {
        struct context c = { .instance = instance, .config = config };
        struct sync_result r = { 0 };

        if (geteuid() == 0) {
                log_error(
                        "sync runs as the workspace's user, never as root: sudo systemctl start %s, or sudo -u openclaw %s sync",
                        instance->sync_unit, instance->program);
                return EX_NOPERM;
        }
        (void) signal(SIGTERM, on_signal);
        (void) signal(SIGINT, on_signal);
        (void) signal(SIGHUP, on_signal);
        confine(&c);
        run_both(&c, &r);
        report(instance, &r);
        return r.workspace >= SYNC_INCOMPLETE || r.secrets >= SYNC_INCOMPLETE ? EXIT_FAILURE : EXIT_SUCCESS;
}
