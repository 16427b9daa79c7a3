/* Asks a machine outside the tailnet, the witness, together with a check of the primary: any answer proves
 * that this machine has a network. The answer counts for that check alone. */
#pragma once

#include "config/config.h"
#include "probe/probe.h"

/* Called from the loop when the witness has answered or failed. */
typedef void (*witness_done_t)(void *userdata);

struct witness {
        bool relay;          /* the tailnet's relay is the witness */
        struct probe *own;   /* of [witness] url; NULL: none */
        struct probe *asked; /* the witness that was last asked */
        enum { WITNESS_NOT_ASKED, WITNESS_ASKED, WITNESS_ANSWERED, WITNESS_FAILED } testimony;
        witness_done_t done;
        void *userdata;
};

/* Fills W. 0 or a negative errno; the caller calls witness_clear() in either case. */
int witness_set(
        struct witness *w, struct http *h, const struct config *c, witness_done_t done, void *userdata);
void witness_clear(struct witness *w);

/* Asks the witness, if there is one now. RELAY, the tailnet's, is the witness by default; NULL: none. */
void witness_ask(struct witness *w, struct probe *relay);
/* Cancels the question: an answer does not matter any more. */
void witness_drop(struct witness *w);
/* Makes C, a failed check, "cut off" if the witness failed, too: C proves nothing then. */
void witness_judge(const struct witness *w, struct check *c);
