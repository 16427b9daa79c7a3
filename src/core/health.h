/* Verdicts and time become a level: is that gateway unknown, up or down?
 *
 * Pure: no I/O, no clock, no allocation. All times are CLOCK_BOOTTIME in microseconds and are passed in.
 *
 * Promote readily, demote reluctantly: down at the threshold, up again only after several good checks in a row, more
 * of them the more often it fell over within the last hour. */
#pragma once

#include "core/verdict.h"
#include "lib/util.h"

enum health_level {
        HEALTH_UNKNOWN,
        HEALTH_UP,
        HEALTH_DOWN,
        _HEALTH_MAX,
};

/* From the configuration; thresholds are at least 1. */
struct health_rules {
        usec_t interval;            /* between the starts of two checks */
        unsigned fail_threshold;    /* failed checks in a row, if the last was a clear failure */
        unsigned unclear_threshold; /* the same if the last does not prove a death */
        unsigned recover_threshold; /* good checks in a row */
        usec_t restart_grace; /* how much longer a gateway that said it restarts is waited for; 0: not at all */
        usec_t hold;          /* how long being cut off keeps the level from becoming down */
};

#define FAILBACKS_MAX 8

struct health {
        enum health_level level;
        usec_t since;      /* of this level; 0 while it was never known */
        unsigned failures; /* in a row, up to now */
        unsigned cut_offs; /* those of them that found this machine cut off; 0 once the last one did not */
        unsigned goods;    /* in a row, up to now */
        usec_t last_check; /* when the last check ended; 0: none yet */
        usec_t last_good;  /* when the last good check ended; 0: none yet */
        usec_t failing_since; /* when the first failed check of this row ended; 0: the last one was good */
        usec_t cut_off_since; /* likewise for checks that found this machine cut off; 0: the last one did not */
        usec_t restarting_since; /* when the gateway first said so in this row of failures; 0: it did not */
        usec_t failbacks[FAILBACKS_MAX]; /* when the last ones began, a ring; 0: unused */
        unsigned next_failback;
};

/* What one check changed. */
struct health_change {
        bool level;      /* .level is another than before */
        bool standstill; /* no check for so long that counting began anew: this machine was suspended or frozen */
        usec_t gap;      /* if .standstill: for how long */
};

/* Counts one check that ended at NOW. */
struct health_change health_check(
        struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now);

/* Failed checks in a row that are needed, if they go on as the last one, VERDICT. */
unsigned health_fail_needed(const struct health_rules *rules, enum verdict verdict);

/* Until when there is reason to believe that the primary lives, or will in a moment: the end of the hold or of the grace
 * that began in this row of failures, be it over or not. It only delays. 0: there is no such reason. */
usec_t health_doubt_until(const struct health *h, const struct health_rules *rules);

/* Good checks in a row that are needed at NOW to be up again: recover_threshold, doubled for every failback within the
 * last hour, as long as that takes no more than ten minutes. */
unsigned health_recover_needed(const struct health *h, const struct health_rules *rules, usec_t now);

/* A failback begins at NOW. */
void health_failback(struct health *h, usec_t now);

/* The rules have changed or the clock is not to be trusted: the level stays, counting begins anew. */
void health_restart_counting(struct health *h);

const char *health_level_name(enum health_level level);
