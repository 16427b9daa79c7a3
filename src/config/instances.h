/* Which standbys this machine has: the instances that run or are configured. */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/util.h"

/* The names of all instances (names.h), sorted; "", the plain one, comes first. One is there if it has its name on the bus,
 * or an ini: one that should run and does not is there as well. The plain ini as it is shipped is none. BUS may be NULL: then
 * inis alone count. *RET ends in NULL; strv_free() it. How many, or a negative errno. */
int instances_list(sd_bus *bus, char ***ret);
