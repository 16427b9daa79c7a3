/* A transition becomes one journal entry, with words for a user and fields for a program.
 *
 * Every event has a stable MESSAGE_ID, which the catalog explains (journalctl -x), and one row in the table
 * in events.c. Fields: FAILOVER_EVENT, FAILOVER_FROM, FAILOVER_TO (roles), FAILOVER_MODE, FAILOVER_REASON,
 * FAILOVER_PRIMARY, FAILOVER_UNIT, FAILOVER_INSTANCE. EVENT_PROMOTED knows FAILOVER_OUTAGE_USEC and its parts
 * FAILOVER_DETECTING_USEC, FAILOVER_SYNCING_USEC and FAILOVER_STARTING_USEC; EVENT_CHANNELS_READY
 * FAILOVER_READY_USEC (since the promotion) and FAILOVER_ACTIVE_USEC (since the start); EVENT_DEMOTED
 * FAILOVER_PROMOTED_USEC. The field of an unknown span is empty. */
#pragma once

#include "lib/util.h"
#include "roles.h"

#define MESSAGE_MAX 1024
/* Messages leave out a shorter part of an outage, such as a sync that was not needed. */
#define OUTAGE_PART_MIN (10 * USEC_PER_MSEC)

/* What a message is made of. Texts are safe to print. A span that is unknown is USEC_INFINITY. */
struct story {
        enum role_state from, to;
        enum mode mode;
        bool up;             /* the primary or .senior is up: users need no gateway here */
        bool by_hand;        /* a user's command or a drill caused the promotion: there is no outage */
        bool paused;         /* the daemon does nothing until the pause ends */
        bool again;          /* the gateway here had been promoted, and is started again */
        const char *program; /* what a user types for this instance (instance.h) */
        const char *primary; /* "100.64.0.1:18789" */
        const char *unit;
        const char *senior;         /* a senior standby that is up while the primary is not; "": none */
        const char *reason;         /* the reason of the deciding check */
        const char *trouble;        /* why the gateway here does not run or answer */
        const char *channels;       /* which channels of the gateway here are not ready */
        const char *unit_waits_for; /* systemd starts .unit after this unit's job; NULL or "": none */
        bool ended_well;            /* .unit is not running, and systemd knows of no error */
        bool other;                 /* another gateway answers at the address of the gateway here */
        bool unsaid;       /* the gateway here is an older one that does not report on its channels */
        bool ignores_stop; /* the gateway here still answers though systemd is stopping it */
        usec_t outage;     /* at most: from the last good check to the promotion (EVENT_PROMOTED) */
        usec_t detecting;  /* a part of .outage: from the last good check to the decision … */
        usec_t syncing;    /* … from there to the start of .unit … */
        usec_t starting;   /* … from there to the promotion */
        usec_t ready;      /* from the promotion until the channels were ready */
        usec_t active;     /* from the start of .unit until the channels were ready */
        usec_t down;       /* from the last good check until now */
        usec_t promoted;   /* how long the standby has been promoted */
        usec_t start_timeout, hang_timeout;
        unsigned port;
};

/* The event's name in FAILOVER_EVENT, alerts and history: "promoted". */
const char *event_name(enum role_event event);
/* The event's MESSAGE_ID as 32 hex digits. */
const char *event_message_id(enum role_event event);
/* The event's syslog level. */
int event_level(enum role_event event);

/* Writes to BUF, for a user at night: what happened, what it means, what to do. Returns BUF. */
char *event_message(enum role_event event, const struct story *s, char buf[static MESSAGE_MAX]);
