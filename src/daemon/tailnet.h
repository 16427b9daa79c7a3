/* The way to the primary through Tailscale: whether the primary is in the tailnet, whether Tailscale works here, and this
 * node's home relay as a witness.
 *
 * Only tailscaled's own word counts. What it said of the primary is remembered over restarts, since a tailscaled that is
 * stopped, or a node that is logged out, cannot say it. Without Tailscale here, nothing of this changes anything. */
#pragma once

#include "config/instance.h"
#include "probe/probe.h"
#include "probe/tailscale.h"

struct tailnet;

/* HOST is the primary's as the ini has it. 0 or a negative errno. H and NAMES must outlive it. */
int tailnet_new(struct http *h, const struct instance *instance, const char *host, struct tailnet **ret);
struct tailnet *tailnet_free(struct tailnet *t);
DEFINE_CLEANUP(struct tailnet *, tailnet_free)

/* Goes on with what BEFORE knows, which has the same host. */
void tailnet_carry_over(struct tailnet *t, const struct tailnet *before);

/* From the loop, once for each tailnet_look() that returned 0, unless another one came before. */
typedef void (*tailnet_done_t)(void *userdata);
/* Asks for Tailscale's state; ADDRESS is what a check of the primary connects to, "" if that is not known. 0; -ENOENT if
 * the primary is not reached through Tailscale, so that there is nothing to ask; another negative errno. */
int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata);
/* While all is well: asks now and then, for everything there is to know. */
void tailnet_refresh(struct tailnet *t, const char *address);

/* Whether the primary is in the tailnet and Tailscale does not work here, by the last look; WHY, if it is not NULL, then says
 * what is wrong. */
bool tailnet_is_blind(const struct tailnet *t, char *why, size_t size);
/* The home relay, if it may bear witness now: it answered within the last hour, is not on the primary's machine, and no exit
 * node is in use. NULL: it may not. */
struct probe *tailnet_witness(struct tailnet *t);
/* When the keys of this node and of the primary expire, CLOCK_REALTIME; 0: never, or not known. */
void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there);
/* What a user should know of keys that expire, once: true, and it is in BUF. */
bool tailnet_take_notice(struct tailnet *t, char *buf, size_t size);
/* Pings the primary's tailscaled while a check of the primary is under way. What came of it is in the remark. */
void tailnet_ping(struct tailnet *t, const char *address);
/* Adds to the reason of C, a check that failed, what Tailscale knows of the primary's machine. */
void tailnet_remark(const struct tailnet *t, struct check *c);
