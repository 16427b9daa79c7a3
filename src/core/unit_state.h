/* What a unit is, what was asked of it, and how it ended: units.h reads it from systemd, role.h decides by it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "roles.h"

/* The job that systemd has for a unit and that is not over yet. */
enum unit_job {
        JOB_NONE,
        JOB_CALLING, /* systemd has not taken our request yet */
        JOB_START,   /* a restart, too */
        JOB_STOP,
        _UNIT_JOB_MAX,
};

/* How a job ended (org.freedesktop.systemd1(5), JobRemoved). */
enum job_result {
        JOB_RESULT_NONE, /* no job has ended since the daemon follows the unit */
        JOB_RESULT_DONE,
        JOB_RESULT_CANCELED, /* another job has replaced it, or a user canceled it */
        JOB_RESULT_TIMEOUT,
        JOB_RESULT_FAILED,
        JOB_RESULT_DEPENDENCY, /* another unit failed to start: .unit */
        JOB_RESULT_CONDITION,  /* a Condition…= or Assert…= of the unit's file is not met: .condition */
        JOB_RESULT_OTHER,      /* invalid, unsupported, skipped … */
};

/* Who stopped a unit. Only STOP_BY_USER means that a user wants this unit stopped. */
enum stop_cause {
        STOP_UNKNOWN, /* it has not stopped since the daemon follows it */
        STOP_BY_ITSELF, /* its process ended or was killed, whoever sent the signal; .result in unit_info says how */
        STOP_BY_DAEMON, /* a stop job that this daemon asked for */
        STOP_BY_USER,   /* another stop job for this very unit */
        STOP_BY_UNIT,   /* a dependency stopped or failed, or a unit started that conflicts with it: .unit */
        STOP_BY_SHUTDOWN, /* the system stops or isolates a target: .unit, if known */
};

/* Why a unit does not run. */
struct unit_end {
        enum stop_cause cause; /* of the last stop; STOP_UNKNOWN again once it runs */
        enum job_result job;   /* of its last job */
        char unit[128];        /* the unit that caused it; "" if none */
        char condition[192];   /* "ConditionPathExists=/etc/x"; "" if none */
};

/* Why, in words: "a.service stopped, which it depends on". RESULT is systemd's word for how the run ended ("exit-code"). Returns
 * BUF. */
char *unit_end_describe(
        const struct unit_end *e, enum unit_state state, const char *result, char *buf, size_t size);

/* It runs or is about to, also after a failure. */
static inline bool unit_state_runs(enum unit_state s) {
        return s == UNIT_ACTIVE || s == UNIT_STARTING || s == UNIT_RESTARTING;
}
