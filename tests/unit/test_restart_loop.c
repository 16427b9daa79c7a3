/* A gateway that fails again and again: from when on, and until when? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/restart_loop.h"

#define M USEC_PER_MINUTE

static void test_loops(void **state _unused_) {
        static const struct {
                usec_t failed[8]; /* in minutes, ended by 0 */
                usec_t at;
                bool goes_on;
        } cases[] = {
                { {}, 1, false },
                { { 1 }, 1, false },
                { { 1, 2, 3 }, 3, false },
                { { 1, 2, 3, 4 }, 4, true },
                { { 1, 1, 1, 1 }, 1, true },
                { { 1, 4, 7, 11 }, 11, true },
                { { 1, 4, 7, 12 }, 12, false },    /* not within 10 min */
                { { 1, 4, 7, 12, 13 }, 13, true }, /* the last four are */
                { { 1, 2, 3, 4 }, 13, true },      /* it goes on … */
                { { 1, 2, 3, 4 }, 14, false },     /* … until there was none for 10 min */
                { { 1, 2, 3, 4, 13 }, 22, true },  /* it fails less often, but still does */
                { { 1, 2, 3, 4, 13, 22 }, 31, true },
                { { 1, 2, 3, 4, 14 }, 14, false }, /* it was over: counted from the beginning … */
                { { 1, 2, 3, 4, 14, 15, 16 }, 16, false },
                { { 1, 2, 3, 4, 14, 15, 16, 17 }, 17, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct restart_loop l = {};

                for (size_t k = 0; k < ELEMENTSOF(cases[i].failed) && cases[i].failed[k] > 0; k++)
                        restart_loop_count(&l, cases[i].failed[k] * M);
                if (restart_loop_goes_on(&l, cases[i].at * M) != cases[i].goes_on)
                        fail_msg("case %zu: %d", i, !cases[i].goes_on);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_loops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
