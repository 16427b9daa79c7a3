/* The command `drill`; see status_command.h.
 *
 * The daemon does the drill; this starts it, and prints what the daemon reports. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "cli/daemon_client.h"
#include "cli/daemon_follow.h"
#include "cli/status_command.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"

#define EXIT_INTERRUPTED (128 + SIGINT)
/* How long a daemon that is restarted is waited for. */
#define PATIENCE (30 * USEC_PER_SEC)

struct drill {
        const struct instance *instance;
        sd_event *event;
        usec_t begun;              /* CLOCK_BOOTTIME */
        bool known;                /* the daemon was seen … */
        bool seen;                 /* … in the drill */
        bool gone;                 /* it is not there just now … */
        sd_event_source *patience; /* … for no longer than this */
        usec_t synced;             /* as seen last */
        enum { OPEN, PASSED, FAILED, REAL } result;
        int exit;
};

static void print_line(const struct drill *d, const char *what) {
        usec_t elapsed = now_usec(CLOCK_BOOTTIME) - d->begun;

        printf("%7.1f s  %s\n", (double) elapsed / USEC_PER_SEC, what);
        (void) fflush(stdout);
}

static void end(struct drill *d, int code) {
        d->exit = code;
        (void) sd_event_exit(d->event, 0);
}

/* The drill is over, however it went. */
static void sum_up(struct drill *d) {
        static const struct {
                int exit;
                const char *words;
                const char *see; /* a command of ours */
        } results[] = {
                [OPEN] = { EXIT_DEGRADED,
                        "The drill ended before the gateway here was ready: it proves nothing.", NULL },
                [PASSED] = { EXIT_WELL,
                        "The drill has passed. OpenClaw calls a channel ready that still connects.", NULL },
                [FAILED] = { EXIT_DEGRADED, "The drill has failed: a failover would fail.", "doctor" },
                [REAL] = { EX_TEMPFAIL, "The primary went down: this is a failover now.", "status" },
        };

        printf("\n%s", results[d->result].words);
        if (results[d->result].see)
                printf(" See `%s %s`.", d->instance->program, results[d->result].see);
        if (d->result == PASSED)
                printf(" To be sure of the tokens:\n"
                       "`sudo %s promote`, as the gateway's user `openclaw channels status --probe`, and\n"
                       "`sudo %s auto`.",
                        d->instance->program, d->instance->program);
        printf("\n");
        end(d, results[d->result].exit);
}

static void on_event(const char *event, const char *message, void *userdata) {
        static const struct {
                enum role_event event;
                int result;
        } meanings[] = {
                { EVENT_DRILL_ANSWERED, PASSED },
                { EVENT_DRILL_FAILED, FAILED },
                { EVENT_DRILL_REAL, REAL },
        };
        struct drill *d = userdata;

        print_line(d, message);
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (strcmp(event, event_name(meanings[i].event)) == 0)
                        d->result = meanings[i].result;
}

static bool in_drill(const struct status *s) {
        return s->mode == MODE_DRILL;
}

/* A sync has no event of its own. */
static void look_at_sync(struct drill *d, const struct status *s) {
        char text[640];

        if (d->known && s->synced != d->synced && s->state == ROLE_STANDBY) {
                (void) snprintf(text, sizeof text, "Synced: %s.", s->sync);
                print_line(d, text);
        }
}

static void on_changed(const struct status *s, void *userdata) {
        struct drill *d = userdata;

        if (d->gone)
                print_line(d, "The daemon is running again.");
        d->gone = false;
        (void) sd_event_source_set_enabled(d->patience, SD_EVENT_OFF);
        if (in_drill(s))
                look_at_sync(d, s);
        d->known = true;
        d->synced = s->synced;
        d->seen = d->seen || in_drill(s);
        if (d->result == REAL || (d->seen && !in_drill(s)))
                sum_up(d);
}

/* systemd starts it again, and it carries on with the drill. */
static void on_gone(void *userdata) {
        struct drill *d = userdata;

        if (d->gone)
                return;
        print_line(d, "The daemon has stopped. Waiting for systemd to start it.");
        d->gone = true;
        (void) sd_event_source_set_time_relative(d->patience, PATIENCE);
        (void) sd_event_source_set_enabled(d->patience, SD_EVENT_ONESHOT);
}

static int on_patience(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct drill *d = userdata;

        end(d, client_nobody(d->instance));
        return 0;
}

static void on_failed(int error, void *userdata) {
        struct drill *d = userdata;

        if (error == -EBADMSG) {
                end(d, client_other_version(d->instance));
                return;
        }
        log_error("The connection to the system bus is lost. The drill goes on: see `journalctl -u %s`.",
                d->instance->unit);
        end(d, EXIT_NOT_RUNNING);
}

static int on_signal(
        sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_, void *userdata) {
        struct drill *d = userdata;

        printf("\nThe drill goes on, and ends by itself. To end it now: `%s auto`. To follow it: `%s status --watch`.\n",
                d->instance->program, d->instance->program);
        end(d, EXIT_INTERRUPTED);
        return 0;
}

static int add_sources(struct drill *d) {
        int r = sd_event_add_time_relative(d->event, &d->patience, CLOCK_MONOTONIC, 0, 0, on_patience, d);

        if (r >= 0)
                r = sd_event_source_set_enabled(d->patience, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_signal, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_signal, d);
        return r;
}

static int run(struct drill *d) {
        static const struct follow_calls calls = { on_changed, on_event, on_gone, on_failed };
        _cleanup_(follow_freep) struct follow *f = NULL;
        int r;

        r = sd_event_default(&d->event);
        if (r >= 0)
                r = follow_new(d->event, d->instance, &calls, d, &f);
        if (r < 0)
                return client_no_bus(r);
        /* Followed before it begins, so that nothing of it is missed. */
        d->begun = now_usec(CLOCK_BOOTTIME);
        r = client_command(follow_bus(f), d->instance, COMMAND_DRILL, 0);
        if (r != 0)
                return r;
        r = add_sources(d);
        if (r >= 0)
                r = sd_event_loop(d->event);
        if (r < 0) {
                log_error("Cannot follow the drill, which goes on: %s.", strerror(-r));
                return EX_OSERR;
        }
        return d->exit;
}

int cmd_drill(const struct instance *n) {
        struct drill d = { .instance = n };
        int r = run(&d);

        sd_event_source_disable_unref(d.patience);
        sd_event_unref(d.event);
        return r;
}
