/* Tells people; see alert.h. */
#include "alert/alert.h"

#include <errno.h>
#include <string.h>

#include "alert/alert_queue.h"
#include "alert/conditions.h"
#include "alert/endpoint.h"
#include "alert/webhook.h"
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"

#define QUEUE_FILE "alerts.json"

#define BACK_OFF_FIRST (5 * USEC_PER_SEC)
#define BACK_OFF_MAX (15 * USEC_PER_MINUTE)
#define GIVE_UP_AFTER USEC_PER_DAY

struct alert {
        const struct instance *names;
        struct alert_config config;
        char host[65]; /* HOST_NAME_MAX + 1 */
        struct alert_queue *queue;
        struct webhook *courier;
        struct conditions lasting;

        sd_event_source *timer; /* the next thing to do: save, send */
        unsigned attempts;      /* in a row that came to nothing */
        usec_t not_before;      /* CLOCK_BOOTTIME: the service asked to be left alone */
        uint64_t sending;       /* the one that is under way, or was tried last */
        unsigned telling;       /* dropped ones that it tells of */
        char error[256];        /* why they cannot be delivered, and the journal has that; "" if they can */
};

static bool is_on(const struct alert *a) {
        return a->config.url || a->config.url_file;
}

usec_t alert_back_off(unsigned attempts) {
        return back_off(attempts, BACK_OFF_FIRST, BACK_OFF_MAX);
}

/* At the latest after WAIT. */
static void act_in(struct alert *a, usec_t wait) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        (void) sd_event_source_set_time(a->timer, now + wait);
        (void) sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

/* Not now; WORDS say why. */
static void postpone(struct alert *a, const char *words, usec_t retry_after) {
        usec_t wait = alert_back_off(++a->attempts);

        if (!*a->error)
                log_warning("Alerts cannot be delivered: %s. The daemon keeps them, and retries for a day.",
                        words);
        (void) safe_text(a->error, sizeof a->error, words);
        if (retry_after > 0)
                a->not_before = now_usec(CLOCK_BOOTTIME) + retry_after;
        act_in(a, MAX(wait, retry_after));
}

static void drop(struct alert *a, uint64_t id) {
        alert_queue_remove(a->queue, id);
        alert_queue_count_dropped(a->queue);
}

/* Whom it is too late for. What was never tried is not, however old it seems: the clock may have been set since. */
static void drop_expired(struct alert *a) {
        usec_t now = now_usec(CLOCK_REALTIME);
        const struct alert_message *m;
        uint64_t id;

        while ((m = alert_queue_first(a->queue, &id)) && id <= a->sending && now > m->time + GIVE_UP_AFTER) {
                log_error("The alert \"%s\" could not be delivered for a day. It is dropped: %s", m->event,
                        m->text);
                drop(a, id);
        }
}

static void send_first(struct alert *a) {
        _cleanup_(alert_request_freep) struct alert_request *request = NULL;
        const struct alert_message *m = alert_queue_first(a->queue, &a->sending);
        struct alert_context x = {
                .host = a->host,
                .instance = a->names->instance,
                .now = now_usec(CLOCK_REALTIME),
                .dropped = alert_queue_dropped(a->queue),
        };
        _cleanup_free_ char *url = NULL;
        const char *words = NULL;
        char why[768];
        int r;

        if (!m)
                return;
        r = endpoint_load(a->config.url, a->config.url_file, ADDRESS_ALERT, &url, why, sizeof why);
        if (r < 0 && r != -ENOMEM) {
                postpone(a, why, 0);
                return;
        }
        if (r >= 0)
                r = alert_render(a->config.format, url, m, &x, &request, &words);
        if (r >= 0)
                r = webhook_send(a->courier, request->url, request->headers, request->body);
        if (r < 0)
                postpone(a, words ? words : r == -EAGAIN ? "name servers are silent" : strerror(-r), 0);
        a->telling = x.dropped;
        if (url)
                explicit_bzero(url, strlen(url));
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct alert *a = userdata;

        if (!webhook_is_busy(a->courier)) {
                usec_t now = now_usec(CLOCK_BOOTTIME);

                drop_expired(a);
                if (now >= a->not_before)
                        send_first(a);
                else if (alert_queue_length(a->queue) > 0)
                        act_in(a, a->not_before - now);
        }
        alert_queue_save(a->queue);
        return 0;
}

static void on_answer(_unused_ struct webhook *c, const struct webhook_answer *answer, void *userdata) {
        struct alert *a = userdata;
        uint64_t id = 0;
        const struct alert_message *m = alert_queue_first(a->queue, &id);

        if (answer->outcome == WEBHOOK_LATER) {
                postpone(a, answer->words, answer->retry_after);
                return;
        }
        if (answer->outcome == WEBHOOK_TAKEN) {
                if (*a->error)
                        log_notice("Alerts are delivered again.");
                *a->error = '\0';
                alert_queue_remove(a->queue, a->sending);
                alert_queue_told_dropped(a->queue, a->telling);
        } else {
                (void) safe_text(a->error, sizeof a->error, answer->words);
                log_error(
                        "The service refused the alert \"%s\", which is lost: %s. To try again: `%s alert-test`.",
                        m && id == a->sending ? m->event : "?", a->error, a->names->program);
                drop(a, a->sending);
        }
        a->attempts = 0;
        a->not_before = 0;
        act_in(a, 0);
}

void alert_post(struct alert *a, const struct alert_message *m) {
        if (!is_on(a))
                return;
        if (alert_queue_push(a->queue, m) < 0) {
                log_error("Out of memory: the alert \"%s\" is lost.", m->event);
                return;
        }
        /* New trouble may have ended the old: worth a try before its turn. */
        act_in(a, 0);
}

const char *alert_error(const struct alert *a, unsigned *ret_n) {
        *ret_n = *a->error ? (unsigned) alert_queue_length(a->queue) + alert_queue_dropped(a->queue) : 0;
        return a->error;
}

/* --- what is worth an alert ------------------------------------------------------------------------------- */

static bool is_wanted(enum role_event event, const struct story *s) {
        bool drill = s->mode == MODE_DRILL || s->mode == MODE_DRILL_OVER;

        switch (event) {
        case EVENT_PROMOTING:
        case EVENT_PROMOTED:
        case EVENT_DEMOTED:
                return !drill; /* a drill that works is no news */
        case EVENT_ADOPTED:
        case EVENT_START_FAILED:
        case EVENT_START_SLOW:
        case EVENT_HUNG:
        case EVENT_LOST:
        case EVENT_HELD:
        case EVENT_STOP_FAILED:
        case EVENT_DRILL_FAILED:
        case EVENT_DRILL_REAL:
                return true;
        default:
                return false;
        }
}

void alert_event(struct alert *a, enum role_event event, const struct story *s, const char *text) {
        usec_t now = now_usec(CLOCK_REALTIME), ago = USEC_INFINITY;
        struct alert_message m = {
                .event = event_name(event),
                .level = event_level(event),
                .text = text,
                .primary = s->primary,
                .reason = event == EVENT_DEMOTED ? "" : s->reason,
                .time = now,
                .outage = event == EVENT_PROMOTED ? s->outage : USEC_INFINITY,
                .lasted = event == EVENT_DEMOTED ? s->promoted : USEC_INFINITY,
        };

        if (!is_wanted(event, s))
                return;
        if (event == EVENT_DEMOTED)
                ago = s->promoted;
        else if (event == EVENT_PROMOTED)
                ago = s->outage;
        else if (event == EVENT_PROMOTING || event == EVENT_ADOPTED)
                ago = s->detecting;
        m.since = ago != USEC_INFINITY && ago < now ? now - ago : 0;
        alert_post(a, &m);
}

void alert_look(struct alert *a, const struct status *s) {
        usec_t now = now_usec(CLOCK_REALTIME), boottime = now_usec(CLOCK_BOOTTIME);
        struct alert_message m;

        while (conditions_look(&a->lasting, s, now, boottime, &m)) {
                log_line(m.level, "%s", m.text);
                alert_post(a, &m);
        }
}

/* --- */

static void forget_config(struct alert *a) {
        free(TAKE(a->config.url));
        free(TAKE(a->config.url_file));
}

static char *copy(const char *text) {
        return text && *text ? strdup(text) : NULL;
}

void alert_configure(struct alert *a, const struct config *c) {
        _cleanup_free_ char *url = NULL;
        char why[768];
        int r;

        forget_config(a);
        a->config = (struct alert_config){
                .url = copy(c->alert.url),
                .url_file = copy(c->alert.url_file),
                .format = c->alert.format,
        };
        webhook_cancel(a->courier);
        a->attempts = 0;
        a->not_before = 0;
        *a->error = '\0';
        if (!is_on(a)) {
                alert_queue_clear(a->queue);
                return;
        }
        r = endpoint_load(a->config.url, a->config.url_file, ADDRESS_ALERT, &url, why, sizeof why);
        if (r < 0) {
                (void) safe_text(a->error, sizeof a->error, r == -ENOMEM ? "out of memory" : why);
                log_error("Alerts cannot be delivered: %s.", a->error);
        }
        act_in(a, 0);
}

int alert_new(struct http *h, const struct instance *n, const struct config *c, struct alert **ret) {
        _cleanup_(alert_freep) struct alert *a = calloc(1, sizeof *a);
        _cleanup_free_ char *path = NULL;
        char host[sizeof a->host] = "";
        int r;

        if (!a || asprintf(&path, "%s/%s", n->state_dir, QUEUE_FILE) < 0)
                return -ENOMEM;
        a->names = n;
        (void) gethostname(host, sizeof host - 1);
        (void) safe_text(a->host, sizeof a->host, host);
        r = alert_queue_new(path, &a->queue);
        if (r < 0)
                return r;
        r = webhook_new(h, on_answer, a, &a->courier);
        if (r >= 0)
                r = sd_event_add_time(
                        http_event(h), &a->timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_timer, a);
        if (r >= 0) /* after whatever a failover needs */
                r = sd_event_source_set_priority(a->timer, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        alert_configure(a, c);
        *ret = TAKE(a);
        return 0;
}

struct alert *alert_free(struct alert *a) {
        if (!a)
                return NULL;
        if (a->queue)
                alert_queue_save(a->queue);
        alert_queue_free(a->queue);
        webhook_free(a->courier);
        (void) sd_event_source_disable_unref(a->timer);
        forget_config(a);
        free(a);
        return NULL;
}
