/* Checks the standby's own gateway: promoted means that it answers here. */
#pragma once

#include "config/config.h"
#include "core/role.h"
#include "core/verdict.h"
#include "lib/http.h"

struct local_gateway;

/* A check of all of the gateway's addresses ended: CHECK is that of the first that answered, else of the one that got
 * furthest. */
typedef void (*local_gateway_done_t)(struct local_gateway *s, const struct check *check, void *userdata);

/* Off at first. The addresses are [gateway] url, or loopback and this node's tailnet address as it is at each check.
 * 0 or a negative errno. */
int local_gateway_new(struct http *h, const struct config *c, local_gateway_done_t done, void *userdata,
        struct local_gateway **ret);
struct local_gateway *local_gateway_free(struct local_gateway *s);
DEFINE_CLEANUP(struct local_gateway *, local_gateway_free)

/* From now on at this pace; a faster one than before begins with a check at once. */
void local_gateway_pace(struct local_gateway *s, enum role_watch pace);

/* The port of the gateway here, by the configuration. */
unsigned local_gateway_port(const struct config *c);
