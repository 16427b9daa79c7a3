/* May whoever sent this message do that? Root may; others are polkit's to judge. Asked without ever blocking: the bus
 * for the sender's user, then polkit, which may in turn ask a person for a password. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "lib/util.h"

/* REFUSAL is NULL if UID may; else why not, as an error to answer M with. Called from the loop, once for each question
 * unless it is dropped. */
typedef void (*authorized_t)(sd_bus_message *m, uid_t uid, const sd_bus_error *refusal, void *userdata);

struct polkit {
        const char *action; /* polkit's name for what is asked for */
        authorized_t decided;
        void *userdata;
        struct question *first; /* those that wait for an answer */
};

/* 0, or a negative errno if the question could not even be asked. */
int polkit_ask(struct polkit *a, sd_bus_message *m);

/* The connection is gone, and with it whoever would be answered. */
void polkit_drop(struct polkit *a);
