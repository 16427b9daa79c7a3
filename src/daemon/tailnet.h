/* The way to a gateway through Tailscale: whether it is in the tailnet, whether Tailscale works here, and this node's home
 * relay as a witness.
 *
 * Only tailscaled's own word counts. What it said of the gateway is remembered over restarts, since a tailscaled that is
 * stopped, or a node that is logged out, cannot say it. Without Tailscale here, nothing of this changes anything. */
#pragma once

#include "config/instance.h"
#include "probe/probe.h"
#include "probe/tailscale.h"

/* A tailscaled that is gone or starts is taken for one that is restarted, for this long. */
#define TAILNET_RESTART_MAX (30 * USEC_PER_SEC)

struct tailnet;

/* HOST is the gateway's as the ini has it; what is known of it is kept in FILE of the state directory. 0 or a negative errno.
 * H must outlive it. */
int tailnet_new(struct http *h, const struct instance *instance, const char *file, const char *host,
        struct tailnet **ret);
struct tailnet *tailnet_free(struct tailnet *t);
DEFINE_CLEANUP(struct tailnet *, tailnet_free)

/* Goes on with what BEFORE knows, which has the same host. */
void tailnet_carry_over(struct tailnet *t, const struct tailnet *before);

/* From the loop, once for each tailnet_look() that returned 0, unless another one came before. */
typedef void (*tailnet_done_t)(void *userdata);
/* Asks for Tailscale's state; ADDRESS is what a check of the gateway connects to, "" if that is not known. 0; -ENOENT if
 * the gateway is not reached through Tailscale, so that there is nothing to ask; another negative errno. */
int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata);
/* After a good check: asks now and then, for everything there is to know. */
void tailnet_refresh(struct tailnet *t, const char *address);

/* Whether a look has to come before a check: this is the first one, or the way was found not to work. */
bool tailnet_looks_first(const struct tailnet *t);
/* Since when the gateway is in the tailnet and Tailscale does not work here, by the last look; 0: it works. WHY, if it is not
 * NULL, then says what is wrong. */
usec_t tailnet_blind_since(const struct tailnet *t, char *why, size_t size);
/* Whether that is what a restart of tailscaled looks like, and for no longer than one takes. */
bool tailnet_restarts(const struct tailnet *t);

/* The home relay, if it may bear witness now: it answered within the hour before the last good check, is not on the gateway's
 * machine, and no exit node is in use. NULL: it may not. */
struct probe *tailnet_witness(struct tailnet *t);
/* When the keys of this node and of the gateway's expire, CLOCK_REALTIME; 0: never, or not known. */
void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there);
/* What a user should know of keys that expire, once: true, and it is in BUF. */
bool tailnet_take_notice(struct tailnet *t, char *buf, size_t size);
/* Pings the gateway's tailscaled while a check is under way. What came of it is in the remark. */
void tailnet_ping(struct tailnet *t, const char *address);
/* Adds to the reason of C, a check that failed, what Tailscale knows of the gateway's machine. */
void tailnet_remark(const struct tailnet *t, struct check *c);
