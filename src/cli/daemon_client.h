/* The daemon over D-Bus, for commands: calls that wait and explain errors, and the daemon's signals. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "config/instance.h"
#include "core/role.h"
#include "status.h"

/* Exit statuses beside those of sysexits(3): a level of status.h, or no daemon to ask. */
enum {
        EXIT_WELL = STATUS_WELL,         /* on standby and healthy; done; the drill has passed */
        EXIT_DEGRADED = STATUS_DEGRADED, /* promoted or degraded; the drill has failed */
        EXIT_NOT_RUNNING = 3, /* the daemon is not running (the number is LSB's for init scripts) */
};

/* Asks for the status; its texts are borrowed from *RET_M. BUS may be NULL: there is none. 0;
 * EXIT_NOT_RUNNING, not logged (in a loop for a daemon that hangs, too); or another exit status, logged. */
int client_get_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret);

/* Sends COMMAND. polkit may ask the user for a password if an agent runs (polkit(8)). SECONDS is for
 * COMMAND_PAUSE (bus_interface.h). 0, or an exit status, logged. */
int client_command(sd_bus *bus, const struct instance *n, enum role_command command, uint64_t seconds);

/* Opens a loop. SIGINT, SIGTERM and the end of our output's reader end it with the exit code 0, the loss of
 * BUS with another one. From now on, calls over BUS take 2 s at most. 0 or a negative errno. */
int client_open_loop(sd_bus *bus, sd_event **ret);
/* Makes the loop set *CHANGED when the daemon's status changes, or the daemon starts or ends. The loop also
 * calls ON_EVENT, unless NULL, for each signal Event ("ss": the event of events.h, and its message). A later
 * client_get_status() gets a status at least as new. 0 or a negative errno. */
int client_follow(sd_bus *bus, const struct instance *n, bool *changed, sd_bus_message_handler_t on_event,
        void *userdata);

#define CLIENT_WHY_MAX 1024
/* Whether N has no ini of its own: its name is wrong, or the plain ini is unused beside others. BUF then says so, and which
 * instances there are. */
bool client_is_unknown(const struct instance *n, char buf[static CLIENT_WHY_MAX]);
/* Why the daemon is not running, from systemd and the ini, and what to do. Returns BUF. */
char *client_describe_absence(const struct instance *n, char buf[static CLIENT_WHY_MAX]);
/* Logs client_describe_absence(); returns EXIT_NOT_RUNNING. */
int client_nobody(const struct instance *n);
/* Logs that there is no bus because of R, and what to do; returns EXIT_NOT_RUNNING. */
int client_no_bus(int r);
