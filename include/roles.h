/* The states that D-Bus, `status`, events and history show. The names are what these print. */
#pragma once

enum role_state {
        ROLE_STANDBY,  /* the daemon does not run the gateway here; if it runs, another user started it */
        ROLE_STARTING, /* it is to run, and has not answered yet */
        ROLE_PROMOTED, /* it answers, or did */
        ROLE_DEMOTING, /* the daemon has stopped it */
        _ROLE_MAX,
};
extern const char *const role_state_names[_ROLE_MAX];
static inline const char *role_state_name(enum role_state s) {
        return role_state_names[s];
}

enum mode {
        MODE_AUTO,   /* the role follows the primary */
        MODE_PINNED, /* promoted by hand: stays, whatever the primary does */
        MODE_HELD,   /* demoted by hand: stays on standby until the primary has been up */
        MODE_DRILL,  /* promoted to see whether that works, and then demoted */
        _MODE_MAX,
};
extern const char *const role_mode_names[_MODE_MAX];
static inline const char *role_mode_name(enum mode m) {
        return role_mode_names[m];
}

/* Of the primary. */
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

/* A unit as systemd sees it (org.freedesktop.systemd1(5): ActiveState, SubState), as far as it matters here. */
enum unit_state {
        UNIT_UNKNOWN, /* systemd cannot be asked just now */
        UNIT_INACTIVE,
        UNIT_FAILED,
        UNIT_STARTING,   /* activating, reloading */
        UNIT_RESTARTING, /* failed; systemd starts it again by itself (auto-restart) */
        UNIT_ACTIVE,
        UNIT_STOPPING,
        _UNIT_STATE_MAX,
};
extern const char *const unit_state_names[_UNIT_STATE_MAX];
static inline const char *unit_state_name(enum unit_state s) {
        return unit_state_names[s];
}

/* What is reported to a user. */
enum role_event {
        EVENT_NONE,
        EVENT_PROMOTING,
        EVENT_ADOPTED,        /* promoting, with the gateway that another user had started */
        EVENT_PROMOTED,       /* the gateway answers */
        EVENT_START_FAILED,   /* retried with back-off; reported once */
        EVENT_START_SLOW,     /* start_timeout is over; it is waited for still */
        EVENT_CHANNELS_READY, /* the promoted gateway says so */
        EVENT_CHANNELS_FAIL,  /* it has said for long that they are not ready */
        EVENT_SILENT,         /* the promoted gateway does not answer */
        EVENT_ANSWERS,        /* it does again */
        EVENT_HUNG,           /* hang_timeout is over: it is stopped and started */
        EVENT_LOST,           /* the promoted gateway fell over and systemd gave up on it */
        EVENT_HELD,           /* a user stopped it */
        EVENT_KEPT_BACK,      /* the primary is down, and this standby is paused */
        EVENT_CALLED_OFF,     /* the primary is back before the gateway here has started */
        EVENT_DEMOTING,
        EVENT_DRAINING, /* it takes long to stop */
        EVENT_STOP_FAILED, /* its stop failed, and is retried with back-off, or the gateway ignores it; reported once */
        EVENT_KILLED,    /* it took longer than drain_timeout while it is needed again */
        EVENT_DEMOTED,   /* back on standby */
        EVENT_FOREIGN,   /* another user started the gateway: left alone until it is needed */
        EVENT_RESUMED,   /* after a restart: carries on where it was */
        EVENT_HOLD_OVER, /* the primary has been up: held becomes auto */
        EVENT_PAUSE_OVER,
        EVENT_DRILL_ANSWERED,
        EVENT_DRILL_FAILED,
        EVENT_DRILL_REAL, /* the primary went down during a drill */
        EVENT_DRILL_OVER,
        _EVENT_MAX,
};
