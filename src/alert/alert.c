/* Queues alerts and posts them, with retries; see alert.h. */
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

#define BACK_OFF_FIRST (5 * USEC_PER_SEC)
#define BACK_OFF_MAX (15 * USEC_PER_MINUTE)
#define GIVE_UP_AFTER USEC_PER_DAY /* "a day" in messages, README and manual */
/* An outage that ends within this is in the journal only. */
#define QUIET_FOR (45 * USEC_PER_SEC)
/* How long the alert of a failback waits for the sync that names the branches to merge. */
#define BRANCHES_WITHIN USEC_PER_MINUTE
/* Until the next try to save, after a disk hung or was full. */
#define SAVE_AGAIN_AFTER (5 * USEC_PER_SEC)

struct alert {
        const struct instance *instance;
        const struct config *config;
        struct alert_queue queue;
        struct webhook *webhook;
        struct conditions conditions;

        unsigned alerts;    /* about this failover; 1 at first, since an earlier daemon may have sent one */
        bool channels_fail; /* the last alert of this failover reported this */
        json_t *demoted; /* the queue's last, held for the sync that names branches; a reference or NULL */
        usec_t demoted_until; /* CLOCK_BOOTTIME */

        unsigned attempts; /* that failed in a row since an alert was queued */
        usec_t try_at;     /* CLOCK_BOOTTIME, as .not_before */
        usec_t not_before; /* the service asked for no request until then */
        json_t *sending;   /* the alert under way, or tried last; a reference */
        char error[512];   /* why the delivery fails, as the journal has it; "": it does not */
};

usec_t alert_back_off(unsigned attempts) {
        return back_off(attempts, BACK_OFF_FIRST, BACK_OFF_MAX);
}

/* Schedules a retry. WORDS say why the try failed. */
static void postpone(struct alert *a, const char *words, usec_t retry_after) {
        usec_t now = now_usec(CLOCK_BOOTTIME);

        if (!*a->error)
                log_warning("Alerts cannot be delivered: %s. The daemon keeps them, and retries for a day.",
                        words);
        (void) safe_text(a->error, sizeof a->error, words);
        a->attempts++;
        a->try_at = now + alert_back_off(a->attempts);
        if (retry_after > 0)
                a->not_before = now + retry_after;
        webhook_wake_at(a->webhook, 0);
}

static void drop(struct alert *a, const json_t *alert) {
        alert_queue_remove(&a->queue, alert);
        a->queue.dropped++;
}

/* Drops the first alert if it is too old and was tried: before a try, a set clock may explain its age. */
static void drop_expired(struct alert *a) {
        struct alert_message m;
        json_t *first = alert_queue_first(&a->queue, &m);

        if (!first || first != a->sending || now_usec(CLOCK_REALTIME) <= m.time + GIVE_UP_AFTER)
                return;
        log_error("The alert \"%s\" could not be delivered for a day, and is lost: %s", m.event, m.text);
        drop(a, first);
}

int alert_send(struct webhook *w, const struct instance *instance, const struct alert_config *c,
        const struct alert_message *m, unsigned dropped, char why[static ALERT_WHY_MAX]) {
        _cleanup_(alert_request_freep) struct alert_request *request = NULL;
        char raw[65] = "", host[sizeof raw]; /* HOST_NAME_MAX + 1 */
        struct alert_context x = {
                .host = host,
                .instance = instance->name,
                .now = now_usec(CLOCK_REALTIME),
                .dropped = dropped,
        };
        _cleanup_secret_ char *url = NULL;
        const char *words;
        int r;

        (void) gethostname(raw, sizeof raw - 1);
        (void) safe_text(host, sizeof host, raw);
        r = endpoint_load(c->url, c->url_file, ADDRESS_ALERT, &url, why, ALERT_WHY_MAX);
        if (r < 0)
                return r;
        words = alert_wrong_address(c->format, url);
        request = words ? NULL : alert_render(c->format, m, &x);
        r = request ? webhook_send(w, url, &request->headers, request->body) : words ? -EINVAL : -ENOMEM;
        if (r < 0)
                (void) snprintf(why, ALERT_WHY_MAX, "%s", words ? words : webhook_error(r));
        return r;
}

static void send_first(struct alert *a) {
        char why[ALERT_WHY_MAX];
        struct alert_message m;

        json_decref(a->sending);
        a->sending = json_incref(alert_queue_first(&a->queue, &m));
        if (alert_send(a->webhook, a->instance, &a->config->alert, &m, a->queue.dropped, why) < 0)
                postpone(a, why, 0);
}

/* When to try the first alert; USEC_INFINITY: not yet, or one is under way. A hold of more than QUIET_FOR
 * means that the clock was set back. */
static usec_t next_try(const struct alert *a) {
        usec_t now = now_usec(CLOCK_REALTIME), at = MAX(a->try_at, a->not_before);
        struct alert_message m;
        const json_t *first = alert_queue_first(&a->queue, &m);

        if (webhook_is_busy(a->webhook) || !first || first == a->demoted)
                return USEC_INFINITY;
        if (m.hold > now && m.hold - now <= QUIET_FOR)
                at = MAX(at, now_usec(CLOCK_BOOTTIME) + m.hold - now);
        return at;
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct alert *a = userdata;
        usec_t now = now_usec(CLOCK_BOOTTIME);

        if (!webhook_is_busy(a->webhook))
                drop_expired(a);
        if (next_try(a) <= now)
                send_first(a);
        webhook_wake_at(a->webhook,
                alert_queue_save(&a->queue) ? next_try(a) : MIN(next_try(a), now + SAVE_AGAIN_AFTER));
        return 0;
}

static void on_answer(_unused_ struct webhook *c, const struct webhook_answer *answer, void *userdata) {
        struct alert *a = userdata;

        if (answer->outcome == WEBHOOK_LATER) {
                postpone(a, answer->words, answer->retry_after);
                return;
        }
        if (answer->outcome == WEBHOOK_TAKEN) {
                if (*a->error)
                        log_notice("Alerts are delivered again.");
                *a->error = '\0';
                alert_queue_remove(&a->queue, a->sending);
                a->queue.dropped = 0;
        } else {
                (void) safe_text(a->error, sizeof a->error, answer->words);
                log_error(
                        "The service refused the alert \"%s\", which is lost: %s. To try again: `%s alert-test`.",
                        json_string_value(json_object_get(a->sending, "event")), a->error,
                        a->instance->program);
                drop(a, a->sending);
        }
        a->attempts = 0;
        a->try_at = a->not_before = 0;
        webhook_wake_at(a->webhook, 0);
}

/* Releases the failback's alert, with the branches that S names. S is NULL when another alert must go. */
static void release_demoted(struct alert *a, const struct status *s) {
        char title[128], text[ALERT_TEXT_MAX];
        struct alert_message m;
        unsigned branches = 0;

        if (!a->demoted || alert_queue_read(a->demoted, &m) < 0)
                return;
        for (const char *b = s ? s->unmerged : ""; *b; b += strcspn(b, "\n"), b += *b == '\n')
                branches++;
        if (branches > 0) {
                bool fits = strlen(s->merge) < ALERT_COMMANDS_MAX;

                (void) snprintf(title, sizeof title, "%s: %u branch%s to merge", m.title, branches,
                        branches == 1 ? "" : "es");
                (void) snprintf(text, sizeof text,
                        "%s The primary lacks work that was done here. To merge it, type there as its user%s%s%s:",
                        m.text, fits ? "" : " what `", fits ? "" : a->instance->program,
                        fits ? "" : " status` prints here");
                m.title = title;
                m.text = text;
                m.commands = fits ? s->merge : "";
                alert_queue_change(a->demoted, &m);
        }
        json_decref(TAKE(a->demoted));
        webhook_wake_at(a->webhook, 0);
}

bool alert_post(struct alert *a, const struct alert_message *m) {
        bool queued;

        release_demoted(a, NULL);
        if (!alert_is_on(&a->config->alert))
                return false;
        queued = alert_queue_push(&a->queue, m);
        if (!queued)
                log_error("Out of memory: the alert \"%s\" is lost.", m->event);
        /* The news may be that the network is back: a try before its turn. */
        a->attempts = 0;
        a->try_at = 0;
        webhook_wake_at(a->webhook, 0);
        return queued;
}

const char *alert_error(const struct alert *a, unsigned *ret_n) {
        *ret_n = *a->error ? (unsigned) json_array_size(a->queue.alerts) + a->queue.dropped : 0;
        return a->error;
}

/* --- what is worth an alert ---------------------------------------------------------------------------- */

/* An event without a title is not worth an alert. */
static const char *const titles[_EVENT_MAX] = {
        [EVENT_PROMOTED] = "Standby has taken over: primary down",
        [EVENT_START_FAILED] = "Nobody can be reached: standby's gateway failed to start",
        [EVENT_START_SLOW] = "Nobody can be reached: standby's gateway starts slowly",
        [EVENT_CHANNELS_READY] = "Standby's channels work again", /* only after CHANNELS_FAIL */
        [EVENT_CHANNELS_FAIL] = "Standby has taken over, but its channels do not work",
        [EVENT_HUNG] = "Standby's gateway hangs and is restarted",
        [EVENT_LOST] = "Standby's gateway failed and is started again",
        [EVENT_HELD] = "A user stopped the standby's gateway",
        [EVENT_KEPT_BACK] = "Nobody can be reached: primary down, standby paused",
        [EVENT_CALLED_OFF] = "Primary is back before the standby's gateway started",
        [EVENT_STOP_FAILED] = "Standby's gateway could not be stopped",
        [EVENT_DEMOTED] = "Standby's gateway is stopped",
        [EVENT_DRILL_FAILED] = "Drill failed: a failover would fail",
        [EVENT_DRILL_REAL] = "Primary went down during a drill",
};

static const char *event_title(enum role_event event, const struct story *s) {
        bool drill = s->mode == MODE_DRILL;

        if (drill && (event == EVENT_PROMOTED || event == EVENT_DEMOTED))
                return NULL; /* a drill that works is no news */
        if (event == EVENT_PROMOTED && s->by_hand)
                return "Standby promoted by hand";
        if (event == EVENT_PROMOTED && s->again)
                return "Standby's gateway is back";
        if (s->up && event == EVENT_START_FAILED)
                return "Standby's gateway failed to start";
        if (s->up && event == EVENT_START_SLOW)
                return "Standby's gateway starts slowly";
        if (*s->senior && s->mode == MODE_AUTO && (event == EVENT_DEMOTED || event == EVENT_CALLED_OFF))
                return "A senior standby has taken over: this one's gateway is stopped";
        if (event == EVENT_DEMOTED && s->up && s->mode == MODE_AUTO && !s->by_hand)
                return "Primary is back: standby's gateway stopped";
        return titles[event];
}

static void add_reach(const struct alert *a, char *buf, size_t size) {
        if (a->config->alert.reach)
                (void) appendf(buf, size, " To reach the standby: %s.", a->config->alert.reach);
}

/* Posts the end of a failover, unless all alerts about that failover could be withdrawn. */
static void post_demoted(struct alert *a, const struct alert_message *m) {
        unsigned alerts = a->alerts, withdrawn = alert_queue_withdraw(&a->queue, m->time);
        const char *workspace = a->config->workspace.path;
        const json_t *queue = a->queue.alerts;

        a->alerts = 0;
        webhook_wake_at(a->webhook, 0);
        if (withdrawn >= alerts)
                return;
        if (!alert_post(a, m) || !workspace || !*workspace)
                return;
        a->demoted = json_incref(json_array_get(queue, json_array_size(queue) - 1));
        a->demoted_until = now_usec(CLOCK_BOOTTIME) + BRANCHES_WITHIN;
}

void alert_event(struct alert *a, enum role_event event, const struct story *s, const char *text) {
        usec_t ago = event == EVENT_DEMOTED ? s->promoted : s->by_hand ? USEC_INFINITY : s->down;
        usec_t now = now_usec(CLOCK_REALTIME);
        char words[ALERT_TEXT_MAX], title[128], at[TIME_MAX];
        struct alert_message m = {
                .event = event_name(event),
                .level = event_level(event),
                .title = title,
                .text = words,
                .primary = s->primary,
                .reason = event == EVENT_DEMOTED ? "" : s->reason,
                .time = now,
                .since = ago < now ? now - ago : 0,
                .outage = event == EVENT_PROMOTED && s->outage != USEC_INFINITY ? s->outage : 0,
                .lasted = event == EVENT_DEMOTED && s->promoted != USEC_INFINITY ? s->promoted : 0,
        };

        if ((event == EVENT_PROMOTING || event == EVENT_ADOPTED) && s->from == ROLE_STANDBY && !s->again) {
                a->alerts = 0;
                a->channels_fail = false;
        }
        if (!event_title(event, s) || (event == EVENT_CHANNELS_READY && !a->channels_fail))
                return;
        (void) snprintf(words, sizeof words, "%s", text);
        (void) snprintf(title, sizeof title, "%s", event_title(event, s));
        if (event == EVENT_DEMOTED || event == EVENT_CALLED_OFF) {
                post_demoted(a, &m);
                return;
        }
        if (event == EVENT_PROMOTED && !s->by_hand && !s->again) {
                if (m.since > 0)
                        (void) appendf(title, sizeof title, " since %s", format_time(at, "%H:%M", m.since));
                (void) appendf(words, sizeof words,
                        " Next: find out why the primary is down. `%s status` here shows what the daemon waits for.",
                        a->instance->program);
        }
        if (event == EVENT_PROMOTED || (event == EVENT_DRILL_REAL && s->promoted != USEC_INFINITY))
                add_reach(a, words, sizeof words);
        if (m.since > 0 && m.since + QUIET_FOR > now)
                m.hold = m.since + QUIET_FOR;
        a->alerts++;
        a->channels_fail = event == EVENT_CHANNELS_FAIL;
        (void) alert_post(a, &m);
}

void alert_look(struct alert *a, const struct status *s) {
        usec_t now = now_usec(CLOCK_REALTIME), boottime = now_usec(CLOCK_BOOTTIME);
        char words[ALERT_TEXT_MAX];
        struct alert_message m;

        if (a->demoted && alert_queue_read(a->demoted, &m) >= 0 &&
                (s->synced > m.time || boottime > a->demoted_until))
                release_demoted(a, s);
        while (conditions_look(&a->conditions, s, now, boottime, &m)) {
                log_line(m.level, "%s", m.text);
                (void) snprintf(words, sizeof words, "%s", m.text);
                if (s->state == ROLE_PROMOTED && s->answers)
                        add_reach(a, words, sizeof words);
                m.text = words;
                (void) alert_post(a, &m);
        }
}

/* --- */

void alert_configure(struct alert *a, const struct config *c) {
        _cleanup_secret_ char *url = NULL;
        char why[sizeof a->error] = "";

        a->config = c;
        a->conditions.cut_off_after = c->primary.silent_timeout;
        webhook_cancel(a->webhook);
        a->attempts = 0;
        a->try_at = a->not_before = 0;
        *a->error = '\0';
        if (!alert_is_on(&c->alert)) {
                (void) json_array_clear(a->queue.alerts);
                a->queue.dropped = 0;
        } else if (endpoint_load(c->alert.url, c->alert.url_file, ADDRESS_ALERT, &url, why, sizeof why) <
                0) {
                (void) safe_text(a->error, sizeof a->error, why);
                log_error("Alerts cannot be delivered: %s.", a->error);
        }
        webhook_wake_at(a->webhook, 0);
}

int alert_new(struct http *h, const struct instance *n, const struct config *c, struct alert **ret) {
        _cleanup_(alert_freep) struct alert *a = calloc(1, sizeof *a);
        int r;

        if (!a)
                return -ENOMEM;
        a->instance = n;
        a->alerts = 1;
        r = alert_queue_load(&a->queue, n->state_dir);
        if (r >= 0)
                r = webhook_new(h, on_timer, on_answer, a, &a->webhook);
        if (r < 0)
                return r;
        alert_configure(a, c);
        *ret = TAKE(a);
        return 0;
}

struct alert *alert_free(struct alert *a) {
        if (!a)
                return NULL;
        /* alert_new() may have failed before .webhook. Waits for a slow disk, but not for one that hangs. */
        for (unsigned i = 0; a->webhook && !alert_queue_save(&a->queue) && i < 10; i++)
                (void) usleep(100 * USEC_PER_MSEC);
        alert_queue_clear(&a->queue);
        json_decref(a->demoted);
        json_decref(a->sending);
        webhook_free(a->webhook);
        free(a);
        return NULL;
}
