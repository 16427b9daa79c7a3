/* All that the daemon reports of itself: D-Bus shows it, `status` prints it, STATUS= has it as a sentence.
 *
 * Times are CLOCK_REALTIME in microseconds; 0: never, or it does not apply. Texts are safe to print. They
 * are borrowed, and valid until the loop turns. */
#pragma once

#include "lib/util.h"
#include "roles.h"

struct status {
        const char *program; /* what a user types for this instance (instance.h) */

        enum role_state state;
        usec_t since; /* when .state began */
        enum mode mode;
        usec_t paused_until; /* USEC_INFINITY: until resumed */

        const char *primary;      /* host:port */
        enum health_level health; /* of the primary and the seniors together */
        usec_t health_since;
        const char *verdict; /* of the last check; "" before the first check */
        const char *reason;  /* the last check's reason in words */
        bool channels_fail; /* the primary's channels have failed for ready_timeout, and not_ready = alert */
        usec_t took;        /* a span: how long the last check took */
        usec_t checked;
        usec_t next_check;
        usec_t interval; /* a span, from the start of one check to the start of the next */
        unsigned failures, fail_needed;
        unsigned goods, recover_needed;
        bool restarts;      /* the primary fails again and again, each time too short for a failover */
        const char *senior; /* the name of a senior that has taken over; "": none */
        /* What the daemon waits for, in words, and until when, however many checks fail; 0: nothing. */
        const char *waits_for;
        usec_t waits_until;

        const char *unit;
        enum unit_state unit_state;
        bool warm;             /* the gateway runs here all the time, and .unit switches its channels */
        bool answers;          /* the gateway here answered the last check of it */
        bool gateway_restarts; /* the gateway here fails again and again, and systemd starts it again */
        unsigned starts;       /* attempts since the gateway here last worked */
        usec_t next_start;     /* when the daemon retries */
        usec_t hang_at;        /* when the daemon restarts a gateway that stays silent; 0: never */
        usec_t kill_at;        /* when the daemon kills a gateway that is stopping and is wanted again */

        usec_t synced;    /* when the last sync ended */
        bool sync_ok;     /* the last sync did all there was to do */
        const char *sync; /* what the last sync did; "" before the first sync */
        /* The branches whose work the primary lacks, and the commands that merge them there; one a line. */
        const char *unmerged, *merge;
        usec_t sync_succeeded; /* when a sync last did all there was to do */

        /* The last failover, also of an earlier daemon. */
        usec_t began_at;     /* the last good check; 0: unknown, or promoted by a user */
        usec_t promoted_at;  /* when the gateway here had started */
        usec_t demoted_at;   /* when the failover ended; 0: it goes on */
        usec_t outage;       /* a span; USEC_INFINITY: unknown */
        const char *cause;   /* what the deciding check found; "": unknown */
        unsigned promotions; /* how many since the daemon started, because the primary was down */

        bool failback; /* the daemon demotes by itself when the primary is back */

        /* How long it takes at most to detect … */
        usec_t detect_refused;    /* … a dead gateway */
        usec_t detect_unanswered; /* … a dead machine */
        usec_t detect_silent;     /* … a gateway that hangs */
        usec_t start_took;        /* how long the last start here took; 0: unknown */

        usec_t key_expires;         /* this machine's Tailscale key; 0: never, or unknown */
        usec_t primary_key_expires; /* the primary's Tailscale key; 0: never, or unknown */

        unsigned undelivered;        /* alerts that the service has not taken yet, or that were lost */
        const char *alert_error;     /* why alerts are not delivered; "": they are */
        const char *heartbeat_error; /* why the heartbeat fails; "": it does not */
};

#define SENTENCE_MAX 384

/* The worst fact first: "Standby: the primary is up, answered in 3 ms at 14:03:07". Returns BUF. */
char *status_sentence(const struct status *s, char buf[static SENTENCE_MAX]);

/* What happens next, and when: "After 2 more failed checks, in about 4 s, the daemon starts the gateway
 * here." NOW is CLOCK_REALTIME. Returns BUF. */
char *status_next(const struct status *s, usec_t now, char buf[static SENTENCE_MAX]);

/* Sets .detect_… from the keys of [primary]. */
void status_set_detection(struct status *s, usec_t check_interval, usec_t retry_interval, usec_t timeout,
        usec_t silent_timeout, unsigned fail_threshold);

/* How long a failover takes: "up to 9.0 s to detect a dead gateway, 14.0 s …". Returns BUF. */
char *status_expectation(const struct status *s, char buf[static SENTENCE_MAX]);

/* Whether the last check found that this machine has no network. */
bool status_is_cut_off(const struct status *s);
/* Whether the primary answered the last check, and its channels were not ready. */
bool status_is_not_ready(const struct status *s);
/* Whether primary and channels are up, and this standby is ready: in mode auto, not paused, stopped. */
bool status_is_well(const struct status *s);

/* The exit status of `status`. */
enum status_level {
        STATUS_WELL,        /* status_is_well(), and sync, alerts and heartbeat work */
        STATUS_DEGRADED,    /* promoted, or something is wrong */
        STATUS_UNREACHABLE, /* the primary is down, no gateway answers here; this machine is not cut off */
};
enum status_level status_level(const struct status *s);
const char *status_level_name(enum status_level level);
