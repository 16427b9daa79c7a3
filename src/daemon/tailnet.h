/* The way to a gateway through Tailscale: whether the gateway is in the tailnet, whether Tailscale works
 * here, and this node's home relay as a witness. Warns before a key expires.
 *
 * Only tailscaled's own word counts. The daemon remembers over restarts what tailscaled said of the gateway,
 * since a stopped or logged-out one cannot say it. Without Tailscale here, none of this has an effect. */
#pragma once

#include "config/instance.h"
#include "probe/probe.h"
#include "probe/tailscale.h"

/* For this long, a tailscaled that is gone or starting counts as one that restarts. */
#define TAILNET_RESTART_MAX (30 * USEC_PER_SEC)

struct tailnet;

/* HOST is the gateway's from the ini. FILE of the state directory has what is known of it. H must outlive
 * *RET. 0 or a negative errno. */
int tailnet_new(struct http *h, const struct instance *instance, const char *file, const char *host,
        struct tailnet **ret);
struct tailnet *tailnet_free(struct tailnet *t);
DEFINE_CLEANUP(struct tailnet *, tailnet_free)

/* Ends the look under way without its callback. */
void tailnet_cancel(struct tailnet *t);

/* Called from the loop, once for each tailnet_look() that returned 0, unless another look replaced it. */
typedef void (*tailnet_done_t)(void *userdata);
/* Asks tailscaled for its state. ADDRESS is what a check of the gateway connects to; "": not known. 0;
 * -ENOENT if the gateway is not in the tailnet, so there is nothing to ask; another negative errno. */
int tailnet_look(struct tailnet *t, const char *address, tailnet_done_t done, void *userdata);
/* Asks tailscaled for everything after a good check, but only every 20 minutes. */
void tailnet_refresh(struct tailnet *t, const char *address);

/* Whether a look must come before a check: there was no look yet, or the last one found no way. */
bool tailnet_looks_first(const struct tailnet *t);
/* Why Tailscale does not work here while the gateway is in the tailnet, by the last look; NULL: it works. */
const char *tailnet_trouble(const struct tailnet *t);
/* Since when. */
usec_t tailnet_blind_since(const struct tailnet *t);
/* Whether that looks like a restart of tailscaled: for TAILNET_RESTART_MAX at most. */
bool tailnet_restarts(const struct tailnet *t);

/* The home relay if it may be the witness now: it answered within the hour before the last good check, is
 * not on the gateway's machine, and no exit node is in use. Else NULL. */
struct probe *tailnet_witness(struct tailnet *t);
/* When the keys of this node and of the gateway's node expire, CLOCK_REALTIME; 0: never, or not known. */
void tailnet_keys(const struct tailnet *t, usec_t *ret_here, usec_t *ret_there);
/* Returns a notice for a user about a key that expires, once; the caller frees it. NULL: there is none. */
char *tailnet_take_notice(struct tailnet *t);
/* Pings the gateway's tailscaled while a check is under way. tailnet_remark() reports the result. */
void tailnet_ping(struct tailnet *t, const char *address);
/* Adds to the reason of C, a failed check, what Tailscale knows of the gateway's machine. */
void tailnet_remark(const struct tailnet *t, struct check *c);
