/* `openclaw-failover doctor`: everything that would fail tonight, found today. */
#pragma once

#include "config/instance.h"

/* The version of what `doctor --json` prints. */
#define DOCTOR_VERSION 1
/* The exit status if nothing failed, and something could not be looked at. */
#define EXIT_NOT_LOOKED 2

/* Looks at everything that a failover depends on and prints a line for each, worst first, with the commands that fix it. QUIET:
 * only what fails or warns. As root it looks as the users concerned would; for any other user it says what it skipped.
 * The exit status: 0, also with warnings; 1 if something fails; EXIT_NOT_LOOKED. */
int cmd_doctor(const struct instance *instance, bool quiet, bool json);
