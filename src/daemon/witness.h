/* A second opinion on this machine's own network: something outside the tailnet is asked together with a check of the
 * primary, and what comes of it counts for that check alone. */
#pragma once

#include "config/config.h"
#include "daemon/tailnet.h"

/* Called from the loop when the witness that was asked has answered or failed. */
typedef void (*witness_done_t)(void *userdata);

struct witness {
        struct tailnet *tailnet; /* NULL: its relay is not used */
        struct probe *own;       /* of [witness] url; NULL: none */
        struct probe *asked;     /* the last one */
        enum { WITNESS_NOT_ASKED, WITNESS_ASKED, WITNESS_ANSWERED, WITNESS_FAILED } testimony;
        witness_done_t done;
        void *userdata;
};

/* Makes W. TAILNET, whose relay is the witness by default, must outlive it. 0 or a negative errno; witness_clear() it in either
 * case. */
int witness_set(struct witness *w, struct http *h, const struct config *c, struct tailnet *tailnet,
        witness_done_t done, void *userdata);
void witness_clear(struct witness *w);

/* Does nothing if there is none to ask now. */
void witness_ask(struct witness *w);
/* Its answer does not matter any more: as if it had not been asked. */
void witness_drop(struct witness *w);
/* A check C that failed proves nothing if the witness failed, too. */
void witness_judge(const struct witness *w, struct check *c);
