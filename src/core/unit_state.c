/* How a unit ended, in words; see unit_state.h. */
#include "core/unit_state.h"

#include "lib/util.h"

char *unit_end_describe(
        const struct unit_end *e, enum unit_state state, const char *result, char *buf, size_t size) {
        const char *unit = *e->unit ? e->unit : "another unit";

        if (e->job == JOB_RESULT_DEPENDENCY)
                (void) snprintf(buf, size, "it depends on %s, which did not start", unit);
        else if (e->job == JOB_RESULT_CONDITION)
                (void) snprintf(buf, size, "a condition of its unit file is not met");
        else if (e->job == JOB_RESULT_TIMEOUT)
                (void) snprintf(buf, size, "systemd's job for it has timed out");
        else if (e->job == JOB_RESULT_CANCELED)
                (void) snprintf(buf, size, "another job or a user has canceled systemd's job for it");
        else if (e->cause == STOP_BY_DAEMON)
                (void) snprintf(buf, size, "this daemon stopped it");
        else if (e->cause == STOP_BY_USER)
                (void) snprintf(buf, size, "a user stopped it");
        else if (e->cause == STOP_BY_UNIT)
                (void) snprintf(buf, size, "systemd stopped it because of %s", unit);
        else if (state == UNIT_INACTIVE)
                (void) snprintf(buf, size, "it ended by itself without an error");
        else
                (void) snprintf(buf, size, "it is %s, systemd says \"%s\"", unit_state_name(state), result);
        return buf;
}
