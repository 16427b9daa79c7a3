/* The command `history`: every failover that is in the journal. */
#pragma once

#include "config/instance.h"

/* Prints a table, or with JSON one object (the schema is in org.openclaw.Failover1(5)). SINCE is a time as in systemd.time(7),
 * or a bare span, for so long ago, or NULL; COUNT is how many of the last ones, or NULL: then all there are. EX_USAGE if one of
 * them is wrong, EX_NOPERM if the journal may not be read, EX_UNAVAILABLE if it cannot. */
int cmd_history(const struct instance *n, const char *since, const char *count, bool json);
