/* The D-Bus service: names->bus_name on the system bus, one object /org/openclaw/Failover1, one interface
 * org.openclaw.Failover1. It shows struct status as properties (status_properties.h) and takes a person's commands.
 *
 * Reading is everybody's. Commands are root's, and theirs whom polkit allows org.openclaw.failover1.control
 * (polkit.h).
 *
 * Methods: Promote(), Demote(), Auto(), Pause(t seconds), Resume(), Drill(). Pause(0) is for PAUSE_DEFAULT,
 * Pause(UINT64_MAX) until resumed, anything else at most PAUSE_MAX. What the role machine refuses comes back as the
 * error BUS_ERROR_REFUSED, in its words.
 *
 * Signals: PropertiesChanged with what is new, once per event of the daemon; and Event(s event, s message) with the name
 * and the words of each journal entry of events.h. A check that goes as the one before changes LastCheckTimestamp,
 * LastCheckUSec and NextCheckTimestamp; that is signalled only to those who look: while somebody who has read a property
 * is on the bus. */
#pragma once

#include "config/instance.h"
#include "daemon/bus_connection.h"
#include "daemon/daemon.h"

#define BUS_PATH "/org/openclaw/Failover1"
#define BUS_INTERFACE "org.openclaw.Failover1"
#define BUS_ERROR_REFUSED "org.openclaw.Failover1.Error.Refused"

#define PAUSE_DEFAULT USEC_PER_HOUR
#define PAUSE_MAX (366 * USEC_PER_DAY)

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
