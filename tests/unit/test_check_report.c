/* How many lines the journal gets of checks; their words are for the eye. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/check_report.h"

#define START (100000 * USEC_PER_SEC)

/* What N checks write that say VERDICT, a second apart: the number of lines; in LAST the last one. */
static unsigned lines_of(struct health *h, const struct health_rules *rules, enum verdict verdict,
        unsigned n, char last[static 256]) {
        struct check c = { .verdict = verdict, .reason = "because" };
        int saved = dup(STDERR_FILENO), fds[2];
        char text[8192], *line, *rest = text;
        unsigned lines = 0;
        ssize_t size;

        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        (void) dup2(fds[1], STDERR_FILENO);
        for (unsigned i = 1; i <= n; i++) {
                struct health before = *h;
                usec_t now = MAX(h->last_check, START) + USEC_PER_SEC;
                usec_t gap = health_check(h, rules, verdict, now);

                report_check(&before, h, rules, gap, &c, "primary:1");
        }
        (void) dup2(saved, STDERR_FILENO);
        (void) close(saved);
        (void) close(fds[1]);
        size = read(fds[0], text, sizeof text - 1);
        (void) close(fds[0]);
        text[MAX(size, 0)] = '\0';
        while ((line = strsep(&rest, "\n")) && *line) {
                (void) snprintf(last, 256, "%s", line);
                lines++;
        }
        return lines;
}

static const struct health_rules usual = {
        .interval = USEC_PER_SEC,
        .fail_threshold = 3,
        .silent_timeout = USEC_PER_MINUTE,
        .recover_threshold = 2,
        .ready_timeout = USEC_INFINITY,
};

static void a_primary_that_is_not_ready(void **state _unused_) {
        struct health_rules rules = usual;
        struct health h = {};
        char last[256];

        assert_int_equal(lines_of(&h, &rules, VERDICT_UP, 3, last), 1);
        assert_int_equal(lines_of(&h, &rules, VERDICT_NOT_READY, 30, last), 1);
        assert_null(strpbrk(last, "0123456789"));
        (void) lines_of(&h, &rules, VERDICT_UP, 3, last);
        rules.ready_timeout = 20 * USEC_PER_SEC;
        assert_int_equal(lines_of(&h, &rules, VERDICT_NOT_READY, 30, last), 2);
        assert_null(strpbrk(last, "0123456789"));
        assert_int_equal(h.level, HEALTH_DOWN);
}

/* The first three, and every tenth. */
static void a_long_row(void **state _unused_) {
        struct health h = {};
        char last[256];

        (void) lines_of(&h, &usual, VERDICT_UP, 3, last);
        assert_int_equal(lines_of(&h, &usual, VERDICT_SILENT, 29, last), 5);
        assert_non_null(strstr(last, " 41.0 s")); /* are left at the 20th */
        assert_int_equal(lines_of(&h, &usual, VERDICT_UP, 3, last), 1);
        assert_int_equal(lines_of(&h, &usual, VERDICT_DOWN, 20, last), 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_primary_that_is_not_ready),
                cmocka_unit_test(a_long_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
