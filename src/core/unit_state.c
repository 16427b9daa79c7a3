/* The names of what a unit is and how it ended; see unit_state.h. */
#include "core/unit_state.h"

#include "lib/util.h"

const char *unit_state_name(enum unit_state s) {
        static const char *const names[_UNIT_STATE_MAX] = {
                [UNIT_UNKNOWN] = "unknown",
                [UNIT_INACTIVE] = "inactive",
                [UNIT_FAILED] = "failed",
                [UNIT_STARTING] = "starting",
                [UNIT_RESTARTING] = "restarting",
                [UNIT_ACTIVE] = "active",
                [UNIT_STOPPING] = "stopping",
        };

        return names[s];
}

const char *stop_cause_name(enum stop_cause c) {
        static const char *const names[_STOP_CAUSE_MAX] = {
                [STOP_UNKNOWN] = "unknown",
                [STOP_BY_ITSELF] = "itself",
                [STOP_BY_DAEMON] = "daemon",
                [STOP_BY_USER] = "user",
                [STOP_BY_UNIT] = "unit",
                [STOP_BY_SHUTDOWN] = "shutdown",
                [STOP_BY_RESTART] = "restart",
        };

        return names[c];
}

/* What the last job says, if it says why. NULL: it does not. */
static const char *describe_job(const struct unit_end *e, char *buf, size_t size) {
        switch (e->job) {
        case JOB_RESULT_DEPENDENCY:
                if (*e->unit)
                        (void) snprintf(buf, size, "%s, which it depends on, did not start", e->unit);
                else
                        (void) snprintf(buf, size, "a unit that it depends on did not start");
                return buf;
        case JOB_RESULT_CONDITION:
                (void) snprintf(buf, size, "a condition of its unit file is not met (%s)",
                        *e->condition ? e->condition : "systemctl cat");
                return buf;
        case JOB_RESULT_TIMEOUT:
                (void) snprintf(buf, size, "systemd's job for it has timed out");
                return buf;
        case JOB_RESULT_CANCELED:
                (void) snprintf(buf, size, "another job or a user has canceled systemd's job for it");
                return buf;
        default:
                return NULL;
        }
}

static const char *describe_stop(const struct unit_end *e, char *buf, size_t size) {
        switch (e->cause) {
        case STOP_BY_DAEMON:
                (void) snprintf(buf, size, "this daemon stopped it");
                return buf;
        case STOP_BY_USER:
                (void) snprintf(buf, size, "a user stopped it");
                return buf;
        case STOP_BY_UNIT:
                (void) snprintf(
                        buf, size, "systemd stopped it because of %s", *e->unit ? e->unit : "another unit");
                return buf;
        case STOP_BY_SHUTDOWN:
                (void) snprintf(buf, size, "systemd stopped it for %s", *e->unit ? e->unit : "a shutdown");
                return buf;
        case STOP_BY_RESTART:
                (void) snprintf(buf, size, "a restart stopped it and has not started it again");
                return buf;
        default:
                return NULL;
        }
}

char *unit_end_describe(
        const struct unit_end *e, enum unit_state state, const char *result, char *buf, size_t size) {
        if (describe_job(e, buf, size) || describe_stop(e, buf, size))
                return buf;
        if (state == UNIT_INACTIVE)
                (void) snprintf(buf, size, "it ended by itself without an error");
        else
                (void) snprintf(buf, size, "it is %s, systemd says \"%s\"", unit_state_name(state), result);
        return buf;
}

const char *job_result_name(enum job_result r) {
        static const char *const names[_JOB_RESULT_MAX] = {
                [JOB_RESULT_NONE] = "none",
                [JOB_RESULT_DONE] = "done",
                [JOB_RESULT_CANCELED] = "canceled",
                [JOB_RESULT_TIMEOUT] = "timeout",
                [JOB_RESULT_FAILED] = "failed",
                [JOB_RESULT_DEPENDENCY] = "dependency",
                [JOB_RESULT_CONDITION] = "condition",
                [JOB_RESULT_OTHER] = "other",
        };

        return names[r];
}
