/* `openclaw-failover doctor`: everything that would fail tonight, found today. */
#pragma once

#include "config/instance.h"

/* Looks at one thing after the other that a failover depends on, in the order in which they would happen, and prints a
 * line for each, with the commands that mend it below. As root it looks as the users concerned would; as anybody else
 * it says what it had to leave out. Loads the configuration itself.
 * The exit status: 0 only if everything was looked at and is well, else 1. */
int cmd_doctor(const struct instance *names, bool quiet, bool json);
