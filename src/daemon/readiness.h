/* Whether the primary's channels are ready, as its /readyz says: asked once a minute, and the last answer holds until the
 * next. Only a gateway that was ready before counts, which is remembered over restarts of the daemon. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "probe/probe.h"

struct readiness;

/* *RET stays NULL if it does not matter: all functions take that. NAME tells primaries apart. 0 or a negative errno. */
int readiness_new(struct http *h, const struct instance *instance, const struct peer_config *primary,
        const char *name, struct readiness **ret);
struct readiness *readiness_free(struct readiness *r);
DEFINE_CLEANUP(struct readiness *, readiness_free)

/* A check of the primary was good: asks if it is due, or if NOW_TOO says so. True: DONE is called, once, from the loop. */
typedef void (*readiness_done_t)(void *userdata);
bool readiness_ask(struct readiness *r, bool now_too, readiness_done_t done, void *userdata);
/* If it was ready and is not: makes that of CHECK, a good one. */
void readiness_judge(const struct readiness *r, struct check *check);
/* The primary is down for another reason: what it said is worth nothing any more. */
void readiness_forget(struct readiness *r);
