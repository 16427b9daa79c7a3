/* A second opinion on this machine's own network; see witness.h. */
#include "daemon/witness.h"

#include <errno.h>
#include <string.h>

#include "config/validate.h"
#include "lib/text.h"

#define TIMEOUT (3 * USEC_PER_SEC) /* or as long as a check has */

struct witness {
        struct tailnet *tailnet; /* NULL: its relay is not used */
        struct probe *own;       /* of [witness] url; NULL: none */
        struct probe *asked;     /* the last one */
        enum testimony testimony;
        witness_done_t done;
        void *userdata;
};

/* Who accepts a connection has a network between us. */
static void on_answer(struct probe *p _unused_, const struct check *check, void *userdata) {
        struct witness *w = userdata;

        w->testimony = check->verdict == VERDICT_UP || check->connected ? WITNESS_ANSWERED : WITNESS_FAILED;
        w->done(w->userdata);
}

void witness_drop(struct witness *w) {
        if (w->testimony == WITNESS_ASKED)
                probe_cancel(w->asked);
        w->testimony = WITNESS_NOT_ASKED;
}

void witness_ask(struct witness *w) {
        witness_drop(w);
        w->asked = w->own || !w->tailnet ? w->own : tailnet_witness(w->tailnet);
        if (w->asked && probe_start(w->asked, on_answer, w) >= 0)
                w->testimony = WITNESS_ASKED;
}

enum testimony witness_testimony(const struct witness *w) {
        return w->testimony;
}

void witness_judge(const struct witness *w, struct check *c) {
        char reason[61];

        if (w->testimony != WITNESS_FAILED || c->verdict == VERDICT_CUT_OFF)
                return;
        (void) safe_text(reason, sizeof reason, c->reason);
        (void) snprintf(c->reason, sizeof c->reason,
                "%s, and the witness fails too: this machine is cut off", reason);
        c->verdict = VERDICT_CUT_OFF;
}

int witness_new(struct http *h, const struct config *c, struct tailnet *tailnet, witness_done_t done,
        void *userdata, struct witness **ret) {
        _cleanup_(witness_freep) struct witness *w = calloc(1, sizeof *w);
        bool relay = strcmp(c->witness.url, WITNESS_TAILSCALE) == 0;
        int r = 0;

        if (!w)
                return -ENOMEM;
        w->tailnet = relay ? tailnet : NULL;
        w->done = done;
        w->userdata = userdata;
        if (!relay && strcmp(c->witness.url, WITNESS_NONE) != 0)
                r = probe_new(h,
                        &(struct probe_target){
                                .url = c->witness.url,
                                .scheme = SCHEME_HTTP,
                                .expect = EXPECT_2XX,
                                .timeout = MIN(c->primary.timeout, TIMEOUT),
                        },
                        &w->own);
        if (r < 0)
                return r;
        *ret = TAKE(w);
        return 0;
}

struct witness *witness_free(struct witness *w) {
        if (!w)
                return NULL;
        probe_free(w->own);
        free(w);
        return NULL;
}
