/* From a stop to its cause; see unit_jobs.h. */
#include "daemon/unit_jobs.h"

#include <string.h>

/* The announcements of one transaction, unless this process had to wait for the processor. */
#define SAME_TRANSACTION (200 * USEC_PER_MSEC)

void unit_jobs_add(struct unit_jobs *j, uint32_t id, const char *unit, usec_t now) {
        size_t i = j->next++ % ELEMENTSOF(j->recent);

        j->recent[i].id = id;
        j->recent[i].announced = now;
        (void) snprintf(j->recent[i].unit, sizeof j->recent[i].unit, "%s", unit);
}

enum job_result unit_jobs_remove(struct unit_jobs *j, const char *unit, const char *result) {
        static const struct {
                const char *word;
                enum job_result result;
        } table[] = {
                { "done", JOB_RESULT_DONE },
                { "canceled", JOB_RESULT_CANCELED },
                { "timeout", JOB_RESULT_TIMEOUT },
                { "failed", JOB_RESULT_FAILED },
                { "dependency", JOB_RESULT_DEPENDENCY },
                { "assert", JOB_RESULT_CONDITION },
        };
        enum job_result r = JOB_RESULT_OTHER;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(result, table[i].word) == 0)
                        r = table[i].result;
        /* What failed first is announced first; the units that depend on it follow. */
        if (r != JOB_RESULT_DONE && r != JOB_RESULT_CANCELED && r != JOB_RESULT_DEPENDENCY)
                (void) snprintf(j->failed, sizeof j->failed, "%s", unit);
        return r;
}

bool unit_is_target(const char *unit) {
        size_t n = strlen(unit), suffix = strlen(".target");

        return n > suffix && strcmp(unit + n - suffix, ".target") == 0;
}

static bool can_stop(const struct unit_properties *p, const char *unit) {
        return strv_contains(p->stops_with, unit) || strv_contains(p->bound_to, unit) ||
                strv_contains(p->conflicts_with, unit) || unit_is_target(unit);
}

const char *unit_jobs_cause(const struct unit_jobs *j, uint32_t id, const struct unit_properties *p) {
        size_t first = SIZE_MAX;
        usec_t announced = 0;

        for (size_t i = 0; i < ELEMENTSOF(j->recent); i++)
                if (j->recent[i].id == id)
                        announced = j->recent[i].announced;
        for (size_t i = 0; i < ELEMENTSOF(j->recent); i++) {
                usec_t at = j->recent[i].announced, apart = at > announced ? at - announced : announced - at;

                if (j->recent[i].id > 0 && j->recent[i].id < id && apart <= SAME_TRANSACTION &&
                        can_stop(p, j->recent[i].unit) &&
                        (first == SIZE_MAX || j->recent[i].id < j->recent[first].id))
                        first = i;
        }
        return first == SIZE_MAX ? NULL : j->recent[first].unit;
}
