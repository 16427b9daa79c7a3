/* The daemon: owns the loop and wires the parts together. It decides nothing. */
#pragma once

#include "config/instance.h"

/* The `run` command. Returns an exit status of sysexits(3). */
int cmd_run(const struct instance *instance);
