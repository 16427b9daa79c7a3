/* The command `drill`; see status_command.h.
 *
 * The daemon does the drill; this starts it, and prints what the daemon reports. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "cli/daemon_client.h"
#include "cli/status_command.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"

#define EXIT_INTERRUPTED (128 + SIGINT)
/* How long to wait for a daemon that systemd restarts. */
#define PATIENCE (30 * USEC_PER_SEC)

struct drill {
        const struct instance *instance;
        sd_bus *bus;
        usec_t begun;  /* as all times here, CLOCK_BOOTTIME */
        bool changed;  /* the daemon must be asked again */
        bool known;    /* the daemon was seen … */
        bool seen;     /* … in the drill */
        usec_t gone;   /* since when the daemon is not running; 0: it is */
        usec_t synced; /* as seen last */
        enum { OPEN, PASSED, FAILED, REAL } result;
};

#define GOES_ON (-1) /* in place of an exit status */

static void print_line(const struct drill *d, const char *what) {
        usec_t elapsed = now_usec(CLOCK_BOOTTIME) - d->begun;

        printf("%7.1f s  %s\n", (double) elapsed / USEC_PER_SEC, what);
        (void) fflush(stdout);
}

/* Prints how the drill ended. Returns the exit status. */
static int sum_up(const struct drill *d) {
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
        return results[d->result].exit;
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        static const struct {
                enum role_event event;
                int result;
        } meanings[] = {
                { EVENT_DRILL_ANSWERED, PASSED },
                { EVENT_DRILL_FAILED, FAILED },
                { EVENT_DRILL_REAL, REAL },
        };
        const char *event, *message;
        struct drill *d = userdata;

        if (sd_bus_message_read(m, "ss", &event, &message) < 0)
                return 0;
        print_line(d, message);
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (strcmp(event, event_name(meanings[i].event)) == 0)
                        d->result = meanings[i].result;
        return 0;
}

static int look_at_status(struct drill *d, const struct status *s) {
        bool in_drill = s->mode == MODE_DRILL;
        char text[640];

        if (d->gone > 0)
                print_line(d, "The daemon is running again.");
        d->gone = 0;
        /* A sync has no event of its own. */
        if (in_drill && d->known && s->synced != d->synced && s->state == ROLE_STANDBY) {
                (void) snprintf(text, sizeof text, "Synced: %s.", s->sync);
                print_line(d, text);
        }
        d->known = true;
        d->synced = s->synced;
        d->seen = d->seen || in_drill;
        return d->result == REAL || (d->seen && !in_drill) ? sum_up(d) : GOES_ON;
}

/* systemd starts the daemon again, and the daemon continues the drill. */
static int look_at_absence(struct drill *d) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        if (d->gone == 0) {
                print_line(d, "The daemon has stopped, or hangs. Waiting for systemd to start it.");
                d->gone = now;
        }
        return now - d->gone < PATIENCE ? GOES_ON : client_nobody(d->instance);
}

/* Returns an exit status if the drill is over, else GOES_ON. */
static int ask(struct drill *d) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct status s;
        int r;

        d->changed = false;
        r = client_get_status(d->bus, d->instance, &m, &s);
        /* The daemon may have signalled events before the answer. */
        while (sd_bus_process(d->bus, NULL) > 0)
                ;
        return r == 0 ? look_at_status(d, &s) : r == EX_PROTOCOL ? r : look_at_absence(d);
}

/* 0, or a negative errno: -EINTR after a signal, -ECONNRESET if the bus is lost. */
static int wait_for_news(struct drill *d, sd_event *event) {
        int r = 1, lost;

        while (r > 0 && !d->changed && sd_event_get_state(event) != SD_EVENT_FINISHED)
                r = sd_event_run(event, d->gone > 0 ? PATIENCE : UINT64_MAX);
        if (sd_event_get_exit_code(event, &lost) >= 0)
                r = lost ? -ECONNRESET : -EINTR;
        return MIN(r, 0);
}

static int follow(struct drill *d, sd_event *event) {
        int code, r = 0;

        do
                code = ask(d);
        while (code == GOES_ON && (r = wait_for_news(d, event)) >= 0);
        if (code != GOES_ON)
                return code;
        if (r == -EINTR) {
                printf("\nThe drill goes on, and ends by itself. To end it now: `%s auto`. To follow it: `%s status --watch`.\n",
                        d->instance->program, d->instance->program);
                return EXIT_INTERRUPTED;
        }
        log_error("The connection to the system bus is lost. The drill goes on: see `journalctl -u %s`.",
                d->instance->unit);
        return EXIT_NOT_RUNNING;
}

int cmd_drill(const struct instance *n) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        struct drill d = { .instance = n, .begun = now_usec(CLOCK_BOOTTIME) };
        int r;

        r = sd_bus_open_system(&bus);
        d.bus = bus;
        /* Follows the daemon before the drill begins, so that no event is missed. */
        if (r >= 0)
                r = client_follow(bus, n, &d.changed, on_event, &d);
        if (r < 0)
                return client_no_bus(r);
        r = client_command(bus, n, COMMAND_DRILL, 0);
        if (r != 0)
                return r;
        /* After the command, which may wait for a password: an interrupt then ends this program as usual. */
        r = client_open_loop(bus, &event);
        return r < 0 ? client_no_bus(r) : follow(&d, event);
}
