/* A unit's state, its job, and why it stopped: unit.h reads them from systemd, role.h decides by them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "roles.h"

/* The job that systemd has for a unit now. */
enum unit_job {
        JOB_NONE,
        JOB_CALLING, /* systemd has not answered the daemon's request yet */
        JOB_START,   /* or a restart */
        JOB_STOP,
        _UNIT_JOB_MAX,
};

/* How a job ended (org.freedesktop.systemd1(5), JobRemoved). */
enum job_result {
        JOB_RESULT_NONE, /* a job is under way, or none has ended since the daemon follows the unit */
        JOB_RESULT_DONE,
        JOB_RESULT_CANCELED, /* another job has replaced this one, or a user canceled it */
        JOB_RESULT_TIMEOUT,
        JOB_RESULT_FAILED,
        JOB_RESULT_DEPENDENCY, /* another unit failed to start: .unit */
        JOB_RESULT_CONDITION,  /* a Condition…= or Assert…= of the unit's file is not met */
        JOB_RESULT_OTHER,      /* invalid, unsupported, skipped … */
};

/* Who stopped a unit. Only STOP_BY_USER means that a user wants this unit stopped. */
enum stop_cause {
        STOP_BY_NOBODY, /* the unit runs, its process ended by itself, or no stop was seen */
        STOP_BY_DAEMON, /* a stop job that this daemon requested */
        STOP_BY_USER,   /* another stop job for this very unit */
        STOP_BY_UNIT,   /* a dependency stopped or failed, or a conflict or a target started: .unit */
};

/* Why a unit does not run. */
struct unit_end {
        enum stop_cause cause; /* of the last stop; STOP_BY_NOBODY again when the unit runs */
        enum job_result job;   /* of the unit's last job */
        char unit[128];        /* the unit that caused the stop; "": none */
};

/* The reason in words: "systemd stopped it because of a.service". RESULT is systemd's word for the end of
 * the run ("exit-code"). Returns BUF. */
char *unit_end_describe(
        const struct unit_end *e, enum unit_state state, const char *result, char *buf, size_t size);

/* Whether the unit runs, or systemd is about to start it, also after a failure. */
static inline bool unit_state_runs(enum unit_state s) {
        return s == UNIT_ACTIVE || s == UNIT_STARTING || s == UNIT_RESTARTING;
}
