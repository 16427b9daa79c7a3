/* One of systemd's units: what it is, learned by asking systemd. The inside of struct unit is for units.c and unit_request.c.
 *
 * Signals only say that something changed; what it is now is then asked (org.freedesktop.systemd1(5)). A lost signal is made good by
 * the next one, by a reconnect, or when systemd executes itself again. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "core/unit_state.h"
#include "daemon/bus_connection.h"
#include "daemon/unit_jobs.h"
#include "lib/util.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

struct units;
struct unit;

/* Room for the STATUS= text of a unit; longer ones are cut. */
#define UNIT_STATUS_MAX 1025

struct unit_info {
        enum unit_state state;
        enum unit_job job;   /* whoever asked for it */
        bool clean;          /* Result=success */
        struct unit_end end; /* whose stop it was, and how its last job ended */
        char waits_for[128]; /* while a start job is not begun: the unit whose job goes first; "" if none */
        sd_id128_t invocation; /* of this run, or the last one; null if none is known */
        pid_t main_pid;        /* 0: none */
        unsigned restarts;     /* by systemd itself since its last start by a job */
        /* systemd's word for how the last run ended: "success", "exit-code", "start-limit-hit" */
        char result[32];
        char user[64]; /* User= of its file; "": root */
        /* The last STATUS= seen of this run, or the last one. Made by others: not safe. */
        char status[UNIT_STATUS_MAX];
        /* Why the last request came to nothing, for a person; "" if it did not, or if the unit has run again since. */
        char trouble[256];
};

/* Something in INFO is new. */
typedef void (*unit_changed_t)(struct unit *u, const struct unit_info *info, void *userdata);

enum job_type { TYPE_UNKNOWN, TYPE_START, TYPE_STOP }; /* a restart, a reload are no stop */

struct unit {
        struct units *units;
        struct unit *next;
        char *name; /* as it was asked for */
        char *id;   /* as systemd calls it */
        char *path;
        unit_changed_t changed;
        void *userdata;
        struct unit_info info;
        enum unit_job wanted; /* what the call under way asks for */
        const char *verb;     /* of it */
        sd_bus_slot *signals;
        sd_bus_slot *call;     /* a request under way */
        sd_event_source *slow; /* goes off if it stays so */
        sd_bus_slot *look;     /* a question under way */
        bool look_again;       /* something changed since that question was asked */
        enum unit_state
                seen;   /* as systemd's last message has it, which is newer than .info while it is asked */
        sd_id128_t run; /* the last one seen, also of a unit that is forgotten since */
        bool ran;       /* it was seen running */

        /* Its last job. */
        uint32_t job;
        enum job_type type;
        bool ran_before;       /* the unit ran when it was created … */
        sd_id128_t before;     /* … and that was its run */
        bool unmet;            /* a condition or an assertion was not, since then */
        sd_bus_slot *ask_type; /* a question under way */
        unsigned waits;        /* how often it was found to wait for the same unit */
        uint32_t own;          /* the last job that this daemon asked for */
        uint32_t explained;    /* the stop job whose cause is known */
};

struct units {
        struct bus_connection *connection;
        struct unit *first;
        struct unit_jobs jobs;
        sd_event_source *ask_again; /* after no answer, or one that will not last */
        bool shutting_down;
        sd_bus_slot *subscription;
};

static inline const struct unit_info *unit_info(const struct unit *u) {
        return &u->info;
}

/* NAME, which need not exist, followed for US. 0 or a negative errno. */
int unit_new(struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret);
struct unit *unit_free(struct unit *u);
DEFINE_CLEANUP(struct unit *, unit_free)

/* Asks systemd what U is; .changed() follows. One question at a time: what has changed meanwhile is asked for afterwards. */
void unit_look(struct unit *u);
/* To .changed(). */
void unit_report(struct unit *u);
/* Its signals on a new connection. 0 or a negative errno. */
int unit_follow_signals(struct unit *u);
/* The connection is gone: slots are dropped, and what is known is old. */
void unit_forget(struct unit *u);
/* systemd's signals JobNew and JobRemoved about U. */
void unit_job_begins(struct unit *u, uint32_t id, const char *path);
void unit_job_ends(struct unit *u, uint32_t id, enum job_result result);
