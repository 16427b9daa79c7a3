/* Checks the standby's own gateway, at the intervals in local_gateway.c, when role_checks.c wants it: a
 * start counts as a promotion once it answers. */
#pragma once

#include "config/config.h"
#include "core/role.h"
#include "core/verdict.h"
#include "lib/http.h"

struct local_gateway;

/* Called when the gateway is checked. CHECK is of the first address that accepted the connection, else of the
 * last one. */
typedef void (*local_gateway_done_t)(struct local_gateway *s, const struct check *check, void *userdata);

/* Does not check yet. The addresses are [gateway] url, or else loopback and this node's tailnet address,
 * which each check looks up. 0 or a negative errno. */
int local_gateway_new(struct http *h, const struct config *c, local_gateway_done_t done, void *userdata,
        struct local_gateway **ret);
struct local_gateway *local_gateway_free(struct local_gateway *s);
DEFINE_CLEANUP(struct local_gateway *, local_gateway_free)

/* Sets the pace of checks. A faster pace begins with a check at once. */
void local_gateway_pace(struct local_gateway *s, enum role_watch pace);

/* The port of the gateway here, from the configuration. */
unsigned local_gateway_port(const struct config *c);
