/* What the daemon must remember when it is gone: the mode, a pause, the last failover, and, as the marker,
 * what it was doing with the gateway. A JSON file in /run has all of it, since a write there waits for no
 * disk; one in /var/lib follows, whose marker is of no use after a boot.
 *
 * Both are small, and replaced by rename(2). A missing file is normal. A broken file is logged and counts as
 * missing: the unit itself shows what is under way. */
#pragma once

#include <systemd/sd-id128.h>

#include "config/instance.h"
#include "core/role.h"
#include "core/timeline.h"
#include "daemon/units.h"
#include "lib/kept_file.h"

struct marker {
        enum role_intent intent;
        char unit[256];        /* the gateway's; "": an older version wrote the marker without it */
        sd_id128_t invocation; /* the gateway's run; null: not known yet */
        usec_t since;     /* when this failover promoted; before that, when .intent began; CLOCK_BOOTTIME */
        usec_t last_good; /* the last good check before this failover, CLOCK_BOOTTIME; 0: never seen */
        char reason[160]; /* what the deciding check found */
};

/* For `status`. Times are CLOCK_REALTIME, since they outlive a boot; 0: unknown, or not yet. */
struct last_failover {
        usec_t began, started, ended;
        usec_t outage; /* a span; USEC_INFINITY: unknown */
        char cause[160];
};

struct remembered {
        enum mode mode;
        enum mode held_from; /* the mode before a user stopped the gateway lately; _MODE_MAX: no user did */
        usec_t paused_until; /* CLOCK_REALTIME; 0: not paused; USEC_INFINITY: until resumed */
        usec_t pause;        /* how long the pause was to last; 0: not known, or until resumed */
        struct last_failover last;
        struct marker marker; /* INTENT_NONE: there is none */
};

/* Reads what an earlier daemon left; the defaults if that is nothing. */
void state_load(const struct instance *n, struct remembered *ret);

struct state_file {
        struct kept_file here, there; /* in /run, in /var/lib */
        struct remembered now;
        usec_t paused_until; /* .now.paused_until on CLOCK_BOOTTIME */
        bool changed;        /* .now has, apart from its marker, since state_save() */
        usec_t last_started; /* the promotion that .now.last describes, CLOCK_BOOTTIME */
};

/* Fills M, R and E from what an earlier daemon left. UNIT is the gateway's now. The marker's intent is for
 * role_resume(), when the unit is known. 0 or -ENOMEM; the caller calls state_clear() in either case. */
int state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e);
void state_clear(struct state_file *m);

/* Writes to /run after a step of R, before the daemon carries out its ACTION on UNIT, which GATEWAY
 * describes. A failed write is logged, does not stop the action, and is retried after the next step. */
void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action);
/* Writes what has changed to the disk, after the action. */
void state_save(struct state_file *m);

/* Whether RUN is the marker's. RESTARTS by systemd itself, or a null run in the marker, count as yes. */
bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts);
