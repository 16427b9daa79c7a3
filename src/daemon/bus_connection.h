/* The connection to the system bus, for as long as the daemon lives: opened without blocking, opened again when the bus
 * goes away. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct bus_connection;

/* A part of the daemon that uses the bus. */
struct bus_connection_user {
        /* A new connection: add matches and objects, send first calls, asynchronously. Slots belong to the user. */
        void (*up)(sd_bus *bus, void *userdata);
        /* It is gone: unref all slots of it. */
        void (*down)(void *userdata);
        void *userdata;
};

#define CONNECTION_USERS_MAX 4

/* A call that is not answered within this time has failed. */
#define CONNECTION_CALL_TIMEOUT (2 * USEC_PER_SEC)

/* 0 or a negative errno. Nothing is opened before bus_connection_open(). */
int bus_connection_new(sd_event *event, struct bus_connection **ret);
/* Its users, whose .down() is not called, must have dropped their slots. */
struct bus_connection *bus_connection_free(struct bus_connection *c);
DEFINE_CLEANUP(struct bus_connection *, bus_connection_free)

/* Before bus_connection_open(); at most CONNECTION_USERS_MAX. */
void bus_connection_add_user(struct bus_connection *c, const struct bus_connection_user *user);

/* Opens it, or keeps trying; what is wrong is logged, once. */
void bus_connection_open(struct bus_connection *c);

/* NULL while there is none. Borrowed: good until the loop turns. */
sd_bus *bus_connection_bus(struct bus_connection *c);

sd_event *bus_connection_event(struct bus_connection *c); /* borrowed */
