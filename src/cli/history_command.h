/* The command `history`: every failover in the journal. */
#pragma once

#include "config/instance.h"

/* Prints a table or, with JSON, one object (see org.openclaw.Failover1(5)). SINCE: a time of systemd.time(7)
 * or a bare span, that long ago; NULL: the beginning. COUNT: how many of the last; NULL: all. EX_USAGE if
 * one is wrong, EX_NOPERM if this user may not read the journal, EX_UNAVAILABLE if that fails. */
int cmd_history(const struct instance *n, const char *since, const char *count, bool json);
