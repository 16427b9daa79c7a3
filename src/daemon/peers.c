/* Watches the primary; see peers.h. */
#include "daemon/peers.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/text.h"
#include "probe/probe.h"

/* A gateway that is watched. */
struct peer {
        struct peers *watch;
        const struct peer_config *config;
        struct health_rules rules;
        struct health health;
        struct probe *probe;
        struct check last;
};

struct peers {
        struct http *http;
        const struct config *config;
        peers_changed_t changed;
        void *userdata;
        sd_event_source *timer;
        usec_t next; /* when the next check begins */
        struct peer primary;
        struct peer seniors[SENIORS_MAX];
        size_t n_seniors;
        usec_t asking_since; /* the seniors */
        struct probe *witness;
        char name[300]; /* host:port */
        uint64_t checks[_VERDICT_MAX];
};

static usec_t now(void) {
        return now_usec(CLOCK_BOOTTIME);
}

/* The story of a row of failures, told while it is not yet decided; what is decided is told by whoever acts on it. */

static void tell_doubt(const struct peer *p) {
        char span[SPAN_MAX];

        if (p->health.restarting_since > 0)
                log_notice(
                        "Failed check %u: %s. Waiting: the gateway said that it restarts, and has %s for that.",
                        p->health.failures, p->last.reason, format_span(span, p->rules.restart_grace));
        else
                log_notice(
                        "Failed check %u: %s. Waiting for at most %s, since that says nothing about the primary.",
                        p->health.failures, p->last.reason, format_span(span, p->rules.hold));
}

static void tell_failure(const struct peer *p, enum health_level before) {
        unsigned needed = health_fail_needed(&p->rules, p->last.verdict);

        if (before == HEALTH_DOWN)
                return;
        if (p->health.level == HEALTH_DOWN && p->health.failures > needed)
                log_notice("Failed check %u: %s. The primary counts as down.", p->health.failures,
                        p->last.reason);
        else if (p->health.level == HEALTH_DOWN)
                log_notice("Failed check %u of %u: %s. The primary counts as down.", p->health.failures,
                        needed, p->last.reason);
        else if (p->health.failures < needed)
                log_notice("Failed check %u of %u: %s.", p->health.failures, needed, p->last.reason);
        else if (p->health.failures == needed || p->health.failures % 10 == 0)
                tell_doubt(p);
}

static void tell_success(const struct peers *w, const struct peer *p, const struct health *before) {
        unsigned needed = health_recover_needed(&p->health, &p->rules, p->health.last_good);

        if (before->level == HEALTH_UNKNOWN && p->health.level == HEALTH_UP)
                log_info("The primary %s is up.", w->name);
        else if (before->level == HEALTH_UP && before->failures > 0)
                log_notice("The primary answers again after %u failed check%s.", before->failures,
                        before->failures == 1 ? "" : "s");
        else if (before->level == HEALTH_DOWN && p->health.level == HEALTH_UP)
                log_notice("Good check %u of %u: the primary counts as up.", p->health.goods, needed);
        else if (before->level == HEALTH_DOWN)
                log_notice("Good check %u of %u: the primary answers again.", p->health.goods, needed);
}

/* One check of P is over, with everything known that belongs to it. */
static void count(struct peer *p) {
        struct peers *w = p->watch;
        struct health before = p->health;
        struct health_change change;

        change = health_check(&p->health, &p->rules, p->last.verdict, now());
        if (p == &w->primary) {
                w->checks[p->last.verdict]++;
                if (change.standstill) {
                        char span[SPAN_MAX];

                        log_notice(
                                "This machine stood still for %s (suspended or frozen?). Counting starts again.",
                                format_span(span, change.gap));
                }
                if (p->last.verdict == VERDICT_UP)
                        tell_success(w, p, &before);
                else
                        tell_failure(p, before.level);
        } else if (change.level && p->health.level == HEALTH_UP)
                log_notice("The senior standby %s has taken over.", p->config->name);
        w->changed(w, w->userdata);
}

static void on_witness(struct probe *probe _unused_, const struct check *check, void *userdata) {
        struct peer *p = userdata;

        if (check->verdict != VERDICT_UP && !check->connected) {
                char reason[61];

                (void) safe_text(reason, sizeof reason, p->last.reason);
                (void) snprintf(p->last.reason, sizeof p->last.reason,
                        "%s, and the witness fails too: this machine is cut off", reason);
                p->last.verdict = VERDICT_CUT_OFF;
        }
        count(p);
}

static void on_checked(struct probe *probe _unused_, const struct check *check, void *userdata) {
        struct peer *p = userdata;
        struct peers *w = p->watch;

        p->last = *check;
        if (check->verdict == VERDICT_DOWN || check->verdict == VERDICT_UNCLEAR) {
                /* The primary, which is asked as well, tells it of the seniors, too. */
                bool cut_off = p == &w->primary ? network_is_cut_off(p->last.reason, sizeof p->last.reason)
                                                : w->primary.last.verdict == VERDICT_CUT_OFF;

                if (cut_off)
                        p->last.verdict = VERDICT_CUT_OFF;
                else if (p == &w->primary && w->witness && probe_start(w->witness, on_witness, p) >= 0)
                        return; /* and is counted there */
        }
        count(p);
}

static void start(struct peer *p) {
        int r = probe_start(p->probe, on_checked, p);

        if (r < 0 && r != -EBUSY)
                log_error("Cannot check %s: %s.", p->config->host, strerror(-r));
}

/* Seniors are asked only while the primary is in trouble: at all other times their gateways do not run. What was known
 * of them in the last trouble is worth nothing in the next. */
static void start_seniors(struct peers *w) {
        bool trouble = w->primary.health.level != HEALTH_UP || w->primary.health.failures > 0;

        if (!trouble)
                w->asking_since = now();
        for (size_t i = 0; i < w->n_seniors; i++) {
                struct peer *s = &w->seniors[i];

                if (trouble)
                        start(s);
                else
                        s->health = (struct health){};
        }
}

static int on_timer(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        struct peers *w = userdata;
        usec_t interval = w->config->primary.check_interval;

        start(&w->primary);
        start_seniors(w);

        /* Start to start, and after a standstill one check, not all that were missed. */
        w->next += interval;
        if (w->next <= now())
                w->next = now() + interval;
        (void) sd_event_source_set_time(source, w->next);
        return 0;
}

static int peer_set(struct peers *w, struct peer *p, const struct peer_config *pc, const struct config *c) {
        _cleanup_free_ char *url = probe_url(pc->scheme, pc->host, pc->port, pc->path);
        _cleanup_free_ char *startup = NULL;
        _cleanup_(probe_freep) struct probe *probe = NULL;
        int r;

        if (!url)
                return -ENOMEM;
        if (pc->restart_grace > 0 && pc->scheme != SCHEME_TCP) {
                startup = probe_url(pc->scheme, pc->host, pc->port, "/startupz");
                if (!startup)
                        return -ENOMEM;
        }
        r = probe_new(w->http,
                &(struct probe_target){
                        .url = url,
                        .startup_url = startup,
                        .scheme = pc->scheme,
                        .expect = pc->expect,
                        .timeout = pc->timeout,
                },
                &probe);
        if (r < 0)
                return r;

        p->watch = w;
        p->config = pc;
        p->rules = (struct health_rules){
                .interval = c->primary.check_interval,
                .fail_threshold = pc->fail_threshold,
                .unclear_threshold = pc->unclear_threshold,
                .recover_threshold = pc->recover_threshold,
                .restart_grace = pc->restart_grace,
                .hold = c->witness.hold,
        };
        p->probe = TAKE(probe);
        return 0;
}

static int witness_set(struct peers *w, const struct config *c) {
        if (!c->witness.url)
                return 0;
        return probe_new(w->http,
                &(struct probe_target){
                        .url = c->witness.url,
                        .scheme = SCHEME_HTTP,
                        .expect = EXPECT_2XX,
                        .timeout = c->primary.timeout,
                },
                &w->witness);
}

int peers_new(struct http *h, const struct config *c, const struct peers *before, peers_changed_t changed,
        void *userdata, struct peers **ret) {
        _cleanup_(peers_freep) struct peers *w = NULL;
        int r;

        w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        w->http = h;
        w->config = c;
        w->changed = changed;
        w->userdata = userdata;
        (void) snprintf(w->name, sizeof w->name, strchr(c->primary.host, ':') ? "[%s]:%u" : "%s:%u",
                c->primary.host, c->primary.port);

        r = peer_set(w, &w->primary, &c->primary, c);
        for (; r >= 0 && w->n_seniors < c->n_seniors; w->n_seniors++)
                r = peer_set(w, &w->seniors[w->n_seniors], &c->seniors[w->n_seniors], c);
        if (r >= 0)
                r = witness_set(w, c);
        if (r < 0)
                return r;

        if (before && strcmp(before->name, w->name) == 0) {
                w->primary.health = before->primary.health;
                health_restart_counting(&w->primary.health);
                w->primary.last = before->primary.last;
                memcpy(w->checks, before->checks, sizeof w->checks);
        }

        w->next = w->asking_since = now();
        r = sd_event_add_time(http_event(h), &w->timer, CLOCK_BOOTTIME, w->next, 1, on_timer, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->timer, SD_EVENT_ON);
        if (r < 0)
                return r;
        *ret = TAKE(w);
        return 0;
}

struct peers *peers_free(struct peers *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->timer);
        probe_free(w->primary.probe);
        for (size_t i = 0; i < ELEMENTSOF(w->seniors); i++)
                probe_free(w->seniors[i].probe);
        probe_free(w->witness);
        free(w);
        return NULL;
}

/* Until when S, a senior that is not up, goes first: while its head start lasts, which began when the primary was down, and
 * as long as it takes to know it. One that answers now and then would not be known for ever. */
static usec_t goes_first_until(const struct peers *w, const struct peer *s) {
        usec_t started = w->primary.health.since + s->config->head_start;
        usec_t known = w->asking_since + (s->rules.unclear_threshold + 1) * s->rules.interval;

        return s->health.level == HEALTH_UNKNOWN ? MAX(started, known) : started;
}

static usec_t seniors_go_first_until(const struct peers *w) {
        usec_t until = 0;

        for (size_t i = 0; i < w->n_seniors; i++)
                until = MAX(until, goes_first_until(w, &w->seniors[i]));
        return until;
}

static usec_t waits_until(const struct peers *w, const char **ret_for) {
        const struct peer *p = &w->primary;
        usec_t until;

        if (p->health.level == HEALTH_DOWN) {
                *ret_for = "the standbys that go first";
                until = seniors_go_first_until(w);
        } else {
                *ret_for = p->health.cut_off_since > 0 ? "the network here"
                                                       : "the primary, which said that it restarts";
                until = health_doubt_until(&p->health, &p->rules);
        }
        if (until > now())
                return until;
        *ret_for = "";
        return 0;
}

enum health_level peers_level(const struct peers *w) {
        if (w->primary.health.level == HEALTH_UP)
                return HEALTH_UP;
        for (size_t i = 0; i < w->n_seniors; i++)
                if (w->seniors[i].health.level == HEALTH_UP)
                        return HEALTH_UP;
        return w->primary.health.level == HEALTH_DOWN && now() >= seniors_go_first_until(w) ? HEALTH_DOWN
                                                                                            : HEALTH_UNKNOWN;
}

usec_t peers_failing_since(const struct peers *w) {
        return w->primary.health.failing_since;
}

void peers_failback(struct peers *w) {
        for (size_t i = 0; i < w->n_seniors; i++)
                if (w->seniors[i].health.level == HEALTH_UP)
                        health_failback(&w->seniors[i].health, now());
        if (w->primary.health.level == HEALTH_UP)
                health_failback(&w->primary.health, now());
}

struct peers_view peers_view(const struct peers *w) {
        const struct peer *p = &w->primary;
        struct peers_view v = {
                .health = &p->health,
                .check = &p->last,
                .fail_needed = health_fail_needed(&p->rules, p->last.verdict),
                .recover_needed = health_recover_needed(&p->health, &p->rules, now()),
                .next = w->next,
                .senior = "",
        };

        v.waits_until = waits_until(w, &v.waits_for);

        for (size_t i = 0; i < w->n_seniors; i++)
                if (w->seniors[i].health.level == HEALTH_UP)
                        v.senior = w->seniors[i].config->name;
        memcpy(v.checks, w->checks, sizeof v.checks);
        return v;
}

const char *peers_primary_name(const struct peers *w) {
        return w->name;
}
