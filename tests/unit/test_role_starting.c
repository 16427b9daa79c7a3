/* The role while the gateway starts: answers, back-off, and starts that are called off. */
#include "role_fixture.h"

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

        /* Its program answers, and has not told systemd that it has started. */
        b = starting();
        gateway(&b, UNIT_STARTING);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");

        /* A warm one answers all the time: its channels are on when the program that switches them has ended. */
        b = starting();
        b.rules.warm = true;
        gateway(&b, UNIT_STARTING);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "");

        /* An answer from before its program ran, or of a process that is gone, is none. */
        b = starting();
        gateway(&b, UNIT_STARTING);
        b.f.main_pid = 0;
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
        wait_for(&b, 5 * S);
        expect(&b, "start");
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        expect(&b, "");
        wait_for(&b, 10 * S);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_two_answers_of_one_process),
                cmocka_unit_test(test_it_says_that_it_has_started),
                cmocka_unit_test(test_systemd_tries_again_by_itself),
                cmocka_unit_test(test_a_start_that_fails_is_tried_again_with_back_off),
                cmocka_unit_test(test_back_off),
                cmocka_unit_test(test_a_refused_start),
                cmocka_unit_test(test_a_person_does_not_wait_for_the_back_off),
                cmocka_unit_test(test_a_start_is_called_off),
                cmocka_unit_test(test_a_manual_failback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
