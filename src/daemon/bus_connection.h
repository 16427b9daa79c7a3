/* The daemon's connection to the system bus. It opens without blocking, and opens again when the bus goes
 * away. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct bus_connection;

/* A part of the daemon that uses the bus. */
struct bus_connection_user {
        /* A new connection: add matches and objects, send first calls, without blocking. Own the slots. */
        void (*up)(sd_bus *bus, void *userdata);
        /* The connection is gone: unref all its slots. */
        void (*down)(void *userdata);
        void *userdata;
};

#define CONNECTION_USERS_MAX 4

/* A call without an answer within this time has failed. */
#define CONNECTION_CALL_TIMEOUT (2 * USEC_PER_SEC)

/* Opens nothing before bus_connection_open(). 0 or a negative errno. */
int bus_connection_new(sd_event *event, struct bus_connection **ret);
/* Does not call .down(): the users must have dropped their slots. */
struct bus_connection *bus_connection_free(struct bus_connection *c);
DEFINE_CLEANUP(struct bus_connection *, bus_connection_free)

/* Adds one of at most CONNECTION_USERS_MAX users, before bus_connection_open(). */
void bus_connection_add_user(struct bus_connection *c, const struct bus_connection_user *user);

/* Opens the connection, or retries until it opens. Logs an error once. */
void bus_connection_open(struct bus_connection *c);

/* Lets signals of SYSTEMD through from now on: the unique name that the bus itself says is systemd's, or the
 * sender of systemd's reply to a call of this daemon. The bus delivers only the callee's reply to a call. */
void bus_connection_believe(struct bus_connection *c, const char *systemd);

/* The bus, borrowed until the loop turns; NULL while there is no connection. */
sd_bus *bus_connection_bus(struct bus_connection *c);

sd_event *bus_connection_event(struct bus_connection *c); /* borrowed */
