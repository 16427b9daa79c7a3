/* Decides when trouble that lasts, such as failing syncs, deserves an alert: one when it has lasted for a
 * while, one when it is over, and one a day while the standby is promoted or the primary is down.
 *
 * Pure: no I/O, no clock, no allocation. CLOCK_BOOTTIME measures how long it lasts, since a user may set the
 * other clock. The times that users see are CLOCK_REALTIME. */
#pragma once

#include "alert/alert_format.h"
#include "status.h"

enum condition_kind {
        CONDITION_CUT_OFF,
        CONDITION_NO_SYSTEMD, /* systemd does not answer, so it cannot start the gateway */
        CONDITION_SILENT,     /* promoted, and the gateway does not answer, even after systemd's restarts */
        CONDITION_COLD,       /* a warm gateway does not answer on standby */
        CONDITION_FOREIGN,    /* the gateway runs here though this machine is on standby */
        CONDITION_SYNC,       /* the sync fails */
        CONDITION_NOT_READY,  /* the primary lives, its channels do not, and not_ready = alert */
        CONDITION_PRIMARY_RESTARTS, /* the primary fails again and again, too short for a failover */
        CONDITION_GATEWAY_RESTARTS, /* the gateway here fails again and again, and systemd restarts it */
        _CONDITION_MAX,
};

struct conditions {
        usec_t cut_off_after; /* set by the caller: how long CONDITION_CUT_OFF must last for an alert */
        struct {
                usec_t since; /* CLOCK_BOOTTIME; 0: the condition does not hold */
                bool alerted;
        } of[_CONDITION_MAX];
        usec_t trouble_since;   /* when this machine was promoted or the primary went down; 0: neither */
        unsigned days_reported; /* how many whole days since then have had their alert */
        char event[32], title[96], text[ALERT_TEXT_MAX];
};

/* Looks at S at NOW, which is BOOTTIME on the other clock. Whether *RET is an alert to send; its texts are
 * valid until the next call. The caller calls again until this returns false. */
bool conditions_look(struct conditions *l, const struct status *s, usec_t now, usec_t boottime,
        struct alert_message *ret);
