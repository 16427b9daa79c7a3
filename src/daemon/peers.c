/* Checks the primary and the seniors, and keeps their levels; see peers.h. */
#include "daemon/peers.h"

#include <errno.h>
#include <string.h>

#include "core/restart_loop.h"
#include "daemon/channels.h"
#include "daemon/check_report.h"
#include "daemon/peer.h"
#include "daemon/witness.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/text.h"
#include "lib/timer.h"
#include "probe/probe.h"

/* From this unanswered check in a row on, Tailscale's ping says whether the primary's machine is alive. */
#define PING_AFTER 3
/* A machine that has been cut off for this long checks at check_interval again. */
#define CUT_OFF_HURRY USEC_PER_MINUTE

struct peers {
        const struct config *config;
        peers_changed_t changed;
        void *userdata;
        sd_event_source *timer; /* off while a check of the primary is under way */
        usec_t begun;           /* when the last check of the primary started */
        usec_t next;            /* when the next one starts */
        bool started;           /* the gateway here has started */
        bool decided;           /* the primary is down, and no senior goes first any more */
        struct peer primary;
        struct peer seniors[SENIORS_MAX];
        size_t n_seniors;
        usec_t asking_since; /* since when the seniors are checked */
        struct channels channels;
        struct witness witness;
        struct restart_loop loop; /* of the primary */
        char name[300];           /* host:port */
};

static usec_t now(void) {
        return now_usec(CLOCK_BOOTTIME);
}

/* Seniors go first. */

/* Until when S, a senior that is not up, goes first: for its head start from the primary's failure, and if
 * its level is unknown, until its checks can have decided. One that answers now and then stays unknown. */
static usec_t goes_first_until(const struct peers *w, const struct peer *s) {
        usec_t started = w->primary.health.since + s->config->head_start;
        usec_t known = w->asking_since + s->rules.silent_timeout + 2 * s->rules.interval;

        return s->health.level == HEALTH_UNKNOWN ? MAX(started, known) : started;
}

static usec_t seniors_go_first_until(const struct peers *w) {
        usec_t until = 0;

        for (size_t i = 0; i < w->n_seniors; i++)
                until = MAX(until, goes_first_until(w, &w->seniors[i]));
        return until;
}

static const struct peer *senior_up(const struct peers *w) {
        for (size_t i = 0; i < w->n_seniors; i++)
                if (w->seniors[i].health.level == HEALTH_UP)
                        return &w->seniors[i];
        return NULL;
}

static void decide(struct peers *w) {
        if (w->primary.health.level != HEALTH_DOWN || senior_up(w))
                w->decided = false;
        else if (w->primary.last.verdict != VERDICT_UP && now() >= seniors_go_first_until(w))
                w->decided = true;
}

/* When checks start. */

static usec_t interval_now(const struct peers *w) {
        const struct health *h = &w->primary.health;
        const struct peer_config *c = &w->config->primary;
        bool trouble = h->failures > 0 || h->level == HEALTH_DOWN || tailnet_trouble(w->primary.tailnet);
        bool hurry = h->cut_off_since == 0 || now() - h->cut_off_since < CUT_OFF_HURRY;

        return trouble && hurry && !w->started ? c->retry_interval : c->check_interval;
}

/* Intervals count from start to start, but no check starts before the last one has ended. */
static void schedule(struct peers *w) {
        w->next = MAX(w->begun + interval_now(w), now());
        (void) timer_at(w->timer, w->next);
}

static void count_primary(struct peers *w) {
        struct peer *p = &w->primary;
        struct health *h = &p->health, before = *h;
        usec_t gap = peer_count(p);

        if (gap == 0 && before.level != HEALTH_DOWN && before.failures > 0 && h->failures == 0 &&
                before.cut_off_since == 0)
                restart_loop_count(&w->loop, now());
        report_check(&before, h, &p->rules, gap, &p->last, w->name);
        if (h->level == HEALTH_DOWN && before.level != HEALTH_DOWN && h->why != VERDICT_NOT_READY)
                channels_forget(&w->channels);
        decide(w);
        schedule(w);
        w->changed(w, w->userdata);
}

/* The last check may wait for its witness, whose answer counts for that check alone, and for tailscaled. */
static void judge_primary(void *userdata) {
        struct peers *w = userdata;
        struct peer *p = &w->primary;
        struct check *c = &p->found;

        if (probe_is_running(p->probe) || p->looking || w->witness.testimony == WITNESS_ASKED)
                return;
        if (c->verdict == VERDICT_UP)
                channels_judge(&w->channels, c);
        else if (peer_is_passed_over(p)) {
                schedule(w);
                return;
        } else
                witness_judge(&w->witness, c);
        if (p->unanswered >= PING_AFTER || p->health.clear + 1 >= p->rules.fail_threshold)
                tailnet_remark(p->tailnet, c);
        count_primary(w);
}

/* A machine that is cut off from the primary is cut off from its seniors too. */
static void judge_senior(struct peer *s) {
        struct check *c = &s->found;
        bool was_up = s->health.level == HEALTH_UP;

        if (c->verdict != VERDICT_UP && peer_is_passed_over(s))
                return;
        if (c->unanswered && s->watch->primary.last.verdict == VERDICT_CUT_OFF)
                c->verdict = VERDICT_CUT_OFF;
        (void) peer_count(s);
        if (!was_up && s->health.level == HEALTH_UP)
                log_notice("The senior standby %s has taken over.", s->config->name);
        if (s->health.level == HEALTH_UP && s->last.verdict == VERDICT_UP)
                s->served = now();
        s->watch->changed(s->watch, s->watch->userdata);
}

static void judge(struct peer *p) {
        if (p == &p->watch->primary)
                judge_primary(p->watch);
        else
                judge_senior(p);
}

static void on_looked(void *userdata) {
        struct peer *p = userdata;

        p->looking = false;
        judge(p);
}

/* Whether the network here works, and if only a witness can say that, whether this check alone can decide. */
static void look_at_network(struct peers *w) {
        struct peer *p = &w->primary;
        struct check *c = &p->found;

        if (c->unanswered && network_is_cut_off(c->reason, sizeof c->reason))
                c->verdict = VERDICT_CUT_OFF;
        if (!c->unanswered || c->verdict == VERDICT_CUT_OFF)
                witness_drop(&w->witness);
        else if (p->unanswered == 1 && p->rules.fail_threshold == 1 && p->health.level != HEALTH_DOWN)
                witness_ask(&w->witness, tailnet_witness(p->tailnet));
}

static void on_checked(struct probe *probe _unused_, const struct check *check, void *userdata) {
        struct peer *p = userdata;

        p->found = *check;
        p->unanswered = check->unanswered ? p->unanswered + 1 : 0;
        if (p == &p->watch->primary)
                look_at_network(p->watch);
        if (p->found.verdict == VERDICT_UP)
                tailnet_refresh(p->tailnet, probe_address(p->probe));
        else if (p->found.verdict != VERDICT_CUT_OFF)
                p->looking = tailnet_look(p->tailnet, probe_address(p->probe), on_looked, p) >= 0;
        if (!p->looking)
                judge(p);
}

/* Asks the witness, Tailscale and /readyz together with a check of the primary. */
static void ask_beside(struct peers *w) {
        struct peer *p = &w->primary;
        bool is_down = p->health.level == HEALTH_DOWN;

        if ((!is_down || p->last.verdict == VERDICT_CUT_OFF) && p->unanswered > 0)
                witness_ask(&w->witness, tailnet_witness(p->tailnet));
        if (is_down || p->unanswered + 1 == PING_AFTER)
                tailnet_ping(p->tailnet, is_down ? "" : probe_address(p->probe));
        if (channels_ask(&w->channels, is_down && p->health.why == VERDICT_NOT_READY))
                probe_ask_ready(p->probe);
}

static void check(struct peer *p) {
        struct peers *w = p->watch;
        bool is_primary = p == &w->primary;
        int r;

        if (is_primary)
                ask_beside(w);
        r = probe_start(p->probe, on_checked, p);
        if (r < 0 && r != -EBUSY)
                log_error("Cannot check %s: %s.", p->config->host, strerror(-r));
        if (r < 0 && is_primary) {
                witness_drop(&w->witness);
                schedule(w);
        }
}

/* The daemon asked tailscaled before the check. Without Tailscale, a check would leave by another interface,
 * in clear text, to a stranger with that address. */
static void on_looked_first(void *userdata) {
        struct peer *p = userdata;

        p->looking = false;
        if (!tailnet_trouble(p->tailnet)) {
                check(p);
                return;
        }
        p->found = (struct check){ .verdict = VERDICT_CUT_OFF };
        p->unanswered = 0;
        judge(p);
}

static void begin(struct peer *p) {
        if (p->looking)
                return;
        p->looking = tailnet_looks_first(p->tailnet) &&
                tailnet_look(p->tailnet, probe_address(p->probe), on_looked_first, p) >= 0;
        if (!p->looking)
                check(p);
}

/* Seniors are checked only while the primary fails: at other times their gateways do not run. What was found
 * in one outage says nothing about the next. */
static void start_seniors(struct peers *w) {
        bool trouble = w->primary.health.level != HEALTH_UP || w->primary.health.failures > 0;

        if (!trouble)
                w->asking_since = now();
        for (size_t i = 0; i < w->n_seniors; i++) {
                struct peer *s = &w->seniors[i];

                if (trouble) {
                        begin(s);
                } else {
                        s->health = (struct health){};
                        s->served = 0;
                }
        }
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct peers *w = userdata;

        w->begun = now();
        w->next = w->begun + interval_now(w);
        witness_drop(&w->witness);
        begin(&w->primary);
        start_seniors(w);
        return 0;
}

void peers_carry_over(struct peers *w, struct peers *before) {
        if (!before || !peer_is_same(&w->primary, &before->primary))
                return;
        peer_carry_over(&w->primary, &before->primary);
        w->loop = before->loop;
        w->decided = before->decided;
        w->asking_since = before->asking_since;
        for (size_t i = 0; i < w->n_seniors; i++)
                for (size_t j = 0; j < before->n_seniors; j++)
                        if (peer_is_same(&w->seniors[i], &before->seniors[j]))
                                peer_carry_over(&w->seniors[i], &before->seniors[j]);
}

int peers_new(struct http *h, const struct instance *instance, const struct config *c,
        peers_changed_t changed, void *userdata, struct peers **ret) {
        _cleanup_(peers_freep) struct peers *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return -ENOMEM;
        w->config = c;
        w->changed = changed;
        w->userdata = userdata;
        w->next = w->asking_since = now();
        (void) snprintf(w->name, sizeof w->name, strchr(c->primary.host, ':') ? "[%s]:%u" : "%s:%u",
                c->primary.host, c->primary.port);

        w->primary.watch = w;
        r = peer_set(&w->primary, h, instance, "tailnet.json", &c->primary, c);
        for (; r >= 0 && w->n_seniors < c->n_seniors; w->n_seniors++) {
                struct peer *s = &w->seniors[w->n_seniors];
                char file[40];

                (void) snprintf(file, sizeof file, "tailnet-%zu.json", w->n_seniors + 1);
                s->watch = w;
                r = peer_set(s, h, instance, file, &c->seniors[w->n_seniors], c);
        }
        if (r >= 0)
                r = witness_set(&w->witness, h, c, judge_primary, w);
        if (r >= 0)
                r = channels_set(&w->channels, instance, &c->primary, w->name);
        if (r >= 0)
                r = sd_event_add_time(http_event(h), &w->timer, CLOCK_BOOTTIME, w->next, 1, on_timer, w);
        if (r < 0)
                return r;
        *ret = TAKE(w);
        return 0;
}

struct peers *peers_free(struct peers *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->timer);
        witness_clear(&w->witness);
        channels_clear(&w->channels);
        peer_clear(&w->primary);
        for (size_t i = 0; i < ELEMENTSOF(w->seniors); i++)
                peer_clear(&w->seniors[i]);
        free(w);
        return NULL;
}

static usec_t waits_until(const struct peers *w, const char **ret_for) {
        const struct peer *p = &w->primary;
        usec_t until = health_waits_until(&p->health, &p->rules, ret_for);

        if (p->health.level == HEALTH_DOWN) {
                until = seniors_go_first_until(w);
                *ret_for = "the standbys that go first";
        }
        if (until > now())
                return until;
        *ret_for = "";
        return 0;
}

void peers_set_role(struct peers *w, bool early, bool started) {
        w->primary.health.early = early;
        w->started = started;
}

void peers_failback(struct peers *w) {
        for (size_t i = 0; i < w->n_seniors; i++)
                if (w->seniors[i].health.level == HEALTH_UP)
                        health_failback(&w->seniors[i].health, now());
        if (w->primary.health.level == HEALTH_UP)
                health_failback(&w->primary.health, now());
}

char *peers_take_notice(struct peers *w) {
        return tailnet_take_notice(w->primary.tailnet);
}

struct peers_view peers_view(const struct peers *w) {
        const struct peer *p = &w->primary, *senior = senior_up(w);
        const struct health *h = &p->health;
        struct peers_view v = {
                .name = w->name,
                .level = h->level == HEALTH_UP || senior                    ? HEALTH_UP
                        : w->decided && !health_is_old(h, &p->rules, now()) ? HEALTH_DOWN
                                                                            : HEALTH_UNKNOWN,
                .health = h,
                .check = &p->last,
                .down_reason = p->failed.reason,
                .failing_since = h->failing_since
                        ?: h->level == HEALTH_DOWN ? h->not_ready_since
                                                   : 0,
                .last_good = h->last_good,
                .senior = senior ? senior->config->name : "",
        };

        v.answers = (senior && senior->health.failing_since == 0) ||
                (v.failing_since == 0 &&
                        (h->not_ready_since == 0 || p->rules.ready_timeout == USEC_INFINITY));
        for (size_t i = 0; i < w->n_seniors; i++)
                v.last_good = MAX(v.last_good, w->seniors[i].served);
        return v;
}

void peers_show(const struct peers *w, struct status *s) {
        const struct peer *p = &w->primary;
        const struct peer_config *c = p->config;
        const struct health *h = &p->health;
        bool fails = h->not_ready_since > 0 && now() - h->not_ready_since >= c->ready_timeout;

        s->primary = w->name;
        s->verdict = h->last_check > 0 ? verdict_name(p->last.verdict) : "";
        s->reason = p->last.reason;
        s->took = p->last.took;
        s->checked = to_realtime(h->last_check);
        s->next_check = to_realtime(w->next);
        s->interval = interval_now(w);
        s->failures = h->failures;
        s->fail_needed = p->rules.fail_threshold;
        s->recover_needed = health_recover_needed(h, &p->rules, now());
        s->goods = MIN(h->goods, s->recover_needed);
        s->restarts = restart_loop_goes_on(&w->loop, now());
        s->channels_fail = c->not_ready == NOT_READY_ALERT && fails;
        s->senior = peers_view(w).senior;
        s->waits_until = to_realtime(waits_until(w, &s->waits_for));
        s->failback = c->failback == FAILBACK_AUTO;
        tailnet_keys(w->primary.tailnet, &s->key_expires, &s->primary_key_expires);
        status_set_detection(
                s, c->check_interval, c->retry_interval, c->timeout, c->silent_timeout, c->fail_threshold);
}
