/* `openclaw-failover doctor`; see doctor.h.
 *
 * The table below has one row for each printed line. A row's look (look.h) runs in a child process, as the
 * user concerned and with a deadline. So neither a hanging server nor a directory that only its owner may
 * enter hides what is wrong. */
#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "doctor/look.h"
#include "lib/child.h"
#include "lib/terminal.h"
#include "lib/text.h"

/* For one look, on top of the timeouts that the ini gives the network. */
#define DEADLINE (30 * USEC_PER_SEC)

/* The user that a row's look runs as; NULL: the caller. */
static const char *as_root(const struct checkup *c _unused_) {
        return "root";
}

/* For a look that any user may run: root must not parse what the network sends. */
static const char *not_as_root(const struct checkup *c) {
        return c->root ? checkup_daemon_user(c) : NULL;
}

#define AS_CALLER NULL
#define AS_DAEMON checkup_daemon_user
#define AS_SYNC checkup_sync_user
#define AS_GATEWAY checkup_gateway_user

static const struct row {
        const char *title;
        look_t *look;
        const char *(*user)(const struct checkup *c); /* its name; only this user and root look */
        const char *after;                            /* the title of the row that must be well first */
} table[] = {
        /* The daemon starts … */
        { "configuration", look_config, AS_CALLER },
        { "its reader", look_config_readable, AS_DAEMON, "configuration" },
        { "units", look_reload, AS_CALLER },
        { "daemon", look_daemon, AS_CALLER },
        { "in force", look_config_in_force, AS_CALLER, "daemon" },
        { "mode", look_mode, AS_CALLER, "daemon" },
        { "old monitor", look_old_monitor, AS_CALLER },
        { "clock", look_clock, AS_CALLER },
        { "journal", look_journal, AS_CALLER },
        /* … watches the primary … */
        { "tailscale", look_tailscale, AS_CALLER, "configuration" },
        { "tailnet's keys", look_keys, AS_CALLER, "tailscale" },
        { "lost with primary", look_lost_with_primary, AS_SYNC, "tailscale" },
        { "primary", look_primary, not_as_root, "configuration" },
        { "seniors", look_seniors, not_as_root, "configuration" },
        { "witness", look_witness, not_as_root, "configuration" },
        /* … has workspace and secrets synced … */
        { "permission", look_polkit, as_root, "in force" },
        { "sync unit", look_sync_unit, AS_CALLER, "configuration" },
        { "sync's places", look_sync_places, AS_CALLER, "sync unit" },
        { "workspace", look_workspace, AS_SYNC, "sync unit" },
        { "remote", look_remote, AS_SYNC, "workspace" },
        { "saved work", look_saved_work, AS_SYNC, "workspace" },
        { "secrets", look_secrets, AS_SYNC, "sync's places" },
        /* … starts the gateway … */
        { "other instances", look_instances, AS_CALLER, "configuration" },
        { "gateway unit", look_gateway_unit, AS_CALLER, "configuration" },
        { "gateway program", look_program, AS_GATEWAY, "gateway unit" },
        { "gateway's serve", look_gateway_serve, AS_GATEWAY, "gateway program" },
        { "gateway's port", look_own_gateway, not_as_root, "gateway unit" },
        { "warm gateway", look_warm, AS_GATEWAY, "gateway unit" },
        { "second gateway", look_user_service, AS_GATEWAY, "gateway unit" },
        { "failover time", look_drill, as_root, "configuration" },
        { "gateway's powers", look_powers, as_root, "gateway unit" },
        /* … stops it again … */
        { "gateway's stop", look_gateway_stop, AS_CALLER, "gateway unit" },
        /* … and sends alerts. */
        { "alert", look_alert, as_root, "configuration" },
        { "heartbeat", look_heartbeat, as_root, "configuration" },
};

struct task {
        const struct checkup *c;
        const struct row *row;
        const struct passwd *user; /* NULL: as the caller */
};

static void look_in_child(const void *task, void *answer) {
        const struct task *t = task;
        struct finding *f = answer;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), r;

        for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
                (void) dup2(null, stream);
        f->kind = FINDING_OFF;
        r = t->user ? become(t->user) : 0;
        /* The change of user has cleared this (prctl(2)). */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (r < 0)
                finding_skip(f, "this process cannot become user %s: %s", t->user->pw_name, strerror(-r));
        else
                t->row->look(t->c, f);
}

static void start_look(const struct checkup *c, const struct row *row, const struct passwd *user,
        struct child *child, struct finding *f) {
        const struct task task = { c, row, user };
        usec_t patience =
                DEADLINE + (c->config ? MAX(c->config->workspace.timeout, c->config->secrets.timeout) : 0);
        int r = child_start(child, look_in_child, &task, sizeof *f, patience);

        if (r < 0)
                finding_fail(f, "there is no process to look at this: %s", strerror(-r));
}

/* Without an effect if no look is under way. */
static void end_look(struct child *child, struct finding *f) {
        char span[SPAN_MAX];
        int r;

        if (child->pid <= 0)
                return;
        r = child_finish(child, f, sizeof *f);
        child->pid = 0;
        if (r == -ETIMEDOUT)
                finding_fail(f, "no result within %s", format_span(span, child->timeout));
        else if (r < 0)
                finding_fail(f, "the process that looked at this died: %s", strerror(-r));
        /* The child ran as another user, who may have changed the finding. */
        f->text[sizeof f->text - 1] = f->fix[sizeof f->fix - 1] = '\0';
        if ((unsigned) f->kind >= _FINDING_MAX)
                f->kind = FINDING_FAIL;
}

/* Whether the row that must be well first is well. If not, F has no text: that row says what is wrong. */
static bool may_look(
        const struct row *row, struct child *looks, struct finding *findings, struct finding *f) {
        for (size_t i = 0; row->after && i < ELEMENTSOF(table); i++) {
                if (strcmp(table[i].title, row->after) != 0)
                        continue;
                end_look(&looks[i], &findings[i]);
                if (findings[i].kind == FINDING_OK || findings[i].kind == FINDING_WARN)
                        break;
                f->kind = findings[i].kind == FINDING_OFF ? FINDING_OFF : FINDING_SKIPPED;
                return false;
        }
        return true;
}

static void look(const struct checkup *c, const struct row *row, struct child *l, struct finding *f) {
        const char *name = row->user ? row->user(c) : NULL;
        const struct passwd *user = name ? getpwnam(name) : NULL;

        if (name && !user)
                finding_skip(f, "user %s does not exist", name);
        else if (!user || user->pw_uid == geteuid())
                start_look(c, row, NULL, l, f);
        else if (c->root)
                start_look(c, row, user, l, f);
        else
                finding_skip(f, "only user %s can look at this: sudo %s doctor", name, c->instance->program);
}

/* Draws one line on a terminal, over the one before. */
static void show_progress(bool shown, size_t i) {
        if (!shown)
                return;
        (void) fprintf(stderr, "\r\033[K");
        if (i < ELEMENTSOF(table))
                (void) fprintf(stderr, "%zu of %zu: %s", i + 1, ELEMENTSOF(table), table[i].title);
        (void) fflush(stderr);
}

/* Runs the looks side by side: each waits by itself for a silent name server or host. */
static void look_at_all(const struct checkup *c, struct finding *findings, bool progress) {
        struct child looks[ELEMENTSOF(table)] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                show_progress(progress, i);
                if (may_look(&table[i], looks, findings, &findings[i]))
                        look(c, &table[i], &looks[i], &findings[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                show_progress(progress && looks[i].pid > 0, i);
                end_look(&looks[i], &findings[i]);
        }
        show_progress(progress, ELEMENTSOF(table));
}

static void checkup_done(struct checkup *c) {
        for (size_t i = 0; i < ELEMENTSOF(c->units); i++)
                unit_facts_clear(&c->units[i]);
        free(c->config_error);
        free(c->bus_error);
        if (c->config)
                config_free(c->config);
}

/* Prints the findings, worst first, then in the table's order. QUIET: only what fails or warns. */
static int print_all(const struct finding *findings, const struct checkup *c, bool quiet, bool json) {
        static const enum finding_kind order[] = { FINDING_FAIL, FINDING_WARN, FINDING_SKIPPED, FINDING_OK,
                FINDING_OFF };
        json_auto_t *rows = json_array(), *j = NULL;
        _cleanup_free_ char *text = NULL;

        for (size_t k = 0; k < (quiet ? 2 : ELEMENTSOF(order)); k++)
                for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                        const struct finding *f = &findings[i];

                        if (f->kind != order[k] || !*f->text)
                                continue;
                        if (json)
                                (void) json_array_append_new(rows, finding_json(f, table[i].title));
                        else
                                finding_print(f, table[i].title, terminal_has_colour(), stdout);
                }
        if (!json)
                return 0;
        j = json_pack("{s:i, s:s, s:O}", "version", DOCTOR_VERSION, "instance", c->instance->name,
                "findings", rows);
        text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
        if (text)
                (void) puts(text);
        return text ? 0 : -ENOMEM;
}

static int sum_up(const struct finding *findings, bool root, bool print) {
        unsigned n[_FINDING_MAX] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                n[findings[i].kind] += *findings[i].text != '\0'; /* else it waits for another row */
        if (print && n[FINDING_FAIL] + n[FINDING_WARN] + n[FINDING_SKIPPED] == 0)
                (void) puts("All is well.");
        else if (print)
                (void) printf("%u failed, %u warned, %u not looked at%s, %u well.\n", n[FINDING_FAIL],
                        n[FINDING_WARN], n[FINDING_SKIPPED], root ? "" : " without sudo", n[FINDING_OK]);
        return n[FINDING_FAIL] > 0 ? EXIT_FAILURE : n[FINDING_SKIPPED] > 0 ? EXIT_NOT_LOOKED : EXIT_SUCCESS;
}

int cmd_doctor(const struct instance *instance, bool quiet, bool json) {
        _cleanup_(checkup_done) struct checkup c = { .instance = instance, .root = geteuid() == 0 };
        struct finding findings[ELEMENTSOF(table)] = { 0 };
        bool progress = isatty(STDERR_FILENO) && terminal_has_colour();

        (void) config_load(instance->config, config_keep_error, &c.config_error, &c.config);
        checkup_ask_systemd(&c);

        look_at_all(&c, findings, progress);
        if (print_all(findings, &c, quiet, json) < 0)
                return EX_OSERR;
        return sum_up(findings, c.root, !json);
}
