/* Journal entries, one after the other, become a list of failovers.
 *
 * Pure: no journal, no clock. Entries may be missing at either end, since journals are rotated, and in between, since
 * machines crash: what is not known stays unknown. */
#pragma once

#include <systemd/sd-id128.h>

#include "core/role.h"
#include "lib/util.h"

/* One journal entry of events.h. Spans are USEC_INFINITY where the entry does not say. */
struct record {
        usec_t time; /* CLOCK_REALTIME */
        sd_id128_t boot;
        enum role_event event;
        const char *mode;   /* role_mode_name(); "" if it does not say */
        const char *from;   /* role_state_name(); likewise */
        const char *reason; /* likewise */
        usec_t outage, detecting, syncing, starting, promoted;
};

enum failover_kind {
        KIND_FAILOVER, /* the primary was down */
        KIND_BY_HAND,
        KIND_DRILL,
        _FAILOVER_KIND_MAX,
};

enum failover_end {
        END_OPEN,     /* it goes on */
        END_FAILBACK, /* back on standby */
        END_STOPPED,  /* a user stopped the gateway */
        END_FOREIGN,  /* a user started another run of the gateway, which the daemon leaves alone */
        END_REBOOT,   /* this machine was rebooted, which ends it; when is not known */
        END_UNKNOWN,  /* the next one began without an end of this one in the journal */
        _FAILOVER_END_MAX,
};

struct failover {
        enum failover_kind kind;
        enum failover_end end;
        sd_id128_t boot;
        usec_t begun;     /* when the daemon decided to promote; 0: unknown */
        usec_t promoted;  /* when the gateway here had started; 0: it did not, or unknown */
        usec_t ended;     /* 0: not, or unknown */
        usec_t lasted;    /* how long it was promoted; USEC_INFINITY: unknown, or it goes on */
        char reason[160]; /* "" where unknown */
        usec_t outage, detecting, syncing, starting; /* USEC_INFINITY: unknown */
        bool trouble;      /* the gateway failed to start, was lost or hung, or its channels did not work */
        bool handing_back; /* the gateway is being stopped for good */
};

struct history {
        struct failover *failovers;
        size_t n;
        usec_t first_entry; /* of the whole journal, CLOCK_REALTIME; 0: unknown. Set by who reads it */
};

/* Adds the next entry in the order of time. 0 or -ENOMEM. */
int history_add(struct history *c, const struct record *r);
/* There are no more. BOOT is the one that runs now. */
void history_close(struct history *c, sd_id128_t boot);
/* Drops what was over before SINCE: after history_close(), since only a failover's beginning says of what kind it is. Of
 * one whose end is not known, what is known of it last counts. Nothing is added afterwards. */
void history_forget(struct history *c, usec_t since);
/* Drops all but the last N. */
void history_keep_last(struct history *c, size_t n);
void history_done(struct history *c);

/* Sums over the failovers proper, not those by hand, nor drills. */
struct history_sums {
        size_t failovers;
        size_t by_hand, drills;
        usec_t promoted; /* all known times together; one that goes on counts up to NOW */
        usec_t outage;   /* the median of those known; USEC_INFINITY: none is */
};
struct history_sums history_sums(const struct history *c, usec_t now);

extern const char *const failover_kind_names[_FAILOVER_KIND_MAX]; /* "failover", "by hand", "drill" */
extern const char
        *const failover_end_names[_FAILOVER_END_MAX]; /* "open", "failback", "stopped", "foreign" … */
