/* One failover, from the last good check to the way back: when what happened, so that it can be told at the end.
 *
 * Pure. All times are CLOCK_BOOTTIME in microseconds; 0: it did not happen. */
#pragma once

#include "events.h"
#include "lib/util.h"

struct timeline {
        usec_t last_good; /* of the primary, or of the gateway here if that was lost meanwhile; 0: never seen */
        usec_t decided;   /* 0: by hand */
        usec_t started;   /* the gateway, the first time */
        usec_t answered;  /* the gateway */
        usec_t ready;     /* its channels, the first time */
        bool kept_back;   /* .decided was not when counting ended, but when a person let it */
        bool again;       /* the gateway here was lost and is started again: the same failover goes on */
        char reason[160]; /* what the deciding check said */

        /* The last promotion, which may be an earlier one: this one's gateway may not answer, ever. */
        usec_t promoted_at;
        usec_t demoted_at; /* of the last one that is over */
        usec_t outage;     /* USEC_INFINITY: not known */
        char cause[160];

        usec_t over_at;       /* when the last one ended, promoted or not */
        usec_t last_answered; /* the gateway here, likewise */
        uint64_t promotions;  /* how many because the primary was down */
};

/* It is decided to run the gateway here. DECIDED is 0 if a person decided. REASON may come from anywhere. */
void timeline_begin(struct timeline *e, usec_t last_good, usec_t decided, const char *reason);
void timeline_started(struct timeline *e, usec_t now);
void timeline_promoted(struct timeline *e, usec_t now);
/* What timeline_begin() has begun is served by a gateway that runs already, for a drill. */
void timeline_taken_over(struct timeline *e, usec_t now);
void timeline_ready(struct timeline *e, usec_t now);
/* The daemon before this one had promoted, at SINCE; timeline_begin() has been told the rest. */
void timeline_was_promoted(struct timeline *e, usec_t since);
/* It is over, however it ended. */
void timeline_demoted(struct timeline *e, usec_t now);
/* Promoted, and not demoted since. */
bool timeline_is_open(const struct timeline *e);

/* Of the last promotion, from the last good check to the first answer here, at most; USEC_INFINITY if that is not known. */
usec_t timeline_outage(const struct timeline *e);

/* Fills in what S tells of it. */
void timeline_tell(const struct timeline *e, usec_t now, struct story *s);
