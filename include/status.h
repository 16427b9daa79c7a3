/* All that there is to see from outside, in one place: what D-Bus shows, `status` prints and STATUS= says in a sentence.
 *
 * Times are CLOCK_REALTIME in microseconds; 0 is never, or not. Texts are safe to print and borrowed: good until the loop
 * turns. */
#pragma once

#include "lib/util.h"
#include "roles.h"

struct status {
        const char *program; /* what a person types for this instance (instance.h) */

        enum role_state state;
        usec_t since; /* of the state */
        enum mode mode;
        usec_t paused_until; /* USEC_INFINITY: until resumed */

        const char *primary;      /* host:port */
        enum health_level health; /* of primary and seniors together */
        usec_t health_since;
        const char *verdict; /* of the last check; "" before the first */
        const char *reason;  /* its words */
        bool channels_fail; /* the primary has said so for longer than it may, and that is no reason to promote */
        usec_t took;        /* a span */
        usec_t checked;
        usec_t next_check;
        usec_t interval; /* a span, from the start of one check to that of the next */
        unsigned failures, fail_needed;
        unsigned goods, recover_needed;
        bool restarts; /* it fails again and again, each time too short for a failover (restart_loop.h) */
        const char *senior; /* the name of one that has taken over; "" if none */
        /* What is waited for, however many checks fail, in words, and until when; 0: nothing. */
        const char *waits_for;
        usec_t waits_until;

        const char *unit;
        enum unit_state unit_state;
        bool warm;             /* the gateway runs here all the time, and the unit switches its channels */
        bool answers;          /* the gateway here did, when it was last asked */
        bool gateway_restarts; /* it fails again and again, and systemd starts it again */
        unsigned starts;       /* tried since it last worked */
        usec_t next_start;     /* when it is tried again */
        usec_t hang_at;        /* while it is silent: when it is restarted; 0: never */
        usec_t kill_at; /* while it stops, and is to be started again: if it still runs then, it is killed */

        usec_t synced;    /* when the last sync ended */
        bool sync_ok;     /* it did all there was to do */
        const char *sync; /* what it did; "" before the first */
        /* The branches with work that the primary does not have, and the commands that merge them there; one a line. */
        const char *unmerged, *merge;
        usec_t sync_succeeded; /* when one last did all there was to do */

        /* The last failover, of an earlier daemon too. */
        usec_t began_at;     /* the last good check; 0: unknown, or by hand */
        usec_t promoted_at;  /* when the gateway here had started */
        usec_t demoted_at;   /* when it ended; 0: it goes on */
        usec_t outage;       /* a span; USEC_INFINITY: unknown */
        const char *cause;   /* what the deciding check found; "" */
        uint64_t promotions; /* since the daemon started */

        bool failback; /* by itself, when the primary is back */

        /* How long it takes at most to find out that … */
        usec_t detect_refused;    /* … the gateway is dead */
        usec_t detect_unanswered; /* … its machine is */
        usec_t detect_silent;     /* … it hangs */
        usec_t start_took;        /* the gateway here, the last time; 0: not known */

        usec_t key_expires;         /* this machine's Tailscale key; 0: never, or not known */
        usec_t primary_key_expires; /* the same of the primary */

        unsigned undelivered;        /* alerts that wait, because the service does not take them */
        const char *alert_error;     /* why; "" if they are delivered */
        const char *heartbeat_error; /* likewise */
};

#define SENTENCE_MAX 384

/* The worst thing that is true, first: "Standby: the primary is up, answered in 3 ms at 14:03:07". Returns BUF. */
char *status_sentence(const struct status *s, char buf[static SENTENCE_MAX]);

/* What happens next, and when: "After 2 more failed checks, in about 4 s, the daemon starts the gateway here." NOW is
 * CLOCK_REALTIME. Returns BUF. */
char *status_next(const struct status *s, usec_t now, char buf[static SENTENCE_MAX]);

/* Sets .detect_… from the keys of [primary]. */
void status_set_detection(struct status *s, usec_t check_interval, usec_t retry_interval, usec_t timeout,
        usec_t silent_timeout, unsigned fail_threshold);

/* How long a failover takes here: "up to 9.0 s to detect a dead gateway, 14.0 s a dead machine …". Returns BUF. */
char *status_expectation(const struct status *s, char buf[static SENTENCE_MAX]);

/* By the last check: this machine has no network. */
bool status_is_cut_off(const struct status *s);
/* By the last check: the primary answers, and its channels are not ready. */
bool status_is_not_ready(const struct status *s);
/* On standby in mode auto, the primary is up, and its channels with it, and the gateway here does not run. */
bool status_is_well(const struct status *s);

/* As the exit status of `status` has them. */
enum status_level {
        STATUS_WELL,     /* that, and sync, alerts and heartbeat work */
        STATUS_DEGRADED, /* promoted, or something is wrong */
        STATUS_UNREACHABLE, /* the primary is down, and no gateway answers here. Never of a machine that is cut off */
};
enum status_level status_level(const struct status *s);
const char *status_level_name(enum status_level level);
