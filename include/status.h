/* All that there is to see from outside, in one place: what D-Bus shows, `status` prints and STATUS= says in a sentence.
 *
 * Times are CLOCK_REALTIME in microseconds; 0 is never, or not. Texts are safe to print and borrowed: good until the loop
 * turns. */
#pragma once

#include "core/role.h"
#include "lib/util.h"

struct status {
        const char *program; /* how a person addresses this instance (instance.h); NULL: the plain one */

        enum role_state state;
        usec_t since; /* of the state */
        enum mode mode;
        usec_t paused_until; /* USEC_INFINITY: until resumed */

        const char *primary;      /* host:port */
        enum health_level health; /* of primary and seniors together */
        usec_t health_since;
        const char *verdict; /* of the last check; "" before the first */
        const char *reason;  /* its words */
        usec_t took;         /* a span */
        usec_t checked;
        usec_t next_check;
        usec_t interval; /* a span, from the start of one check to that of the next */
        unsigned failures, fail_needed;
        unsigned goods, recover_needed;
        const char *senior; /* the name of one that has taken over; "" if none */
        /* What is waited for, however many checks fail, in words, and until when; 0: nothing. */
        const char *waits_for;
        usec_t waits_until;

        const char *unit;
        enum unit_state unit_state;
        bool answers;      /* the gateway here did, when it was last asked */
        unsigned starts;   /* tried since it last worked */
        usec_t next_start; /* when it is tried again */
        usec_t kill_at; /* while it stops, and is to be started again: if it still runs then, it is killed */

        usec_t synced;    /* when the last sync ended */
        bool sync_ok;     /* it did all there was to do */
        const char *sync; /* what it did; "" before the first */
        /* The branch with what the standby learned and the primary does not have, "" if none; and the command that merges it,
         * to be run on the primary. */
        const char *learned, *merge;
        usec_t sync_succeeded; /* when one last did all there was to do */

        usec_t promoted_at;  /* the last time; since the daemon started or by the marker */
        usec_t blackout;     /* a span, of that; USEC_INFINITY: unknown */
        const char *cause;   /* of that; "" */
        usec_t demoted_at;   /* the last time; of a promotion that goes on, earlier than that */
        uint64_t promotions; /* since the daemon started */

        bool failback; /* by itself, when the primary is back */
};

#define SENTENCE_MAX 256

/* "standby: primary up, answered in 3 ms at 14:03:07". Returns BUF. */
char *status_sentence(const struct status *s, char buf[static SENTENCE_MAX]);

/* What happens next, and when, in words: "At the third failed check, in about 12 s, the gateway is started here." NOW is
 * CLOCK_REALTIME. Returns BUF. */
char *status_next(const struct status *s, usec_t now, char buf[static SENTENCE_MAX]);

/* All is as it should be: on standby in mode auto, the primary is up, and the gateway here does not run. */
bool status_is_well(const struct status *s);
