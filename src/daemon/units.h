/* systemd's units over sd-bus: told to start and stop, and followed until that is done. Never blocks.
 *
 * Signals only say that something changed; what it is now is then asked (org.freedesktop.systemd1(5)), so a lost signal
 * is mended by the next one, by a reconnect, or when systemd executes itself anew. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "core/unit_state.h"
#include "daemon/bus_connection.h"
#include "lib/util.h"

struct units;
struct unit;

/* Room for the STATUS= text of a unit; longer ones are cut. */
#define UNIT_STATUS_MAX 1025

struct unit_info {
        enum unit_state state;
        enum unit_job job;   /* ours or anybody's */
        bool foreign_job;    /* .job is one that this daemon did not ask for */
        bool clean;          /* Result=success */
        struct unit_end end; /* whose stop it was, and how its last job ended */
        char waits_for[128]; /* while a start job is not begun: the unit whose job goes first; "" if none */
        sd_id128_t invocation; /* of this run, or the last one; null if none is known */
        pid_t main_pid;        /* 0: none */
        unsigned restarts;     /* by systemd itself since somebody started it */
        /* systemd's word for how the last run ended: "success", "exit-code", "start-limit-hit" */
        char result[32];
        char user[64]; /* whom it runs as; "" if it does not say */
        /* The last STATUS= seen of this run, or the last one. Made by others: not safe. */
        char status[UNIT_STATUS_MAX];
        /* Why the last request came to nothing, for a person; "" if it did not, or if the unit has run anew since. */
        char trouble[256];
};

/* Something in INFO is new. */
typedef void (*unit_changed_t)(struct unit *u, const struct unit_info *info, void *userdata);

/* Adds itself as a user to C, which must outlive it and must not be open yet. 0 or a negative errno. */
int units_new(struct bus_connection *c, struct units **ret);
struct units *units_free(struct units *us); /* and all its units */
DEFINE_CLEANUP(struct units *, units_free)

/* Whether the system is shutting down, as last seen with a unit that stopped. */
bool units_shutting_down(const struct units *us);

/* Follows the unit NAME, which need not exist. 0 or a negative errno. *RET belongs to US. */
int units_follow(
        struct units *us, const char *name, unit_changed_t changed, void *userdata, struct unit **ret);
void units_unfollow(struct units *us, struct unit *u);

const struct unit_info *unit_info(const struct unit *u);
const char *unit_name(const struct unit *u); /* as units_follow() got it */
const char *unit_id(const struct unit *u);   /* systemd's name for it: another one if that is an alias */

/* Requests. At once, .job is JOB_CALLING; the rest follows through the callback: .job, .state, .trouble. */
void unit_start(struct unit *u); /* also when it failed before, whatever its start limit says */
void unit_stop(struct unit *u);
void unit_kill(struct unit *u); /* SIGKILL to all of its processes */
