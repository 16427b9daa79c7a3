/* The states that D-Bus, `status`, events and history show, and the names that they print. */
#pragma once

enum role_state {
        ROLE_STANDBY,  /* the daemon does not run the gateway here; if it runs, another user started it */
        ROLE_STARTING, /* the daemon wants the gateway here to run, and it has not answered yet */
        ROLE_PROMOTED, /* the gateway here has answered since it was started */
        ROLE_DEMOTING, /* the daemon is stopping the gateway here */
        _ROLE_MAX,
};
extern const char *const role_state_names[_ROLE_MAX];
static inline const char *role_state_name(enum role_state s) {
        return role_state_names[s];
}

enum mode {
        MODE_AUTO,   /* the role follows the primary */
        MODE_PINNED, /* promoted by a user: stays promoted, whatever the primary does */
        MODE_HELD,   /* demoted by a user: stays on standby until the primary has been up */
        MODE_DRILL,  /* promoted for a test, and demoted after it */
        _MODE_MAX,
};
extern const char *const role_mode_names[_MODE_MAX];
static inline const char *role_mode_name(enum mode m) {
        return role_mode_names[m];
}

/* Whether a gateway counts as up. */
enum health_level {
        HEALTH_UNKNOWN,
        HEALTH_UP,
        HEALTH_DOWN,
        _HEALTH_MAX,
};
extern const char *const health_level_names[_HEALTH_MAX];
static inline const char *health_level_name(enum health_level level) {
        return health_level_names[level];
}

/* A unit's state, from systemd's ActiveState and SubState (org.freedesktop.systemd1(5)). */
enum unit_state {
        UNIT_UNKNOWN, /* systemd does not answer now */
        UNIT_INACTIVE,
        UNIT_FAILED,
        UNIT_STARTING,   /* activating */
        UNIT_RESTARTING, /* failed; systemd starts it again by itself (auto-restart) */
        UNIT_ACTIVE,     /* active, reloading */
        UNIT_STOPPING,
        _UNIT_STATE_MAX,
};
extern const char *const unit_state_names[_UNIT_STATE_MAX];
static inline const char *unit_state_name(enum unit_state s) {
        return unit_state_names[s];
}

/* What the daemon reports to a user. "The gateway" is the one here. */
enum role_event {
        EVENT_NONE,
        EVENT_PROMOTING,
        EVENT_ADOPTED,        /* promoting, with a gateway that another user has started */
        EVENT_PROMOTED,       /* the gateway has started */
        EVENT_START_FAILED,   /* the daemon retries with back-off, and reports this once */
        EVENT_START_SLOW,     /* start_timeout, at most a minute, is over; the daemon still waits */
        EVENT_CHANNELS_READY, /* the promoted gateway says that its channels are ready */
        EVENT_CHANNELS_FAIL,  /* for two minutes, the promoted gateway has said that they are not ready */
        EVENT_SILENT,         /* the promoted gateway does not answer */
        EVENT_ANSWERS,        /* the promoted gateway answers again */
        EVENT_HUNG,           /* the promoted gateway was silent for hang_timeout: the daemon restarts it */
        EVENT_LOST,           /* the promoted gateway has stopped, and systemd does not restart it */
        EVENT_HELD,           /* a user stopped the promoted gateway */
        EVENT_KEPT_BACK,      /* the primary is down, and this standby is paused */
        EVENT_CALLED_OFF,     /* the primary is back before the gateway has started */
        EVENT_DEMOTING,
        EVENT_DRAINING,    /* the gateway takes long to stop */
        EVENT_STOP_FAILED, /* the stop failed and is retried, or the gateway ignores it; reported once */
        EVENT_KILLED,      /* the gateway took longer than drain_timeout to stop, and is needed again */
        EVENT_DEMOTED,     /* back on standby */
        EVENT_FOREIGN,     /* another user started the gateway: left alone until it is needed */
        EVENT_RESUMED,     /* the daemon has restarted, and goes on where it was */
        EVENT_HOLD_OVER,   /* the primary has been up: held becomes auto */
        EVENT_PAUSE_OVER,
        EVENT_DRILL_ANSWERED,
        EVENT_DRILL_FAILED,
        EVENT_DRILL_REAL, /* the primary went down during a drill */
        EVENT_DRILL_OVER,
        _EVENT_MAX,
};
