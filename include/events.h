/* A transition becomes one journal entry, with words for a person and fields for a program.
 *
 * Every event has a stable MESSAGE_ID, which the catalog explains (journalctl -x), and one row in the table in events.c.
 * Fields: FAILOVER_EVENT, FAILOVER_FROM, FAILOVER_TO (roles), FAILOVER_MODE, FAILOVER_REASON, FAILOVER_PRIMARY,
 * FAILOVER_UNIT, FAILOVER_INSTANCE; after a promotion FAILOVER_OUTAGE_USEC and its parts FAILOVER_DETECTING_USEC,
 * FAILOVER_SYNCING_USEC and FAILOVER_STARTING_USEC; when the channels are ready FAILOVER_READY_USEC, counted from there,
 * and FAILOVER_ACTIVE_USEC, counted from the start; after a demotion FAILOVER_PROMOTED_USEC. */
#pragma once

#include "lib/util.h"
#include "roles.h"

#define MESSAGE_MAX 1024
/* A shorter part of an outage, of a sync that was not needed say, is not worth a word. */
#define OUTAGE_PART_MIN (10 * USEC_PER_MSEC)

/* What a message is made of. Texts that come from outside are made safe already. Spans are USEC_INFINITY where unknown. */
struct story {
        enum role_state from, to;
        enum mode mode;
        bool up;             /* the primary is, or .senior: users need no gateway here */
        bool by_hand;        /* a user wanted it, or a drill: there is no outage */
        bool paused;         /* the daemon does nothing until the pause is over */
        bool again;          /* the gateway here was promoted already, and is started again */
        const char *program; /* what a user types for this instance (instance.h) */
        const char *primary; /* "100.64.0.1:18789" */
        const char *unit;
        const char *senior; /* the standby that goes first and is up, while the primary is not; "" if none */
        const char *reason; /* what the deciding check said */
        const char *trouble;  /* what went wrong with the unit */
        const char *channels; /* what the gateway here says of them: which are not ready */
        const char *
                unit_waits_for; /* the unit that systemd finishes before it starts .unit; NULL or "": none */
        bool ended_well;        /* nothing, and yet it is not running */
        bool other;             /* another gateway answers at this one's address */
        bool warm;              /* .unit only switches the channels of a gateway that runs */
        bool unsaid;            /* the gateway here is an older one, which says nothing of its channels */
        bool finishes;          /* it says that it is draining */
        bool ignores_stop;      /* it answers as if no one had stopped it */
        usec_t outage;          /* at most: from the last good check to the first answer here */
        usec_t detecting;       /* its parts: from the last good check to the decision … */
        usec_t syncing;         /* … to the start … */
        usec_t starting;        /* … to the answer */
        usec_t ready;           /* and from there until its channels were ready */
        usec_t active;          /* from the start until then */
        usec_t down;            /* from the last good check until now */
        usec_t promoted;        /* how long the standby was promoted */
        usec_t start_timeout, hang_timeout, drain_timeout;
        unsigned port;
};

/* The event's name in FAILOVER_EVENT, alerts and history: "promoted". */
const char *event_name(enum role_event event);
/* Its MESSAGE_ID as 32 hex digits. */
const char *event_message_id(enum role_event event);
/* A syslog level. */
int event_level(enum role_event event);

/* Writes what EVENT means to BUF, for a person at night: what happened, what it means, what to do. Returns BUF. */
char *event_message(enum role_event event, const struct story *s, char buf[static MESSAGE_MAX]);
