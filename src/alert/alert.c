/* Alerts; see alert.h. */
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
/* An outage that is over by then is in the journal only. */
#define QUIET_FOR (45 * USEC_PER_SEC)

struct alert {
        const struct instance *instance;
        const struct config *config;
        char host[65]; /* HOST_NAME_MAX + 1 */
        struct alert_queue *queue;
        struct webhook *webhook;
        struct conditions conditions;

        bool quiet;                   /* this failover has had no alert yet */
        struct alert_message demoted; /* waits for the sync that names them; .event is NULL: none does */
        usec_t demoted_until;         /* CLOCK_BOOTTIME */
        char demoted_title[64], demoted_text[ALERT_TEXT_MAX], demoted_reason[160];

        sd_event_source *timer; /* the next thing to do: save, send */
        bool posted;            /* something is new since the last try began */
        unsigned attempts;      /* in a row that came to nothing */
        usec_t not_before;      /* CLOCK_BOOTTIME: the service asked to be left alone */
        uint64_t sending;       /* the one that is under way, or was tried last */
        unsigned mentioned;     /* lost ones that it mentions */
        char error[512];        /* why they cannot be delivered, and the journal has that; "" if they can */
};

static bool is_on(const struct alert *a) {
        return a->config->alert.url || a->config->alert.url_file;
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
        /* What was posted during the try has not had its own. */
        act_in(a, a->posted && retry_after == 0 ? 0 : MAX(wait, retry_after));
}

static void drop(struct alert *a, uint64_t id) {
        alert_queue_remove(a->queue, id);
        alert_queue_count_dropped(a->queue);
}

/* What is too old. An alert that was never tried is not, however old it seems: the clock may have been set since. */
static void drop_expired(struct alert *a) {
        usec_t now = now_usec(CLOCK_REALTIME);
        const struct alert_message *m;
        uint64_t id;

        while ((m = alert_queue_first(a->queue, &id)) && id <= a->sending && now > m->time + GIVE_UP_AFTER) {
                log_error("The alert \"%s\" could not be delivered for a day, and is lost: %s", m->event,
                        m->text);
                drop(a, id);
        }
}

static int load_address(const struct alert *a, char **ret, char *why, size_t size) {
        const struct alert_config *c = &a->config->alert;

        return endpoint_load(c->url, c->url_file, ADDRESS_ALERT, ret, why, size);
}

static void send_first(struct alert *a) {
        _cleanup_(alert_request_freep) struct alert_request *request = NULL;
        const struct alert_message *m = alert_queue_first(a->queue, &a->sending);
        struct alert_context x = {
                .host = a->host,
                .instance = a->instance->name,
                .now = now_usec(CLOCK_REALTIME),
                .dropped = alert_queue_dropped(a->queue),
        };
        _cleanup_free_ char *url = NULL;
        const char *words = NULL;
        char why[768] = "";
        int r;

        if (!m)
                return;
        a->posted = false;
        r = load_address(a, &url, why, sizeof why);
        if (r >= 0)
                r = alert_render(a->config->alert.format, url, m, &x, &request, &words);
        if (r >= 0)
                r = webhook_send(a->webhook, request->url, &request->headers, request->body);
        if (r < 0)
                postpone(a, *why ? why : words ? words : webhook_error(r), 0);
        a->mentioned = x.dropped;
        if (url)
                explicit_bzero(url, strlen(url));
}

/* For how long yet the first one is held. A hold that is further away than any can be means that the clock was set back. */
static usec_t held_for(const struct alert *a) {
        usec_t now = now_usec(CLOCK_REALTIME);
        const struct alert_message *m;
        uint64_t id;

        m = alert_queue_first(a->queue, &id);
        return m && m->hold > now && m->hold - now <= QUIET_FOR ? m->hold - now : 0;
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct alert *a = userdata;

        if (!webhook_is_busy(a->webhook)) {
                usec_t now = now_usec(CLOCK_BOOTTIME), wait;

                drop_expired(a);
                wait = held_for(a);
                if (wait > 0)
                        act_in(a, wait);
                else if (now >= a->not_before)
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
                alert_queue_mentioned_dropped(a->queue, a->mentioned);
        } else {
                (void) safe_text(a->error, sizeof a->error, answer->words);
                log_error(
                        "The service refused the alert \"%s\", which is lost: %s. To try again: `%s alert-test`.",
                        m && id == a->sending ? m->event : "?", a->error, a->instance->program);
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
        a->posted = true;
        act_in(a, 0);
}

const char *alert_error(const struct alert *a, unsigned *ret_n) {
        *ret_n = *a->error ? (unsigned) alert_queue_length(a->queue) + alert_queue_dropped(a->queue) : 0;
        return a->error;
}

/* --- what is worth an alert ------------------------------------------------------------------------------- */

/* How long the alert of a failback waits for the sync that names the branches to merge. */
#define BRANCHES_WITHIN USEC_PER_MINUTE

/* Of an event that is worth an alert. */
static const char *const titles[_EVENT_MAX] = {
        [EVENT_PROMOTED] = "Standby has taken over: primary down",
        [EVENT_START_FAILED] = "Nobody can be reached: standby's gateway failed to start",
        [EVENT_START_SLOW] = "Nobody can be reached: standby's gateway starts slowly",
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
        if (event == EVENT_DEMOTED && s->mode == MODE_AUTO && !s->by_hand)
                return "Primary is back: standby's gateway stopped";
        return titles[event];
}

/* "Standby has taken over: primary down since 03:12" */
static void add_since(char *buf, size_t size, usec_t since) {
        time_t t = (time_t) (since / USEC_PER_SEC);
        char at[16];
        struct tm tm;

        if (since > 0 && localtime_r(&t, &tm) && strftime(at, sizeof at, "%H:%M", &tm) > 0)
                (void) appendf(buf, size, " since %s", at);
}

static void add_reach(const struct alert *a, char *buf, size_t size) {
        if (a->config->alert.reach)
                (void) appendf(buf, size, " To reach the standby: %s.", a->config->alert.reach);
}

/* The failback's, when its sync has ended, or has taken too long. */
static void post_demoted(struct alert *a, const struct status *s) {
        char title[sizeof a->demoted_title + 32];
        unsigned branches = 0;

        if (!a->demoted.event)
                return;
        for (const char *b = s ? s->unmerged : ""; *b; b += strcspn(b, "\n"), b += *b == '\n')
                branches++;
        (void) snprintf(title, sizeof title, "%s: %u branch%s to merge", a->demoted_title, branches,
                branches == 1 ? "" : "es");
        if (s)
                a->demoted.primary = s->primary;
        if (branches > 0) {
                bool fits = strlen(s->merge) < ALERT_COMMANDS_MAX;

                a->demoted.title = title;
                a->demoted.commands = fits ? s->merge : "";
                (void) appendf(a->demoted_text, sizeof a->demoted_text,
                        " The primary lacks work that was done here. To merge it, type there as its user%s%s%s:",
                        fits ? "" : " what `", fits ? "" : a->instance->program,
                        fits ? "" : " status` prints here");
        }
        alert_post(a, &a->demoted);
        a->demoted.event = NULL;
}

static void keep_demoted(struct alert *a, const struct alert_message *m) {
        a->demoted = *m;
        a->demoted.title = a->demoted_title;
        a->demoted.text = a->demoted_text;
        a->demoted.reason = a->demoted_reason;
        a->demoted.primary = "";
        (void) snprintf(a->demoted_title, sizeof a->demoted_title, "%s", m->title);
        (void) snprintf(a->demoted_text, sizeof a->demoted_text, "%s", m->text);
        (void) snprintf(a->demoted_reason, sizeof a->demoted_reason, "%s", m->reason);
        a->demoted_until = now_usec(CLOCK_BOOTTIME) + BRANCHES_WITHIN;
        if (!a->config->workspace.path || !*a->config->workspace.path)
                post_demoted(a, NULL);
}

void alert_event(struct alert *a, enum role_event event, const struct story *s, const char *text) {
        usec_t ago = event == EVENT_DEMOTED ? s->promoted : s->by_hand ? USEC_INFINITY : s->down;
        usec_t now = now_usec(CLOCK_REALTIME);
        char words[ALERT_TEXT_MAX], title[128];
        struct alert_message m = {
                .event = event_name(event),
                .level = event_level(event),
                .title = title,
                .text = words,
                .primary = s->primary,
                .reason = event == EVENT_DEMOTED ? "" : s->reason,
                .time = now,
                .since = ago < now ? now - ago : 0,
                .outage = event == EVENT_PROMOTED ? s->outage : USEC_INFINITY,
                .lasted = event == EVENT_DEMOTED ? s->promoted : USEC_INFINITY,
        };

        if (event == EVENT_PROMOTING || event == EVENT_ADOPTED) {
                post_demoted(a, NULL);
                a->quiet = true;
        }
        if (!event_title(event, s) || !is_on(a))
                return;
        (void) snprintf(words, sizeof words, "%s", text);
        (void) snprintf(title, sizeof title, "%s", event_title(event, s));
        if (event == EVENT_DEMOTED || event == EVENT_CALLED_OFF) {
                /* Without an alert about the promotion there is none about its end. */
                if (alert_queue_withdraw(a->queue, now) == 0 && !a->quiet)
                        keep_demoted(a, &m);
                return;
        }
        if (event == EVENT_PROMOTED && !s->by_hand && !s->again) {
                add_since(title, sizeof title, m.since);
                (void) appendf(words, sizeof words,
                        " Next: find out why the primary is down. `%s status` here shows what the daemon waits for.",
                        a->instance->program);
        }
        if (event == EVENT_PROMOTED || (event == EVENT_DRILL_REAL && s->promoted != USEC_INFINITY))
                add_reach(a, words, sizeof words);
        if (m.since > 0 && m.since + QUIET_FOR > now)
                m.hold = m.since + QUIET_FOR;
        a->quiet = false;
        alert_post(a, &m);
}

void alert_look(struct alert *a, const struct status *s) {
        usec_t now = now_usec(CLOCK_REALTIME), boottime = now_usec(CLOCK_BOOTTIME);
        char words[ALERT_TEXT_MAX];
        struct alert_message m;

        while (conditions_look(&a->conditions, s, now, boottime, &m)) {
                log_line(m.level, "%s", m.text);
                (void) snprintf(words, sizeof words, "%s", m.text);
                if (s->state == ROLE_PROMOTED && s->answers)
                        add_reach(a, words, sizeof words);
                m.text = words;
                alert_post(a, &m);
        }
        if (a->demoted.event && (s->synced > a->demoted.time || boottime > a->demoted_until))
                post_demoted(a, s);
}

/* --- */

void alert_configure(struct alert *a, const struct config *c) {
        _cleanup_free_ char *url = NULL;
        char why[sizeof a->error] = "";

        a->config = c;
        a->conditions.cut_off_after = c->primary.silent_timeout;
        webhook_cancel(a->webhook);
        a->attempts = 0;
        a->not_before = 0;
        *a->error = '\0';
        if (!is_on(a)) {
                alert_queue_clear(a->queue);
                return;
        }
        if (load_address(a, &url, why, sizeof why) < 0) {
                (void) safe_text(a->error, sizeof a->error, why);
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
        a->instance = n;
        (void) gethostname(host, sizeof host - 1);
        (void) safe_text(a->host, sizeof a->host, host);
        r = alert_queue_new(path, &a->queue);
        if (r < 0)
                return r;
        r = webhook_new(h, on_answer, a, &a->webhook);
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
        if (a->queue) {
                post_demoted(a, NULL);
                alert_queue_save(a->queue);
        }
        alert_queue_free(a->queue);
        webhook_free(a->webhook);
        (void) sd_event_source_disable_unref(a->timer);
        free(a);
        return NULL;
}
