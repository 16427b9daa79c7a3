/* Records the times of one failover, and counts promotions; see timeline.h. */
#include "core/timeline.h"

#include <string.h>

#include "lib/text.h"

static usec_t between(usec_t from, usec_t to) {
        return from > 0 && to >= from ? to - from : USEC_INFINITY;
}

void timeline_begin(struct timeline *e, usec_t last_good, usec_t decided, const char *reason) {
        e->last_good = last_good;
        e->decided = decided;
        e->started = e->answered = e->ready = 0;
        e->again = e->kept_back = false;
        safe_text(e->reason, sizeof e->reason, reason);
}

void timeline_started(struct timeline *e, usec_t now) {
        e->started = e->started ?: now;
}

static usec_t outage(const struct timeline *e) {
        return e->decided > 0 ? between(e->last_good, e->answered) : USEC_INFINITY;
}

void timeline_was_promoted(struct timeline *e, usec_t since) {
        e->promoted_at = since;
        e->outage = outage(e);
        memcpy(e->cause, e->reason, sizeof e->cause);
}

void timeline_promoted(struct timeline *e, usec_t now) {
        e->answered = now;
        /* A gateway that failed and is back continues the same promotion. */
        if (!e->again || !timeline_is_open(e))
                timeline_was_promoted(e, now);
        if (e->decided > 0 && !e->again)
                e->promotions++;
}

void timeline_ready(struct timeline *e, usec_t now) {
        e->ready = e->ready ?: now;
}

void timeline_demoted(struct timeline *e, usec_t now) {
        if (timeline_is_open(e))
                e->demoted_at = now;
        e->again = false;
}

bool timeline_is_open(const struct timeline *e) {
        return e->promoted_at > e->demoted_at;
}

void timeline_fill_story(const struct timeline *e, usec_t now, struct story *s) {
        s->by_hand = e->decided == 0;
        s->again = e->again;
        s->reason = e->reason;
        s->outage = outage(e);
        s->detecting = e->kept_back ? USEC_INFINITY : between(e->last_good, e->decided);
        s->syncing = between(e->decided, e->started);
        s->starting = between(e->started, e->answered);
        s->ready = between(e->answered, e->ready);
        s->active = between(e->started, e->ready);
        s->down = e->decided > 0 ? between(e->last_good, now) : USEC_INFINITY;
        s->promoted = timeline_is_open(e) ? between(e->promoted_at, now) : USEC_INFINITY;
}
