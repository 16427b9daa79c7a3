/* Journal entries, one after the other, become a list of failovers.
 *
 * Pure: no journal, no clock. Entries may be missing at either end, since journals are rotated, and in
 * between, since machines crash. A missing fact stays unknown. */
#pragma once

#include <systemd/sd-id128.h>

#include "core/role.h"
#include "lib/util.h"

/* One journal entry of events.h. A span that the entry lacks is USEC_INFINITY. */
struct record {
        usec_t time; /* CLOCK_REALTIME */
        sd_id128_t boot;
        enum role_event event;
        const char *mode;   /* role_mode_name(); "": the entry lacks it */
        const char *from;   /* role_state_name(); "": the entry lacks it */
        const char *reason; /* "": the entry lacks it */
        usec_t outage, detecting, syncing, starting, promoted;
};

enum failover_kind {
        KIND_FAILOVER, /* the primary was down */
        KIND_BY_HAND,
        KIND_DRILL,
        _FAILOVER_KIND_MAX,
};

enum failover_end {
        END_OPEN,     /* the failover goes on */
        END_FAILBACK, /* back on standby; a gateway that runs then is a user's */
        END_STOPPED,  /* a user stopped the gateway */
        END_REBOOT,   /* this machine was rebooted, at an unknown time */
        END_UNKNOWN,  /* the next failover began, and the journal has no end of this one */
        _FAILOVER_END_MAX,
};

struct failover {
        enum failover_kind kind;
        enum failover_end end;
        sd_id128_t boot;
        usec_t begun;     /* when the daemon decided to promote; 0: unknown */
        usec_t promoted;  /* when the gateway here had started; 0: it did not, or unknown */
        usec_t ended;     /* 0: it has not, or unknown */
        usec_t lasted;    /* how long this machine was promoted; USEC_INFINITY: unknown, or still is */
        char reason[160]; /* "": unknown */
        usec_t outage, detecting, syncing, starting; /* USEC_INFINITY: unknown */
        bool trouble;      /* the gateway failed to start, was lost or hung, or its channels did not work */
        bool handing_back; /* the daemon stops the gateway for good */
};

struct history {
        struct failover *failovers;
        size_t n;
        usec_t first_entry; /* of the whole journal, CLOCK_REALTIME; 0: unknown. The reader sets it */
};

/* Adds the next entry in the order of time. 0 or -ENOMEM. */
int history_add(struct history *c, const struct record *r);
/* Ends an open failover of another boot than BOOT, the one that runs now. Call it after the last entry. */
void history_close(struct history *c, sd_id128_t boot);
/* Drops the failovers that ended before SINCE, and all but the last COUNT. If an end is unknown, the last
 * known time counts. Call it after the last entry, since only the first entry of a failover has its kind. */
void history_select(struct history *c, usec_t since, size_t count);
void history_done(struct history *c);

extern const char *const failover_kind_names[_FAILOVER_KIND_MAX]; /* "failover", "by hand", "drill" */
extern const char *const failover_end_names[_FAILOVER_END_MAX];   /* "open", "failback", "stopped" … */
