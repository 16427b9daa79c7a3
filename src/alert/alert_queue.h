/* Alerts that wait, in a small JSON file that outlives the daemon. */
#pragma once

#include <jansson.h>

#include "alert/alert_format.h"
#include "lib/kept_file.h"

#define ALERTS_MAX 50

struct alert_queue {
        struct kept_file file;
        char *saved;      /* what the file says; NULL: there is none, or nobody knows */
        json_t *alerts;   /* an array; the oldest first, as they stand in the file */
        unsigned dropped; /* alerts that were lost and that no delivered alert has mentioned yet */
};

/* Loads the file in DIRECTORY, which need not be there, into Q, which is zeroed. A broken one is logged and counts as empty.
 * 0 or -ENOMEM. */
int alert_queue_load(struct alert_queue *q, const char *directory);
/* Frees what Q holds, and saves nothing. */
void alert_queue_clear(struct alert_queue *q);

/* Adds a copy of M, with its texts made safe, after the others; when ALERTS_MAX wait already, the oldest is dropped, counted
 * and logged. The copy, borrowed; NULL without memory. */
json_t *alert_queue_push(struct alert_queue *q, const struct alert_message *m);
/* Reads ALERT into RET, whose texts are good as long as ALERT is. 0 or -EINVAL. */
int alert_queue_read(json_t *alert, struct alert_message *ret);
/* ALERT says M from now on, which may borrow texts of it. */
void alert_queue_change(json_t *alert, const struct alert_message *m);

/* The oldest, borrowed, and in RET what it says; NULL: none waits. */
json_t *alert_queue_first(const struct alert_queue *q, struct alert_message *ret);
/* Harmless if it has been dropped meanwhile. */
void alert_queue_remove(struct alert_queue *q, const json_t *alert);
/* Removes those that are still held at NOW (CLOCK_REALTIME). How many. */
unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now);

/* Writes the file if there is anything new; an empty queue is no file. False: it could not be written, which is logged once. */
bool alert_queue_save(struct alert_queue *q);
