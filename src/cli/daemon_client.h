/* The daemon over D-Bus, for commands: calls that wait and explain errors, and the daemon's signals. */
#pragma once

#include <systemd/sd-bus.h>

#include "config/instance.h"
#include "status.h"

/* Exit statuses beside those of sysexits(3): a level of status.h, or no daemon to ask. */
enum {
        EXIT_WELL = STATUS_WELL,         /* on standby and healthy; done; the drill has passed */
        EXIT_DEGRADED = STATUS_DEGRADED, /* promoted or degraded; the drill has failed */
        EXIT_NOT_RUNNING = 3, /* the daemon is not running (the number is LSB's for init scripts) */
};

/* Asks for the status; its texts are borrowed from *RET_M. BUS may be NULL: there is none. 0;
 * EXIT_NOT_RUNNING, not logged, also for a daemon that hangs; or another exit status, logged. */
int client_get_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret);

/* Calls METHOD (bus_interface.h), with SECONDS unless 0. Waits sd-bus's 25 s, longer than the daemon waits for
 * polkit, which asks the user nothing. 0, or an exit status, logged. */
int client_command(sd_bus *bus, const struct instance *n, const char *method, uint64_t seconds);

/* Makes client_wait() set *CHANGED when the daemon's status changes, or the daemon starts or ends. It also
 * calls ON_EVENT, unless NULL, for each signal Event ("ss": the event of events.h, and its message). A later
 * client_get_status() gets a status at least as new. 0 or a negative errno. */
int client_follow(sd_bus *bus, const struct instance *n, bool *changed, sd_bus_message_handler_t on_event,
        void *userdata);
/* Waits for signals, for TIMEOUT ms at most; -1: for ever. Ends the program with our output's reader. More
 * than 0 after signals, 0 after TIMEOUT, or a negative errno. */
int client_wait(sd_bus *bus, int timeout);

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
