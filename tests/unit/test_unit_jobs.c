/* Jobs as systemd announces them: what caused the one that matters? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/unit_jobs.h"

#define SELF "openclaw.service"

static char *requires[] = { (char *) "a.service", NULL };
static char *conflicts[] = { (char *) "rival.service", (char *) "shutdown.target", NULL };
static char *bound[] = { (char *) "b.device", NULL };
static const struct unit_properties relations = {
        .related = { [BOUND_TO] = bound, requires, conflicts },
};

/* One signal a word: "10:a.service" announces, "10-" ends, "~" is half a second later. */
static const char *cause(const char *signals, uint32_t id) {
        static struct unit_jobs j;
        char copy[512], *save = NULL;
        usec_t now = USEC_PER_SEC;

        memset(&j, 0, sizeof j);
        (void) snprintf(copy, sizeof copy, "%s", signals);
        for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                uint32_t number = (uint32_t) strtoul(word, &word, 10);

                if (*word == '~')
                        now += USEC_PER_SEC / 2;
                else if (*word == ':')
                        unit_jobs_add(&j, number, word + 1, now);
                else
                        (void) unit_jobs_remove(&j, number, "x", "done");
        }
        return unit_jobs_cause(&j, id, &relations);
}

static void test_cause(void **state _unused_) {
        static const struct {
                const char *signals, *cause;
        } cases[] = {
                { "10:" SELF, NULL }, { "9:a.service 10:" SELF, "a.service" },
                { "10:" SELF " 9:a.service", "a.service" },      /* in any order */
                { "9:rival.service 10:" SELF, "rival.service" }, /* started */
                { "9:b.device 10:" SELF, "b.device" }, { "9:stranger.service 10:" SELF, NULL },
                { "8:stranger.service 9:a.service 10:" SELF, "a.service" }, /* at second hand */
                { "8:rescue.target 9:sysinit.target 10:" SELF,
                        "rescue.target" },            /* isolated: what was asked for */
                { "10:" SELF " 11:a.service", NULL }, /* stopped itself, with a later one */
                { "9:a.service 9- 10:" SELF, NULL },  /* over before */
                { "9:a.service ~ 10:" SELF, NULL },   /* long before */
                { "9:a.service 10:" SELF " 9-", "a.service" },
                { "9:a.service", NULL }, /* ours was never announced */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *found = cause(cases[i].signals, 10);

                if (cases[i].cause ? !found || strcmp(found, cases[i].cause) != 0 : found != NULL)
                        fail_msg("%s: %s", cases[i].signals, found ? found : "nothing");
        }
}

/* The ring forgets the oldest. */
static void test_many(void **state _unused_) {
        static struct unit_jobs j;

        unit_jobs_add(&j, 1, "a.service", 1);
        for (uint32_t i = 2; i < 100; i++)
                unit_jobs_add(&j, i, "x.service", 1);
        unit_jobs_add(&j, 100, SELF, 1);
        assert_null(unit_jobs_cause(&j, 100, &relations));
}

static void test_results(void **state _unused_) {
        static struct unit_jobs j;

        assert_int_equal(unit_jobs_remove(&j, 1, "a.service", "done"), JOB_RESULT_DONE);
        assert_int_equal(unit_jobs_remove(&j, 1, "a.service", "canceled"), JOB_RESULT_CANCELED);
        assert_string_equal(j.failed, "");
        assert_int_equal(unit_jobs_remove(&j, 1, "a.service", "failed"), JOB_RESULT_FAILED);
        assert_int_equal(unit_jobs_remove(&j, 2, "b.service", "dependency"), JOB_RESULT_DEPENDENCY);
        assert_string_equal(j.failed, "a.service");
        assert_int_equal(unit_jobs_remove(&j, 3, "c.service", "timeout"), JOB_RESULT_TIMEOUT);
        assert_int_equal(unit_jobs_remove(&j, 3, "c.service", "assert"), JOB_RESULT_CONDITION);
        assert_int_equal(unit_jobs_remove(&j, 3, "c.service", "of a later systemd"), JOB_RESULT_OTHER);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cause),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_results),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
