/* The names of unit_state.h. */
#include "core/unit_state.h"

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
