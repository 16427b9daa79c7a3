/* What one check of a gateway found. Pure modules use this header, so it includes util.h alone. */
#pragma once

#include "lib/util.h"

/* How much of a check's time a connect gets, at most: time for a SYN and two repeats. */
#define CONNECT_MAX (3 * USEC_PER_SEC)

enum verdict {
        VERDICT_UP,        /* the expected answer */
        VERDICT_NOT_READY, /* the gateway lives and says that its channels do not. Never from a probe */
        VERDICT_STARTING,  /* the gateway itself says that it is starting … */
        VERDICT_DRAINING,  /* … or draining */
        VERDICT_DOWN,      /* a clear failure */
        VERDICT_SILENT,    /* a failure that does not prove that the gateway is dead */
        VERDICT_CUT_OFF,   /* this machine has no network, so nothing is known. Never from a probe */
        _VERDICT_MAX,
};

/* What a gateway says of its channels. */
enum gateway_ready {
        READY_UNKNOWN, /* the gateway was not asked, or was silent */
        READY_UNSAID,  /* an older gateway, which does not say */
        READY_NO,
        READY_YES,
};

struct check {
        enum verdict verdict;
        bool connected;  /* the gateway's machine accepted the connection, whatever came after */
        bool unanswered; /* nothing came back: only a witness can say whether the network here works */
        bool by_name; /* the failure looks like a server's that must be asked by its name, not its address */
        bool started; /* the gateway itself says that it has started */
        enum gateway_ready ready;
        char reason[128];   /* for a user, in lower case, safe to print: "connection refused". Never empty */
        char channels[128]; /* likewise, about .ready; "": not known */
        usec_t took;
};

/* "up", "not-ready", "starting", "draining", "down", "silent", "cut-off": for logs, D-Bus and JSON. */
extern const char *const verdict_names[_VERDICT_MAX];
static inline const char *verdict_name(enum verdict v) {
        return verdict_names[v];
}
