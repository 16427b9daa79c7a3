/* What the parts of the role ask of it and of the facts: for role*.c alone. */
#pragma once

#include "core/role.h"

/* What a check of the gateway here takes at most, with some slack. */
#define ASKED_WITHIN (10 * USEC_PER_SEC)
/* One good answer may be the last of a process that is on its way out. */
#define ANSWERS_NEEDED 2

static inline bool is_stopped(const struct facts *f) {
        return f->job == JOB_NONE && (f->gateway == UNIT_INACTIVE || f->gateway == UNIT_FAILED);
}

static inline bool is_running(const struct facts *f) {
        return unit_state_runs(f->gateway);
}

static inline bool paused(const struct role *r) {
        return r->paused_until > 0;
}

static inline bool calls_for_run(const struct role *r, const struct facts *f) {
        if (paused(r))
                return false;
        return r->mode == MODE_PINNED || (r->mode == MODE_DRILL && !r->drill_done) ||
                (r->mode == MODE_AUTO && f->primary == HEALTH_DOWN &&
                        !(r->state == ROLE_STANDBY && f->doubted));
}

/* With failback = manual, too: there is nothing to stay promoted with. */
static inline bool has_not_started(const struct role *r) {
        return r->state == ROLE_STARTING && !r->promoted_before;
}

/* The gateway here is needed, or may be soon. */
static inline bool in_trouble(const struct role *r, const struct facts *f) {
        return f->failing_since > 0 || f->primary == HEALTH_DOWN || calls_for_run(r, f);
}

/* It is asked every third of hang_timeout at least, and has some seconds to answer (local_gateway.h). If it was not, this machine
 * stood still. */
static inline bool silence_is_old(
        const struct role *r, const struct role_rules *rules, const struct facts *f) {
        return f->now - r->silent_last > rules->hang_timeout / 3 + ASKED_WITHIN;
}

/* What R remembers of an action that was decided and of an event that is reported. */
void role_note_action(struct role *r, enum role_action action, const struct facts *f);
void role_note_event(struct role *r, enum role_event event, usec_t now);
/* R goes to state TO because of WHY. */
void role_enter(struct role *r, enum role_state to, enum role_event why, usec_t now);
