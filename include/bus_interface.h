/* The D-Bus service for clients: one object, one interface, at the instance's bus_name (instance.h).
 *
 * Properties are those of status_properties.h, and every user may read them. Methods are Promote(),
 * Demote(), Auto(), Pause(t seconds), Resume() and Drill(). Root may call them, and each user that polkit
 * allows org.openclaw.failover1.control. Pause(0) means PAUSE_DEFAULT, Pause(UINT64_MAX) until resumed;
 * other values are at most PAUSE_MAX. If the role refuses, the error is BUS_ERROR_REFUSED with the reason in
 * words. Signals are PropertiesChanged, at most once per event of the daemon, and Event(s event, s message),
 * one for each journal entry of events.h. */
#pragma once

#include "lib/util.h"

#define BUS_PATH "/org/openclaw/Failover1"
#define BUS_INTERFACE "org.openclaw.Failover1"
#define BUS_ERROR_REFUSED "org.openclaw.Failover1.Error.Refused"

#define PAUSE_DEFAULT USEC_PER_HOUR
#define PAUSE_MAX (366 * USEC_PER_DAY)
