/* The daemon: owns the loop and wires the parts together. It decides nothing. */
#pragma once

#include "config/instance.h"
#include "core/role.h"
#include "status.h"

struct daemon;

/* The `run` command. Returns an exit status of sysexits(3). */
int cmd_run(const struct instance *names);

/* For whoever shows it. */
void daemon_status(const struct daemon *d, struct status *ret);

/* A person's command. NULL, or why it is refused, in words; then nothing changed. UNTIL is for COMMAND_PAUSE: a
 * CLOCK_REALTIME time, or USEC_INFINITY. */
const char *daemon_command(struct daemon *d, enum role_command command, usec_t until);
