/* What lasts is reported once, at the right time, and when it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "alert/conditions.h"

#define T0 (1763694765 * USEC_PER_SEC)

static struct status well(void) {
        return (struct status){
                .program = "openclaw-failover",
                .state = ROLE_STANDBY,
                .mode = MODE_AUTO,
                .since = T0 - USEC_PER_HOUR,
                .primary = "100.64.0.1:18789",
                .health = HEALTH_UP,
                .health_since = T0 - USEC_PER_HOUR,
                .verdict = "up",
                .reason = "HTTP 200",
                .senior = "",
                .unit = "openclaw.service",
                .unit_state = UNIT_INACTIVE,
                .sync = "workspace unchanged",
                .sync_ok = true,
                .unmerged = "",
                .cause = "",
                .alert_error = "",
                .heartbeat_error = "",
                .outage = USEC_INFINITY,
                .failback = true,
        };
}

#define UP_FOR(now) ((now) -T0 + USEC_PER_MINUTE)

static bool looks(struct conditions *l, const struct status *s, usec_t now, struct alert_message *m) {
        bool reported = conditions_look(l, s, now, UP_FOR(now), m);

        if (reported) { /* each says one thing at a time */
                struct alert_message again;

                assert_false(conditions_look(l, s, now, UP_FOR(now), &again));
        }
        return reported;
}

static void test_nothing(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        for (usec_t t = T0; t < T0 + 3 * USEC_PER_DAY; t += USEC_PER_HOUR)
                assert_false(looks(&l, &s, t, &m));
}

static void test_cut_off(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        s.verdict = "cut-off";
        s.reason = "no carrier on eth0";
        s.failures = 1;
        assert_false(looks(&l, &s, T0, &m));
        assert_false(looks(&l, &s, T0 + USEC_PER_MINUTE - 1, &m));
        assert_true(looks(&l, &s, T0 + USEC_PER_MINUTE, &m));
        assert_string_equal(m.event, "cut-off");
        assert_true(m.since == T0);
        assert_non_null(strstr(m.text, "no carrier on eth0"));
        assert_false(looks(&l, &s, T0 + USEC_PER_HOUR, &m));

        s.verdict = "up";
        assert_true(looks(&l, &s, T0 + 2 * USEC_PER_HOUR, &m));
        assert_string_equal(m.event, "cut-off-over");
        assert_true(m.lasted == 2 * USEC_PER_HOUR);
        assert_true(m.since == T0);
        assert_false(looks(&l, &s, T0 + 3 * USEC_PER_HOUR, &m));
}

static void test_short_cut_off(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        for (usec_t t = T0; t < T0 + USEC_PER_HOUR; t += 40 * USEC_PER_SEC) {
                s.verdict = "cut-off";
                assert_false(looks(&l, &s, t, &m));
                s.verdict = "up";
                assert_false(looks(&l, &s, t + 20 * USEC_PER_SEC, &m));
        }
}

static void test_not_ready(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        assert_false(looks(&l, &s, T0, &m));
        s.channels_fail = true;
        assert_false(looks(&l, &s, T0, &m)); /* seen for the first time */
        assert_true(looks(&l, &s, T0 + USEC_PER_MINUTE, &m));
        assert_string_equal(m.event, "not-ready");
        assert_false(looks(&l, &s, T0 + USEC_PER_HOUR, &m));
        s.channels_fail = false;
        assert_true(looks(&l, &s, T0 + USEC_PER_HOUR, &m));
        assert_string_equal(m.event, "not-ready-over");
}

static void test_sync(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        s.synced = T0;
        s.sync_ok = false;
        s.sync = "workspace failed (no route to host)";
        assert_false(looks(&l, &s, T0, &m));
        s.synced = T0 + 15 * USEC_PER_MINUTE;
        assert_false(looks(&l, &s, T0 + USEC_PER_HOUR - 1, &m));
        assert_true(looks(&l, &s, T0 + USEC_PER_HOUR, &m));
        assert_string_equal(m.event, "sync-failing");
        assert_true(m.since == T0);
        assert_non_null(strstr(m.text, "no route to host"));
        assert_false(looks(&l, &s, T0 + 5 * USEC_PER_HOUR, &m));

        s.sync_ok = true;
        assert_true(looks(&l, &s, T0 + 6 * USEC_PER_HOUR, &m));
        assert_string_equal(m.event, "sync-failing-over");
        assert_true(m.lasted == 6 * USEC_PER_HOUR);

        /* One that fails now and then is no news. */
        s.sync_ok = false;
        s.synced = T0 + 7 * USEC_PER_HOUR;
        assert_false(looks(&l, &s, s.synced, &m));
        s.sync_ok = true;
        assert_false(looks(&l, &s, s.synced + USEC_PER_MINUTE, &m));
}

/* Each kind: not at once, once, and its end; and a short time of it is no news. */
static void assert_reported(
        const struct status *trouble, usec_t after, const char *event, const char *over) {
        struct status good = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        assert_false(looks(&l, trouble, T0, &m));
        assert_false(looks(&l, &good, T0 + after, &m));
        assert_false(looks(&l, trouble, T0 + after, &m));
        assert_false(looks(&l, trouble, T0 + 2 * after - 1, &m));
        assert_true(looks(&l, trouble, T0 + 2 * after, &m));
        assert_string_equal(m.event, event);
        assert_int_equal(m.level, LOG_ERR);
        assert_true(m.since == T0 + after);
        assert_false(looks(&l, trouble, T0 + 3 * after, &m));
        assert_true(looks(&l, &good, T0 + 4 * after, &m));
        assert_string_equal(m.event, over);
        assert_true(m.lasted == 3 * after);
        assert_false(looks(&l, &good, T0 + 5 * after, &m));
}

static void test_no_systemd(_unused_ void **state) {
        struct status s = well();

        s.unit_state = UNIT_UNKNOWN;
        assert_reported(&s, USEC_PER_MINUTE, "no-systemd", "no-systemd-over");
}

/* systemd starts it again and again, so that it neither hangs nor is lost. */
static void test_silent(_unused_ void **state) {
        struct status s = well();

        s.state = ROLE_PROMOTED;
        s.health = HEALTH_DOWN;
        s.unit_state = UNIT_RESTARTING;
        assert_reported(&s, 10 * USEC_PER_MINUTE, "unreachable", "unreachable-over");
}

static void test_foreign(_unused_ void **state) {
        struct status s = well();

        s.unit_state = UNIT_ACTIVE;
        assert_reported(&s, USEC_PER_HOUR, "foreign-stays", "foreign-stays-over");
}

static void test_cold(_unused_ void **state) {
        struct status s = well();

        s.warm = true;
        assert_reported(&s, 5 * USEC_PER_MINUTE, "cold", "cold-over");
}

static void test_reminder(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;
        unsigned reported = 0;

        s.state = ROLE_PROMOTED;
        s.answers = true;
        s.promoted_at = s.since = T0;
        s.health = HEALTH_DOWN;
        for (usec_t t = T0; t <= T0 + 3 * USEC_PER_DAY; t += USEC_PER_HOUR)
                if (looks(&l, &s, t, &m)) {
                        reported++;
                        assert_true(t == T0 + reported * USEC_PER_DAY);
                        assert_string_equal(m.event, "reminder");
                        assert_true(m.since == T0);
                }
        assert_int_equal(reported, 3);

        s = well();
        assert_false(looks(&l, &s, T0 + 5 * USEC_PER_DAY, &m));
}

/* A restart neither repeats a reminder nor forgets the next one. */
static void test_reminder_after_restart(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        s.state = ROLE_PROMOTED;
        s.answers = true;
        s.promoted_at = s.since = T0;
        assert_false(looks(&l, &s, T0 + USEC_PER_DAY + USEC_PER_HOUR, &m));
        assert_false(looks(&l, &s, T0 + 2 * USEC_PER_DAY - 1, &m));
        assert_true(looks(&l, &s, T0 + 2 * USEC_PER_DAY, &m));
}

static void test_reminder_while_down(_unused_ void **state) {
        struct status s = well();
        struct conditions l = { .cut_off_after = USEC_PER_MINUTE };
        struct alert_message m;

        s.mode = MODE_HELD;
        s.health = HEALTH_DOWN;
        s.health_since = T0;
        s.failures = 9;
        s.reason = "HTTP 503";
        assert_false(looks(&l, &s, T0, &m));
        assert_true(looks(&l, &s, T0 + USEC_PER_DAY, &m));
        assert_string_equal(m.reason, "HTTP 503");
}

/* By an NTP that reaches its server at last, and by a person that sets it right. */
static void test_clock_steps(_unused_ void **state) {
        static const int64_t steps[] = { 900 * (int64_t) USEC_PER_DAY, -900 * (int64_t) USEC_PER_DAY };
        usec_t up = USEC_PER_MINUTE, after = USEC_PER_MINUTE;
        struct alert_message m;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                usec_t then = T0 + (usec_t) steps[i];
                struct status s = well(), good = well();
                struct conditions l = { .cut_off_after = USEC_PER_MINUTE };

                s.verdict = "cut-off";
                assert_false(conditions_look(&l, &s, T0, up, &m));
                assert_false(conditions_look(&l, &s, then, up + after - 1, &m));
                assert_true(conditions_look(&l, &s, then, up + after, &m));
                assert_true(m.since == then - after);
                assert_true(conditions_look(&l, &good, then, up + 2 * after, &m));
                assert_true(m.lasted == 2 * after);
                assert_non_null(strstr(m.text, "after 2 min"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_short_cut_off),
                cmocka_unit_test(test_clock_steps),
                cmocka_unit_test(test_not_ready),
                cmocka_unit_test(test_sync),
                cmocka_unit_test(test_no_systemd),
                cmocka_unit_test(test_silent),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_cold),
                cmocka_unit_test(test_reminder),
                cmocka_unit_test(test_reminder_after_restart),
                cmocka_unit_test(test_reminder_while_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
