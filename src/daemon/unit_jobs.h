/* The jobs that systemd has created lately, of all units: they lead from a stop to the unit that caused it.
 *
 * systemd numbers the jobs of one transaction in a row, beginning with the one that was asked for, and announces all of them, in
 * any order, before the first of them ends. */
#pragma once

#include "core/unit_state.h"
#include "daemon/unit_properties.h"

struct unit_jobs {
        struct {
                uint32_t id;
                usec_t announced;
                unsigned began,
                        ended; /* their places in the row of all announcements and ends; 0: it has not */
                char unit[256];
        } recent[64];
        unsigned n_signals;
        size_t next;
        char failed[sizeof((struct unit_end *) NULL)->unit]; /* the last unit whose job did not succeed */
};

void unit_jobs_add(struct unit_jobs *j, uint32_t id, const char *unit, usec_t now);
/* RESULT is systemd's word for how the job ID of UNIT ended. */
enum job_result unit_jobs_remove(struct unit_jobs *j, uint32_t id, const char *unit, const char *result);

/* The unit whose job made systemd create the stop job ID of the unit with P; NULL: ID itself was asked for. A target that P does
 * not name isolates or shuts down. */
const char *unit_jobs_cause(const struct unit_jobs *j, uint32_t id, const struct unit_properties *p);

bool unit_is_target(const char *unit);
