/* One call to the daemon's D-Bus interface, waited for; what is wrong is said in words. */
#pragma once

#include <systemd/sd-bus.h>

#include "config/instance.h"
#include "core/role.h"

/* Opens the system bus. 0, or an exit status after saying why. */
int client_open(sd_bus **ret);

/* Asks for all properties, for status_read(). 0, or an exit status after saying why. */
int client_get_all(sd_bus *bus, const struct instance *n, sd_bus_message **ret);

/* Sends COMMAND; a person may be asked for a password if there is an agent that can (polkit(8)). SECONDS is for
 * COMMAND_PAUSE: see bus_interface.h. 0, or an exit status after saying why. */
int client_command(sd_bus *bus, const struct instance *n, enum role_command command, uint64_t seconds);

/* Says that the daemon is not there, and what to do; returns EXIT_NOT_RUNNING. */
int client_nobody(const struct instance *n);
/* Says that there is no bus to ask it, R being why, and what to do; returns EXIT_NOT_RUNNING. */
int client_no_bus(int r);
/* Says that the daemon answers in another way than this program understands; returns EX_PROTOCOL. */
int client_other_version(const struct instance *n);
