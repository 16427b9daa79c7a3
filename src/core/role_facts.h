/* For role*.c alone: questions about the role and the facts, and what the role remembers. */
#pragma once

#include "core/role.h"

/* How long a check of the gateway here takes at most, with some slack. */
#define ASKED_WITHIN (10 * USEC_PER_SEC)
/* A process that is about to exit may still give one good answer. */
#define ANSWERS_NEEDED 2

static inline bool is_stopped(const struct facts *f) {
        return f->job == JOB_NONE && (f->gateway == UNIT_INACTIVE || f->gateway == UNIT_FAILED);
}

static inline bool is_running(const struct facts *f) {
        return unit_state_runs(f->gateway);
}

/* Its program runs, though systemd may still wait for its word (Type=notify) or for its end (Type=oneshot).
 * The program that switches a warm gateway's channels has to end first. */
static inline bool has_begun(const struct role_rules *rules, const struct facts *f) {
        return f->gateway == UNIT_ACTIVE || (!rules->warm && f->gateway == UNIT_STARTING && f->main_pid > 0);
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

/* A start that has not succeeded ends with failback = manual, too: this machine is not promoted yet. */
static inline bool has_not_started(const struct role *r) {
        return r->state == ROLE_STARTING && !r->promoted_before;
}

/* The gateway here is needed, or may be soon. */
static inline bool in_trouble(const struct role *r, const struct facts *f) {
        return f->failing_since > 0 || f->primary == HEALTH_DOWN || calls_for_run(r, f);
}

/* The daemon checks the gateway here at least every third of hang_timeout (local_gateway.c). If the last
 * silence is older, this machine stood still. */
static inline bool silence_is_old(
        const struct role *r, const struct role_rules *rules, const struct facts *f) {
        return f->now - r->silent_last > rules->hang_timeout / 3 + ASKED_WITHIN;
}

/* Update what R remembers, for an action that R decided and for an event that the daemon reports. */
void role_note_action(struct role *r, enum role_action action, const struct facts *f);
void role_note_event(struct role *r, enum role_event event, usec_t now);
/* Changes R to the state TO because of WHY. */
void role_enter(struct role *r, enum role_state to, enum role_event why, usec_t now);
