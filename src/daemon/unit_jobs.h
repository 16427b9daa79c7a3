/* The jobs that systemd has created lately, of all units: they lead from a stop to the unit that caused it.
 *
 * systemd numbers the jobs of one transaction in a row. The requested job has the lowest number. systemd
 * announces all of them, in any order, before the first of them ends. */
#pragma once

#include "core/unit_state.h"
#include "daemon/unit_properties.h"

struct unit_jobs {
        struct {
                uint32_t id;
                usec_t announced;
                unsigned began, ended; /* the job's places in the order of signals; 0: not yet */
                char unit[256];
        } recent[64];
        unsigned n_signals;
        size_t next;
        char failed[sizeof((struct unit_end *) NULL)->unit]; /* the last unit whose own job failed */
};

void unit_jobs_add(struct unit_jobs *j, uint32_t id, const char *unit, usec_t now);
/* Translates RESULT, systemd's word for how the job ID of UNIT ended. */
enum job_result unit_jobs_remove(struct unit_jobs *j, uint32_t id, const char *unit, const char *result);

/* The unit whose job made systemd create the stop job ID of the unit with P; NULL: a client requested ID
 * itself. A target that P does not name stops units for an isolate or a shutdown. */
const char *unit_jobs_cause(const struct unit_jobs *j, uint32_t id, const struct unit_properties *p);
