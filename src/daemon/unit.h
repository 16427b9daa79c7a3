/* One of systemd's units, as systemd answers. Only unit.c, units.c and unit_request.c change a struct unit.
 *
 * A signal only says that a unit changed: the daemon then asks for its state (org.freedesktop.systemd1(5)).
 * After a lost signal it asks at the next one, at a reconnect, or when systemd executes itself again. */
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

/* Room for a unit's STATUS= text. Longer texts are cut. */
#define UNIT_STATUS_MAX 1025

struct unit_info {
        enum unit_state state;
        enum unit_job job;     /* the daemon's or another client's */
        bool clean;            /* Result=success */
        struct unit_end end;   /* who stopped the unit, and how its last job ended */
        char waits_for[128];   /* while a start job waits: the unit whose job goes first; "": none */
        sd_id128_t invocation; /* of the current run, or of the last one; null: none is known */
        pid_t main_pid;        /* 0: none */
        unsigned restarts;     /* by systemd itself, since a job last started the unit */
        /* systemd's word for how the last run ended: "success", "exit-code", "start-limit-hit" */
        char result[32];
        char user[64]; /* User= of the unit's file; "": root */
        /* The last STATUS= of the current run, or of the last one. Not safe: the unit's own words. */
        char status[UNIT_STATUS_MAX];
        /* Why the last request failed or is slow, for a user; "": neither, or the unit has run since. */
        char trouble[256];
};

/* Called from the loop when something in INFO is new. */
typedef void (*unit_changed_t)(struct unit *u, const struct unit_info *info, void *userdata);

enum job_type { TYPE_UNKNOWN, TYPE_START, TYPE_STOP }; /* a restart or a reload is TYPE_START */

struct unit {
        struct units *units;
        struct unit *next;
        char *name; /* the caller's; it may be an alias */
        char *id;   /* systemd's own name */
        char *path;
        unit_changed_t changed;
        void *userdata;
        struct unit_info info;
        enum unit_job wanted; /* the job that .call asks for */
        const char *verb;     /* .call's, for messages */
        sd_bus_slot *signals;
        sd_bus_slot *call;     /* a request under way */
        sd_event_source *slow; /* goes off if .call takes long */
        sd_bus_slot *look;     /* a question under way */
        bool look_again;       /* something changed since .look was asked */
        enum unit_state seen;  /* from systemd's last message; newer than .info during a look */
        sd_id128_t run;        /* the last run that was seen, also if systemd has unloaded the unit since */

        /* The unit's last job. */
        uint32_t job;
        enum job_type type;
        bool ran_before;       /* the unit ran when systemd created the job … */
        sd_id128_t before;     /* … and this was its run */
        bool unmet;            /* since then, a condition or an assertion was not met */
        sd_bus_slot *ask_type; /* a question under way */
        unsigned waits;        /* how often the job was found waiting for the same unit */
        uint32_t own;          /* the last job that this daemon requested */
        uint32_t explained;    /* the stop job whose cause is known */
};

struct units {
        struct bus_connection *connection;
        struct unit *first;
        struct unit_jobs jobs;
        sd_event_source *ask_again; /* after a missing answer, or a state that will not last */
        bool shutting_down;         /* the system, when systemd was last asked for a unit */
};

static inline const struct unit_info *unit_info(const struct unit *u) {
        return &u->info;
}

/* Follows NAME, which need not exist, for US. 0 or a negative errno. */
int unit_new(struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret);
struct unit *unit_free(struct unit *u);
DEFINE_CLEANUP(struct unit *, unit_free)

/* Asks systemd for U's state; .changed() follows. While a question is under way, the next one waits. */
void unit_look(struct unit *u);
/* Calls .changed(). */
void unit_report(struct unit *u);
/* Follows the signals of ID, systemd's own name of U, on the connection that there is. 0 or a negative
 * errno. */
int unit_follow(struct unit *u, const char *id);
/* Drops all slots when the connection is gone. U's state is unknown then. */
void unit_forget(struct unit *u);
/* Handle systemd's signals JobNew and JobRemoved about U. */
void unit_job_begins(struct unit *u, uint32_t id, const char *path);
void unit_job_ends(struct unit *u, uint32_t id, enum job_result result);
