/* What one check of a gateway found. Pure modules use this, so it depends on nothing but util.h. */
#pragma once

#include "lib/util.h"

enum verdict {
        VERDICT_UP,        /* the expected answer */
        VERDICT_NOT_READY, /* the gateway lives and says that its channels do not */
        VERDICT_STARTING,  /* the gateway itself says that it is starting … */
        VERDICT_DRAINING,  /* … or draining */
        VERDICT_DOWN,      /* a clear failure */
        VERDICT_SILENT,    /* a failure that does not prove a death */
        VERDICT_CUT_OFF,   /* nothing is known: this machine has no network. Never from a probe */
        _VERDICT_MAX,
};

/* What a gateway says of its channels. */
enum gateway_ready {
        READY_UNKNOWN, /* it was not asked, or silent */
        READY_UNSAID,  /* an older one, which does not say */
        READY_NO,
        READY_YES,
};

struct check {
        enum verdict verdict;
        bool connected;  /* the connection was accepted, whatever came of it */
        bool unanswered; /* nothing came back: only a witness can say whether the network here works */
        bool by_name; /* so fails a server that answers to its name alone, when it is asked by its address */
        bool started; /* the gateway itself says that it has started; false: it says nothing, or not that */
        enum gateway_ready ready;
        char reason[128]; /* for a person, in lower case, safe to print: "connection refused". Never empty */
        char channels[128]; /* the same of .ready; "" if that is not known */
        usec_t took;
};

/* "up", "not-ready", "starting", "draining", "down", "silent", "cut-off": for logs, D-Bus and JSON. */
extern const char *const verdict_names[_VERDICT_MAX];
static inline const char *verdict_name(enum verdict v) {
        return verdict_names[v];
}
