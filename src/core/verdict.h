/* What one check of a gateway found. Pure modules use this, so it depends on nothing but util.h. */
#pragma once

#include "lib/util.h"

enum verdict {
        VERDICT_UP,       /* the expected answer */
        VERDICT_STARTING, /* the gateway itself says that it is starting … */
        VERDICT_DRAINING, /* … or draining */
        VERDICT_DOWN,     /* a clear failure */
        VERDICT_UNCLEAR,  /* a failure that does not prove a death */
        VERDICT_CUT_OFF,  /* nothing is known: this machine has no network. Never from a probe */
        _VERDICT_MAX,
};

struct check {
        enum verdict verdict;
        bool connected;   /* somebody accepted the connection, whatever came of it */
        char reason[128]; /* for a person, in lower case, safe to print: "connection refused". Never empty */
        usec_t took;
};

/* "up", "starting", "draining", "down", "unclear", "cut-off": for logs, D-Bus and JSON. */
const char *verdict_name(enum verdict v);
