/* Alerts to people are queued on disk, and posted one after the other until the service has taken them.
 *
 * Nothing here blocks, waits for a disk or delays a failover. An alert is tried for a day, 5 s to 15 min apart, or as the
 * service asks (Retry-After). At most ALERTS_MAX (alert_queue.h) are kept; when one must be dropped, the journal and the next alert say so.
 * The address may be a secret: messages name only scheme and host. */
#pragma once

#include "alert/alert_format.h"
#include "alert/webhook.h"
#include "config/config.h"
#include "config/instance.h"
#include "events.h"
#include "status.h"

struct alert;

/* Loads what the last daemon could not deliver. Without [alert] in C everything here does nothing. H and N must outlive
 * it, C must last until the next configuration. What is wrong with the address is said in the journal, once. 0 or a negative errno. */
int alert_new(struct http *h, const struct instance *n, const struct config *c, struct alert **ret);
struct alert *alert_free(struct alert *a); /* what is undelivered stays on disk */
DEFINE_CLEANUP(struct alert *, alert_free)

/* The configuration was read again. The queue stays, and is tried at once. */
void alert_configure(struct alert *a, const struct config *c);

/* Queues one alert, and sends it as soon as the loop turns. All of M is copied. */
void alert_post(struct alert *a, const struct alert_message *m);

/* Does so for a transition, if it is worth an alert; TEXT is what event_message() made of it. Call it for each event. An alert
 * about a failover is held until 45 s after the primary's last good check, and withdrawn if the failover is over by then. The
 * failback's waits up to a minute for the sync that names the branches to merge, or until there is another alert. */
void alert_event(struct alert *a, enum role_event event, const struct story *s, const char *text);

/* Looks at what lasts (conditions.h). Call it after each check and change; it is cheap. */
void alert_look(struct alert *a, const struct status *s);

/* Why alerts are not delivered, and in RET_N how many wait or are lost; "" and 0 if they are. Good until the loop turns. */
const char *alert_error(const struct alert *a, unsigned *ret_n);

/* Sends one over W at once, and keeps nothing. DROPPED: how many were lost before it. 0 or a negative errno: then WHY says it. */
#define ALERT_WHY_MAX 768
int alert_send(struct webhook *w, const struct instance *instance, const struct alert_config *c,
        const struct alert_message *m, unsigned dropped, char why[static ALERT_WHY_MAX]);

static inline bool alert_is_on(const struct alert_config *c) {
        return c->url || c->url_file;
}

/* How long to wait after that many attempts in a row (from 1) that came to nothing: 5 s, 10 s … 15 min. */
usec_t alert_back_off(unsigned attempts);
