/* The commands that post an alert at once and wait for the answer: `alert-test`, and the command of the
 * daemon's OnFailure= unit. */
#pragma once

#include "config/instance.h"

/* Sends a test alert and prints the service's answer. Returns the exit status: 0, 1 if the service did not
 * take the alert, EX_CONFIG if no alert is configured or the configuration is wrong. */
int cmd_alert_test(const struct instance *instance);

/* Sends an alert that the daemon failed and why; retries for up to an hour. The ini may be why the daemon
 * failed, so this uses what is right in it. Returns the exit status: 0, also if no alert is configured;
 * else 1. */
int cmd_alert_failed(const struct instance *instance);
