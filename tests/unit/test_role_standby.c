/* The role on standby: the sync, the start, and other gateways at its address. */
#include "role_fixture.h"

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

/* It may have failed with the primary: what it missed comes before the next refresh. */
static void test_a_third_of_refresh_after_an_early_sync(void **state _unused_) {
        struct bench b = bench();

        b.f.failing_since = b.f.now;
        expect(&b, "sync");
        b.f.sync_running = false;
        b.f.failing_since = 0;
        expect(&b, "");
        wait_for(&b, 5 * MINUTE);
        expect(&b, "sync");
        b.f.sync_running = false;
        expect(&b, "");
        wait_for(&b, 15 * MINUTE);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_early_sync_is_over_at_the_threshold),
                cmocka_unit_test(test_a_promotion_waits_for_the_sync_no_longer_than_its_deadline),
                cmocka_unit_test(test_a_sync_that_does_not_stop),
                cmocka_unit_test(test_a_refresh_in_flight_counts),
                cmocka_unit_test(test_one_early_sync_per_third_of_refresh),
                cmocka_unit_test(test_a_third_of_refresh_after_an_early_sync),
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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
