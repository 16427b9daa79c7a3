/* `openclaw-failover doctor` finds today what would fail at tonight's failover. */
#pragma once

#include "config/instance.h"

/* The version of what `doctor --json` prints. */
#define DOCTOR_VERSION 1
/* The exit status if nothing failed, but a look was skipped. */
#define EXIT_NOT_LOOKED 2

/* Looks at all that a failover depends on. Prints a line for each look, the worst first, with the commands
 * that fix it. QUIET: only what fails or warns. For root, each look runs as the user concerned; for another
 * user, it prints what it skipped. Returns 0, also with warnings; 1 if a look fails; EXIT_NOT_LOOKED. */
int cmd_doctor(const struct instance *instance, bool quiet, bool json);
