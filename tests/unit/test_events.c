/* events.c and timeline.c: what a failover is told as, with what is known of it and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/timeline.h"

#define S USEC_PER_SEC

static struct story story_of(const struct timeline *e) {
        struct story s = {
                .mode = MODE_AUTO,
                .program = "openclaw-failover",
                .primary = "100.64.0.1:18789",
                .unit = "openclaw.service",
                .senior = "",
                .trouble = "",
        };

        timeline_tell(e, 1000 * S, &s);
        return s;
}

static void assert_said(enum role_event event, const struct story *s, const char *wanted) {
        char message[MESSAGE_MAX];

        assert_string_equal(event_message(event, s, message), wanted);
}

/* The last good check at 100 s, down at 130 s, and the gateway answers at 140 s. */
static struct timeline failover(usec_t started) {
        struct timeline e = {};

        timeline_begin(&e, 100 * S, 130 * S, "connection refused");
        if (started > 0)
                timeline_started(&e, started);
        timeline_promoted(&e, 140 * S);
        return e;
}

static void test_outage_and_its_parts(void **state _unused_) {
        struct timeline e = failover(132 * S);
        struct story s = story_of(&e);

        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers after 40.0 s at most, since the last good check: 30.0 s for counting "
                "failures, 2.0 s for the sync, 8.0 s for the gateway to start.");
        e.again = true;
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers after 40.0 s at most, since the last good check: 30.0 s until that was "
                "noticed, 2.0 s until it was started again, 8.0 s for the gateway to start.");
}

static void test_parts_that_are_not_known(void **state _unused_) {
        struct timeline e = failover(0); /* by the daemon before this one */
        struct story s = story_of(&e);

        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers after 40.0 s at most, since the last good check: 30.0 s for counting "
                "failures.");

        /* Counting was over long before somebody let it promote. */
        e = failover(132 * S);
        e.kept_back = true;
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers after 40.0 s at most, since the last good check: 2.0 s for the sync, "
                "8.0 s for the gateway to start.");

        e = failover(0);
        e.kept_back = true;
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers after 40.0 s at most, since the last good check.");
        assert_true(s.detecting == USEC_INFINITY && s.syncing == USEC_INFINITY);
}

static void test_outage_that_is_not_known(void **state _unused_) {
        struct timeline e = {};
        struct story s;

        timeline_begin(&e, 0, 130 * S, "connection refused");
        timeline_started(&e, 132 * S);
        timeline_promoted(&e, 140 * S);
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers, 8.0 s after it was started. For how long nobody could be reached is not "
                "known: no check of the primary had been good since this daemon started.");
        e.again = true;
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s,
                "Promoted: the gateway here answers, 8.0 s after it was started. For how long nobody could be reached is not "
                "known: this daemon had not seen it answer before.");
        timeline_begin(&e, 100 * S, 0, "pinned");
        timeline_promoted(&e, 140 * S);
        s = story_of(&e);
        assert_said(EVENT_PROMOTED, &s, "Promoted: the gateway here answers.");
}

/* It is not the primary that is back if a senior is. */
static void test_a_senior_that_has_taken_over(void **state _unused_) {
        struct timeline e = failover(132 * S);
        struct story s = story_of(&e);

        assert_said(EVENT_DEMOTING, &s,
                "The primary 100.64.0.1:18789 is back. Demoting: stopping openclaw.service.");
        assert_said(EVENT_HOLD_OVER, &s,
                "The primary has been up: this standby no longer holds back (mode auto).");
        s.senior = "first";
        assert_said(EVENT_DEMOTING, &s,
                "The senior standby first has taken over. Demoting: stopping openclaw.service.");
        assert_said(EVENT_HOLD_OVER, &s,
                "The senior standby first has been up: this standby no longer holds back (mode auto).");
        s.mode = MODE_HELD;
        assert_said(EVENT_DEMOTING, &s, "Demoting, as somebody asked: stopping openclaw.service.");
}

/* What `status` says of the last promotion is not what a later attempt was, whose gateway never answered. */
static void test_the_last_promotion_stays_the_last(void **state _unused_) {
        struct timeline e = failover(132 * S);

        assert_true(timeline_is_open(&e));
        timeline_demoted(&e, 500 * S);
        assert_false(timeline_is_open(&e));
        timeline_begin(&e, 600 * S, 0, "drill");
        timeline_started(&e, 601 * S);
        assert_string_equal(e.cause, "connection refused");
        assert_false(timeline_is_open(&e));
        timeline_demoted(&e, 700 * S);
        assert_true(e.promoted_at == 140 * S && e.demoted_at == 500 * S && e.over_at == 700 * S);
        assert_true(timeline_outage(&e) == 40 * S);

        /* A gateway that is lost and comes back is no other promotion. */
        e = failover(132 * S);
        timeline_begin(&e, 200 * S, 201 * S, "the gateway here was lost");
        e.again = true;
        timeline_started(&e, 206 * S);
        timeline_promoted(&e, 208 * S);
        assert_string_equal(e.cause, "connection refused");
        assert_true(e.promoted_at == 140 * S && e.promotions == 1);

        /* A daemon that was restarted meanwhile. */
        e = (struct timeline){};
        assert_true(timeline_outage(&e) == USEC_INFINITY);
        timeline_begin(&e, 100 * S, 130 * S, "connection refused");
        timeline_was_promoted(&e, 130 * S);
        assert_true(timeline_is_open(&e) && timeline_outage(&e) == USEC_INFINITY);
        assert_string_equal(e.cause, "connection refused");
}

/* A pause keeps the hands of the daemon off, and its words as well. */
static void test_nothing_is_promised_while_paused(void **state _unused_) {
        struct timeline e = failover(132 * S);
        struct story s = story_of(&e);

        s.trouble = "no answer in 5 s";
        s.hang_timeout = 300 * S;
        assert_said(EVENT_SILENT, &s,
                "The promoted gateway does not answer: no answer in 5 s. If that goes on for 5 min 0 s, it is stopped and "
                "started.");
        s.hang_timeout = 0;
        assert_said(EVENT_SILENT, &s, "The promoted gateway does not answer: no answer in 5 s.");
        s.paused = true;
        for (s.hang_timeout = 0; s.hang_timeout <= 300 * S; s.hang_timeout += 300 * S)
                assert_said(EVENT_SILENT, &s,
                        "The promoted gateway does not answer: no answer in 5 s. Nothing is done about it until the pause "
                        "ends, or `openclaw-failover resume`.");
        s.trouble = "polkit refused";
        assert_said(EVENT_STOP_FAILED, &s,
                "openclaw.service could not be stopped: polkit refused. Nothing is done about it until the pause ends, or "
                "`openclaw-failover resume`. By hand: `systemctl stop openclaw.service`.");
}

/* Whoever stops it by hand while it starts wants to know why it comes back, and how to keep it stopped. */
static void test_a_start_that_somebody_ended(void **state _unused_) {
        struct timeline e = failover(132 * S);
        struct story s = story_of(&e);

        s.trouble = "it is failed, systemd says \"exit-code\"";
        assert_said(EVENT_START_FAILED, &s,
                "openclaw.service does not start: it is failed, systemd says \"exit-code\". Nobody can be reached until it "
                "does. It is tried again, after 5 s at first and every 5 min at last, for as long as the primary is down. See "
                "`systemctl status openclaw.service` and `openclaw-failover doctor`.");
        s.trouble = "somebody stopped it, or it ended by itself without an error";
        s.ended_well = true;
        assert_said(EVENT_START_FAILED, &s,
                "openclaw.service does not run: somebody stopped it, or it ended by itself without an error. Nobody can be "
                "reached until it does. It is tried again, after 5 s at first and every 5 min at last, for as long as the "
                "primary is down. To keep it stopped: `openclaw-failover demote`. See `systemctl status openclaw.service` "
                "and `openclaw-failover doctor`.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outage_and_its_parts),
                cmocka_unit_test(test_parts_that_are_not_known),
                cmocka_unit_test(test_outage_that_is_not_known),
                cmocka_unit_test(test_a_senior_that_has_taken_over),
                cmocka_unit_test(test_the_last_promotion_stays_the_last),
                cmocka_unit_test(test_nothing_is_promised_while_paused),
                cmocka_unit_test(test_a_start_that_somebody_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
