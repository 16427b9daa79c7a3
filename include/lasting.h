/* What lasts is told of, too: that this machine is cut off, that the sync keeps failing, and once a day that all is still
 * not as it should be.
 *
 * Pure: no I/O, no clock, no allocation. Times are CLOCK_REALTIME. */
#pragma once

#include "alert_format.h"
#include "status.h"

/* A shorter time without network is no news; nor is a sync that fails now and then. */
#define LASTING_CUT_OFF USEC_PER_MINUTE
#define LASTING_SYNC USEC_PER_HOUR

struct lasting {
        usec_t cut_off_since; /* 0: it is not */
        bool cut_off_told;    /* … and if so, whether that was told */
        usec_t sync_since;    /* the first failed sync of this row; 0: the last one was good */
        bool sync_told;
        usec_t trouble_since; /* promoted, or the primary down; 0: neither */
        unsigned days_told;   /* whole days of it */
        char text[ALERT_TEXT_MAX];
};

/* Looks at S at NOW. True if there is something to tell: *RET is filled in, with texts that are good until the next call.
 * Call again until it is false. */
bool lasting_look(struct lasting *l, const struct status *s, usec_t now, struct alert_message *ret);
