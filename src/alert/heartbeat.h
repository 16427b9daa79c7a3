/* Dead man's switch: the daemon pings a service (healthchecks.io, Uptime Kuma …) while all is well. If the
 * pings stop, the service raises an alarm: so something checks the daemon. */
#pragma once

#include "config/config.h"
#include "lib/http.h"

struct heartbeat;

/* Does not ping yet. Without [heartbeat] in C, there is no ping ever. H must outlive *RET, C must last
 * until heartbeat_configure(). 0 or a negative errno. */
int heartbeat_new(struct http *h, const struct config *c, struct heartbeat **ret);
struct heartbeat *heartbeat_free(struct heartbeat *b);
DEFINE_CLEANUP(struct heartbeat *, heartbeat_free)

/* Uses a configuration that was read again. */
void heartbeat_configure(struct heartbeat *b, const struct config *c);

/* Why the last ping failed, valid until the loop turns; "" if it did not. */
const char *heartbeat_error(const struct heartbeat *b);

/* WELL: all is well (status_is_well()). Then the daemon pings every interval, at once if all was not well
 * before; else it does not ping. May be called at any time. */
void heartbeat_set(struct heartbeat *b, bool well);
