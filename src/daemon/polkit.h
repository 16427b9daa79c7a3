/* Asks whether the sender of a command may send it. Root may; polkit decides about other users. The daemon
 * never blocks: it asks the bus for the sender's user, then polkit. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "lib/util.h"

/* Called from the loop once for each question, unless polkit_drop() comes first. REFUSAL is NULL if UID may;
 * else it is the error to answer M with. */
typedef void (*authorized_t)(sd_bus_message *m, uid_t uid, const sd_bus_error *refusal, void *userdata);

struct polkit {
        const char *action; /* polkit's name for the action */
        authorized_t decided;
        void *userdata;
        struct question *first; /* the questions that wait for an answer */
        unsigned waiting;       /* how many of them wait for polkit */
};

/* Asks whether the sender of M may. 0, or a negative errno if the question could not be sent. */
int polkit_ask(struct polkit *a, sd_bus_message *m);

/* Drops all questions: the connection is gone, so no sender waits for an answer. */
void polkit_drop(struct polkit *a);
