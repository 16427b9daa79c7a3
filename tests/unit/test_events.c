/* timeline.c: what is known of a failover, and what is not. The words are in texts.txt. */
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

        timeline_fill_story(e, 1000 * S, &s);
        return s;
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

        assert_true(
                s.outage == 40 * S && s.detecting == 30 * S && s.syncing == 2 * S && s.starting == 8 * S);
        assert_true(s.down == 900 * S && s.promoted == 860 * S && !s.by_hand);
}

static void test_parts_that_are_not_known(void **state _unused_) {
        struct timeline e = failover(0); /* by the daemon before this one */
        struct story s = story_of(&e);

        assert_true(s.outage == 40 * S && s.detecting == 30 * S);
        assert_true(s.syncing == USEC_INFINITY && s.starting == USEC_INFINITY);

        /* Detecting was over long before a user let it promote. */
        e = failover(132 * S);
        e.kept_back = true;
        s = story_of(&e);
        assert_true(s.outage == 40 * S && s.detecting == USEC_INFINITY && s.syncing == 2 * S);
}

static void test_outage_that_is_not_known(void **state _unused_) {
        struct timeline e = {};
        struct story s;

        timeline_begin(&e, 0, 130 * S, "connection refused");
        timeline_started(&e, 132 * S);
        timeline_promoted(&e, 140 * S);
        s = story_of(&e);
        assert_true(
                s.outage == USEC_INFINITY && s.down == USEC_INFINITY && s.starting == 8 * S && !s.by_hand);
        timeline_begin(&e, 100 * S, 0, "pinned");
        timeline_promoted(&e, 140 * S);
        s = story_of(&e);
        assert_true(s.outage == USEC_INFINITY && s.down == USEC_INFINITY && s.by_hand);
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
        assert_true(e.promoted_at == 140 * S && e.demoted_at == 500 * S);
        assert_true(e.outage == 40 * S);

        /* A gateway that is lost and comes back is no other promotion. */
        e = failover(132 * S);
        timeline_begin(&e, 200 * S, 201 * S, "the gateway here was lost");
        e.again = true;
        timeline_started(&e, 206 * S);
        timeline_promoted(&e, 208 * S);
        assert_string_equal(e.cause, "connection refused");
        assert_true(e.promoted_at == 140 * S && e.promotions == 1);

        /* The primary dies while a drill waits for the channels of its gateway. */
        e = (struct timeline){};
        timeline_begin(&e, 0, 0, "drill");
        timeline_promoted(&e, 90 * S);
        timeline_begin(&e, 100 * S, 130 * S, "connection refused");
        timeline_started(&e, 130 * S);
        timeline_promoted(&e, 130 * S);
        assert_string_equal(e.cause, "connection refused");
        assert_true(e.promotions == 1 && e.promoted_at == 130 * S && e.outage == 30 * S);

        /* A daemon that was restarted meanwhile. */
        e = (struct timeline){};
        timeline_begin(&e, 100 * S, 130 * S, "connection refused");
        timeline_was_promoted(&e, 130 * S);
        assert_true(timeline_is_open(&e) && e.outage == USEC_INFINITY);
        assert_string_equal(e.cause, "connection refused");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outage_and_its_parts),
                cmocka_unit_test(test_parts_that_are_not_known),
                cmocka_unit_test(test_outage_that_is_not_known),
                cmocka_unit_test(test_the_last_promotion_stays_the_last),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
