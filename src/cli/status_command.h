/* The commands that use the daemon over D-Bus. Each prints for a user, and returns the exit status. */
#pragma once

#include "config/instance.h"

/* `status`: a few lines or, with JSON, one object (the schema is in org.openclaw.Failover1(5)). ALL: a block
 * for each instance, if there are others than N, the plain one. WATCH: goes on and shows changes, in place
 * on a terminal, else one after another, until interrupted. Returns the worst exit status. */
int cmd_status(const struct instance *n, bool all, bool json, bool watch);

/* `promote`, `demote`, `auto`, `resume`, `pause`: calls METHOD of the daemon (bus_interface.h). SECONDS is for
 * `pause`, 0 for the others. EX_TEMPFAIL if the daemon refuses now, EX_NOPERM if this user may not. */
int cmd_command(const struct instance *n, const char *method, uint64_t seconds);

/* `pause [TIME]`. TIME is a span of the ini ("30m") or "infinity", until resumed; NULL: an hour. */
int cmd_pause(const struct instance *n, const char *time);

/* `drill`: starts a drill, prints how it goes, and returns when it is over. EX_TEMPFAIL if the daemon
 * refuses, or the drill became a real failover. If interrupted, the drill goes on. */
int cmd_drill(const struct instance *n);
