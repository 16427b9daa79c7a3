/* The command `drill`; see status_command.h.
 *
 * The daemon does the drill; this starts it, and prints what the daemon reports. */
#include <string.h>
#include <sysexits.h>

#include "cli/daemon_client.h"
#include "cli/status_command.h"
#include "events.h"
#include "lib/clock.h"

/* How long to wait for a daemon that systemd restarts. */
#define PATIENCE_MSEC 30000

struct drill {
        usec_t begun; /* CLOCK_BOOTTIME */
        bool changed; /* the daemon must be asked again */
        enum role_event result;
};

static void print_line(const struct drill *d, const char *what) {
        usec_t elapsed = now_usec(CLOCK_BOOTTIME) - d->begun;

        printf("%7.1f s  %s\n", (double) elapsed / USEC_PER_SEC, what);
        (void) fflush(stdout);
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        static const enum role_event results[] = { EVENT_DRILL_ANSWERED, EVENT_DRILL_FAILED,
                EVENT_DRILL_REAL };
        const char *event, *message;
        struct drill *d = userdata;

        if (sd_bus_message_read(m, "ss", &event, &message) < 0)
                return 0;
        print_line(d, message);
        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                if (strcmp(event, event_name(results[i])) == 0)
                        d->result = results[i];
        return 0;
}

/* Prints how the drill ended. Returns the exit status. */
static int sum_up(const struct drill *d, const struct instance *n) {
        switch (d->result) {
        case EVENT_DRILL_ANSWERED:
                printf("\nThe drill has passed. OpenClaw calls a channel ready that still connects. To be sure of\n"
                       "the tokens: `sudo %s promote`, as the gateway's user `openclaw channels status --probe`,\n"
                       "and `sudo %s auto`.\n",
                        n->program, n->program);
                return EXIT_WELL;
        case EVENT_DRILL_FAILED:
                printf("\nThe drill has failed: a failover would fail. See `%s doctor`.\n", n->program);
                return EXIT_DEGRADED;
        case EVENT_DRILL_REAL:
                printf("\nThe primary went down: this is a failover now.\n");
                return EX_TEMPFAIL;
        default:
                printf("\nThe drill ended before the gateway here was ready: it proves nothing.\n");
                return EXIT_DEGRADED;
        }
}

/* systemd starts a daemon again that has failed, and the daemon continues the drill. */
static int follow(struct drill *d, sd_bus *bus, const struct instance *n) {
        for (bool was_absent = false;;) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
                struct status s;
                bool absent;
                int r;

                d->changed = false;
                r = client_get_status(bus, n, &m, &s);
                /* The daemon may have signalled events before the answer. */
                while (sd_bus_process(bus, NULL) > 0)
                        ;
                if (r == 0 && s.mode != MODE_DRILL)
                        return sum_up(d, n);
                if (r != 0 && r != EXIT_NOT_RUNNING)
                        return r;
                absent = r != 0;
                if (absent && !was_absent)
                        print_line(d, "The daemon has stopped, or hangs. Waiting for systemd to start it.");
                was_absent = absent;
                r = 1;
                while (r > 0 && !d->changed)
                        r = client_wait(bus, absent ? PATIENCE_MSEC : -1);
                if (r <= 0)
                        return r < 0 ? client_no_bus(r) : client_nobody(n);
        }
}

int cmd_drill(const struct instance *n) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        struct drill d = { .begun = now_usec(CLOCK_BOOTTIME) };
        int r;

        r = sd_bus_open_system(&bus);
        /* Follows the daemon before the drill begins, so that no event is missed. */
        if (r >= 0)
                r = client_follow(bus, n, &d.changed, on_event, &d);
        if (r < 0)
                return client_no_bus(r);
        r = client_command(bus, n, "Drill", 0);
        if (r != 0)
                return r;
        printf("To end the drill early: `%s auto`. It goes on when this command is interrupted.\n",
                n->program);
        return follow(&d, bus, n);
}
