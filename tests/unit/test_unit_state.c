/* How a unit ended, in words and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/unit_state.h"
#include "lib/util.h"

static void test_names(void **state _unused_) {
        for (int i = 0; i < _UNIT_STATE_MAX; i++)
                assert_non_null(unit_state_name(i));
}

/* What a description must name, whatever its words. */
static void test_describe(void **state _unused_) {
        static const struct {
                struct unit_end end;
                enum unit_state state;
                const char *result, *names;
        } cases[] = {
                { { STOP_BY_NOBODY, JOB_RESULT_DONE, "" }, UNIT_FAILED, "oom-kill", "oom-kill" },
                { { STOP_BY_NOBODY, JOB_RESULT_DONE, "" }, UNIT_INACTIVE, "success", "ended by itself" },
                { { STOP_BY_NOBODY, JOB_RESULT_NONE, "" }, UNIT_FAILED, "exit-code", "exit-code" },
                { { STOP_BY_UNIT, JOB_RESULT_DONE, "a.service" }, UNIT_INACTIVE, "success", "a.service" },
                { { STOP_BY_UNIT, JOB_RESULT_DONE, "" }, UNIT_INACTIVE, "success", "another unit" },
                { { STOP_BY_USER, JOB_RESULT_DONE, "" }, UNIT_INACTIVE, "success", "user" },
                { { STOP_BY_DAEMON, JOB_RESULT_DONE, "" }, UNIT_INACTIVE, "success", "daemon" },
                { { STOP_BY_NOBODY, JOB_RESULT_DEPENDENCY, "b.service" }, UNIT_INACTIVE, "success",
                        "b.service" },
                { { STOP_BY_NOBODY, JOB_RESULT_CONDITION, "" }, UNIT_INACTIVE, "success", "condition" },
                { { STOP_BY_NOBODY, JOB_RESULT_TIMEOUT, "" }, UNIT_INACTIVE, "success", "timed out" },
                { { STOP_BY_NOBODY, JOB_RESULT_CANCELED, "" }, UNIT_INACTIVE, "success", "canceled" },
        };
        char text[64 + 192];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                unit_end_describe(&cases[i].end, cases[i].state, cases[i].result, text, sizeof text);
                if (!strstr(text, cases[i].names))
                        fail_msg("case %zu: \"%s\" does not say \"%s\"", i, text, cases[i].names);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_describe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
