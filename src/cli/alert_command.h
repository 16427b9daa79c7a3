/* The commands about alerts, which post at once and wait for the answer: `alert-test`, and what the daemon's OnFailure=
 * unit runs. */
#pragma once

#include "config/instance.h"

/* Sends a test alert and prints what the service answered. Returns the exit status: 0, 1 if it was not taken, EX_CONFIG
 * if no alert is configured or the configuration is wrong. */
int cmd_alert_test(const struct instance *instance);

/* Sends an alert that UNIT (the daemon, or the drill) failed and why; retries for up to an hour. As much of the ini as can be
 * understood is used, since it may be why the daemon failed. Returns the exit status: 0, also if no alert is configured;
 * else 1. */
int cmd_alert_failed(const struct instance *instance, const char *unit);
