/* Checks the standby's own gateway: promoted means that it answers here. */
#pragma once

#include "config/config.h"
#include "core/verdict.h"
#include "lib/http.h"

enum selfcheck_pace {
        SELFCHECK_OFF,
        SELFCHECK_STEADY, /* as often as the primary is checked, and every third of hang_timeout at least */
        SELFCHECK_EAGER,  /* the sooner an answer is seen, the shorter the blackout */
};

struct selfcheck;

/* A check of all of the gateway's addresses ended: CHECK is that of the first that answered, else of the one that got
 * furthest. */
typedef void (*selfcheck_done_t)(struct selfcheck *s, const struct check *check, void *userdata);

/* Off at first. The addresses are [gateway] url, or loopback and this node's tailnet address as it is at each check.
 * 0 or a negative errno. */
int selfcheck_new(struct http *h, const struct config *c, selfcheck_done_t done, void *userdata,
        struct selfcheck **ret);
struct selfcheck *selfcheck_free(struct selfcheck *s);
DEFINE_CLEANUP(struct selfcheck *, selfcheck_free)

/* From now on at this pace; a faster one than before begins with a check at once. */
void selfcheck_pace(struct selfcheck *s, enum selfcheck_pace pace);

/* The port of the gateway here; and what it is by the configuration alone. */
unsigned selfcheck_port(const struct selfcheck *s);
unsigned selfcheck_configured_port(const struct config *c);
