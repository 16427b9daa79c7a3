/* `openclaw-failover doctor`; see doctor.h.
 *
 * The table below is the whole of it: one row for each line that is printed. A row's look (checkup.h) runs in a child
 * process that becomes the user whom the thing concerns and has a deadline, so that neither a hanging server nor a
 * directory that only its owner may enter stands between a person and the truth. */
#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "doctor/checkup.h"
#include "lib/clock.h"
#include "lib/terminal.h"
#include "lib/text.h"

/* For one look. What the ini itself gives the network to answer is not cut short. */
#define DEADLINE (30 * USEC_PER_SEC)

enum as {
        AS_CALLER,
        AS_ROOT, /* with anybody else it is left out */
        AS_DAEMON,
        AS_SYNC,
        AS_GATEWAY,
        AS_DAEMON_OR_CALLER, /* the same for everybody, as far as anybody knows */
};

static const struct row {
        const char *title;
        look_t *look;
        enum as as;
        const char *after; /* the title of the row without whose being well this one makes no sense */
} table[] = {
        /* The daemon starts … */
        { "configuration", look_config, AS_CALLER },
        { "its reader", look_config_readable, AS_DAEMON },
        { "units", look_reload, AS_CALLER },
        { "daemon", look_daemon, AS_CALLER },
        { "in force", look_config_in_force, AS_CALLER, "daemon" },
        { "mode", look_mode, AS_CALLER, "daemon" },
        { "old monitor", look_old_monitor, AS_CALLER },
        { "clock", look_clock, AS_CALLER },
        { "journal", look_journal, AS_CALLER },
        /* … watches the primary … */
        { "tailscale", look_tailscale, AS_CALLER, "configuration" },
        { "key of this node", look_own_key, AS_CALLER, "tailscale" },
        { "key of the primary", look_primary_key, AS_CALLER, "tailscale" },
        { "address", look_primary_name, AS_DAEMON_OR_CALLER, "configuration" },
        { "primary", look_primary, AS_DAEMON_OR_CALLER, "configuration" },
        { "large packets", look_large_packets, AS_CALLER, "configuration" },
        { "seniors", look_seniors, AS_DAEMON_OR_CALLER, "configuration" },
        { "witness", look_witness, AS_DAEMON_OR_CALLER, "configuration" },
        /* … has workspace and secrets synced … */
        { "permission", look_polkit, AS_ROOT, "configuration" },
        { "sync unit", look_sync_unit, AS_CALLER, "configuration" },
        { "sync's places", look_sync_places, AS_CALLER, "sync unit" },
        { "programs", look_programs, AS_CALLER, "sync's places" },
        { "workspace", look_workspace, AS_SYNC, "sync unit" },
        { "key for git", look_workspace_key, AS_SYNC, "workspace" },
        { "remote", look_remote, AS_SYNC, "key for git" },
        { "saved work", look_saved_work, AS_SYNC, "workspace" },
        { "secrets", look_secrets, AS_SYNC, "programs" },
        /* … starts the gateway … */
        { "other instances", look_instances, AS_CALLER, "configuration" },
        { "gateway unit", look_gateway_unit, AS_CALLER, "configuration" },
        { "gateway program", look_program, AS_GATEWAY, "gateway unit" },
        { "interpreter", look_interpreter, AS_GATEWAY, "gateway program" },
        { "gateway's port", look_own_gateway, AS_DAEMON_OR_CALLER, "configuration" },
        { "second gateway", look_user_service, AS_GATEWAY, "gateway unit" },
        { "gateway's powers", look_powers, AS_CALLER, "gateway unit" },
        /* … stops it again … */
        { "gateway's stop", look_gateway_stop, AS_CALLER, "gateway unit" },
        /* … and tells. */
        { "alert", look_alert, AS_ROOT, "configuration" },
        { "heartbeat", look_heartbeat, AS_ROOT, "configuration" },
        { "metrics", look_metrics, AS_DAEMON, "configuration" },
};

static const char *row_user(const struct checkup *c, enum as as) {
        switch (as) {
        case AS_ROOT:
                return "root";
        case AS_DAEMON:
        case AS_DAEMON_OR_CALLER:
                return checkup_daemon_user(c);
        case AS_SYNC:
                return checkup_sync_user(c);
        case AS_GATEWAY:
                return checkup_gateway_user(c);
        case AS_CALLER:
                break;
        }
        return NULL;
}

/* The child's half: it is in a session of its own, so that nothing can ask a question on the terminal. */
_Noreturn static void look_in_child(
        const struct checkup *c, const struct row *row, const struct passwd *user, pid_t parent, int fd) {
        struct finding f = { .kind = FINDING_OFF };
        int null, r;

        (void) setsid();
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
                (void) dup2(null, stream);
        r = user ? become(user) : 0;
        /* After the change of user, which would undo it (prctl(2)). */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        if (r < 0)
                finding_skip(&f, "cannot become user %s: %s", user->pw_name, strerror(-r));
        else
                row->look(c, &f);
        _exit(write(fd, &f, sizeof f) == sizeof f ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Waits until the child has said something, ended, or used up its time. */
static void hear(const struct checkup *c, int fd, struct finding *f) {
        usec_t patience =
                DEADLINE + (c->config ? MAX(c->config->workspace.timeout, c->config->secrets.timeout) : 0);
        usec_t deadline = now_usec(CLOCK_MONOTONIC) + patience;
        char span[SPAN_MAX];
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct finding heard;
        int r;

        do {
                usec_t now = now_usec(CLOCK_MONOTONIC);

                r = poll(&p, 1, now < deadline ? (int) ((deadline - now) / USEC_PER_MSEC) + 1 : 0);
        } while (r < 0 && errno == EINTR);

        if (r == 0)
                finding_bad(f, "no result within %s", format_span(span, patience));
        else if (r < 0 || read(fd, &heard, sizeof heard) != sizeof heard)
                finding_bad(f, "could not be looked at: the process that looked at it died");
        else {
                *f = heard;
                /* It ran as somebody else. */
                f->text[sizeof f->text - 1] = f->mend[sizeof f->mend - 1] = '\0';
        }
}

static void look_as(
        const struct checkup *c, const struct row *row, const struct passwd *user, struct finding *f) {
        pid_t parent = getpid(), child;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0) {
                finding_bad(f, "could not be looked at: %s", strerror(errno));
                return;
        }
        (void) fflush(stdout);
        child = fork();
        if (child == 0) {
                (void) close(fds[0]);
                look_in_child(c, row, user, parent, fds[1]);
        }
        (void) close(fds[1]);
        if (child < 0)
                finding_bad(f, "could not be looked at: %s", strerror(errno));
        else {
                hear(c, fds[0], f);
                /* What it started, ssh say, is in its session, and goes with it. */
                (void) kill(-child, SIGKILL);
                (void) kill(child, SIGKILL);
                while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        (void) close(fds[0]);
}

/* False, with a finding, if the row's turn cannot come because of what FINDINGS holds already: one without a text if what
 * it waits for is said above. */
static bool may_look(const struct row *row, const struct finding *findings, struct finding *f) {
        for (size_t i = 0; row->after && i < ELEMENTSOF(table); i++) {
                if (strcmp(table[i].title, row->after) != 0)
                        continue;
                if (findings[i].kind == FINDING_OK)
                        break;
                f->kind = findings[i].kind == FINDING_OFF ? FINDING_OFF : FINDING_SKIPPED;
                return false;
        }
        return true;
}

static void look(const struct checkup *c, const struct row *row, struct finding *f) {
        const char *name = row->as == AS_DAEMON_OR_CALLER && !c->root ? NULL : row_user(c, row->as);
        const struct passwd *user = name ? getpwnam(name) : NULL;

        if (name && !user)
                finding_skip(f, "there is no user %s to look as", name);
        else if (!user || user->pw_uid == geteuid())
                look_as(c, row, NULL, f);
        else if (c->root)
                look_as(c, row, user, f);
        else
                finding_skip(f, "only user %s can tell: sudo %s doctor", name, c->names->program);
}

static void count_config_error(const char *path _unused_, unsigned line, const char *what, void *userdata) {
        struct checkup *c = userdata;

        if (c->config_error)
                return;
        if ((line > 0 ? asprintf(&c->config_error, "line %u: %s", line, what)
                      : asprintf(&c->config_error, "%s", what)) < 0)
                c->config_error = NULL;
}

static void checkup_done(struct checkup *c) {
        struct unit_facts *units[] = { &c->daemon, &c->sync, &c->gateway, &c->tailscaled, &c->old_monitor };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                unit_facts_clear(units[i]);
        free(c->config_error);
        free(c->bus_error);
        free(c->virtualization);
        if (c->config)
                config_free(c->config);
}

static int sum_up(const struct finding *findings) {
        unsigned n[_FINDING_MAX] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                n[findings[i].kind]++;
        if (n[FINDING_BAD] == 0 && n[FINDING_SKIPPED] == 0) {
                (void) puts("All is well.");
                return EXIT_SUCCESS;
        }
        (void) printf("%u to mend, %u not looked at, %u well.\n", n[FINDING_BAD], n[FINDING_SKIPPED],
                n[FINDING_OK]);
        return EXIT_FAILURE;
}

int cmd_doctor(const struct instance *names, bool quiet _unused_, bool json _unused_) {
        _cleanup_(checkup_done) struct checkup c = { .names = names, .root = geteuid() == 0 };
        struct finding findings[ELEMENTSOF(table)] = { 0 };
        /* Who came by sudo(8) pastes into a shell that is not root's. */
        bool roots_shell = c.root && !getenv("SUDO_UID");
        bool colour = terminal_has_colour();

        (void) config_load(names->config, count_config_error, &c, &c.config);
        (void) checkup_ask_systemd(&c);

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (may_look(&table[i], findings, &findings[i]))
                        look(&c, &table[i], &findings[i]);
                if ((unsigned) findings[i].kind >= _FINDING_MAX)
                        findings[i].kind = FINDING_BAD;
                if (*findings[i].text)
                        finding_print(&findings[i], table[i].title, colour, roots_shell, stdout);
        }
        return sum_up(findings);
}
