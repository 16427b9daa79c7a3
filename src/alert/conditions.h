/* Trouble that lasts and is no transition: one alert when it has gone on for a while, one when it is over, and one a day while
 * the standby is promoted or the primary down.
 *
 * Pure: no I/O, no clock, no allocation. How long it lasts is measured with CLOCK_BOOTTIME, since a user may set the other
 * clock; what people see is CLOCK_REALTIME. */
#pragma once

#include "alert/alert_format.h"
#include "status.h"

enum condition_kind {
        CONDITION_CUT_OFF,
        CONDITION_NO_SYSTEMD, /* it cannot be asked to start the gateway */
        CONDITION_SILENT,    /* promoted, and the gateway does not answer, however often systemd starts it */
        CONDITION_COLD,      /* a warm gateway does not answer on standby */
        CONDITION_FOREIGN,   /* the gateway runs here though this machine is on standby */
        CONDITION_SYNC,      /* it fails */
        CONDITION_NOT_READY, /* the primary lives and its channels do not, and not_ready = alert */
        CONDITION_PRIMARY_RESTARTS, /* it fails again and again, each time too short for a failover */
        CONDITION_GATEWAY_RESTARTS, /* the gateway here does, and systemd starts it again */
        _CONDITION_MAX,
};

struct conditions {
        usec_t cut_off_after; /* from outside: an alert that this machine is cut off waits this long */
        struct {
                usec_t since; /* CLOCK_BOOTTIME; 0: it is not so */
                bool alerted;
        } of[_CONDITION_MAX];
        usec_t trouble_since;   /* promoted, or the primary down; 0: neither */
        unsigned days_reported; /* whole days of it */
        char text[ALERT_TEXT_MAX];
};

/* No alert before it has lasted that long. */
usec_t condition_after(const struct conditions *l, enum condition_kind kind);

/* Looks at S at NOW, which is BOOTTIME by the other clock. True if there is an alert to send: *RET is filled in, with texts
 * that are good until the next call. Call again until it is false. */
bool conditions_look(struct conditions *l, const struct status *s, usec_t now, usec_t boottime,
        struct alert_message *ret);
