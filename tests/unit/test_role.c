/* role.c: small stories, each a fact after the other and what the machine makes of it; and sweeps over every combination
 * of facts for what must always hold. tests/proof/model.c explores how they follow one another. */
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
static struct bench bench(void) {
        return (struct bench){
                .role = { .sync_begun = START - 10 * MINUTE },
                .rules = usual,
                .f = { .now = START, .primary = HEALTH_UP, .gateway = UNIT_INACTIVE, .same_run = true },
                .look_at = USEC_INFINITY,
        };
}

static const char *action_name(enum role_action a) {
        static const char *const names[_ACTION_MAX] = { "", "sync", "end-sync", "start", "stop", "kill" };

        return names[a];
}

static void note(struct bench *b, const char *word) {
        appendf(b->log, sizeof b->log, "%s%s", *b->log ? " " : "", word);
}

static void carry_out(struct bench *b, enum role_action action) {
        if (action == ACTION_NONE)
                return;
        note(b, action_name(action));
        if (action == ACTION_SYNC)
                b->f.sync_running = true;
        else if (action != ACTION_STOP_SYNC)
                b->f.job = JOB_CALLING;
}

/* Looks until there is nothing more to do, as the daemon does on every event. */
static void settle(struct bench *b) {
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
static void expect_(struct bench *b, const char *log, int line) {
        settle(b);
        if (strcmp(b->log, log) != 0)
                fail_msg("line %d: \"%s\", not \"%s\"", line, b->log, log);
        b->log[0] = '\0';
}
#define expect(b, log) expect_(b, log, __LINE__)

#define expect_state(b, s) assert_string_equal(role_state_name((b)->role.state), role_state_name(s))
#define expect_mode(b, m) assert_string_equal(role_mode_name((b)->role.mode), role_mode_name(m))

/* Waits for the time the machine asked for, which must be WAIT from now: nothing may happen before. */
static void wait_(struct bench *b, usec_t wait, int line) {
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

static void gateway(struct bench *b, enum unit_state state) {
        b->f.gateway = state;
        b->f.job = JOB_NONE;
        b->f.main_pid = state == UNIT_ACTIVE || state == UNIT_STARTING || state == UNIT_STOPPING ? PID : 0;
        if (unit_state_runs(state))
                b->f.stopped_by = STOP_UNKNOWN;
}

static void checked(struct bench *b, bool answers) {
        role_gateway_checked(&b->role, &b->rules, &b->f, answers ? ANSWER_HEALTHY : ANSWER_NONE);
}

static void primary(struct bench *b, enum health_level level) {
        b->f.primary = level;
        b->f.failing_since = level == HEALTH_DOWN ? b->f.now : 0;
}

/* It has stopped, and nobody else answers in its place. */
static void gone(struct bench *b, enum unit_state state) {
        gateway(b, state);
        settle(b);
        checked(b, false);
}

static void command(struct bench *b, enum role_command c) {
        assert_null(role_command(&b->role, &b->f, c, b->f.now + USEC_PER_HOUR));
}

/* Ways to a state, without a word about them. */

static void quietly(struct bench *b) {
        settle(b);
        b->log[0] = '\0';
}

static struct bench starting(void) {
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

static struct bench promoted(void) {
        struct bench b = starting();

        checked(&b, true);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "promoted");
        expect_state(&b, ROLE_PROMOTED);
        return b;
}

static struct bench demoting(void) {
        struct bench b = promoted();

        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
        expect_state(&b, ROLE_DEMOTING);
        gateway(&b, UNIT_STOPPING);
        expect(&b, "");
        return b;
}

/* Standby: the sync. */

static void test_the_early_sync_is_over_at_the_threshold(void **state _unused_) {
        struct bench b = bench();

        b.f.failing_since = b.f.now;
        expect(&b, "sync");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        checked(&b, false);
        b.f.now += 5 * S;
        b.f.sync_running = false;
        expect(&b, "");
        b.f.now += 5 * S;
        b.f.primary = HEALTH_DOWN;
        expect(&b, "promoting start");
}

static void test_a_promotion_waits_for_the_sync_no_longer_than_its_deadline(void **state _unused_) {
        struct bench b = bench();

        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "sync");
        wait_for(&b, 16 * S);
        expect(&b, "end-sync");
        b.f.now += S;
        b.f.sync_running = false;
        expect(&b, "promoting start");
}

/* It stands in a disk that hangs. */
static void test_a_sync_that_does_not_stop(void **state _unused_) {
        struct bench b = bench();

        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "sync");
        wait_for(&b, 16 * S);
        expect(&b, "end-sync");
        wait_for(&b, 5 * S);
        expect(&b, "promoting start");
}

static void test_a_refresh_in_flight_counts(void **state _unused_) {
        struct bench b = bench();

        wait_for(&b, 5 * MINUTE);
        expect(&b, "sync");
        b.f.now += 10 * MINUTE; /* a long one */
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "end-sync");
        b.f.sync_running = false;
        expect(&b, "promoting start");

        /* One that was begun by an earlier daemon gets its deadline from now. */
        b = bench();
        b.role.sync_begun = 0;
        b.f.sync_running = true;
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        wait_for(&b, 16 * S);
        expect(&b, "end-sync");
        b.f.sync_running = false;
        expect(&b, "promoting start");

        /* And when it ends long after, no second one is begun. */
        b = bench();
        b.role.sync_begun = START - 15 * MINUTE + S;
        b.f.sync_running = true;
        b.f.failing_since = START;
        expect(&b, "");
        b.f.sync_running = false;
        expect(&b, "");
}

static void test_one_early_sync_per_third_of_refresh(void **state _unused_) {
        struct bench b = bench();

        for (unsigned blip = 0; blip < 5; blip++) {
                b.f.failing_since = b.f.now;
                expect(&b, blip == 0 ? "sync" : "");
                b.f.sync_running = false;
                b.f.failing_since = 0;
                expect(&b, "");
                b.f.now += MINUTE;
        }
        b.f.failing_since = b.f.now; /* five minutes after the first */
        expect(&b, "sync");
}

/* What was refreshed a minute ago is a minute old: only syncs that trouble called for are rationed. */
static void test_a_refresh_is_no_early_sync(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.f.now - MINUTE;
        b.f.failing_since = b.f.now;
        expect(&b, "sync");
}

static void test_a_blip_within_the_trouble_begins_no_other_sync(void **state _unused_) {
        struct bench b = bench();

        b.rules.refresh = 0;
        primary(&b, HEALTH_DOWN);
        expect(&b, "sync");
        b.f.now += USEC_PER_HOUR;
        b.f.sync_running = false;
        expect(&b, "");
        b.f.failing_since = 0; /* one good check does not make it up */
        expect(&b, "");
        b.f.failing_since = b.f.now;
        expect(&b, "");
        checked(&b, false);
        expect(&b, "promoting start");
}

static void test_no_refresh(void **state _unused_) {
        struct bench b = bench();

        b.rules.refresh = 0;
        b.role.sync_begun = 0;
        expect(&b, "");
        assert_true(b.look_at == USEC_INFINITY);

        /* By hand: one sync, and no more, even if it fails at once. */
        command(&b, COMMAND_PROMOTE);
        checked(&b, false);
        expect(&b, "sync");
        b.f.now += USEC_PER_HOUR;
        b.f.sync_running = false;
        expect(&b, "promoting start");

        /* Blips. */
        b = bench();
        b.rules.refresh = 0;
        b.f.failing_since = b.f.now;
        expect(&b, "sync");
        b.f.sync_running = false;
        b.f.failing_since = 0;
        expect(&b, "");
        b.f.now += 5 * MINUTE - 1;
        b.f.failing_since = b.f.now;
        expect(&b, "");
}

static void test_no_sync_at_all(void **state _unused_) {
        struct bench b = bench();

        b.rules.sync = false;
        b.role.sync_begun = 0;
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted");
}

static void test_the_refresh(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = 0;
        expect(&b, "sync"); /* nothing is known of an earlier one */
        b.f.sync_running = false;
        wait_for(&b, 15 * MINUTE);
        expect(&b, "sync");
        b.f.now += 15 * MINUTE;
        expect(&b, ""); /* one at a time */
        b.f.sync_running = false;
        expect(&b, "sync");
}

static void test_no_refresh_on_the_way_to_a_promotion(void **state _unused_) {
        struct bench b = bench();

        b.rules.refresh = 3 * S;
        b.role.sync_begun = b.role.early_sync = b.f.now;
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        b.f.now += MINUTE; /* the address is not checked yet */
        expect(&b, "");
        checked(&b, false);
        expect(&b, "promoting start");
}

/* Standby: the start. */

static void test_the_address_is_checked_before_the_start(void **state _unused_) {
        struct bench b = bench();

        b.rules.sync = false;
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_NOT);
        b.f.failing_since = b.f.now;
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        checked(&b, false);
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        expect(&b, "promoting start");
}

/* What answers here while the unit is stopped is the warm gateway itself: its address is never in the way. */
static void test_a_warm_gateway_is_no_other_one(void **state _unused_) {
        for (int answers = 0; answers <= 1; answers++) {
                struct bench b = bench();

                b.rules.warm = true;
                b.rules.sync = false;
                checked(&b, answers);
                primary(&b, HEALTH_DOWN);
                expect(&b, "promoting start");
                b.f.gateway = UNIT_ACTIVE; /* a oneshot: it has no process */
                b.f.job = JOB_NONE;
                checked(&b, true);
                expect(&b, "");
                checked(&b, true);
                expect(&b, "promoted");
        }
}

/* Another gateway answers at the address: its answers are not ours. */
static struct bench starting_beside_another(void) {
        struct bench b = bench();

        b.rules.sync = false;
        primary(&b, HEALTH_DOWN);
        checked(&b, true);
        expect(&b, "promoting start");
        assert_int_equal(b.role.other, OTHER_ANSWERS);
        gateway(&b, UNIT_ACTIVE);
        for (unsigned i = 0; i < 5; i++) {
                checked(&b, true);
                expect(&b, "");
        }
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        return b;
}

static void test_another_gateway_answers(void **state _unused_) {
        struct bench b = starting_beside_another();

        /* It goes. */
        checked(&b, false);
        checked(&b, true);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "promoted");
}

static void test_another_gateway_was_gone_between_two_checks(void **state _unused_) {
        struct bench b = starting_beside_another();

        b.f.now += 5 * MINUTE - 1;
        checked(&b, true);
        expect(&b, "start-slow");
        b.f.now++;
        expect(&b, "promoted");
}

/* Each process that finds the address taken ends; the next one has to outlive start_timeout, too. */
static void test_another_gateway_outlives_ours(void **state _unused_) {
        struct bench b = starting_beside_another();

        b.f.now += 5 * MINUTE - 1;
        gateway(&b, UNIT_RESTARTING);
        checked(&b, true);
        expect(&b, "start-slow");
        gateway(&b, UNIT_ACTIVE);
        b.f.main_pid = PID + 1;
        checked(&b, true);
        checked(&b, true);
        b.f.now++;
        expect(&b, "");
        gateway(&b, UNIT_FAILED);
        expect(&b, "start-failed start");
}

/* It was restarted by systemd, whose word of that is late: those answers are its own. */
static void test_it_answers_before_systemd_says_that_it_runs(void **state _unused_) {
        struct bench b = starting();

        gateway(&b, UNIT_RESTARTING);
        checked(&b, false);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
}

static void test_the_address_is_checked_again_before_each_start(void **state _unused_) {
        struct bench b = starting();

        gateway(&b, UNIT_FAILED);
        expect(&b, "start-failed");
        b.f.now += 5 * S;
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        checked(&b, false);
        expect(&b, "start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
}

static void test_a_gateway_of_somebody_else(void **state _unused_) {
        struct bench b = bench();

        gateway(&b, UNIT_ACTIVE);
        b.f.same_run = false;
        expect(&b, "foreign");
        expect(&b, "");
        /* Each run once. */
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "foreign");
        primary(&b, HEALTH_UNKNOWN);
        expect(&b, "");
        primary(&b, HEALTH_UP);
        assert_non_null(
                role_command(&b.role, &b.f, COMMAND_DEMOTE, 0)); /* it would say that it is stopped */
        expect(&b, "");
        expect_mode(&b, MODE_AUTO);
        expect_state(&b, ROLE_STANDBY);
        assert_int_equal(role_intent(&b.role), INTENT_NONE);

        /* It is needed. */
        b.role.sync_begun = b.role.early_sync = b.f.now;
        primary(&b, HEALTH_DOWN);
        expect(&b, "adopted start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
}

static void test_wanted_while_somebody_stops_it(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        gateway(&b, UNIT_STOPPING);
        primary(&b, HEALTH_DOWN);
        expect(&b, "promoting");
        expect_state(&b, ROLE_DEMOTING);
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");
        gone(&b, UNIT_FAILED);
        expect(&b, "promoting start");
}

/* Starting. */

static void test_two_answers_of_one_process(void **state _unused_) {
        struct bench b = starting();

        checked(&b, true);
        b.f.main_pid = PID + 1;
        checked(&b, true);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "promoted");
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);

        /* In a row. */
        b = starting();
        checked(&b, true);
        checked(&b, false);
        checked(&b, true);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "promoted");

        /* An answer from before the unit was active, or of a process that is gone, is none. */
        b = starting();
        gateway(&b, UNIT_STARTING);
        checked(&b, true);
        checked(&b, true);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "");
        checked(&b, true);
        checked(&b, true);
        b.f.main_pid = PID + 1;
        expect(&b, "");
        b.f.main_pid = PID;
        expect(&b, "promoted");
}

static void test_it_says_that_it_has_started(void **state _unused_) {
        struct bench b = starting();

        role_gateway_checked(&b.role, &b.rules, &b.f, ANSWER_STARTED);
        expect(&b, "promoted");
}

static void test_systemd_tries_again_by_itself(void **state _unused_) {
        struct bench b = starting();

        gateway(&b, UNIT_RESTARTING);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        wait_for(&b, MINUTE);
        expect(&b, "start-slow");
        assert_true(b.look_at == USEC_INFINITY);
}

static void test_a_start_that_fails_is_tried_again_with_back_off(void **state _unused_) {
        static const usec_t waits[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
        struct bench b = starting();

        b.rules.start_timeout = USEC_PER_HOUR;
        for (size_t i = 0; i < ELEMENTSOF(waits); i++) {
                gateway(&b, UNIT_FAILED);
                checked(&b, false);
                expect(&b, i == 0 ? "start-failed" : "");
                wait_for(&b, waits[i] * S);
                expect(&b, "start");
                assert_int_equal(role_intent(&b.role), INTENT_STARTING);
        }
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
}

static void test_back_off(void **state _unused_) {
        static const unsigned seconds[] = { 5, 5, 10, 20, 40, 80, 160, 300, 300 };

        for (unsigned i = 0; i < ELEMENTSOF(seconds); i++)
                assert_true(role_back_off(i) == seconds[i] * S);
        assert_true(role_back_off(~0U) == 300 * S);
}

static void test_a_refused_start(void **state _unused_) {
        struct bench b = bench();

        b.rules.sync = false;
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "promoting start");
        b.f.job = JOB_NONE; /* polkit said no */
        checked(&b, false);
        expect(&b, "start-failed");
        wait_for(&b, 5 * S);
        expect(&b, "start");
}

static void test_a_person_does_not_wait_for_the_back_off(void **state _unused_) {
        static const enum role_command commands[] = { COMMAND_PROMOTE, COMMAND_AUTO, COMMAND_RESUME };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                struct bench b = starting();

                for (unsigned n = 0; n < 7; n++) {
                        gateway(&b, UNIT_FAILED);
                        checked(&b, false);
                        quietly(&b);
                        b.f.now += 5 * MINUTE;
                        quietly(&b);
                }
                gateway(&b, UNIT_FAILED);
                checked(&b, false);
                expect(&b, "");
                command(&b, commands[i]);
                expect(&b, "start");
                gateway(&b, UNIT_FAILED);
                checked(&b, false);
                expect(&b, "start-failed"); /* the person hears it again */
                wait_for(&b, 5 * S);
        }
}

static void test_a_start_is_called_off(void **state _unused_) {
        struct bench b = starting();

        /* A request that systemd has not taken is not overtaken. */
        b.f.job = JOB_CALLING;
        primary(&b, HEALTH_UP);
        expect(&b, "");
        b.f.job = JOB_START;
        expect(&b, "called-off stop");
        b.f.job = JOB_STOP;
        expect(&b, "");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "sync");
        expect_state(&b, ROLE_STANDBY);

        /* Nor is anything left to retry. */
        b = starting();
        gateway(&b, UNIT_FAILED);
        expect(&b, "start-failed");
        primary(&b, HEALTH_UP);
        expect(&b, "called-off stop");
        gateway(&b, UNIT_FAILED);
        expect(&b, "sync");
        assert_int_equal(role_intent(&b.role), INTENT_NONE);
}

static void test_a_manual_failback(void **state _unused_) {
        struct bench b = promoted();

        b.rules.failback = ROLE_FAILBACK_MANUAL;
        primary(&b, HEALTH_UP);
        expect(&b, "");
        assert_true(b.look_at == USEC_INFINITY);

        /* It stays promoted even if the gateway has to be started again. */
        gateway(&b, UNIT_FAILED);
        expect(&b, "lost");
        checked(&b, false);
        wait_for(&b, 10 * S);
        expect(&b, "start");
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        expect(&b, "");
        wait_for(&b, 20 * S);
        expect(&b, "start");
        gateway(&b, UNIT_ACTIVE);
        command(&b, COMMAND_DEMOTE);
        expect(&b, "demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted hold-over sync");

        /* There is nothing to stay promoted with: the gateway never came up. */
        b = starting();
        b.rules.failback = ROLE_FAILBACK_MANUAL;
        primary(&b, HEALTH_UP);
        expect(&b, "called-off stop");
}

/* Promoted. */

static void test_a_silent_gateway(void **state _unused_) {
        struct bench b = promoted();

        checked(&b, false);
        expect(&b, "silent");
        b.f.now += MINUTE;
        checked(&b, false);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "answers");
        assert_true(b.look_at == USEC_INFINITY);
        checked(&b, false);
        expect(&b, "silent");
}

/* Asked every third of hang_timeout, twice. */
static void stays_silent(struct bench *b) {
        for (int i = 0; i < 2; i++) {
                b->f.now += 100 * S;
                checked(b, false);
                expect(b, "");
        }
}

static void test_a_hung_gateway(void **state _unused_) {
        struct bench b = promoted();

        checked(&b, false);
        expect(&b, "silent");
        stays_silent(&b);
        wait_for(&b, 100 * S);
        expect(&b, "hung stop");
        expect_state(&b, ROLE_DEMOTING);
        assert_int_equal(role_intent(&b.role), INTENT_RESTARTING);
        b.f.job = JOB_STOP;
        b.f.gateway = UNIT_STOPPING;
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");
        gone(&b, UNIT_FAILED);
        expect(&b, "promoting start");
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);

        /* Again at once: the back-off grows. */
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        gateway(&b, UNIT_FAILED);
        expect(&b, "lost");
        checked(&b, false);
        wait_for(&b, 20 * S);
        expect(&b, "start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");

        /* After it worked for a while it is short again. */
        b.f.now += 5 * MINUTE;
        gateway(&b, UNIT_FAILED);
        expect(&b, "lost");
        checked(&b, false);
        wait_for(&b, 5 * S);
        expect(&b, "start");
}

static void test_a_hung_gateway_when_nobody_asks_for_a_change(void **state _unused_) {
        struct bench b = promoted();

        b.rules.failback = ROLE_FAILBACK_MANUAL;
        primary(&b, HEALTH_UP);
        checked(&b, false);
        expect(&b, "silent");
        stays_silent(&b);
        b.f.now += 100 * S;
        expect(&b, "hung stop");

        /* The stop is refused: it is still the hung one that runs. */
        b.f.job = JOB_NONE;
        expect(&b, "stop-failed");
        wait_for(&b, 5 * S);
        expect(&b, "stop");
        gone(&b, UNIT_INACTIVE);
        expect(&b, "promoting start");

        /* Called off, by the primary or by hand. */
        b = promoted();
        checked(&b, false);
        expect(&b, "silent");
        stays_silent(&b);
        b.f.now += 100 * S;
        expect(&b, "hung stop");
        struct bench c = b;
        primary(&b, HEALTH_UP);
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
        command(&c, COMMAND_DEMOTE);
        command(&c, COMMAND_PAUSE);
        gateway(&c, UNIT_RESTARTING);
        expect(&c, "");
}

static void test_who_is_not_hung(void **state _unused_) {
        struct bench b = promoted();

        /* A process that systemd has started in between has its own time to boot. */
        checked(&b, false);
        expect(&b, "silent");
        b.f.now += 4 * MINUTE;
        gateway(&b, UNIT_RESTARTING);
        checked(&b, false);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        b.f.main_pid = PID + 1;
        b.f.now += 10 * S;
        checked(&b, false);
        expect(&b, "");
        stays_silent(&b);
        wait_for(&b, 100 * S);
        expect(&b, "hung stop");

        /* With a hang_timeout that is shorter than a check is. */
        b = promoted();
        b.rules.hang_timeout = 1 * S;
        checked(&b, false);
        expect(&b, "silent");
        b.f.now += 5 * S;
        checked(&b, false);
        expect(&b, "hung stop");

        /* One that could not be asked, since this machine stood still, or systemd did not answer while it did. */
        b = promoted();
        checked(&b, false);
        expect(&b, "silent");
        b.f.now += 10 * MINUTE;
        expect(&b, "");
        checked(&b, false);
        expect(&b, "");
        stays_silent(&b);
        wait_for(&b, 100 * S);
        expect(&b, "hung stop");

        /* hang_timeout = 0 */
        b = promoted();
        b.rules.hang_timeout = 0;
        checked(&b, false);
        expect(&b, "silent");
        assert_true(b.look_at == USEC_INFINITY);

        /* One that somebody stops, or whose start is under way. */
        b = promoted();
        checked(&b, false);
        expect(&b, "silent");
        stays_silent(&b);
        b.f.now += 2 * MINUTE;
        gateway(&b, UNIT_STOPPING);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        b.f.job = JOB_START;
        expect(&b, "");
}

static void ended(struct bench *b, enum unit_state state, enum stop_cause cause) {
        gateway(b, state);
        b->f.stopped_by = cause;
}

static struct bench held(void) {
        struct bench b = promoted();

        gateway(&b, UNIT_STOPPING);
        expect(&b, "");
        ended(&b, UNIT_INACTIVE, STOP_BY_USER);
        expect(&b, "held sync");
        expect_mode(&b, MODE_HELD);
        b.f.sync_running = false;
        b.f.same_run = false;
        return b;
}

static void test_a_user_stops_it(void **state _unused_) {
        struct bench b = promoted();

        b.f.gateway = UNIT_INACTIVE;
        b.f.job = JOB_START; /* a restart: the user's job is not over */
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "");

        b = held();
        checked(&b, false);
        expect(&b, "");
        primary(&b, HEALTH_UP);
        expect(&b, "hold-over");
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "promoting start");
}

/* Stopped, updated, started. */
static void test_a_user_starts_it_again(void **state _unused_) {
        struct bench b = held();

        b.f.now += 10 * MINUTE - 1;
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "adopted start");
        expect_mode(&b, MODE_AUTO);
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");

        /* Ours, also when the primary has come back meanwhile. */
        b = held();
        primary(&b, HEALTH_UP);
        expect(&b, "hold-over");
        gateway(&b, UNIT_STARTING);
        expect(&b, "adopted start");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "demoting stop");

        /* A wish of its own. */
        b = held();
        b.f.now += 10 * MINUTE;
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "foreign");
        b = held();
        command(&b, COMMAND_DEMOTE);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "foreign");

        /* As it was before. */
        b = promoted();
        command(&b, COMMAND_PROMOTE);
        ended(&b, UNIT_INACTIVE, STOP_BY_USER);
        expect(&b, "held sync");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "adopted start");
        expect_mode(&b, MODE_PINNED);
}

/* Only a user's own stop of this very unit is a wish that it be stopped. */
static void test_what_stops_it_besides(void **state _unused_) {
        for (enum stop_cause cause = 0; cause <= STOP_BY_SHUTDOWN; cause++) {
                struct bench b = promoted();

                if (cause == STOP_BY_USER)
                        continue;
                ended(&b, UNIT_INACTIVE, cause);
                expect(&b, "lost");
                expect_mode(&b, MODE_AUTO);
                checked(&b, false);
                wait_for(&b, 10 * S);
                expect(&b, "start");
        }
}

static void test_nothing_is_meant_by_a_shutdown(void **state _unused_) {
        struct bench b = promoted();

        b.f.shutting_down = true;
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "");
        b.f.primary = HEALTH_UP;
        expect(&b, "");
        expect_state(&b, ROLE_PROMOTED);
        expect_mode(&b, MODE_AUTO);
}

static void test_systemd_cannot_be_asked(void **state _unused_) {
        struct bench b = promoted();

        b.f.gateway = UNIT_UNKNOWN;
        b.f.primary = HEALTH_UP;
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "demoting stop");
}

static void test_a_lost_gateway(void **state _unused_) {
        struct bench b = promoted();

        gateway(&b, UNIT_FAILED);
        expect(&b, "lost");
        expect_state(&b, ROLE_STARTING);
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);
        b.f.now += 10 * S;
        expect(&b, "");
        checked(&b, false);
        expect(&b, "start");

        /* Lost as the primary is back: there is no need for it. */
        b = promoted();
        gateway(&b, UNIT_FAILED);
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
}

/* Demoting. */

static void test_a_failback(void **state _unused_) {
        struct bench b = demoting();

        b.f.job = JOB_STOP;
        assert_int_equal(role_intent(&b.role), INTENT_DEMOTING);
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_NOT);
        wait_for(&b, 30 * S);
        expect(&b, "draining");
        b.f.now += 5 * MINUTE;
        expect(&b, "");
        b.f.gateway = UNIT_INACTIVE;
        expect(&b, ""); /* the job is not over */
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
        expect_state(&b, ROLE_STANDBY);
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_NOT);
}

static void test_the_work_is_saved_after_another_sync(void **state _unused_) {
        struct bench b = demoting();

        b.f.sync_running = true;
        b.role.sync_begun = b.role.early_sync = b.f.now;
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted");
        b.f.sync_running = false;
        expect(&b, "sync");
        b.f.sync_running = false;
        expect(&b, "");
}

static void test_down_again_while_it_drains(void **state _unused_) {
        struct bench b = demoting();

        b.f.job = JOB_STOP;
        b.f.now += 10 * S;
        primary(&b, HEALTH_DOWN);
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");

        /* The kill is refused, and is tried again. */
        b.f.job = JOB_NONE;
        wait_for(&b, 5 * S);
        expect(&b, "kill");
        gone(&b, UNIT_FAILED);
        expect(&b, "promoting start");

        /* The address is checked first, as before any start. */
        b = demoting();
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_NOT);
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        checked(&b, false);
        expect(&b, "promoting start");

        /* In time. */
        b = demoting();
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        b.f.now += 19 * S;
        gone(&b, UNIT_INACTIVE);
        expect(&b, "promoting start");

        /* Down, up, and down: patience begins anew. */
        b = demoting();
        b.f.job = JOB_STOP;
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        b.f.now += 19 * S;
        primary(&b, HEALTH_UP);
        expect(&b, "");
        b.f.now += 1 * S;
        primary(&b, HEALTH_DOWN);
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");
}

static void test_down_again_before_the_stop(void **state _unused_) {
        struct bench b = promoted();

        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
        primary(&b, HEALTH_DOWN);
        expect(&b, "");           /* the request is on its way, and is not overtaken */
        gateway(&b, UNIT_ACTIVE); /* refused */
        expect(&b, "promoting start");
}

static void test_a_refused_stop(void **state _unused_) {
        static const usec_t waits[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
        struct bench b = promoted();

        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
        for (size_t i = 0; i < ELEMENTSOF(waits); i++) {
                gateway(&b, UNIT_ACTIVE);
                expect(&b, i == 0 ? "stop-failed" : "");
                wait_for(&b, waits[i] * S);
                expect(&b, "stop");
        }

        /* Nothing drains that was not told to. */
        assert_false(b.role.said & 1U << EVENT_DRAINING);
}

static void test_somebody_starts_another_meanwhile(void **state _unused_) {
        struct bench b = demoting();

        gateway(&b, UNIT_ACTIVE);
        b.f.same_run = false;
        expect(&b, "foreign");
        expect_state(&b, ROLE_STANDBY);
        b.f.now += USEC_PER_HOUR;
        b.role.sync_begun = b.role.early_sync = b.f.now;
        expect(&b, "");

        b = demoting();
        gateway(&b, UNIT_ACTIVE);
        b.f.same_run = false;
        primary(&b, HEALTH_DOWN);
        expect(&b, "promoting start");
}

/* Modes. */

static void test_pinned(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_PROMOTE);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        primary(&b, HEALTH_UP);
        expect(&b, "");
        expect_mode(&b, MODE_PINNED);
        command(&b, COMMAND_AUTO);
        expect(&b, "demoting stop");
}

static void test_held(void **state _unused_) {
        struct bench b = promoted();

        command(&b, COMMAND_DEMOTE);
        expect(&b, "demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
        checked(&b, false);
        expect(&b, "");
        expect_mode(&b, MODE_HELD);
        primary(&b, HEALTH_UP);
        expect(&b, "hold-over");
        b.f.sync_running = false;
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "promoting start");
}

static void test_paused(void **state _unused_) {
        struct bench b = promoted();

        command(&b, COMMAND_PAUSE);
        primary(&b, HEALTH_UP);
        expect(&b, "");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "");
        gateway(&b, UNIT_FAILED);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, false);
        b.f.now += 20 * MINUTE;
        expect(&b, "silent");
        checked(&b, true);
        expect(&b, "answers");
        wait_for(&b, 40 * MINUTE);
        expect(&b, "pause-over demoting stop");

        /* A start that failed is somebody's to mend. */
        b = starting();
        command(&b, COMMAND_PAUSE);
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        b.f.now += 10 * MINUTE;
        quietly(&b);
        expect_state(&b, ROLE_STARTING);
        assert_int_equal(b.f.job, JOB_NONE);
        command(&b, COMMAND_RESUME);
        expect(&b, "start");

        /* No promotion, and no end without a word. */
        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        assert_null(role_command(&b.role, &b.f, COMMAND_PAUSE, USEC_INFINITY));
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "kept-back");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        b.rules.refresh = 0;
        expect(&b, "");
        assert_true(b.look_at == USEC_INFINITY);
        command(&b, COMMAND_RESUME);
        expect(&b, "promoting start");

        /* What is under way is carried on with, what is refused is not asked for again. */
        b = demoting();
        command(&b, COMMAND_PAUSE);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "stop-failed");
        b.f.now += 10 * MINUTE;
        expect(&b, "");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
}

static void test_drill(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted drill-answered demoting stop");
        assert_true(b.role.drill_done);
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted drill-over sync");
        expect_mode(&b, MODE_AUTO);
}

static struct bench drilling(void) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "");
        return b;
}

static void test_a_drill_that_fails(void **state _unused_) {
        struct bench b = drilling();

        gateway(&b, UNIT_FAILED);
        expect(&b, "drill-failed demoting stop");
        gateway(&b, UNIT_FAILED);
        expect(&b, "demoted drill-over sync");

        b = drilling();
        wait_for(&b, 5 * MINUTE);
        expect(&b, "drill-failed demoting stop");

        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoting start drill-failed");
        b.f.job = JOB_START;
        expect(&b, "demoting stop");

        /* Somebody starts the gateway just then: it is not the drill's to stop. */
        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "drill-failed drill-over foreign");
        expect_state(&b, ROLE_STANDBY);
        gateway(&b, UNIT_STOPPING);
        b.role.mode = MODE_DRILL;
        expect(&b, "drill-failed drill-over");
}

static void test_a_drill_that_becomes_real(void **state _unused_) {
        struct bench b = drilling();

        primary(&b, HEALTH_DOWN);
        expect(&b, "drill-real");
        expect_mode(&b, MODE_AUTO);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");

        b = drilling();
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted drill-answered demoting stop");
        gateway(&b, UNIT_STOPPING);
        primary(&b, HEALTH_DOWN);
        expect(&b, "drill-real");
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");
}

static void test_when_no_drill_begins(void **state _unused_) {
        struct bench good = bench(), b;

#define refused() (role_command(&b.role, &b.f, COMMAND_DRILL, 0) != NULL && b.role.mode != MODE_DRILL)
        b = good;
        b.role.state = ROLE_PROMOTED;
        assert_true(refused());
        b = good;
        b.role.mode = MODE_HELD;
        assert_true(refused());
        b = good;
        b.role.paused_until = USEC_INFINITY;
        assert_true(refused());
        assert_true(b.role.paused_until == USEC_INFINITY);
        b = good;
        b.f.primary = HEALTH_DOWN;
        assert_true(refused());
        b = good;
        b.f.primary = HEALTH_UNKNOWN;
        assert_non_null(strstr(role_command(&b.role, &b.f, COMMAND_DRILL, 0), "try again when"));
        b.f.failing_since = b.f.now;
        assert_non_null(strstr(role_command(&b.role, &b.f, COMMAND_DRILL, 0), "no time for a drill"));
        b = good;
        b.f.failing_since = b.f.now;
        assert_true(refused());
        b = good;
        b.f.gateway = UNIT_ACTIVE;
        assert_true(refused());
        b = good;
        b.f.gateway = UNIT_UNKNOWN;
        assert_true(refused());
        b = good;
        assert_false(refused());
#undef refused
}

/* Each command in each mode: the mode afterwards, and whether it is paused. */
static void test_every_command_in_every_mode(void **state _unused_) {
        static const struct {
                enum role_command command;
                enum mode to; /* _MODE_MAX: as it was */
                bool paused;
        } table[] = {
                { COMMAND_PROMOTE, MODE_PINNED, false },
                { COMMAND_DEMOTE, MODE_HELD, false },
                { COMMAND_AUTO, MODE_AUTO, false },
                { COMMAND_PAUSE, _MODE_MAX, true },
                { COMMAND_RESUME, _MODE_MAX, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum mode m = 0; m < _MODE_MAX; m++)
                        for (int pause = 0; pause < 2; pause++)
                                for (enum role_state s = 0; s < _ROLE_MAX; s++) {
                                        struct bench b = bench();

                                        b.role.state = s;
                                        b.role.mode = m;
                                        b.role.paused_until = pause ? USEC_INFINITY : 0;
                                        command(&b, table[i].command);
                                        expect_mode(&b, table[i].to == _MODE_MAX ? m : table[i].to);
                                        assert_int_equal(b.role.paused_until > 0, table[i].paused);
                                        assert_int_equal(b.role.state, s);
                                }

        struct bench b = bench();
        assert_non_null(role_command(&b.role, &b.f, _COMMAND_MAX, 0));
}

/* What each mode makes of each level: of a stopped gateway on standby, and of a promoted one. */
static void test_every_mode_at_every_level(void **state _unused_) {
        static const struct {
                enum mode mode;
                bool paused, manual;
                const char *standby[_HEALTH_MAX], *promoted[_HEALTH_MAX]; /* unknown, up, down */
        } table[] = {
                { MODE_AUTO, false, false, { "", "", "promoting start" }, { "", "demoting stop", "" } },
                { MODE_AUTO, false, true, { "", "", "promoting start" }, { "", "", "" } },
                { MODE_PINNED, false, false, { "promoting start", "promoting start", "promoting start" },
                        { "", "", "" } },
                { MODE_HELD, false, false, { "", "hold-over", "" },
                        { "demoting stop", "demoting stop", "demoting stop" } },
                { MODE_HELD, false, true, { "", "hold-over", "" },
                        { "demoting stop", "demoting stop", "demoting stop" } },
                { MODE_DRILL, false, false,
                        { "promoting start", "promoting start", "drill-real promoting start" },
                        { "drill-answered demoting stop", "drill-answered demoting stop", "drill-real" } },
                { MODE_AUTO, true, false, { "", "", "kept-back" }, { "", "", "" } },
                { MODE_PINNED, true, false, { "", "", "" }, { "", "", "" } },
                { MODE_HELD, true, false, { "", "hold-over", "" }, { "", "", "" } },
                { MODE_DRILL, true, false, { "", "", "drill-real kept-back" },
                        { "drill-answered", "drill-answered", "drill-real" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum health_level level = 0; level < _HEALTH_MAX; level++) {
                        struct bench b = bench(), c;

                        b.rules.failback = table[i].manual ? ROLE_FAILBACK_MANUAL : ROLE_FAILBACK_AUTO;
                        b.role.mode = table[i].mode;
                        b.role.paused_until = table[i].paused ? USEC_INFINITY : 0;
                        b.role.sync_begun = b.role.early_sync = b.f.now;
                        primary(&b, level);
                        c = b;
                        checked(&b, false);
                        b.role.other = OTHER_SILENT;
                        settle(&b);
                        assert_string_equal(b.log, table[i].standby[level]);

                        c.role.state = ROLE_PROMOTED;
                        gateway(&c, UNIT_ACTIVE);
                        settle(&c);
                        assert_string_equal(c.log, table[i].promoted[level]);
                }
}

/* After a restart of the daemon. */

static void test_every_marker_against_every_unit(void **state _unused_) {
        /* What the role becomes: s standby, t starting, p promoted, d demoting. */
        static const struct {
                enum unit_state unit;
                bool same_run;
                const char *by_intent; /* none, starting, promoted, demoting, restarting */
        } table[] = {
                { UNIT_INACTIVE, true, "sttdt" },
                { UNIT_INACTIVE, false, "sttdt" },
                { UNIT_FAILED, true, "sttdt" },
                { UNIT_FAILED, false, "sttdt" },
                { UNIT_STARTING, true, "stpdp" },
                { UNIT_STARTING, false, "sssss" },
                { UNIT_RESTARTING, true, "stpdp" },
                { UNIT_RESTARTING, false, "sssss" },
                { UNIT_ACTIVE, true, "stpdp" },
                { UNIT_ACTIVE, false, "sssss" },
                { UNIT_STOPPING, true, "sdddd" },
                { UNIT_STOPPING, false, "sdddd" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum role_intent intent = 0; intent < _INTENT_MAX; intent++) {
                        struct bench b = bench();
                        struct role_step step;
                        bool runs = table[i].unit == UNIT_STARTING || table[i].unit == UNIT_RESTARTING ||
                                table[i].unit == UNIT_ACTIVE;

                        gateway(&b, table[i].unit);
                        b.f.same_run = table[i].same_run;
                        b.f.primary = HEALTH_UNKNOWN;
                        step = role_resume(&b.role, intent, &b.f);
                        assert_int_equal(step.action, ACTION_NONE);
                        assert_true(step.again);
                        assert_int_equal("stpd"[b.role.state], table[i].by_intent[intent]);
                        assert_int_equal(step.event,
                                b.role.state != ROLE_STANDBY ? EVENT_RESUMED
                                        : runs               ? EVENT_FOREIGN
                                                             : EVENT_NONE);
                        if (step.event == EVENT_FOREIGN) /* and said it is */
                                assert_int_not_equal(
                                        role_step(&b.role, &b.rules, &b.f).event, EVENT_FOREIGN);
                }
}

static struct bench resumed(enum role_intent intent, enum unit_state unit, bool same_run) {
        struct bench b = bench();

        b.role = (struct role){};
        b.f.primary = HEALTH_UNKNOWN;
        gateway(&b, unit);
        b.f.same_run = same_run;
        role_resume(&b.role, intent, &b.f);
        return b;
}

static void test_carrying_on(void **state _unused_) {
        /* An unfinished start is done again, whatever the level, which is not known yet. */
        struct bench b = resumed(INTENT_STARTING, UNIT_INACTIVE, true);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        checked(&b, false);
        expect(&b, "start");
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        expect(&b, "start-failed");

        /* And ends when the primary turns out to be up. */
        primary(&b, HEALTH_UP);
        expect(&b, "called-off stop");

        b = resumed(INTENT_PROMOTED, UNIT_ACTIVE, true);
        expect(&b, "");
        expect_state(&b, ROLE_PROMOTED);
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");

        /* Demoting: the stop was not asked for, or its end was missed. */
        b = resumed(INTENT_DEMOTING, UNIT_ACTIVE, true);
        expect(&b, "stop");
        b = resumed(INTENT_DEMOTING, UNIT_INACTIVE, true);
        expect(&b, "demoted sync");
        b = resumed(INTENT_DEMOTING, UNIT_STOPPING, true);
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");

        /* A hung gateway that is stopped to be started again. */
        b = resumed(INTENT_RESTARTING, UNIT_STOPPING, true);
        expect(&b, "");
        assert_int_equal(role_intent(&b.role), INTENT_RESTARTING);
        gone(&b, UNIT_INACTIVE);
        expect(&b, "promoting start");
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);
        b = resumed(INTENT_RESTARTING, UNIT_STOPPING, true);
        gateway(&b, UNIT_ACTIVE);
        b.f.main_pid = PID + 1; /* by somebody's hand */
        expect(&b, "promoting start");
        b = resumed(INTENT_RESTARTING, UNIT_INACTIVE, true);
        checked(&b, false);
        expect(&b, "start");

        /* Somebody's own, and nothing at all. */
        b = resumed(INTENT_PROMOTED, UNIT_ACTIVE, false);
        b.role.sync_begun = b.role.early_sync = b.f.now;
        expect(&b, "");
        primary(&b, HEALTH_UP);
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        expect(&b, "adopted start");
        b = resumed(INTENT_NONE, UNIT_INACTIVE, true);
        expect(&b, "sync");
}

static void test_modes_survive(void **state _unused_) {
        struct bench b = bench();

        b.role.mode = MODE_PINNED;
        role_resume(&b.role, INTENT_NONE, &b.f);
        checked(&b, false);
        expect(&b, "sync");
        b.f.sync_running = false;
        expect(&b, "promoting start");

        b = bench();
        b.role.mode = MODE_HELD;
        primary(&b, HEALTH_DOWN);
        b.role.sync_begun = b.role.early_sync = b.f.now;
        role_resume(&b.role, INTENT_NONE, &b.f);
        checked(&b, false);
        expect(&b, "");

        /* A drill is not begun again, but is carried on with. */
        b = bench();
        b.role.mode = MODE_DRILL;
        role_resume(&b.role, INTENT_NONE, &b.f);
        expect(&b, "drill-over");
        b = bench();
        b.role.mode = MODE_DRILL;
        gateway(&b, UNIT_STOPPING);
        role_resume(&b.role, INTENT_STARTING, &b.f);
        expect(&b, "");
        assert_true(b.role.drill_done);
        b = bench();
        b.role.mode = MODE_DRILL;
        gateway(&b, UNIT_ACTIVE);
        role_resume(&b.role, INTENT_STARTING, &b.f);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted drill-answered demoting stop");
}

/* Sweeps: whatever is known, in whatever state. */

static usec_t some_time(unsigned choice) {
        static const usec_t times[] = { 0, START - 2 * USEC_PER_HOUR, START, START + 2 * S };

        return times[choice];
}

/* Each digit of N to a base of its own is one choice. */
static unsigned choose(unsigned long *n, unsigned of) {
        unsigned choice = *n % of;

        *n /= of;
        return choice;
}

/* The Nth of all situations; false: there are not so many. */
static bool situation(unsigned long n, struct bench *b) {
        unsigned tried;

        *b = bench();
        b->f.gateway = (enum unit_state) choose(&n, _UNIT_STATE_MAX);
        b->f.job = (enum unit_job) choose(&n, _UNIT_JOB_MAX);
        b->f.primary = (enum health_level) choose(&n, _HEALTH_MAX);
        b->role.state = (enum role_state) choose(&n, _ROLE_MAX);
        b->role.mode = (enum mode) choose(&n, _MODE_MAX);
        b->role.paused_until = choose(&n, 2) ? b->f.now + S : 0;
        b->f.failing_since = choose(&n, 2) ? b->f.now - S : 0;
        b->f.stopped_by = choose(&n, 2) ? STOP_BY_USER : STOP_BY_UNIT;
        b->f.same_run = choose(&n, 2);
        b->f.sync_running = choose(&n, 2);
        b->rules.failback = choose(&n, 2) ? ROLE_FAILBACK_MANUAL : ROLE_FAILBACK_AUTO;
        b->role.since = some_time(1 + choose(&n, 2));
        b->role.silent_since = some_time(choose(&n, 3));
        b->role.answers = choose(&n, 2) ? 2 : 0;
        b->role.other = choose(&n, 3);
        b->role.restart = b->role.state == ROLE_DEMOTING && choose(&n, 2);
        b->role.sync_begun = some_time(choose(&n, 3));
        tried = choose(&n, 3);
        b->role.starts = b->role.stops = tried > 0;
        b->role.start_again = b->role.stop_again = b->role.kill_again = some_time(tried > 0 ? 1 + tried : 0);
        b->role.answers_since = b->role.since;
        if (b->f.gateway == UNIT_STARTING || b->f.gateway == UNIT_ACTIVE || b->f.gateway == UNIT_STOPPING)
                b->f.main_pid = b->role.answers_pid = b->role.silent_pid = PID;
        return n == 0;
}

/* What may be asked of systemd in a situation. */
static void check_action(const struct bench *b, enum role_action action) {
        const struct facts *f = &b->f;

        if (action == ACTION_NONE)
                return;
        assert_false(f->shutting_down || f->gateway == UNIT_UNKNOWN);
        switch (action) {
        case ACTION_SYNC:
                assert_true(b->rules.sync && !f->sync_running && b->role.state == ROLE_STANDBY);
                break;
        case ACTION_START:
                assert_true(f->job == JOB_START || (f->job == JOB_NONE && f->gateway != UNIT_STOPPING));
                assert_true(b->role.paused_until == 0 || b->role.promoted_before);
                break;
        case ACTION_STOP:
                assert_true(f->job == JOB_NONE || f->job == JOB_START);
                assert_true(b->role.paused_until == 0);
                break;
        case ACTION_STOP_SYNC:
                assert_true(f->sync_running);
                break;
        case ACTION_KILL:
                assert_true(b->role.paused_until == 0);
                assert_true(f->job != JOB_CALLING && f->gateway == UNIT_STOPPING);
                break;
        default:
                fail();
        }
}

static void look_until_rest(struct bench *b) {
        struct role_step step;
        unsigned looks = 0;

        do {
                assert_true(++looks < 10);
                step = role_step(&b->role, &b->rules, &b->f);
                check_action(b, step.action);
                carry_out(b, step.action);
        } while (step.again);
        assert_true(step.look_at > b->f.now);
        b->look_at = step.look_at;
}

/* It comes to rest, asks for nothing that may not be asked, and at rest the time it wants to be looked at is the very next
 * at which it does anything. */
static void test_every_situation(void **state _unused_) {
        struct bench b;

        /* One in eleven, which has no factor in common with any of the choices. */
        for (unsigned long n = 0; situation(n, &b); n += 11) {
                b.role.promoted_before = b.role.restart;
                look_until_rest(&b);
                if (b.look_at == USEC_INFINITY)
                        b.f.now += USEC_PER_DAY;
                else
                        b.f.now = b.look_at - 1;
                assert_false(role_step(&b.role, &b.rules, &b.f).again);
                if (b.look_at == USEC_INFINITY)
                        continue;
                b.f.now = b.look_at;
                look_until_rest(&b);
        }
}

static void test_every_situation_in_which_nothing_can_be_done(void **state _unused_) {
        struct bench b;

        for (unsigned long n = 0; situation(n, &b); n += 143) {
                struct role before;

                if (n % 2)
                        b.f.shutting_down = true;
                else
                        b.f.gateway = UNIT_UNKNOWN;
                before = b.role;
                assert_false(role_step(&b.role, &b.rules, &b.f).again);
                assert_memory_equal(&before, &b.role, sizeof before);
        }
}

static void test_names(void **state _unused_) {
        assert_string_equal(role_state_name(ROLE_STANDBY), "standby");
        assert_string_equal(role_state_name(ROLE_DEMOTING), "demoting");
        assert_string_equal(role_mode_name(MODE_DRILL), "drill");
        for (enum role_intent i = 0; i < _INTENT_MAX; i++)
                assert_non_null(role_intent_name(i));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_early_sync_is_over_at_the_threshold),
                cmocka_unit_test(test_a_promotion_waits_for_the_sync_no_longer_than_its_deadline),
                cmocka_unit_test(test_a_sync_that_does_not_stop),
                cmocka_unit_test(test_a_refresh_in_flight_counts),
                cmocka_unit_test(test_one_early_sync_per_third_of_refresh),
                cmocka_unit_test(test_a_refresh_is_no_early_sync),
                cmocka_unit_test(test_a_blip_within_the_trouble_begins_no_other_sync),
                cmocka_unit_test(test_no_refresh),
                cmocka_unit_test(test_no_sync_at_all),
                cmocka_unit_test(test_the_refresh),
                cmocka_unit_test(test_no_refresh_on_the_way_to_a_promotion),
                cmocka_unit_test(test_the_address_is_checked_before_the_start),
                cmocka_unit_test(test_a_warm_gateway_is_no_other_one),
                cmocka_unit_test(test_another_gateway_answers),
                cmocka_unit_test(test_another_gateway_was_gone_between_two_checks),
                cmocka_unit_test(test_another_gateway_outlives_ours),
                cmocka_unit_test(test_it_answers_before_systemd_says_that_it_runs),
                cmocka_unit_test(test_the_address_is_checked_again_before_each_start),
                cmocka_unit_test(test_a_gateway_of_somebody_else),
                cmocka_unit_test(test_wanted_while_somebody_stops_it),
                cmocka_unit_test(test_two_answers_of_one_process),
                cmocka_unit_test(test_it_says_that_it_has_started),
                cmocka_unit_test(test_systemd_tries_again_by_itself),
                cmocka_unit_test(test_a_start_that_fails_is_tried_again_with_back_off),
                cmocka_unit_test(test_back_off),
                cmocka_unit_test(test_a_refused_start),
                cmocka_unit_test(test_a_person_does_not_wait_for_the_back_off),
                cmocka_unit_test(test_a_start_is_called_off),
                cmocka_unit_test(test_a_manual_failback),
                cmocka_unit_test(test_a_silent_gateway),
                cmocka_unit_test(test_a_hung_gateway),
                cmocka_unit_test(test_a_hung_gateway_when_nobody_asks_for_a_change),
                cmocka_unit_test(test_who_is_not_hung),
                cmocka_unit_test(test_a_user_stops_it),
                cmocka_unit_test(test_a_user_starts_it_again),
                cmocka_unit_test(test_what_stops_it_besides),
                cmocka_unit_test(test_nothing_is_meant_by_a_shutdown),
                cmocka_unit_test(test_systemd_cannot_be_asked),
                cmocka_unit_test(test_a_lost_gateway),
                cmocka_unit_test(test_a_failback),
                cmocka_unit_test(test_the_work_is_saved_after_another_sync),
                cmocka_unit_test(test_down_again_while_it_drains),
                cmocka_unit_test(test_down_again_before_the_stop),
                cmocka_unit_test(test_a_refused_stop),
                cmocka_unit_test(test_somebody_starts_another_meanwhile),
                cmocka_unit_test(test_pinned),
                cmocka_unit_test(test_held),
                cmocka_unit_test(test_paused),
                cmocka_unit_test(test_drill),
                cmocka_unit_test(test_a_drill_that_fails),
                cmocka_unit_test(test_a_drill_that_becomes_real),
                cmocka_unit_test(test_when_no_drill_begins),
                cmocka_unit_test(test_every_command_in_every_mode),
                cmocka_unit_test(test_every_mode_at_every_level),
                cmocka_unit_test(test_every_marker_against_every_unit),
                cmocka_unit_test(test_carrying_on),
                cmocka_unit_test(test_modes_survive),
                cmocka_unit_test(test_every_situation),
                cmocka_unit_test(test_every_situation_in_which_nothing_can_be_done),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
