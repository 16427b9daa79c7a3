/* Planned restarts and stalls of the primary, with the default settings, by a clock of our own: how many promote, and whether any
 * wakes a person. health.c and role.c are the real ones. What is modelled is the primary, the standby's gateway, when checks
 * begin (peers.c), and when an alert goes out (alert.c).
 *
 * The facts of the real gateway, 2026.9.6: a restart says "draining" for half a second, then refuses connections until it
 * answers, and says "starting" for the last four seconds of its boot. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/role.h"

#define MS USEC_PER_MSEC
#define S USEC_PER_SEC
#define BEGIN (1000 * S) /* the primary is stopped */
#define DRAINS (500 * MS)
#define CHANNELS (4 * S) /* from the first answer to "started" */
#define QUIET_FOR (45 * S)
#define TIMES 20

enum trouble { RESTART, STALL };

struct world {
        const struct config *config;
        enum trouble trouble;
        usec_t lasts;   /* from the primary's stop to "started", or of its stall */
        usec_t starts;  /* the standby's gateway, from its start to "started" */
        usec_t started; /* when it was started; 0: it does not run */

        usec_t now, next_check, look_at;
        struct health health;
        struct health_rules health_rules;
        struct role role;
        struct role_rules role_rules;

        usec_t alert_at; /* when the one about the promotion goes out; 0: there is none */
        unsigned starts_here, promotions, alerts;
};

/* What a check that begins at T finds, and when it is over. */
static enum verdict ask_primary(const struct world *w, usec_t t, usec_t *over) {
        usec_t since = t - BEGIN;

        *over = t;
        if (t < BEGIN || since >= w->lasts)
                return VERDICT_UP;
        if (w->trouble == STALL) {
                *over = t + MIN(w->config->primary.timeout, w->lasts - since);
                return since + w->config->primary.timeout > w->lasts ? VERDICT_UP : VERDICT_SILENT;
        }
        if (since < DRAINS)
                return VERDICT_DRAINING;
        return since + CHANNELS < w->lasts ? VERDICT_DOWN : VERDICT_STARTING;
}

static struct facts facts_of(const struct world *w) {
        bool runs = w->started > 0;

        return (struct facts){
                .now = w->now,
                .primary = w->health.level,
                .failing_since = w->health.failing_since,
                .gateway = runs ? UNIT_ACTIVE : UNIT_INACTIVE,
                .same_run = true,
                .main_pid = runs,
        };
}

static void count_event(struct world *w, enum role_event event) {
        usec_t quiet_until = w->health.last_good + QUIET_FOR;

        if (event == EVENT_PROMOTED) {
                w->promotions++;
                w->alert_at = MAX(w->now, quiet_until);
        } else if (event == EVENT_START_FAILED || event == EVENT_START_SLOW)
                w->alert_at = MAX(w->now, quiet_until);
        else if (event == EVENT_DEMOTED || event == EVENT_CALLED_OFF)
                w->alert_at = 0;
}

static void carry_out(struct world *w, enum role_action action) {
        if (action == ACTION_START) {
                w->started = w->now;
                w->starts_here++;
        } else if (action == ACTION_STOP)
                w->started = 0;
}

static void look(struct world *w) {
        struct role_step step = { .again = true };

        while (step.again) {
                struct facts f = facts_of(w);

                step = role_step(&w->role, &w->role_rules, &f);
                carry_out(w, step.action);
                count_event(w, step.event);
        }
        w->look_at = step.look_at;
}

static void check_primary(struct world *w) {
        usec_t begun = w->now, interval;
        enum verdict verdict = ask_primary(w, begun, &w->now);

        w->health.early = role_is_early(&w->role);
        (void) health_check(&w->health, &w->health_rules, verdict, w->now);
        interval = w->health.level == HEALTH_UP && w->health.failures == 0
                ? w->config->primary.check_interval
                : w->role.state == ROLE_PROMOTED ? w->config->primary.check_interval
                                                 : w->config->primary.retry_interval;
        w->next_check = MAX(begun + interval, w->now);
}

/* It is asked all the time while it starts; before it has started it says so, which is no answer. */
static void check_gateway(struct world *w) {
        struct facts f = facts_of(w);
        bool started = w->started > 0 && w->now >= w->started + w->starts;

        role_gateway_checked(&w->role, &w->role_rules, &f, started ? ANSWER_STARTED : ANSWER_NONE);
}

/* From a minute before the trouble until an hour after it. */
static void live(struct world *w) {
        while (w->now < BEGIN + USEC_PER_HOUR) {
                usec_t next = MIN(w->next_check, w->look_at);

                if (w->started > 0 && w->role.state == ROLE_STARTING)
                        next = MIN(next, MAX(w->started + w->starts, w->now + MS));
                w->now = MAX(next, w->now + 1);
                if (w->alert_at > 0 && w->now >= w->alert_at) {
                        w->alerts++;
                        w->alert_at = 0;
                }
                if (w->now >= w->next_check)
                        check_primary(w);
                check_gateway(w);
                look(w);
        }
}

/* PHASE: how long before the trouble the last check began. */
static struct world world(
        const struct config *c, enum trouble trouble, usec_t lasts, usec_t starts, usec_t phase) {
        const struct peer_config *p = &c->primary;
        struct world w = {
                .config = c,
                .trouble = trouble,
                .lasts = lasts,
                .starts = starts,
                .now = BEGIN - USEC_PER_MINUTE - phase,
                .look_at = USEC_INFINITY,
                .health_rules = {
                        .interval = p->check_interval,
                        .fail_threshold = p->fail_threshold,
                        .silent_timeout = p->silent_timeout,
                        .recover_threshold = p->recover_threshold,
                        .restart_grace = p->restart_grace,
                        .cut_off_wait = c->witness.cut_off_wait,
                        .ready_timeout = p->ready_timeout,
                },
                .role_rules = {
                        .start_timeout = c->gateway.start_timeout,
                        .hang_timeout = c->gateway.hang_timeout,
                        .drain_timeout = c->gateway.drain_timeout,
                },
        };

        w.next_check = w.now;
        live(&w);
        return w;
}

static int load(void **state) {
        struct config *c = NULL;

        if (config_parse("defaults", "[primary]\nhost = 100.64.0.1\n", config_log_error, NULL, &c) < 0)
                return -1;
        *state = c;
        return 0;
}

static int unload(void **state) {
        config_free(*state);
        return 0;
}

/* The N-th of TIMES values from 5 to 20 s, and a phase that goes with none of them: 8 goes over all of 20. */
static usec_t restart_span(unsigned n) {
        return 5 * S + n * 15 * S / (TIMES - 1);
}

static usec_t phase_of(const struct config *c, unsigned n) {
        return n * 7 % TIMES * c->primary.check_interval / TIMES;
}

static void restart_twenty_times(const struct config *c, usec_t answers, unsigned may_promote) {
        unsigned starts = 0, promotions = 0, alerts = 0;

        for (unsigned n = 0; n < TIMES; n++) {
                struct world w = world(c, RESTART, restart_span(n), answers + CHANNELS, phase_of(c, n));

                starts += w.starts_here;
                promotions += w.promotions;
                alerts += w.alerts;
        }
        print_message("the standby answers after %u s: of %u restarts %u start it, %u promote, %u alert\n",
                (unsigned) (answers / S), TIMES, starts, promotions, alerts);
        assert_int_equal(alerts, 0);
        assert_in_range(promotions, 0, may_promote);
}

/* 11 s is a lean gateway's, 16 s one as it ships. */
static void test_restarts(void **state) {
        restart_twenty_times(*state, 11 * S, TIMES);
        restart_twenty_times(*state, 16 * S, 1);
        restart_twenty_times(*state, 0, TIMES); /* a warm one takes no longer than its channels do */
}

/* Whatever the phase: every quarter of a second of both. */
static void test_restarts_at_every_moment(void **state) {
        const struct config *c = *state;

        for (usec_t answers = 11 * S; answers <= 16 * S; answers += 5 * S) {
                unsigned n = 0, promotions = 0, alerts = 0;

                for (usec_t lasts = 5 * S; lasts <= 20 * S; lasts += 250 * MS)
                        for (usec_t phase = 0; phase < c->primary.check_interval; phase += 250 * MS, n++) {
                                struct world w = world(c, RESTART, lasts, answers + CHANNELS, phase);

                                promotions += w.promotions;
                                alerts += w.alerts;
                        }
                print_message("the standby answers after %u s: of %u restarts %u promote, %u alert\n",
                        (unsigned) (answers / S), n, promotions, alerts);
                assert_int_equal(alerts, 0);
        }
}

static void test_a_stall_of_80_s(void **state) {
        const struct config *c = *state;

        for (usec_t phase = 0; phase < c->primary.check_interval; phase += 100 * MS) {
                struct world w = world(c, STALL, 80 * S, 15 * S, phase);

                assert_int_equal(w.starts_here, 0);
                assert_int_equal(w.alerts, 0);
        }
}

/* A primary that is gone for good promotes, and alerts: the world is not deaf. */
static void test_the_end_of_the_primary(void **state) {
        struct world w = world(*state, RESTART, 2 * USEC_PER_HOUR, 15 * S, 0);

        assert_int_equal(w.promotions, 1);
        assert_int_equal(w.alerts, 1);
        w = world(*state, STALL, 3 * USEC_PER_MINUTE, 15 * S, 0);
        assert_int_equal(w.promotions, 1);
        assert_int_equal(w.alerts, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restarts),
                cmocka_unit_test(test_restarts_at_every_moment),
                cmocka_unit_test(test_a_stall_of_80_s),
                cmocka_unit_test(test_the_end_of_the_primary),
        };

        return cmocka_run_group_tests(tests, load, unload);
}
