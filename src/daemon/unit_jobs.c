/* Remembers systemd's recent jobs, to find the cause of a stop; see unit_jobs.h. */
#include "daemon/unit_jobs.h"

#include <string.h>

#include "lib/text.h"

/* systemd announces all jobs of one transaction within this time. */
#define SAME_TRANSACTION (200 * USEC_PER_MSEC)

void unit_jobs_add(struct unit_jobs *j, uint32_t id, const char *unit, usec_t now) {
        size_t i = j->next++ % ELEMENTSOF(j->recent);

        j->recent[i].id = id;
        j->recent[i].announced = now;
        j->recent[i].began = ++j->n_signals;
        j->recent[i].ended = 0;
        (void) snprintf(j->recent[i].unit, sizeof j->recent[i].unit, "%s", unit);
}

enum job_result unit_jobs_remove(struct unit_jobs *j, uint32_t id, const char *unit, const char *result) {
        /* by enum job_result */
        static const char *const words[JOB_RESULT_OTHER] = { "", "done", "canceled", "timeout", "failed",
                "dependency", "assert" };
        enum job_result r = (enum job_result) find_name(result, words, JOB_RESULT_OTHER);

        j->n_signals++;
        for (size_t i = 0; i < ELEMENTSOF(j->recent); i++)
                if (j->recent[i].id == id)
                        j->recent[i].ended = j->n_signals;
        /* systemd announces the unit that failed first, then the units that depend on it. */
        if (r != JOB_RESULT_DONE && r != JOB_RESULT_CANCELED && r != JOB_RESULT_DEPENDENCY)
                (void) snprintf(j->failed, sizeof j->failed, "%s", unit);
        return r;
}

static bool is_target(const char *unit) {
        size_t n = strlen(unit), suffix = strlen(".target");

        return n > suffix && strcmp(unit + n - suffix, ".target") == 0;
}

static bool can_stop(const struct unit_properties *p, const char *unit) {
        for (size_t i = 0; i < RELATIONS_MAX; i++)
                if (strv_contains(p->related[i], unit))
                        return true;
        return is_target(unit);
}

/* Whether the jobs at places A and B seem to be of one transaction. */
static bool same_transaction(const struct unit_jobs *j, size_t a, size_t b) {
        usec_t at = j->recent[a].announced, bt = j->recent[b].announced;

        if (j->recent[a].ended > 0 && j->recent[a].ended < j->recent[b].began)
                return false;
        return (at > bt ? at - bt : bt - at) <= SAME_TRANSACTION;
}

const char *unit_jobs_cause(const struct unit_jobs *j, uint32_t id, const struct unit_properties *p) {
        const size_t n = ELEMENTSOF(j->recent);
        size_t self = 0, cause = n;

        while (self < n && j->recent[self].id != id)
                self++;
        for (size_t i = 0; self < n && i < n; i++) {
                uint32_t other = j->recent[i].id;

                if (other > 0 && other < id && same_transaction(j, i, self) &&
                        can_stop(p, j->recent[i].unit) && (cause == n || other < j->recent[cause].id))
                        cause = i;
        }
        return cause == n ? NULL : j->recent[cause].unit;
}
