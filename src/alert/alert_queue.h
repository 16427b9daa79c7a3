/* Alerts that wait, in a small JSON file that outlives the daemon. */
#pragma once

#include "alert/alert_format.h"
#include "lib/util.h"

#define ALERTS_MAX 50

struct alert_queue;

/* Loads PATH, which need not exist. A broken file is logged and counts as empty. 0 or -ENOMEM. */
int alert_queue_new(const char *path, struct alert_queue **ret);
struct alert_queue *alert_queue_free(struct alert_queue *q); /* does not save */
DEFINE_CLEANUP(struct alert_queue *, alert_queue_free)

/* Adds a copy of M, with its texts made safe, after the others; when ALERTS_MAX wait already, the oldest is dropped, counted
 * and logged. 0 or -ENOMEM. */
int alert_queue_push(struct alert_queue *q, const struct alert_message *m);

/* The oldest, and in RET_ID the number by which it is taken off. NULL: none waits. Good until the next change. */
const struct alert_message *alert_queue_first(struct alert_queue *q, uint64_t *ret_id);
/* Harmless if it has been dropped meanwhile. */
void alert_queue_remove(struct alert_queue *q, uint64_t id);
/* Removes those that are still held at NOW (CLOCK_REALTIME). How many. */
unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now);
size_t alert_queue_length(const struct alert_queue *q);

/* Alerts that were lost and that no delivered alert has mentioned yet. */
unsigned alert_queue_dropped(const struct alert_queue *q);
void alert_queue_count_dropped(struct alert_queue *q);
void alert_queue_mentioned_dropped(struct alert_queue *q, unsigned n);

/* Writes the file if there is anything new; an empty queue is no file. An error is logged, once. */
void alert_queue_save(struct alert_queue *q);
/* Forgets everything, on disk too. */
void alert_queue_clear(struct alert_queue *q);
