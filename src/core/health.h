/* Counts checks until a gateway is up or down: its level.
 *
 * Pure: no I/O, no clock, no allocation. All times are CLOCK_BOOTTIME in microseconds and are passed in.
 *
 * Promote readily, demote reluctantly: the level is down at the threshold, and up again only after several
 * good checks in a row. Each failback within the last hour makes that more checks.
 *
 * | check     | counts                                                                     |
 * |-----------|----------------------------------------------------------------------------|
 * | up        | to recover_threshold; ends every row                                       |
 * | not ready | to ready_timeout; proves life, so it ends every other row                  |
 * | down      | to fail_threshold since the last good check                                |
 * | starting, | as "down", but restart_grace must pass first                               |
 * | draining  |                                                                            |
 * | silent    | to silent_timeout since the first failed check, without the time cut off   |
 * | cut off   | to cut_off_wait; it neither adds to the other rows nor ends them           | */
#pragma once

#include "core/verdict.h"
#include "lib/util.h"
#include "roles.h"

/* From the configuration. Thresholds are at least 1. A time may be USEC_INFINITY: never. */
struct health_rules {
        usec_t interval;         /* the longest between the starts of two checks */
        unsigned fail_threshold; /* clear failures since the last good check */
        usec_t silent_timeout;
        unsigned recover_threshold; /* good checks in a row */
        usec_t restart_grace; /* how much longer a gateway has after it said that it restarts; 0: none */
        usec_t cut_off_wait;  /* how long a missing network here keeps the level from going down */
        usec_t ready_timeout; /* how long a gateway may say that it is not ready */
};

#define FAILBACKS_MAX 8

struct health {
        enum health_level level;
        usec_t since;         /* when .level last changed; 0: never */
        enum verdict why;     /* while down: the deciding verdict, DOWN, SILENT, NOT_READY or CUT_OFF */
        unsigned failures;    /* failed checks in a row, of any kind */
        unsigned clear;       /* those of .failures that count to fail_threshold */
        unsigned goods;       /* good checks in a row, up to now */
        usec_t last_check;    /* when the last check ended; 0: none yet */
        usec_t last_good;     /* when the last good check ended; 0: none yet */
        usec_t failing_since; /* when this row of failures began; 0: the gateway lives */
        usec_t silent_since;  /* .failing_since plus the time that this machine was cut off since then */
        usec_t cut_off_since; /* when this machine was found cut off, maybe before a check; 0: it is not */
        usec_t restarting_since; /* when the gateway first said in this row that it restarts; 0: never */
        usec_t not_ready_since;  /* when the gateway first said that it is not ready any more; 0: it is */
        usec_t failbacks[FAILBACKS_MAX]; /* when the last failbacks began, a ring; 0: unused */
        unsigned next_failback;
        bool early;        /* set by the caller: no gateway here has started, so one good check means up */
        usec_t called_off; /* when .early last made the level up; 0: never */
};

/* Counts one check that ended at NOW. Returns for how long there was no check if this machine was suspended or
 * frozen, so that counting starts again and the level stays; else 0. */
usec_t health_check(struct health *h, const struct health_rules *rules, enum verdict verdict, usec_t now);

/* Returns the time from which one more check like the last makes the level down: when cut_off_wait,
 * restart_grace, silent_timeout or ready_timeout ends. *RET_FOR says for what it waits: "the network here".
 * Returns 0, and "" in *RET_FOR, if the level does not wait for a time. */
usec_t health_waits_until(const struct health *h, const struct health_rules *rules, const char **ret_for);

/* Returns how many good checks in a row mean up at NOW: recover_threshold, doubled for every failback within
 * the last hour as long as that takes ten minutes at most. One is enough if .early, unless "not ready" made
 * the level down, or .early made it up within the last ten minutes. */
unsigned health_recover_needed(const struct health *h, const struct health_rules *rules, usec_t now);

/* Remembers that a failback begins at NOW. */
void health_failback(struct health *h, usec_t now);

/* Whether the last check is so old at NOW that this machine must have stood still: the level is old, too. */
bool health_is_old(const struct health *h, const struct health_rules *rules, usec_t now);

/* Starts counting again after a standstill. The level stays. */
void health_restart_counting(struct health *h);
