/* Alerts that wait, in a small JSON file that outlives the daemon. */
#pragma once

#include <jansson.h>

#include "alert/alert_format.h"
#include "lib/kept_file.h"

#define ALERTS_MAX 50

struct alert_queue {
        struct kept_file file;
        char *saved;      /* the file's content; NULL: there is no file, or its content is unknown */
        json_t *alerts;   /* an array, the oldest first, as in the file */
        unsigned dropped; /* lost alerts that no delivered alert has mentioned yet */
};

/* Loads the file in DIRECTORY, if there is one, into Q, which is zeroed. A broken file is logged and counts
 * as empty. 0 or -ENOMEM. */
int alert_queue_load(struct alert_queue *q, const char *directory);
/* Frees what Q owns, and saves nothing. */
void alert_queue_clear(struct alert_queue *q);

/* Adds a copy of M, with safe texts, at the end. If ALERTS_MAX wait already, drops, counts and logs the
 * oldest. Returns the copy, borrowed; NULL without memory. */
json_t *alert_queue_push(struct alert_queue *q, const struct alert_message *m);
/* Reads ALERT into RET, whose texts are valid as long as ALERT. 0 or -EINVAL. */
int alert_queue_read(json_t *alert, struct alert_message *ret);
/* Replaces the content of ALERT by M, which may borrow texts of ALERT. */
void alert_queue_change(json_t *alert, const struct alert_message *m);

/* The oldest alert, borrowed, and its content in RET; NULL: none waits. */
json_t *alert_queue_first(const struct alert_queue *q, struct alert_message *ret);
/* Removes ALERT, the oldest. Harmless if it was dropped meanwhile. */
void alert_queue_remove(struct alert_queue *q, const json_t *alert);
/* Removes the alerts that are still held at NOW (CLOCK_REALTIME). Returns how many. */
unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now);

/* Writes the file if anything is new; removes it for an empty queue. False, logged once, if that fails. */
bool alert_queue_save(struct alert_queue *q);
