/* Sweeps over every combination of facts, for what must always hold. */
#include "role_fixture.h"

/* Sweeps: whatever is known, in whatever state. */

static usec_t some_time(unsigned choice) {
        static const usec_t times[] = { 0, START - 2 * USEC_PER_HOUR, START, START + 2 * S };

        return times[choice];
}

/* Each digit of N to a base of its own is one choice. */
static unsigned choose(unsigned long *n, unsigned of) {
        unsigned choice = *n % of;

        *n /= of;
        return choice;
}

/* The Nth of all situations; false: there are not so many. */
static bool situation(unsigned long n, struct bench *b) {
        unsigned tried;

        *b = bench();
        b->f.gateway = (enum unit_state) choose(&n, _UNIT_STATE_MAX);
        b->f.job = (enum unit_job) choose(&n, _UNIT_JOB_MAX);
        b->f.primary = (enum health_level) choose(&n, _HEALTH_MAX);
        b->role.state = (enum role_state) choose(&n, _ROLE_MAX);
        b->role.mode = (enum mode) choose(&n, _MODE_MAX);
        b->role.paused_until = choose(&n, 2) ? b->f.now + S : 0;
        b->f.failing_since = choose(&n, 2) ? b->f.now - S : 0;
        b->f.stopped_by = choose(&n, 2) ? STOP_BY_USER : STOP_BY_UNIT;
        b->f.same_run = choose(&n, 2);
        b->f.sync_running = choose(&n, 2);
        b->rules.failback = choose(&n, 2) ? ROLE_FAILBACK_MANUAL : ROLE_FAILBACK_AUTO;
        b->role.since = some_time(1 + choose(&n, 2));
        b->role.silent_since = some_time(choose(&n, 3));
        b->role.answers = choose(&n, 2) ? 2 : 0;
        b->role.other = choose(&n, 3);
        b->role.restart = b->role.state == ROLE_DEMOTING && choose(&n, 2);
        b->role.sync_begun = some_time(choose(&n, 3));
        tried = choose(&n, 3);
        b->role.starts = b->role.stops = tried > 0;
        b->role.start_again = b->role.stop_again = b->role.kill_again = some_time(tried > 0 ? 1 + tried : 0);
        b->role.answers_since = b->role.since;
        if (b->f.gateway == UNIT_STARTING || b->f.gateway == UNIT_ACTIVE || b->f.gateway == UNIT_STOPPING)
                b->f.main_pid = b->role.answers_pid = b->role.silent_pid = PID;
        return n == 0;
}

/* What may be asked of systemd in a situation. */
static void check_action(const struct bench *b, enum role_action action) {
        const struct facts *f = &b->f;

        if (action == ACTION_NONE)
                return;
        assert_false(f->shutting_down || f->gateway == UNIT_UNKNOWN);
        switch (action) {
        case ACTION_SYNC:
                assert_true(b->rules.sync && !f->sync_running && b->role.state == ROLE_STANDBY);
                break;
        case ACTION_START:
                assert_true(f->job == JOB_START || (f->job == JOB_NONE && f->gateway != UNIT_STOPPING));
                assert_true(b->role.paused_until == 0 || b->role.promoted_before);
                break;
        case ACTION_STOP:
                assert_true(f->job == JOB_NONE || f->job == JOB_START);
                assert_true(b->role.paused_until == 0);
                break;
        case ACTION_STOP_SYNC:
                assert_true(f->sync_running);
                break;
        case ACTION_KILL:
                assert_true(b->role.paused_until == 0);
                assert_true(f->job != JOB_CALLING && f->gateway == UNIT_STOPPING);
                break;
        default:
                fail();
        }
}

static void look_until_rest(struct bench *b) {
        struct role_step step;
        unsigned looks = 0;

        do {
                assert_true(++looks < 10);
                step = role_step(&b->role, &b->rules, &b->f);
                check_action(b, step.action);
                carry_out(b, step.action);
        } while (step.again);
        assert_true(step.look_at > b->f.now);
        b->look_at = step.look_at;
}

/* It comes to rest, asks for nothing that may not be asked, and at rest the time it wants to be looked at is the very next
 * at which it does anything. */
static void test_every_situation(void **state _unused_) {
        struct bench b;

        /* One in eleven, which has no factor in common with any of the choices. */
        for (unsigned long n = 0; situation(n, &b); n += 11) {
                b.role.promoted_before = b.role.restart;
                look_until_rest(&b);
                if (b.look_at == USEC_INFINITY)
                        b.f.now += USEC_PER_DAY;
                else
                        b.f.now = b.look_at - 1;
                assert_false(role_step(&b.role, &b.rules, &b.f).again);
                if (b.look_at == USEC_INFINITY)
                        continue;
                b.f.now = b.look_at;
                look_until_rest(&b);
        }
}

static void test_every_situation_in_which_nothing_can_be_done(void **state _unused_) {
        struct bench b;

        for (unsigned long n = 0; situation(n, &b); n += 143) {
                struct role before;

                if (n % 2)
                        b.f.shutting_down = true;
                else
                        b.f.gateway = UNIT_UNKNOWN;
                before = b.role;
                assert_false(role_step(&b.role, &b.rules, &b.f).again);
                assert_memory_equal(&before, &b.role, sizeof before);
        }
}

static void test_names(void **state _unused_) {
        assert_string_equal(role_state_name(ROLE_STANDBY), "standby");
        assert_string_equal(role_state_name(ROLE_DEMOTING), "demoting");
        assert_string_equal(role_mode_name(MODE_DRILL), "drill");
        for (enum role_intent i = 0; i < _INTENT_MAX; i++)
                assert_non_null(role_intent_name(i));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_situation),
                cmocka_unit_test(test_every_situation_in_which_nothing_can_be_done),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
