/* Asks another machine, whose answer proves that this one has a network; see witness.h. */
#include "daemon/witness.h"

#include <string.h>

#include "config/validate.h"
#include "lib/text.h"

#define TIMEOUT (3 * USEC_PER_SEC) /* or the check's timeout, if shorter */

/* A witness that accepts the connection proves that the network works. */
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

void witness_ask(struct witness *w, struct probe *relay) {
        witness_drop(w);
        w->asked = w->relay ? relay : w->own;
        if (w->asked && probe_start(w->asked, on_answer, w) >= 0)
                w->testimony = WITNESS_ASKED;
}

void witness_judge(const struct witness *w, struct check *c) {
        if (w->testimony != WITNESS_FAILED || c->verdict == VERDICT_CUT_OFF)
                return;
        (void) appendf(c->reason, sizeof c->reason, ", and the witness fails too");
        c->verdict = VERDICT_CUT_OFF;
}

int witness_set(
        struct witness *w, struct http *h, const struct config *c, witness_done_t done, void *userdata) {
        w->done = done;
        w->userdata = userdata;
        w->relay = strcmp(c->witness.url, WITNESS_TAILSCALE) == 0;
        if (w->relay || strcmp(c->witness.url, WITNESS_NONE) == 0)
                return 0;
        return probe_new(h,
                &(struct probe_target){
                        .url = c->witness.url,
                        .scheme = SCHEME_HTTP,
                        .expect = EXPECT_2XX,
                        .timeout = MIN(c->primary.timeout, TIMEOUT),
                },
                &w->own);
}

void witness_clear(struct witness *w) {
        witness_drop(w);
        probe_free(w->own);
}
