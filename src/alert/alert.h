/* Queues alerts to users on disk, and posts them one after the other until the service has taken them.
 *
 * Nothing here blocks or delays a failover. An alert is retried for a day, every 5 s to 15 min, or as the
 * service wants (Retry-After). At most ALERTS_MAX (alert_queue.h) wait. The journal and the next alert
 * report a lost one. The address may be a secret: messages name only its scheme and host. */
#pragma once

#include "alert/alert_format.h"
#include "alert/webhook.h"
#include "config/config.h"
#include "config/instance.h"
#include "events.h"
#include "status.h"

struct alert;

/* Loads what the last daemon could not deliver. Without [alert] in C, nothing is sent. H and N must outlive
 * *RET, C must last until alert_configure(). Logs a wrong address once. 0 or a negative errno. */
int alert_new(struct http *h, const struct instance *n, const struct config *c, struct alert **ret);
struct alert *alert_free(struct alert *a); /* undelivered alerts stay on disk */
DEFINE_CLEANUP(struct alert *, alert_free)

/* Uses a configuration that was read again. The queue stays, and is tried at once. */
void alert_configure(struct alert *a, const struct config *c);

/* Queues a copy of M, and sends it when the loop turns. Whether it is in the queue, as the last. */
bool alert_post(struct alert *a, const struct alert_message *m);

/* Queues an alert if EVENT is worth one. TEXT is event_message()'s. An alert about a failover waits until 45
 * s after the primary's last good check, and is withdrawn if the failover ends before. The failback's alert
 * waits a minute at most for the sync that names the branches to merge, or for another alert. */
void alert_event(struct alert *a, enum role_event event, const struct story *s, const char *text);

/* Queues alerts for trouble that lasts (conditions.h). Cheap, and meant for each check and change. */
void alert_look(struct alert *a, const struct status *s);

/* Why alerts are not delivered, until the loop turns; RET_N: how many wait or are lost. Else "" and 0. */
const char *alert_error(const struct alert *a, unsigned *ret_n);

/* Sends M over W without the queue. DROPPED: how many were lost before. 0, or a negative errno and WHY. */
#define ALERT_WHY_MAX 768
int alert_send(struct webhook *w, const struct instance *instance, const struct alert_config *c,
        const struct alert_message *m, unsigned dropped, char why[static ALERT_WHY_MAX]);

static inline bool alert_is_on(const struct alert_config *c) {
        return c->url || c->url_file;
}

/* How long to wait after that many failed attempts in a row (from 1): 5 s, 10 s … 15 min. */
usec_t alert_back_off(unsigned attempts);
