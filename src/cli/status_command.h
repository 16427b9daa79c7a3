/* The commands that talk to the daemon over D-Bus. Each prints for a person and returns the process's exit status. */
#pragma once

#include "config/instance.h"
#include "core/role.h"

/* `status`: a few lines, or with JSON one object (the schema is in org.openclaw.Failover1(5)). ALL: a block for each instance,
 * if there are others than N, the plain one. With WATCH it stays, and shows what changes: in place on a terminal, one after
 * another elsewhere. The worst exit status. */
int cmd_status(const struct instance *n, bool all, bool json, bool watch);

/* `promote`, `demote`, `auto`, `resume`; `pause` for SECONDS, 0 for the others. EX_TEMPFAIL if it is refused now, EX_NOPERM if
 * this user may not. */
int cmd_command(const struct instance *n, enum role_command command, uint64_t seconds);

/* `pause [TIME]`: as in the ini ("30m"), "infinity" until resumed, NULL for an hour. */
int cmd_pause(const struct instance *n, const char *time);

/* `drill`: starts one, prints how it goes, and stays until it is over. EX_TEMPFAIL if it is refused, or became a real
 * failover; 130 if interrupted, which leaves the drill running. */
int cmd_drill(const struct instance *n);
