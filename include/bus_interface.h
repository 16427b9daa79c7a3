/* The D-Bus service as its clients see it: an instance's bus_name (instance.h) on the system bus, one object, one interface.
 *
 * Properties are those of status_properties.h. Reading is for every user. Methods are for root, and for users that polkit
 * allows org.openclaw.failover1.control: Promote(), Demote(), Auto(), Pause(t seconds), Resume(), Drill(). Pause(0) is for
 * PAUSE_DEFAULT, Pause(UINT64_MAX) until resumed, anything else at most PAUSE_MAX. A refusal by the role comes back as
 * BUS_ERROR_REFUSED, with its reason in words.
 *
 * Signals: PropertiesChanged, once per event of the daemon; Event(s event, s message) for each journal entry of events.h. */
#pragma once

#include "lib/util.h"

#define BUS_PATH "/org/openclaw/Failover1"
#define BUS_INTERFACE "org.openclaw.Failover1"
#define BUS_ERROR_REFUSED "org.openclaw.Failover1.Error.Refused"

#define PAUSE_DEFAULT USEC_PER_HOUR
#define PAUSE_MAX (366 * USEC_PER_DAY)
