/* The printed names of the enums in roles.h, verdict.h and role.h. */
#include "core/role.h"
#include "core/verdict.h"

const char *const role_state_names[_ROLE_MAX] = {
        [ROLE_STANDBY] = "standby",
        [ROLE_STARTING] = "starting",
        [ROLE_PROMOTED] = "promoted",
        [ROLE_DEMOTING] = "demoting",
};

const char *const role_mode_names[_MODE_MAX] = {
        [MODE_AUTO] = "auto",
        [MODE_PINNED] = "pinned",
        [MODE_HELD] = "held",
        [MODE_DRILL] = "drill",
};

const char *const role_intent_names[_INTENT_MAX] = {
        [INTENT_NONE] = "none",
        [INTENT_STARTING] = "starting",
        [INTENT_PROMOTED] = "promoted",
        [INTENT_DEMOTING] = "demoting",
        [INTENT_RESTARTING] = "restarting",
};

const char *const health_level_names[_HEALTH_MAX] = {
        [HEALTH_UNKNOWN] = "unknown",
        [HEALTH_UP] = "up",
        [HEALTH_DOWN] = "down",
};

const char *const unit_state_names[_UNIT_STATE_MAX] = {
        [UNIT_UNKNOWN] = "unknown",
        [UNIT_INACTIVE] = "inactive",
        [UNIT_FAILED] = "failed",
        [UNIT_STARTING] = "starting",
        [UNIT_RESTARTING] = "restarting",
        [UNIT_ACTIVE] = "active",
        [UNIT_STOPPING] = "stopping",
};

const char *const verdict_names[_VERDICT_MAX] = {
        [VERDICT_UP] = "up",
        [VERDICT_NOT_READY] = "not-ready",
        [VERDICT_STARTING] = "starting",
        [VERDICT_DRAINING] = "draining",
        [VERDICT_DOWN] = "down",
        [VERDICT_SILENT] = "silent",
        [VERDICT_CUT_OFF] = "cut-off",
};
