/* The command `history`: every failover that the journal remembers. */
#pragma once

#include "config/instance.h"

/* Prints a table, or with JSON one object (the schema is in openclaw-failover(8)). SINCE is what parse_since.h reads, or NULL
 * for all there is. EX_USAGE for a bad SINCE, EX_NOPERM if the journal may not be read, EX_UNAVAILABLE if it cannot. */
int cmd_history(const struct instance *n, const char *since, bool json);
