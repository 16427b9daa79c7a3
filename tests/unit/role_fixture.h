/* A role on a bench: small stories, each a fact after the other and what the role makes of it. tests/proof/model*.c
 * explore how they follow one another. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/role.h"
#include "events.h"
#include "lib/text.h"

#define S USEC_PER_SEC
#define MINUTE USEC_PER_MINUTE
#define START (100000 * S)
#define PID 100

static const struct role_rules usual = {
        .failback = ROLE_FAILBACK_AUTO,
        .sync = true,
        .sync_deadline = 16 * S,
        .refresh = 15 * MINUTE,
        .start_timeout = 5 * MINUTE,
        .hang_timeout = 5 * MINUTE,
        .drain_timeout = 20 * S,
};

/* A machine, what it knows, and what it has done and said since somebody last asked. */
struct bench {
        struct role role;
        struct role_rules rules;
        struct facts f;
        usec_t look_at;
        char log[1024];
};

/* A standby with a stopped gateway and a healthy primary, synced a while ago. */
static inline struct bench bench(void) {
        return (struct bench){
                .role = { .sync_begun = START - 10 * MINUTE },
                .rules = usual,
                .f = { .now = START, .primary = HEALTH_UP, .gateway = UNIT_INACTIVE, .same_run = true },
                .look_at = USEC_INFINITY,
        };
}

static inline const char *action_name(enum role_action a) {
        static const char *const names[_ACTION_MAX] = { "", "sync", "end-sync", "start", "stop", "kill" };

        return names[a];
}

static inline void note(struct bench *b, const char *word) {
        appendf(b->log, sizeof b->log, "%s%s", *b->log ? " " : "", word);
}

static inline void carry_out(struct bench *b, enum role_action action) {
        if (action == ACTION_NONE)
                return;
        note(b, action_name(action));
        if (action == ACTION_SYNC)
                b->f.sync_running = true;
        else if (action != ACTION_STOP_SYNC)
                b->f.job = JOB_CALLING;
}

/* Looks until there is nothing more to do, as the daemon does on every event. */
static inline void settle(struct bench *b) {
        struct role_step step;
        unsigned looks = 0;

        do {
                step = role_step(&b->role, &b->rules, &b->f);
                if (step.event != EVENT_NONE)
                        note(b, event_name(step.event));
                carry_out(b, step.action);
                if (++looks > 8)
                        fail_msg("it never comes to rest: %s", b->log);
        } while (step.again);
        b->look_at = step.look_at;
        assert_true(b->look_at > b->f.now);
}

/* What happened must be exactly LOG: events by name and actions, in their order. */
static inline void expect_(struct bench *b, const char *log, int line) {
        settle(b);
        if (strcmp(b->log, log) != 0)
                fail_msg("line %d: \"%s\", not \"%s\"", line, b->log, log);
        b->log[0] = '\0';
}

#define expect(b, log) expect_(b, log, __LINE__)
#define expect_state(b, s) assert_string_equal(role_state_name((b)->role.state), role_state_name(s))
#define expect_mode(b, m) assert_string_equal(role_mode_name((b)->role.mode), role_mode_name(m))

/* Waits for the time the machine asked for, which must be WAIT from now: nothing may happen before. */
static inline void wait_(struct bench *b, usec_t wait, int line) {
        settle(b);
        if (b->look_at != b->f.now + wait)
                fail_msg("line %d: looks again in %" PRIu64 " us, not in %" PRIu64, line,
                        b->look_at - b->f.now, wait);
        b->f.now += wait - 1;
        expect_(b, "", line);
        b->f.now++;
}

#define wait_for(b, wait) wait_(b, wait, __LINE__)

/* Events of the world. */

static inline void gateway(struct bench *b, enum unit_state state) {
        b->f.gateway = state;
        b->f.job = JOB_NONE;
        b->f.main_pid = state == UNIT_ACTIVE || state == UNIT_STARTING || state == UNIT_STOPPING ? PID : 0;
        if (unit_state_runs(state))
                b->f.stopped_by = STOP_BY_NOBODY;
}

static inline void checked(struct bench *b, bool answers) {
        role_gateway_checked(&b->role, &b->rules, &b->f, answers ? ANSWER_HEALTHY : ANSWER_NONE);
}

static inline void said(struct bench *b, enum gateway_ready ready) {
        role_gateway_ready(&b->role, &b->f, ready);
}

static inline void primary(struct bench *b, enum health_level level) {
        b->f.primary = level;
        b->f.failing_since = level == HEALTH_DOWN ? b->f.now : 0;
}

/* It has stopped, and nobody else answers in its place. */
static inline void gone(struct bench *b, enum unit_state state) {
        gateway(b, state);
        settle(b);
        checked(b, false);
}

static inline void command(struct bench *b, enum role_command c) {
        assert_null(role_command(&b->role, &b->f, c, b->f.now + USEC_PER_HOUR));
}

/* Ways to a state, without a word about them. */

static inline void quietly(struct bench *b) {
        settle(b);
        b->log[0] = '\0';
}

static inline struct bench starting(void) {
        struct bench b = bench();

        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        quietly(&b);
        b.f.sync_running = false;
        expect(&b, "promoting start");
        expect_state(&b, ROLE_STARTING);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "");
        return b;
}

static inline struct bench promoted(void) {
        struct bench b = starting();

        checked(&b, true);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "promoted");
        expect_state(&b, ROLE_PROMOTED);
        b.f.now += b.rules.start_timeout; /* until then silence is its start */
        return b;
}

static inline struct bench demoting(void) {
        struct bench b = promoted();

        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
        expect_state(&b, ROLE_DEMOTING);
        gateway(&b, UNIT_STOPPING);
        expect(&b, "");
        return b;
}
