/* One call to the daemon's D-Bus interface, waited for; what is wrong is said in words. */
#pragma once

#include <systemd/sd-bus.h>

#include "config/instance.h"
#include "core/role.h"

/* Exit statuses beside those of sysexits(3). */
enum {
        EXIT_WELL = 0,        /* on standby and healthy; done; the drill has passed */
        EXIT_DEGRADED = 1,    /* promoted or degraded; the drill has failed */
        EXIT_UNREACHABLE = 2, /* nobody can be reached */
        EXIT_NOT_RUNNING = 3, /* the daemon is not running (as LSB's init scripts say it) */
};

/* Asks for all properties, for status_read(). 0, EXIT_NOT_RUNNING, or another exit status after saying why. */
int client_get_all(sd_bus *bus, const struct instance *n, sd_bus_message **ret);

/* Sends COMMAND; a person may be asked for a password if there is an agent that can (polkit(8)). SECONDS is for
 * COMMAND_PAUSE: see bus_interface.h. 0, or an exit status after saying why. */
int client_command(sd_bus *bus, const struct instance *n, enum role_command command, uint64_t seconds);

#define CLIENT_WHY_MAX 1024
/* Why the daemon is not running, as systemd and the ini say it, and what to do. Returns BUF. */
char *client_say_absence(const struct instance *n, char buf[static CLIENT_WHY_MAX]);
/* Logs that; returns EXIT_NOT_RUNNING. */
int client_nobody(const struct instance *n);
/* Logs that there is no bus, R being why, and what to do; returns EXIT_NOT_RUNNING. */
int client_no_bus(int r);
/* Logs that the daemon is of another version than this program; returns EX_PROTOCOL. */
int client_other_version(const struct instance *n);
