/* The role while it is promoted: silence, hangs, stops and losses. */
#include "role_fixture.h"

/* Promoted. */

static void test_a_silent_gateway(void **state _unused_) {
        struct bench b = promoted();

        /* Within start_timeout it is busy with its start. */
        b.f.now = b.role.since;
        checked(&b, false);
        wait_for(&b, 5 * MINUTE);
        expect(&b, "silent");
        checked(&b, true);
        expect(&b, "answers");
        b.f.now = b.role.since;
        checked(&b, false);
        expect(&b, "");
        checked(&b, true);
        expect(&b, "");
        b.f.now += 5 * MINUTE;

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

static void test_the_channels(void **state _unused_) {
        struct bench b = promoted();

        said(&b, READY_NO);
        expect(&b, "");
        said(&b, READY_YES);
        expect(&b, "channels-ready");

        /* A plugin is replaced, a channel flaps. */
        said(&b, READY_NO);
        b.f.now += MINUTE;
        expect(&b, "");
        said(&b, READY_YES);
        expect(&b, "");
        said(&b, READY_NO);
        wait_for(&b, 2 * MINUTE);
        expect(&b, "channels-fail");
        said(&b, READY_NO);
        expect(&b, "");
        said(&b, READY_YES);
        expect(&b, "channels-ready");

        b = promoted();
        said(&b, READY_UNSAID);
        expect(&b, "");

        /* A warm one was ready before it was switched. */
        b = promoted();
        b.rules.warm = true;
        b.f.now = b.role.since;
        said(&b, READY_YES);
        expect(&b, "");
        b.f.now += 5 * S;
        said(&b, READY_NO);
        said(&b, READY_YES);
        expect(&b, "channels-ready");
        b = promoted();
        b.rules.warm = true;
        b.f.now = b.role.since;
        said(&b, READY_YES);
        wait_for(&b, 15 * S);
        expect(&b, "channels-ready");

        b = starting();
        said(&b, READY_YES); /* of the one before */
        assert_int_equal(b.role.ready, READY_UNKNOWN);
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
        assert_int_equal(b.role.start_again, 0); /* it has waited for hang_timeout */
        expect(&b, "promoting start");
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);

        /* Lost at once: the back-off grows. */
        for (usec_t wait = 5 * S; wait <= 10 * S; wait *= 2) {
                gateway(&b, UNIT_ACTIVE);
                checked(&b, true);
                checked(&b, true);
                expect(&b, "promoted");
                gateway(&b, UNIT_FAILED);
                expect(&b, "lost");
                checked(&b, false);
                wait_for(&b, wait);
                expect(&b, "start");
        }
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
        for (enum stop_cause cause = 0; cause <= STOP_BY_UNIT; cause++) {
                struct bench b = promoted();

                if (cause == STOP_BY_USER)
                        continue;
                ended(&b, UNIT_INACTIVE, cause);
                expect(&b, "lost");
                expect_mode(&b, MODE_AUTO);
                checked(&b, false);
                wait_for(&b, 5 * S);
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
        b.f.now += 5 * S;
        expect(&b, "");
        checked(&b, false);
        expect(&b, "start");

        /* Lost as the primary is back: there is no need for it. */
        b = promoted();
        gateway(&b, UNIT_FAILED);
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_silent_gateway),
                cmocka_unit_test(test_the_channels),
                cmocka_unit_test(test_a_hung_gateway),
                cmocka_unit_test(test_a_hung_gateway_when_nobody_asks_for_a_change),
                cmocka_unit_test(test_who_is_not_hung),
                cmocka_unit_test(test_a_user_stops_it),
                cmocka_unit_test(test_a_user_starts_it_again),
                cmocka_unit_test(test_what_stops_it_besides),
                cmocka_unit_test(test_nothing_is_meant_by_a_shutdown),
                cmocka_unit_test(test_systemd_cannot_be_asked),
                cmocka_unit_test(test_a_lost_gateway),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
