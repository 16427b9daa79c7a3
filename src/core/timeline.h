/* The times of one failover, from the last good check to the failback, for reports.
 *
 * Pure. All times are CLOCK_BOOTTIME in microseconds; 0: it did not happen. */
#pragma once

#include "events.h"
#include "lib/util.h"

struct timeline {
        usec_t last_good; /* of the primary, or of the gateway here if that failed since; 0: never seen */
        usec_t decided;   /* when the daemon decided to promote; 0: a user or a drill did */
        usec_t started;   /* when the daemon first started the gateway */
        usec_t answered;  /* when the gateway had started: promoted */
        usec_t ready;     /* when the gateway's channels were first ready */
        bool kept_back;   /* .decided is when a mode or a pause ended: the primary was down before */
        bool again;       /* the same failover goes on with a restart of the gateway here */
        char reason[160]; /* what the deciding check found */

        /* The last promotion. It may belong to an earlier failover: this one's gateway may never answer. */
        usec_t promoted_at;
        usec_t demoted_at; /* the end of the last promotion that is over */
        usec_t outage;     /* from the last good check to the promotion; USEC_INFINITY: unknown */
        char cause[160];

        usec_t last_answered; /* when the gateway here last answered a check well */
        unsigned promotions;  /* how many because the primary was down, since the daemon started */
};

/* Begins a failover. DECIDED is 0 if a user or a drill decided. REASON may come from anywhere. */
void timeline_begin(struct timeline *e, usec_t last_good, usec_t decided, const char *reason);
void timeline_started(struct timeline *e, usec_t now);
void timeline_promoted(struct timeline *e, usec_t now);
void timeline_ready(struct timeline *e, usec_t now);
/* Continues a promotion by an earlier daemon at SINCE. The caller calls timeline_begin() before. */
void timeline_was_promoted(struct timeline *e, usec_t since);
/* Ends the failover, promoted or not. */
void timeline_demoted(struct timeline *e, usec_t now);
/* Whether the last promotion still goes on. */
bool timeline_is_open(const struct timeline *e);

/* Fills in the failover's part of S. */
void timeline_fill_story(const struct timeline *e, usec_t now, struct story *s);
