/* Dead man's switch: an address (healthchecks.io, Uptime Kuma …) that is asked for as long as all is well, and raises an
 * alarm when it is not: so something checks the daemon. */
#pragma once

#include "config/config.h"
#include "lib/http.h"

struct heartbeat;

/* Silent at first. Without [heartbeat] in C everything here does nothing. H must outlive it, C must last
 * until the next configuration. 0 or a negative errno. */
int heartbeat_new(struct http *h, const struct config *c, struct heartbeat **ret);
struct heartbeat *heartbeat_free(struct heartbeat *b);
DEFINE_CLEANUP(struct heartbeat *, heartbeat_free)

/* The configuration was read again. */
void heartbeat_configure(struct heartbeat *b, const struct config *c);

/* Why the last ping failed; "" if it did not. Good until the loop turns. */
const char *heartbeat_error(const struct heartbeat *b);

/* Whether all is well (status_is_well()). From now on there is a ping every interval, the first at once if it was not
 * well before; or none. Call it as often as you like. */
void heartbeat_set(struct heartbeat *b, bool well);
