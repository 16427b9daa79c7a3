/* What a unit is, and what was asked of it: shared by units.h, which learns it, and role.h, which decides by it. */
#pragma once

#include <stdbool.h>

/* A unit as systemd sees it (org.freedesktop.systemd1(5): ActiveState, SubState), as far as it matters here. */
enum unit_state {
        UNIT_UNKNOWN, /* systemd cannot be asked just now */
        UNIT_INACTIVE,
        UNIT_FAILED,
        UNIT_STARTING,   /* activating, reloading */
        UNIT_RESTARTING, /* fell over; systemd starts it again by itself (auto-restart) */
        UNIT_ACTIVE,
        UNIT_STOPPING,
        _UNIT_STATE_MAX,
};

/* What we asked systemd to do with a unit and is not over yet. */
enum unit_job {
        JOB_NONE,
        JOB_CALLING, /* systemd has not taken the request yet */
        JOB_START,
        JOB_STOP,
        _UNIT_JOB_MAX,
};

const char *unit_state_name(enum unit_state s);

/* It is up or on its way, also after a fall. */
static inline bool unit_state_runs(enum unit_state s) {
        return s == UNIT_ACTIVE || s == UNIT_STARTING || s == UNIT_RESTARTING;
}
