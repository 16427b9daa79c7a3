/* The D-Bus service of bus_interface.h: shows a struct status, and passes commands on. Every check changes
 * LastCheckTimestamp, LastCheckUSec and NextCheckTimestamp, so these are not signalled. */
#pragma once

#include "bus_interface.h"
#include "config/instance.h"
#include "core/role.h"
#include "daemon/bus_connection.h"
#include "status.h"

/* Reads how long M, a call of Pause, wants to pause; USEC_INFINITY: until resumed. 0, or a negative errno:
 * *RET is untouched, and E may have the reason. */
int bus_service_read_pause(sd_bus_message *m, usec_t *ret, sd_bus_error *e);

struct bus_service;

/* Carries out an authorized user's command. UNTIL is for COMMAND_PAUSE: CLOCK_REALTIME, or USEC_INFINITY.
 * Returns NULL, or why the command is refused: nothing changed. */
typedef const char *(*bus_command_t)(enum role_command command, usec_t until, void *userdata);

/* Adds itself as a user to C, which must not be open yet; C and N must outlive it. 0 or a negative errno. */
int bus_service_new(struct bus_connection *c, const struct instance *n, bus_command_t command,
        void *userdata, struct bus_service **ret);
struct bus_service *bus_service_free(struct bus_service *b);
DEFINE_CLEANUP(struct bus_service *, bus_service_free)

/* Shows S from now on. */
void bus_service_changed(struct bus_service *b, const struct status *s);

/* Sends the signal Event for EVENT, which the daemon has reported with these words. */
void bus_service_event(struct bus_service *b, enum role_event event, const char *message);
