/* Verdicts and time become a level: is that gateway unknown, up or down?
 *
 * Pure: no I/O, no clock, no allocation. All times are CLOCK_BOOTTIME in microseconds and are passed in.
 *
 * Promote readily, demote reluctantly: down at the threshold, up again only after several good checks in a row, more
 * of them the more often it went down within the last hour.
 *
 * | check     | counts                                                                     |
 * |-----------|----------------------------------------------------------------------------|
 * | up        | to recover_threshold; ends every row                                       |
 * | not ready | to ready_timeout; proves life, so it ends every other row                  |
 * | down      | to fail_threshold since the last good check                                |
 * | starting, | the same, and restart_grace has to pass first                              |
 * | draining  |                                                                            |
 * | silent    | to silent_timeout since the first failed check, without the time cut off   |
 * | cut off   | to cut_off_wait; it neither adds to the other rows nor ends them           | */
#pragma once

#include "core/verdict.h"
#include "lib/util.h"
#include "roles.h"

/* From the configuration; thresholds are at least 1, and each time may be USEC_INFINITY: never. */
struct health_rules {
        usec_t interval;         /* the longest between the starts of two checks */
        unsigned fail_threshold; /* clear failures since the last good check */
        usec_t silent_timeout;
        unsigned recover_threshold; /* good checks in a row */
        usec_t restart_grace;       /* how much longer a gateway has that said it restarts; 0: none */
        usec_t cut_off_wait;        /* how long being cut off keeps the level from becoming down */
        usec_t ready_timeout;       /* how long a gateway may say that it is not ready */
};

#define FAILBACKS_MAX 8

struct health {
        enum health_level level;
        usec_t since;         /* of this level; 0 while it was never known */
        enum verdict why;     /* while down: what decided, DOWN, SILENT, NOT_READY or CUT_OFF */
        unsigned failures;    /* in a row, of whatever kind */
        unsigned clear;       /* those of them that count to fail_threshold */
        unsigned goods;       /* in a row, up to now */
        usec_t last_check;    /* when the last check ended; 0: none yet */
        usec_t last_good;     /* when the last good check ended; 0: none yet */
        usec_t failing_since; /* when the first failed check of this row ended; 0: the gateway lives */
        usec_t silent_since;  /* the same, later by the time that this machine was cut off meanwhile */
        usec_t cut_off_since; /* when this machine was first found cut off, and be it before the first check that
                               * counts; 0: by the last check it was not */
        usec_t restarting_since; /* when the gateway first said so in this row of failures; 0: it did not */
        usec_t not_ready_since;  /* when it first said so since it was ready; 0: it did not */
        usec_t failbacks[FAILBACKS_MAX]; /* when the last ones began, a ring; 0: unused */
        unsigned next_failback;
        bool early; /* set from outside: nothing here runs in its place yet, so one good check makes it up again */
        usec_t called_off; /* when that last happened; 0: never */
};

/* What one check changed. */
struct health_change {
        bool level; /* .level is another than before */
        bool standstill; /* no check for so long that counting starts again: this machine was suspended or frozen */
        usec_t gap; /* if .standstill: for how long */
};

/* Counts one check that ended at NOW. */
struct health_change health_check(
        struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now);

/* When time alone, and one more check like the last, makes it down: the end of what cut_off_wait, restart_grace,
 * silent_timeout or ready_timeout still allow. *WHY says which: CUT_OFF, STARTING, SILENT or NOT_READY.
 * 0: no time is waited for. */
usec_t health_waits_until(const struct health *h, const struct health_rules *rules, enum verdict *why);

/* Good checks in a row that are needed at NOW to be up again: recover_threshold, doubled for every failback within the
 * last hour, as long as that takes no more than ten minutes. One, if it is EARLY, was not down
 * for being not ready, and did not come back this way within ten minutes. */
unsigned health_recover_needed(const struct health *h, const struct health_rules *rules, usec_t now);

/* A failback begins at NOW. */
void health_failback(struct health *h, usec_t now);

/* At NOW there has been no check for so long that this machine stood still: the level may be an old one. */
bool health_is_old(const struct health *h, const struct health_rules *rules, usec_t now);

/* The clock is not to be trusted: the level stays, counting starts again. */
void health_restart_counting(struct health *h);
