/* What the daemon must remember when it is gone: the marker in /run, for as long as the system runs, of what it was
 * doing with the gateway; and the mode and the last failover in /var/lib, for ever.
 *
 * Both are small JSON files, replaced by rename(2). One that is missing is nothing special; one that is broken is told
 * of and counts as missing: what is under way is also seen from the unit itself. */
#pragma once

#include <systemd/sd-id128.h>

#include "config/instance.h"
#include "core/role.h"
#include "core/timeline.h"
#include "daemon/units.h"
#include "lib/kept_file.h"

struct marker {
        enum role_intent intent;
        char unit[256];        /* the gateway's; "": written by a version that did not say */
        sd_id128_t invocation; /* of the gateway's run; null: it was not known yet */
        usec_t since;          /* when this failover began, CLOCK_BOOTTIME */
        usec_t last_good;      /* the last good check before it, CLOCK_BOOTTIME; 0: never seen */
        char reason[160];      /* what the deciding check said */
};

/* Sets *RET to what the file says, or to INTENT_NONE. */
void marker_load(const struct instance *n, struct marker *ret);

/* For `status`. Times are CLOCK_REALTIME, since they outlive a boot; 0: unknown, or not. */
struct last_failover {
        usec_t began, started, ended;
        usec_t outage; /* a span; USEC_INFINITY: unknown */
        char cause[160];
};

struct remembered_mode {
        enum mode mode;
        enum mode held_from; /* the one before a user stopped the gateway just now; _MODE_MAX: no user did */
        usec_t paused_until; /* CLOCK_REALTIME, since it outlives a boot; 0: not paused; USEC_INFINITY: until resumed */
        usec_t pause; /* how long it was to last; 0: not known, or until resumed */
        struct last_failover last;
};

void mode_load(const struct instance *n, struct remembered_mode *ret);

struct state_file {
        struct kept_file marker_file, mode_here, mode_there;
        struct marker marker;        /* as it was kept last */
        struct remembered_mode mode; /* likewise */
        usec_t paused_until;         /* the same on CLOCK_BOOTTIME */
        bool changed;                /* .mode has, since it was saved */
        usec_t last_started;         /* of the timeline, CLOCK_BOOTTIME: .mode.last tells of it */
};

/* Makes M of what an earlier daemon left, and puts R and E where it was; UNIT is the gateway's now. The marker's intent is for
 * role_resume(), once the unit is known. 0 or -ENOMEM; state_clear() it in either case. */
int state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e);
void state_clear(struct state_file *m);

/* After a step of R, and before its ACTION is carried out on UNIT, which GATEWAY describes. What cannot be written is
 * logged, keeps nobody from acting, and is tried again after the next step. */
void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action);
/* After the action: what has changed goes to the disk. */
void state_save(struct state_file *m);

/* Whether RUN, which systemd itself has restarted RESTARTS times, is the one that the marker names. */
bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts);
