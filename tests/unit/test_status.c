/* status.c: what happens next, and when, for every state that a person may meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "status.h"

#define S USEC_PER_SEC
#define NOW (1795266000 * S) /* 2026-11-21 13:00:00 UTC */

/* On standby, all is well; the next check begins in four seconds, ten after the last. */
static const struct status well = {
        .state = ROLE_STANDBY,
        .mode = MODE_AUTO,
        .primary = "100.64.0.1:18789",
        .health = HEALTH_UP,
        .verdict = "up",
        .reason = "",
        .took = 3000,
        .checked = NOW - 6 * S,
        .next_check = NOW + 4 * S,
        .interval = 10 * S,
        .fail_needed = 3,
        .goods = 3,
        .recover_needed = 3,
        .senior = "",
        .waits_for = "",
        .unit = "openclaw.service",
        .unit_state = UNIT_INACTIVE,
        .failback = true,
};

static void assert_next(const struct status *s, const char *wanted) {
        char text[SENTENCE_MAX];

        assert_string_equal(status_next(s, NOW, text), wanted);
}

static void on_standby(void **state _unused_) {
        struct status s = well;

        assert_next(&s, "If 3 checks in a row fail, the gateway is started here.");
        s.mode = MODE_HELD;
        assert_next(&s,
                "Nothing, until the primary has been up: somebody demoted by hand. `openclaw-failover auto` ends that.");
        s.mode = MODE_PINNED;
        assert_next(&s, "The gateway is started here as soon as the sync has ended.");
        s.paused_until = USEC_INFINITY;
        assert_next(&s, "Nothing, until `openclaw-failover resume`.");
        s.paused_until = NOW + 60 * S;
        s.program = "openclaw-failover -i web";
        assert_next(
                &s, "Nothing until 13:01:00, when the pause ends, or `openclaw-failover -i web resume`.");
}

static void beside_somebody_elses_gateway(void **state _unused_) {
        struct status s = well;

        s.unit_state = UNIT_ACTIVE;
        assert_next(&s,
                "openclaw.service runs here, started by somebody else. It is left alone until it is needed; `systemctl stop "
                "openclaw.service` ends it.");
        s.unit_state = UNIT_STOPPING;
        assert_next(&s, "If 3 checks in a row fail, the gateway is started here.");
}

static void while_checks_fail(void **state _unused_) {
        struct status s = well;

        s.failures = 1;
        assert_next(&s, "After 2 more failed checks, in about 14.0 s, the gateway is started here.");
        s.failures = 2;
        assert_next(&s, "After 1 more failed check, in about 4.0 s, the gateway is started here.");

        /* The next check began two seconds ago. */
        s.failures = 1;
        s.checked = NOW - 7 * S;
        s.next_check = NOW + 8 * S;
        assert_next(&s, "After 2 more failed checks, in about 8.0 s, the gateway is started here.");

        /* Each takes five seconds. */
        s.checked = NOW;
        s.next_check = NOW + 5 * S;
        s.took = 5 * S;
        s.fail_needed = 9;
        assert_next(&s, "After 8 more failed checks, in about 1 min 20 s, the gateway is started here.");
        s.fail_needed = 3;
        s.failures = 3;
        s.health = HEALTH_DOWN;
        assert_next(&s, "The gateway is started here as soon as the sync has ended.");
}

/* A hold, a grace or a head start: enough checks have failed, and still it waits. */
static void while_it_waits(void **state _unused_) {
        struct status s = well;

        s.waits_for = "the network here";
        s.waits_until = NOW + 120 * S;
        s.failures = 20;
        assert_next(&s,
                "Waits for the network here until 13:02:00, in about 2 min 0 s. If nobody answers by then, the gateway is "
                "started here.");
        s.failures = 1;
        assert_next(&s,
                "Waits for the network here until 13:02:00, in about 2 min 0 s. If nobody answers by then, the gateway is "
                "started here.");
        /* Counting takes longer than that. */
        s.waits_until = NOW + 14 * S;
        assert_next(&s, "After 2 more failed checks, in about 14.0 s, the gateway is started here.");
        /* It is over, and the next check decides. */
        s.failures = 20;
        s.waits_until = 0;
        assert_next(&s, "After 1 more failed check, in about 4.0 s, the gateway is started here.");
}

static void a_senior_has_taken_over(void **state _unused_) {
        struct status s = well;

        s.senior = "first";
        s.failures = 20;
        s.waits_until = NOW + 60 * S;
        assert_next(&s, "Nothing, as long as first answers.");
}

static void on_the_way(void **state _unused_) {
        struct status s = well;

        s.health = HEALTH_DOWN;
        s.state = ROLE_STARTING;
        s.unit_state = UNIT_STARTING;
        assert_next(&s, "As soon as the gateway answers, this machine is promoted.");
        s.next_start = NOW + 5 * S;
        s.unit_state = UNIT_INACTIVE; /* as it is until systemd has taken the first request */
        assert_next(&s, "If it does not start, openclaw.service is started again in 5.0 s.");
        s.unit_state = UNIT_FAILED;
        s.next_start = NOW + 40 * S;
        assert_next(&s, "openclaw.service is started again in 40.0 s.");
        s.state = ROLE_DEMOTING;
        assert_next(&s, "When openclaw.service has stopped, this machine is on standby again.");
        s.kill_at = NOW + 20 * S;
        assert_next(&s, "When openclaw.service has stopped, or is killed in 20.0 s, it is started again.");
        s.kill_at = NOW - 1;
        assert_next(&s, "When openclaw.service has stopped, it is started again.");
}

static void when_promoted(void **state _unused_) {
        struct status s = well;

        s.health = HEALTH_DOWN;
        s.state = ROLE_PROMOTED;
        s.unit_state = UNIT_ACTIVE;
        s.goods = 0;
        assert_next(&s, "When 3 checks in a row have been good, the gateway here is stopped.");
        s.goods = 1;
        assert_next(&s, "After 2 more good checks, in about 14.0 s, the gateway here is stopped.");
        s.failback = false;
        assert_next(&s, "Stays promoted until `openclaw-failover demote`, as failback = manual says.");
        s.mode = MODE_PINNED;
        assert_next(&s,
                "Stays promoted, whatever the primary does, until `openclaw-failover auto` or `demote`.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(on_standby),
                cmocka_unit_test(beside_somebody_elses_gateway),
                cmocka_unit_test(while_checks_fail),
                cmocka_unit_test(while_it_waits),
                cmocka_unit_test(a_senior_has_taken_over),
                cmocka_unit_test(on_the_way),
                cmocka_unit_test(when_promoted),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
