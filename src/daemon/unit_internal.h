/* What units.c, unit_look.c and unit_request.c share; for them alone. */
#pragma once

#include "daemon/unit_jobs.h"
#include "daemon/units.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

enum job_type { TYPE_UNKNOWN, TYPE_START, TYPE_STOP, TYPE_RESTART };

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
        sd_id128_t run;        /* the last one seen, also of a unit that is forgotten since */
        bool ran;              /* it was seen running */

        /* Its last job. */
        uint32_t job;
        enum job_type type;
        bool pending; /* it is not over, as far as the signals say */
        bool stops; /* what it is if systemd has forgotten its type before it was asked: by what the unit was */
        bool unmet;            /* a condition or an assertion was not, since it was created */
        sd_id128_t before;     /* the unit's run when it was created */
        sd_bus_slot *ask_type; /* a question under way */
        uint32_t own;          /* the last job that this daemon asked for */
        uint32_t explained;    /* the stop job whose cause is known */
};

struct units {
        struct bus_connection *connection;
        struct unit *first;
        struct unit_jobs jobs;
        sd_event_source *ask_again; /* after no answer, or one that will not last */
        bool shutting_down;
        sd_bus_slot *slots[5]; /* signals of the manager and of its owner, and the subscription */
};

/* Asks systemd what U is; the callback of units_follow() follows. One question at a time: what has changed meanwhile is asked for
 * afterwards. */
void unit_look(struct unit *u);
/* U is in the middle of RUN. A new one after a request that failed: whatever was wrong is not any more. */
void unit_note_run(struct unit *u, sd_id128_t run);
void unit_report(struct unit *u);
/* Follows U under the name ID, which systemd gives it. */
void unit_follow_id(struct unit *u, const char *id);
/* A request under way is not waited for any longer. */
void unit_hang_up(struct unit *u);
/* The request under way came to nothing: it took too long. */
int unit_on_slow(sd_event_source *s, uint64_t usec, void *userdata);
