/* A gateway on another machine: how to check it, the way to it, and what its checks found. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "core/health.h"
#include "daemon/tailnet.h"
#include "probe/probe.h"

struct peer {
        struct peers *watch; /* the owner */
        const struct peer_config *config;
        struct health_rules rules;
        struct health health;
        struct probe *probe;
        struct tailnet *tailnet;
        bool looking;        /* tailscaled is being asked, before a check or about a failed one */
        unsigned unanswered; /* checks without an answer, in a row */
        struct check found;  /* the result of the check under way */
        struct check last;   /* the last check that was counted; .reason "": none yet */
        struct check failed; /* the last counted check that was not good */
        usec_t served;       /* when a senior was last found up */
};

/* Fills P, which is all zero, from PC in C, which must outlive P. FILE of the state directory is its
 * tailnet's memory. 0 or a negative errno; the caller calls peer_clear() in either case. */
int peer_set(struct peer *p, struct http *h, const struct instance *instance, const char *file,
        const struct peer_config *pc, const struct config *c);
void peer_clear(struct peer *p);

bool peer_is_same(const struct peer *a, const struct peer *b);
/* Takes over what BEFORE has counted, and its tailnet, when a reload replaces it. The next check applies the new
 * rules. */
void peer_carry_over(struct peer *p, struct peer *before);

/* Judges .found, a failed check, as cut off while Tailscale does not work here: the check proves nothing
 * then. Returns true if tailscaled only restarts: the caller must not count the check. */
bool peer_is_passed_over(struct peer *p);
/* Counts .found. Returns what health_check() does. */
usec_t peer_count(struct peer *p);
