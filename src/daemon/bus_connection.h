/* The connection to the system bus, for as long as the daemon lives: opened without blocking, opened again when the bus
 * goes away. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct connection;

/* Somebody who uses the bus. */
struct connection_user {
        /* A new connection: add matches and objects, send first calls, asynchronously. Slots belong to the user. */
        void (*up)(sd_bus *bus, void *userdata);
        /* It is gone: unref all slots of it. */
        void (*down)(void *userdata);
        void *userdata;
};

#define CONNECTION_USERS_MAX 4

/* A call that is not answered within this time has failed. */
#define CONNECTION_CALL_TIMEOUT (2 * USEC_PER_SEC)

/* 0 or a negative errno. Nothing is opened before connection_open(). */
int connection_new(sd_event *event, struct connection **ret);
/* Its users, who are not told, must have dropped their slots. */
struct connection *connection_free(struct connection *c);
DEFINE_CLEANUP(struct connection *, connection_free)

/* Before connection_open(). 0, or -ENOBUFS. */
int connection_add_user(struct connection *c, const struct connection_user *user);

/* Opens it, or keeps trying; what is wrong is logged, once. */
void connection_open(struct connection *c);

/* NULL while there is none. Borrowed: good until the loop turns. */
sd_bus *connection_bus(struct connection *c);

sd_event *connection_event(struct connection *c); /* borrowed */
