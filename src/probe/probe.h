/* One check of one gateway becomes a verdict with a reason.
 *
 * A check ends within its timeout whatever the other side does, and reads at most ANSWER_MAX bytes
 * (judge.h). judge.h decides what an answer means, and health.h applies the thresholds. */
#pragma once

#include "config/config.h"
#include "core/verdict.h"
#include "lib/http.h"

struct probe_target {
        const char *url; /* complete: see probe_url(). /startupz and /readyz are beside its path */
        bool startup;    /* ask the gateway first whether it is starting or draining */
        enum scheme scheme;
        enum expect expect;
        usec_t timeout;       /* of the whole check: name, connect (CONNECT_MAX at most), answers */
        bool any_certificate; /* accept a certificate that is not trusted or is for another name */
};

struct probe;

/* Called exactly once for each check, unless it is cancelled first, from the loop and never from inside
 * probe_start(). The callback may start P again, cancel or free it. */
typedef void (*probe_done_t)(struct probe *p, const struct check *check, void *userdata);

/* Copies all of TARGET. H must outlive the probe. 0, -EINVAL if .url is no URL, -ENOMEM. */
int probe_new(struct http *h, const struct probe_target *target, struct probe **ret);
struct probe *probe_free(struct probe *p); /* cancels it first */
DEFINE_CLEANUP(struct probe *, probe_free)

/* Begins a check. 0, -EBUSY if one is under way, another negative errno. */
int probe_start(struct probe *p, probe_done_t done, void *userdata);
/* Lets the next check, if it is good, also ask the gateway whether its channels are ready. */
void probe_ask_ready(struct probe *p);
/* Cancels the check: the callback is not called any more. Harmless when none is under way. */
void probe_cancel(struct probe *p);
/* The address that a check connects to: the host, or what last answered for its name; "": unknown. */
const char *probe_address(const struct probe *p);
bool probe_is_running(const struct probe *p);

/* "http://[fd7a:115c:a1e0::1]:18789/health". The caller frees it; NULL without memory. SCHEME_TCP makes an
 * http URL without a path, which libcurl only connects to. */
char *probe_url(enum scheme scheme, const char *host, unsigned port, const char *path);
