/* A gateway that is watched: how to check it, the way to it, and what is known of it. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/health.h"
#include "daemon/tailnet.h"
#include "probe/probe.h"

struct peer {
        struct peers *watch; /* whose it is */
        const struct peer_config *config;
        struct health_rules rules;
        struct health health;
        struct probe *probe;
        struct tailnet *tailnet;
        bool looking;        /* tailscaled is asked, before a check or about one that failed */
        struct check found;  /* by the check that is under way */
        struct check last;   /* the last one that was counted; .reason "": none yet */
        struct check failed; /* the last one that was not good */
        usec_t served;       /* of a senior: when it was last found up */
};

/* Makes P, which is all zero, of PC in C, which must outlive it. What its tailnet remembers is in FILE of the state directory. 0
 * or a negative errno; peer_clear() it in either case. */
int peer_set(struct peer *p, struct http *h, const struct instance *instance, const char *file,
        const struct peer_config *pc, const struct config *c);
void peer_clear(struct peer *p);

bool peer_is_same(const struct peer *a, const struct peer *b);
/* What was counted of P before a reload goes on: the next check judges it by the new rules. */
void peer_carry_over(struct peer *p, const struct peer *before);

/* What was found of P, a failed check, proves nothing while Tailscale does not work here: it is judged as cut off then. A
 * restart of tailscaled is not to be counted at all: true. */
bool peer_is_passed_over(struct peer *p);
/* Counts the check that found .found. */
struct health_change peer_count(struct peer *p);
