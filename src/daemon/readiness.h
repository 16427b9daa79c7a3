/* Whether the primary's channels are ready, as its /readyz says: asked once a minute, and the last answer holds until the
 * next. Only a gateway that was ready before counts, which is remembered over restarts of the daemon. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/verdict.h"
#include "lib/kept_file.h"

struct readiness {
        bool matters;
        struct kept_file file; /* with the primary's name, there if it was ready */
        const char *name;
        bool was_ready;
        struct check said; /* the last check that has an answer */
        usec_t asked;      /* 0: never */
};

/* Makes R, which is all zero. NAME, which must outlive it, tells primaries apart. 0 or -ENOMEM. */
int readiness_set(struct readiness *r, const struct instance *instance, const struct peer_config *primary,
        const char *name);
void readiness_clear(struct readiness *r);

/* A check of the primary begins: whether it is to ask for this, too. NOW_TOO: even if that was done lately. */
bool readiness_ask(struct readiness *r, bool now_too);
/* Learns from C, a good check. If the primary was ready and is not: makes that of C. */
void readiness_judge(struct readiness *r, struct check *c);
/* The primary is down for another reason: what it said is worth nothing any more. */
void readiness_forget(struct readiness *r);
