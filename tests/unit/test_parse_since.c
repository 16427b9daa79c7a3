/* Points in time as a person writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "cli/parse_since.h"

/* 2026-11-21 14:03:07 in Berlin, which is UTC+1 then. */
#define NOW (UINT64_C(1795266187) * USEC_PER_SEC)

static void assert_since(const char *text, usec_t expected) {
        usec_t t = 0;

        if (parse_since(text, NOW, &t) < 0)
                fail_msg("'%s' is refused", text);
        if (t != expected)
                fail_msg("'%s' is %" PRIu64 ", not %" PRIu64, text, t, expected);
}

static void test_dates(void **state _unused_) {
        assert_since("2026-11-21", UINT64_C(1795215600) * USEC_PER_SEC);
        assert_since("2026-11-01 03:00", UINT64_C(1793498400) * USEC_PER_SEC);
        assert_since("2026-11-01 03:00:59", UINT64_C(1793498459) * USEC_PER_SEC);
        /* In summer, it is UTC+2. */
        assert_since("2026-07-01", UINT64_C(1782856800) * USEC_PER_SEC);
        assert_since("03:00", UINT64_C(1795226400) * USEC_PER_SEC);
        assert_since("03:00:01", UINT64_C(1795226401) * USEC_PER_SEC);
}

static void test_words(void **state _unused_) {
        assert_since("today", UINT64_C(1795215600) * USEC_PER_SEC);
        assert_since("yesterday", UINT64_C(1795129200) * USEC_PER_SEC);
}

/* The clock is set back in the night before the 25th of October 2026, which has 25 hours. */
static void test_clock_change(void **state _unused_) {
        usec_t evening = UINT64_C(1792965600) * USEC_PER_SEC; /* 2026-10-25 23:00 */
        usec_t t;

        assert_int_equal(parse_since("today", evening, &t), 0);
        assert_int_equal(t, UINT64_C(1792879200) * USEC_PER_SEC);
        assert_int_equal(parse_since("yesterday", evening, &t), 0);
        assert_int_equal(t, UINT64_C(1792792800) * USEC_PER_SEC);
}

static void test_ago(void **state _unused_) {
        assert_since("7d", NOW - 7 * USEC_PER_DAY);
        assert_since("-7d", NOW - 7 * USEC_PER_DAY);
        assert_since("7d ago", NOW - 7 * USEC_PER_DAY);
        assert_since("2w", NOW - 14 * USEC_PER_DAY);
        assert_since("12h", NOW - 12 * USEC_PER_HOUR);
        assert_since("30min", NOW - 30 * USEC_PER_MINUTE);
        assert_since("30m", NOW - 30 * USEC_PER_MINUTE);
        assert_since("90s", NOW - 90 * USEC_PER_SEC);
        assert_since("999999999w", 0); /* before time began */
        assert_since("30500569w", 0);  /* and so much that 64 bits of microseconds wrap */
}

static void test_refused(void **state _unused_) {
        static const char *const wrong[] = { "", " ", "-", "d", "7", "7x", "7dd", "7 d", "+7d", "ago",
                " ago", "2026-11", "2026-11-31", "2026-02-29", "2026-13-01", "2026-11-01 25:00",
                "2026-11-01 03", "2026-11-01T03:00", "2026-11-01 03:00:59x", "today ", "Today", "tomorrow",
                "03:60", "9999999999d", "1969-01-01" };
        usec_t t = 42;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                if (parse_since(wrong[i], NOW, &t) != -EINVAL || t != 42)
                        fail_msg("'%s' is taken", wrong[i]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_clock_change),
                cmocka_unit_test(test_ago),
                cmocka_unit_test(test_refused),
        };

        (void) setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
