/* The D-Bus service of bus_interface.h.
 *
 * A check that goes as the one before changes LastCheckTimestamp, LastCheckUSec and NextCheckTimestamp; that is signalled only
 * to those who look: while somebody who has read a property is on the bus. */
#pragma once

#include "bus_interface.h"
#include "config/instance.h"
#include "daemon/bus_connection.h"
#include "daemon/daemon.h"

/* How long M, a call of Pause, wants to pause; USEC_INFINITY: until resumed. On a negative errno *RET is untouched, and E
 * has words if there are any. */
int bus_service_read_pause(sd_bus_message *m, usec_t *ret, sd_bus_error *e);

struct bus_service;

/* Adds itself as a user to C, which must not be open yet. C, N and D must outlive it. 0 or a negative errno. */
int bus_service_new(
        struct bus_connection *c, const struct instance *n, struct daemon *d, struct bus_service **ret);
struct bus_service *bus_service_free(struct bus_service *b);
DEFINE_CLEANUP(struct bus_service *, bus_service_free)

/* Something in daemon_status() may be new: after every event. */
void bus_service_changed(struct bus_service *b);

/* EVENT was reported with these words. */
void bus_service_event(struct bus_service *b, enum role_event event, const char *message);
