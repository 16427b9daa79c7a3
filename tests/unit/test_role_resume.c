/* The role after a restart of the daemon: each marker against each unit. */
#include "role_fixture.h"

/* After a restart of the daemon. */

static void test_every_marker_against_every_unit(void **state _unused_) {
        /* What the role becomes: s standby, t starting, p promoted, d demoting. */
        static const struct {
                enum unit_state unit;
                bool same_run;
                const char *by_intent; /* none, starting, promoted, demoting, restarting */
        } table[] = {
                { UNIT_INACTIVE, true, "sttdt" },
                { UNIT_INACTIVE, false, "sttdt" },
                { UNIT_FAILED, true, "sttdt" },
                { UNIT_FAILED, false, "sttdt" },
                { UNIT_STARTING, true, "stpdp" },
                { UNIT_STARTING, false, "sssss" },
                { UNIT_RESTARTING, true, "stpdp" },
                { UNIT_RESTARTING, false, "sssss" },
                { UNIT_ACTIVE, true, "stpdp" },
                { UNIT_ACTIVE, false, "sssss" },
                { UNIT_STOPPING, true, "sdddd" },
                { UNIT_STOPPING, false, "sdddd" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum role_intent intent = 0; intent < _INTENT_MAX; intent++) {
                        struct bench b = bench();
                        struct role_step step;
                        bool runs = table[i].unit == UNIT_STARTING || table[i].unit == UNIT_RESTARTING ||
                                table[i].unit == UNIT_ACTIVE;

                        gateway(&b, table[i].unit);
                        b.f.same_run = table[i].same_run;
                        b.f.primary = HEALTH_UNKNOWN;
                        step = role_resume(&b.role, intent, &b.f);
                        assert_int_equal(step.action, ACTION_NONE);
                        assert_true(step.again);
                        assert_int_equal("stpd"[b.role.state], table[i].by_intent[intent]);
                        assert_int_equal(step.event,
                                b.role.state != ROLE_STANDBY ? EVENT_RESUMED
                                        : runs               ? EVENT_FOREIGN
                                                             : EVENT_NONE);
                        if (step.event == EVENT_FOREIGN) /* and said it is */
                                assert_int_not_equal(
                                        role_step(&b.role, &b.rules, &b.f).event, EVENT_FOREIGN);
                }
}

static struct bench resumed(enum role_intent intent, enum unit_state unit, bool same_run) {
        struct bench b = bench();

        b.role = (struct role){};
        b.f.primary = HEALTH_UNKNOWN;
        gateway(&b, unit);
        b.f.same_run = same_run;
        role_resume(&b.role, intent, &b.f);
        return b;
}

static void test_carrying_on(void **state _unused_) {
        /* An unfinished start is done again, whatever the level, which is not known yet. */
        struct bench b = resumed(INTENT_STARTING, UNIT_INACTIVE, true);
        expect(&b, "");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_EAGER);
        checked(&b, false);
        expect(&b, "start");
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        expect(&b, "start-failed");

        /* And ends when the primary turns out to be up. */
        primary(&b, HEALTH_UP);
        expect(&b, "called-off stop");

        b = resumed(INTENT_PROMOTED, UNIT_ACTIVE, true);
        expect(&b, "");
        expect_state(&b, ROLE_PROMOTED);
        primary(&b, HEALTH_UP);
        expect(&b, "demoting stop");

        /* Demoting: the stop was not asked for, or its end was missed. */
        b = resumed(INTENT_DEMOTING, UNIT_ACTIVE, true);
        expect(&b, "stop");
        b = resumed(INTENT_DEMOTING, UNIT_INACTIVE, true);
        expect(&b, "demoted sync");
        b = resumed(INTENT_DEMOTING, UNIT_STOPPING, true);
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");

        /* A hung gateway that is stopped to be started again. */
        b = resumed(INTENT_RESTARTING, UNIT_STOPPING, true);
        expect(&b, "");
        assert_int_equal(role_intent(&b.role), INTENT_RESTARTING);
        gone(&b, UNIT_INACTIVE);
        expect(&b, "promoting start");
        assert_int_equal(role_intent(&b.role), INTENT_PROMOTED);
        b = resumed(INTENT_RESTARTING, UNIT_STOPPING, true);
        gateway(&b, UNIT_ACTIVE);
        b.f.main_pid = PID + 1; /* by somebody's hand */
        expect(&b, "promoting start");
        b = resumed(INTENT_RESTARTING, UNIT_INACTIVE, true);
        checked(&b, false);
        expect(&b, "start");

        /* Somebody's own, and nothing at all. */
        b = resumed(INTENT_PROMOTED, UNIT_ACTIVE, false);
        b.role.sync_begun = b.role.early_sync = b.f.now;
        expect(&b, "");
        primary(&b, HEALTH_UP);
        expect(&b, "");
        primary(&b, HEALTH_DOWN);
        expect(&b, "adopted start");
        b = resumed(INTENT_NONE, UNIT_INACTIVE, true);
        expect(&b, "sync");
}

static void test_modes_survive(void **state _unused_) {
        struct bench b = bench();

        b.role.mode = MODE_PINNED;
        role_resume(&b.role, INTENT_NONE, &b.f);
        checked(&b, false);
        expect(&b, "sync");
        b.f.sync_running = false;
        expect(&b, "promoting start");

        b = bench();
        b.role.mode = MODE_HELD;
        primary(&b, HEALTH_DOWN);
        b.role.sync_begun = b.role.early_sync = b.f.now;
        role_resume(&b.role, INTENT_NONE, &b.f);
        checked(&b, false);
        expect(&b, "");

        /* A drill is not begun again, but is carried on with. */
        b = bench();
        b.role.mode = MODE_DRILL;
        role_resume(&b.role, INTENT_NONE, &b.f);
        expect(&b, "drill-over");
        b = bench();
        b.role.mode = MODE_DRILL;
        gateway(&b, UNIT_STOPPING);
        role_resume(&b.role, INTENT_STARTING, &b.f);
        expect(&b, "");
        assert_true(b.role.drill_done);
        b = bench();
        b.role.mode = MODE_DRILL;
        gateway(&b, UNIT_ACTIVE);
        role_resume(&b.role, INTENT_STARTING, &b.f);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        said(&b, READY_YES);
        expect(&b, "channels-ready drill-answered demoting stop");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_marker_against_every_unit),
                cmocka_unit_test(test_carrying_on),
                cmocka_unit_test(test_modes_survive),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
