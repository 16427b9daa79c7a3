/* The modes and the commands: pinned, held, paused, drill. */
#include "role_fixture.h"

/* Modes. */

static void test_pinned(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_PROMOTE);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        primary(&b, HEALTH_DOWN);
        expect(&b, "");
        primary(&b, HEALTH_UP);
        expect(&b, "");
        expect_mode(&b, MODE_PINNED);
        command(&b, COMMAND_AUTO);
        expect(&b, "demoting stop");
}

static void test_held(void **state _unused_) {
        struct bench b = promoted();

        command(&b, COMMAND_DEMOTE);
        expect(&b, "demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
        checked(&b, false);
        expect(&b, "");
        expect_mode(&b, MODE_HELD);
        primary(&b, HEALTH_UP);
        expect(&b, "hold-over");
        b.f.sync_running = false;
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "promoting start");
}

static void test_paused(void **state _unused_) {
        struct bench b = promoted();

        command(&b, COMMAND_PAUSE);
        primary(&b, HEALTH_UP);
        expect(&b, "");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "");
        gateway(&b, UNIT_FAILED);
        expect(&b, "");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, false);
        b.f.now += 20 * MINUTE;
        expect(&b, "silent");
        checked(&b, true);
        expect(&b, "answers");
        wait_for(&b, 40 * MINUTE);
        expect(&b, "pause-over demoting stop");

        /* A start that failed is somebody's to mend. */
        b = starting();
        command(&b, COMMAND_PAUSE);
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        b.f.now += 10 * MINUTE;
        quietly(&b);
        expect_state(&b, ROLE_STARTING);
        assert_int_equal(b.f.job, JOB_NONE);
        command(&b, COMMAND_RESUME);
        expect(&b, "start");

        /* No promotion, and no end without a word. */
        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        assert_null(role_command(&b.role, &b.f, COMMAND_PAUSE, USEC_INFINITY));
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        expect(&b, "kept-back");
        assert_int_equal(role_watch(&b.role, &b.f), WATCH_STEADY);
        b.rules.refresh = 0;
        expect(&b, "");
        assert_true(b.look_at == USEC_INFINITY);
        command(&b, COMMAND_RESUME);
        expect(&b, "promoting start");

        /* What is under way is carried on with, what is refused is not asked for again. */
        b = demoting();
        command(&b, COMMAND_PAUSE);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "stop-failed");
        b.f.now += 10 * MINUTE;
        expect(&b, "");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted sync");
}

static void test_drill(void **state _unused_) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        said(&b, READY_YES);
        expect(&b, "channels-ready drill-answered demoting stop");
        assert_true(b.role.drill_done);
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted drill-over sync");
        expect_mode(&b, MODE_AUTO);
}

static struct bench drilling(void) {
        struct bench b = bench();

        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, false);
        expect(&b, "promoting start");
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "");
        return b;
}

static void test_a_drill_that_fails(void **state _unused_) {
        struct bench b = drilling();

        gateway(&b, UNIT_FAILED);
        expect(&b, "drill-failed demoting stop");
        gateway(&b, UNIT_FAILED);
        expect(&b, "demoted drill-over sync");

        b = drilling();
        wait_for(&b, 5 * MINUTE);
        expect(&b, "drill-failed demoting stop");

        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoting start drill-failed");
        b.f.job = JOB_START;
        expect(&b, "demoting stop");

        /* Somebody starts the gateway just then: it is not the drill's to stop. */
        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        command(&b, COMMAND_DRILL);
        gateway(&b, UNIT_ACTIVE);
        expect(&b, "drill-failed drill-over foreign");
        expect_state(&b, ROLE_STANDBY);
        gateway(&b, UNIT_STOPPING);
        b.role.mode = MODE_DRILL;
        expect(&b, "drill-failed drill-over");
}

/* Started is not enough for a drill. */
static void test_a_drill_waits_for_the_channels(void **state _unused_) {
        struct bench b = drilling(), c;

        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        said(&b, READY_NO);
        c = b;
        wait_for(&b, 5 * MINUTE);
        expect(&b, "drill-failed demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted drill-over sync");

        b = c;
        said(&c, READY_UNSAID); /* an older gateway */
        expect(&c, "drill-answered demoting stop");

        /* A user who stops it meanwhile has ended the drill, and holds nothing back. */
        gateway(&b, UNIT_INACTIVE);
        b.f.stopped_by = STOP_BY_USER;
        expect(&b, "drill-failed demoting stop");
        gateway(&b, UNIT_INACTIVE);
        expect(&b, "demoted drill-over sync");
        expect_mode(&b, MODE_AUTO);
}

static void test_a_drill_that_becomes_real(void **state _unused_) {
        struct bench b = drilling();

        primary(&b, HEALTH_DOWN);
        expect(&b, "drill-real");
        expect_mode(&b, MODE_AUTO);
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");

        b = drilling();
        checked(&b, true);
        checked(&b, true);
        expect(&b, "promoted");
        said(&b, READY_YES);
        expect(&b, "channels-ready drill-answered demoting stop");
        gateway(&b, UNIT_STOPPING);
        primary(&b, HEALTH_DOWN);
        expect(&b, "drill-real");
        wait_for(&b, 20 * S);
        expect(&b, "killed kill");
}

static void test_when_no_drill_begins(void **state _unused_) {
        struct bench good = bench(), b;

#define refused() (role_command(&b.role, &b.f, COMMAND_DRILL, 0) != NULL && b.role.mode != MODE_DRILL)
        b = good;
        b.role.state = ROLE_PROMOTED;
        assert_true(refused());
        b = good;
        b.role.mode = MODE_HELD;
        assert_true(refused());
        b = good;
        b.role.paused_until = USEC_INFINITY;
        assert_true(refused());
        assert_true(b.role.paused_until == USEC_INFINITY);
        b = good;
        b.f.primary = HEALTH_DOWN;
        assert_true(refused());
        b = good;
        b.f.primary = HEALTH_UNKNOWN;
        assert_non_null(strstr(role_command(&b.role, &b.f, COMMAND_DRILL, 0), "no time for a drill"));
        b = good;
        b.f.failing_since = b.f.now;
        assert_true(refused());
        b = good;
        b.f.gateway = UNIT_ACTIVE;
        assert_true(refused());
        b = good;
        b.f.gateway = UNIT_UNKNOWN;
        assert_true(refused());
        b = good;
        assert_false(refused());
#undef refused
}

/* Each command in each mode: the mode afterwards, and whether it is paused. */
static void test_every_command_in_every_mode(void **state _unused_) {
        static const struct {
                enum role_command command;
                enum mode to; /* _MODE_MAX: as it was */
                bool paused;
        } table[] = {
                { COMMAND_PROMOTE, MODE_PINNED, false },
                { COMMAND_DEMOTE, MODE_HELD, false },
                { COMMAND_AUTO, MODE_AUTO, false },
                { COMMAND_PAUSE, _MODE_MAX, true },
                { COMMAND_RESUME, _MODE_MAX, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum mode m = 0; m < _MODE_MAX; m++)
                        for (int pause = 0; pause < 2; pause++)
                                for (enum role_state s = 0; s < _ROLE_MAX; s++) {
                                        struct bench b = bench();

                                        b.role.state = s;
                                        b.role.mode = m;
                                        b.role.paused_until = pause ? USEC_INFINITY : 0;
                                        command(&b, table[i].command);
                                        expect_mode(&b, table[i].to == _MODE_MAX ? m : table[i].to);
                                        assert_int_equal(b.role.paused_until > 0, table[i].paused);
                                        assert_int_equal(b.role.state, s);
                                }
}

/* A level that the last check contradicts decides nothing: a failed check demotes nobody, a good one promotes nobody. */
static void test_a_doubted_level(void **state _unused_) {
        static const enum role_state promoted_states[] = { ROLE_STARTING, ROLE_PROMOTED };
        struct bench b;

        for (size_t i = 0; i < ELEMENTSOF(promoted_states); i++) {
                b = promoted();
                b.role.state = promoted_states[i];
                b.role.since = b.f.now;
                b.role.promoted_before = promoted_states[i] == ROLE_PROMOTED;
                b.role.mode = MODE_PINNED;
                primary(&b, HEALTH_UP);
                b.f.doubted = true;
                command(&b, COMMAND_AUTO);
                expect(&b, "");
                b.f.doubted = false;
                expect(&b, promoted_states[i] == ROLE_PROMOTED ? "demoting stop" : "called-off stop");
        }

        b = bench();
        b.role.sync_begun = b.role.early_sync = b.f.now;
        b.role.mode = MODE_HELD;
        primary(&b, HEALTH_DOWN);
        checked(&b, false);
        b.f.doubted = true;
        command(&b, COMMAND_AUTO);
        expect(&b, "");
        b.f.doubted = false;
        expect(&b, "promoting start");
        b.f.doubted = true; /* a start that has been decided goes on */
        gateway(&b, UNIT_FAILED);
        checked(&b, false);
        expect(&b, "start-failed");
        wait_for(&b, 5 * S);
        expect(&b, "start");
}

/* What each mode makes of each level: of a stopped gateway on standby, and of a promoted one. */
static void test_every_mode_at_every_level(void **state _unused_) {
        static const struct {
                enum mode mode;
                bool paused, manual;
                const char *standby[_HEALTH_MAX], *promoted[_HEALTH_MAX]; /* unknown, up, down */
        } table[] = {
                { MODE_AUTO, false, false, { "", "", "promoting start" }, { "", "demoting stop", "" } },
                { MODE_AUTO, false, true, { "", "", "promoting start" }, { "", "", "" } },
                { MODE_PINNED, false, false, { "promoting start", "promoting start", "promoting start" },
                        { "", "", "" } },
                { MODE_HELD, false, false, { "", "hold-over", "" },
                        { "demoting stop", "demoting stop", "demoting stop" } },
                { MODE_HELD, false, true, { "", "hold-over", "" },
                        { "demoting stop", "demoting stop", "demoting stop" } },
                { MODE_DRILL, false, false,
                        { "promoting start", "promoting start", "drill-real promoting start" },
                        { "drill-answered demoting stop", "drill-answered demoting stop", "drill-real" } },
                { MODE_AUTO, true, false, { "", "", "kept-back" }, { "", "", "" } },
                { MODE_PINNED, true, false, { "", "", "" }, { "", "", "" } },
                { MODE_HELD, true, false, { "", "hold-over", "" }, { "", "", "" } },
                { MODE_DRILL, true, false, { "", "", "drill-real kept-back" },
                        { "drill-answered", "drill-answered", "drill-real" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (enum health_level level = 0; level < _HEALTH_MAX; level++) {
                        struct bench b = bench(), c;

                        b.rules.failback = table[i].manual ? ROLE_FAILBACK_MANUAL : ROLE_FAILBACK_AUTO;
                        b.role.mode = table[i].mode;
                        b.role.paused_until = table[i].paused ? USEC_INFINITY : 0;
                        b.role.sync_begun = b.role.early_sync = b.f.now;
                        primary(&b, level);
                        c = b;
                        checked(&b, false);
                        b.role.other = OTHER_SILENT;
                        settle(&b);
                        assert_string_equal(b.log, table[i].standby[level]);

                        c.role.state = ROLE_PROMOTED;
                        c.role.ready = READY_UNSAID;
                        gateway(&c, UNIT_ACTIVE);
                        settle(&c);
                        assert_string_equal(c.log, table[i].promoted[level]);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pinned),
                cmocka_unit_test(test_held),
                cmocka_unit_test(test_paused),
                cmocka_unit_test(test_drill),
                cmocka_unit_test(test_a_drill_that_fails),
                cmocka_unit_test(test_a_drill_waits_for_the_channels),
                cmocka_unit_test(test_a_drill_that_becomes_real),
                cmocka_unit_test(test_when_no_drill_begins),
                cmocka_unit_test(test_every_command_in_every_mode),
                cmocka_unit_test(test_a_doubted_level),
                cmocka_unit_test(test_every_mode_at_every_level),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
