/* The daemon over D-Bus: one call that is waited for, what is wrong being said in words; and what the daemon signals. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "config/instance.h"
#include "core/role.h"
#include "status.h"

/* Exit statuses beside those of sysexits(3): a level of status.h, or that there is none. */
enum {
        EXIT_WELL = STATUS_WELL,         /* on standby and healthy; done; the drill has passed */
        EXIT_DEGRADED = STATUS_DEGRADED, /* promoted or degraded; the drill has failed */
        EXIT_NOT_RUNNING = 3,            /* the daemon is not running (as LSB's init scripts say it) */
};

/* Asks for the status; its texts are borrowed from *RET_M. BUS may be NULL: none could be opened. 0, EXIT_NOT_RUNNING with nothing
 * logged (in a loop for a daemon that hangs, too), or another exit status after saying why. */
int client_get_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret);

/* Sends COMMAND; a person may be asked for a password if there is an agent that can (polkit(8)). SECONDS is for
 * COMMAND_PAUSE: see bus_interface.h. 0, or an exit status after saying why. */
int client_command(sd_bus *bus, const struct instance *n, enum role_command command, uint64_t seconds);

/* A loop that SIGINT and SIGTERM end, and the end of whoever reads our output, with the exit code 0; and the loss of BUS with
 * another one. Calls of BUS then take 2 s at most. 0 or a negative errno. */
int client_open_loop(sd_bus *bus, sd_event **ret);
/* Has the loop set *CHANGED when the daemon's status is another one, or the daemon has started or ended, and call ON_EVENT, unless
 * that is NULL, with each signal of a journal entry ("ss": its event of events.h, and its message). A status that is asked for
 * afterwards is at least as new. 0 or a negative errno. */
int client_follow(sd_bus *bus, const struct instance *n, bool *changed, sd_bus_message_handler_t on_event,
        void *userdata);

#define CLIENT_WHY_MAX 1024
/* Why the daemon is not running, as systemd and the ini say it, and what to do. Returns BUF. */
char *client_say_absence(const struct instance *n, char buf[static CLIENT_WHY_MAX]);
/* Logs that; returns EXIT_NOT_RUNNING. */
int client_nobody(const struct instance *n);
/* Logs that there is no bus, R being why, and what to do; returns EXIT_NOT_RUNNING. */
int client_no_bus(int r);
/* Logs that the daemon is of another version than this program; returns EX_PROTOCOL. */
int client_other_version(const struct instance *n);
