/* The role while the gateway stops. */
#include "role_fixture.h"

/* Demoting. */

static void test_a_failback(void **state _unused_) {
        struct bench b = demoting();

        b.f.job = JOB_STOP;
        assert_int_equal(role_intent(&b.role), INTENT_DEMOTING);
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
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

static void test_a_gateway_that_ignores_its_stop(void **state _unused_) {
        struct bench b = demoting();

        b.f.job = JOB_STOP;
        checked(&b, true);
        wait_for(&b, MINUTE);
        expect(&b, "stop-failed");
        checked(&b, false);
        expect(&b, "draining");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");

        b = demoting();
        b.f.job = JOB_STOP;
        checked(&b, true);
        b.f.now += 50 * S;
        checked(&b, false);
        expect(&b, "draining");
        b.f.now += MINUTE;
        expect(&b, "");
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
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
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
        b.role.sync_begun = b.role.early_sync = b.f.now;
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_failback),
                cmocka_unit_test(test_a_gateway_that_ignores_its_stop),
                cmocka_unit_test(test_the_work_is_saved_after_another_sync),
                cmocka_unit_test(test_down_again_while_it_drains),
                cmocka_unit_test(test_down_again_before_the_stop),
                cmocka_unit_test(test_a_refused_stop),
                cmocka_unit_test(test_somebody_starts_another_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
