/* Which events are alerts, when they go out, and what of a failback. */
#include "alert_fixture.h"

#include "scenes.h"

/* A failover whose last good check was DOWN ago. */
static struct story failover_story(usec_t down) {
        return (struct story){ .mode = MODE_AUTO,
                .primary = "p:1",
                .senior = "",
                .reason = "HTTP 503",
                .outage = 9 * USEC_PER_SEC,
                .detecting = 7 * USEC_PER_SEC,
                .down = down,
                .promoted = USEC_INFINITY };
}

static void test_events(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(50 * USEC_PER_SEC);

        f->config.alert.reach = (char *) "Telegram @standby_bot";
        begin(f);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_RESUMED, &s, "Nobody wants to know.");
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        s.promoted = USEC_PER_HOUR;
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        s.mode = MODE_DRILL;
        alert_event(f->alert, EVENT_PROMOTING, &s, "A drill.");
        alert_event(f->alert, EVENT_DRILL_FAILED, &s, "It failed.");
        TURN_UNTIL(f->event, f->receiver.n == 3);
        turn_for(f->event, 50 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 3);
        assert_event(f, 0, "promoted");
        assert_string_equal(json_string_value(delivered(f, 0, "reason")), "HTTP 503");
        assert_true(json_is_string(delivered(f, 0, "since")));
        assert_true(json_real_value(delivered(f, 0, "outage_seconds")) == 9);
        assert_non_null(strstr(json_string_value(delivered(f, 0, "text")), "Telegram @standby_bot"));
        assert_event(f, 1, "demoted");
        assert_true(json_real_value(delivered(f, 1, "lasted_seconds")) == 3600);
        assert_true(json_is_null(delivered(f, 1, "outage_seconds")));
        assert_event(f, 2, "drill-failed");
        assert_string_equal(json_string_value(delivered(f, 2, "level")), "error");
}

/* An outage that is over within 45 s wakes nobody; what is held outlives the daemon. */
static void test_short_outage_is_quiet(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(9 * USEC_PER_SEC);

        begin(f);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        TURN_UNTIL(f->event, on_disk(f));
        restart(f);
        turn_for(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
        assert_true(on_disk(f));
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        TURN_UNTIL(f->event, !on_disk(f));
        turn_for(f->event, 50 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);

        /* Called off before the gateway had started: there was nothing to hold. */
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        turn_for(f->event, 50 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
}

/* The clock was set back by a day: what is held is not held for that long. */
static void test_hold_and_clock(void **state) {
        struct fixture *f = *state;
        struct alert_message m = { .event = "promoted",
                .level = LOG_NOTICE,
                .text = "It happened.",
                .time = now_usec(CLOCK_REALTIME),
                .hold = now_usec(CLOCK_REALTIME) + USEC_PER_DAY };

        begin(f);
        alert_post(f->alert, &m);
        TURN_UNTIL(f->event, f->receiver.n == 1);
}

/* A promotion by hand has no outage, and is no secret for 45 s. */
static void test_by_hand_at_once(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(USEC_INFINITY);

        s.by_hand = true;
        s.mode = MODE_PINNED;
        begin(f);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        TURN_UNTIL(f->event, f->receiver.n == 1);
        assert_event(f, 0, "promoted");
}

/* The failback's alert waits for the sync, which knows the branches; or for a daemon that ends. */
static void test_branches_to_merge(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC);
        struct status now = {
                .state = ROLE_STANDBY,
                .mode = MODE_AUTO,
                .primary = "p:1",
                .health = HEALTH_UP,
                .verdict = "up",
                .reason = "",
                .unit = "openclaw.service",
                .unit_state = UNIT_INACTIVE,
                .senior = "",
                .sync = "",
                .sync_ok = true,
                .unmerged = "failover/vps2/1\nidea",
                .merge = "git pull standby failover/vps2/1\ngit pull standby idea",
                .cause = "",
                .alert_error = "",
                .heartbeat_error = "",
        };

        f->config.workspace.path = (char *) "/home/openclaw/workspace";
        begin(f);
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        alert_look(f->alert, &now);
        turn_for(f->event, 50 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
        now.synced = now_usec(CLOCK_REALTIME);
        alert_look(f->alert, &now);
        TURN_UNTIL(f->event, f->receiver.n == 1);
        assert_event(f, 0, "demoted");
        assert_int_equal(json_array_size(delivered(f, 0, "commands")), 2);
        assert_string_equal(
                json_string_value(json_array_get(delivered(f, 0, "commands"), 1)), "git pull standby idea");

        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        restart(f);
        TURN_UNTIL(f->event, f->receiver.n == 2);
        assert_event(f, 1, "demoted");
}

/* It goes before whatever comes next, and at once after a daemon that was killed. */
static void test_failback_holds_up_nothing(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC);
        struct alert *killed;

        f->config.workspace.path = (char *) "/home/openclaw/workspace";
        begin(f);
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        alert_event(f->alert, EVENT_KEPT_BACK, &s, "Paused.");
        TURN_UNTIL(f->event, f->receiver.n == 2 && !on_disk(f));
        assert_event(f, 0, "demoted");
        assert_event(f, 1, "kept-back");

        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        TURN_UNTIL(f->event, on_disk(f));
        killed = TAKE(f->alert);
        begin(f);
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_event(f, 2, "demoted");
        alert_free(killed);
}

/* Of two failbacks in a row, the second of a failover that was quiet, the first is told. */
static void test_failback_before_a_short_outage(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC);
        struct status now = scene_status(&scenes[0]);

        f->config.workspace.path = (char *) "/home/openclaw/workspace";
        begin(f);
        alert_event(f->alert, EVENT_DEMOTED, &s, "First.");
        s = failover_story(9 * USEC_PER_SEC);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_DEMOTED, &s, "Second.");
        now.synced = now_usec(CLOCK_REALTIME) + USEC_PER_SEC;
        alert_look(f->alert, &now);
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_string_equal(json_string_value(delivered(f, 0, "text")), "First.");
}

/* A start within a failover that people know of is no new one: it hung, or the primary came and went during the drain. */
static void test_failback_after_another_start(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC), flap = failover_story(9 * USEC_PER_SEC);

        begin(f);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        s.from = ROLE_PROMOTED;
        alert_event(f->alert, EVENT_HUNG, &s, "It hangs.");
        s.from = ROLE_DEMOTING;
        s.again = true;
        alert_event(f->alert, EVENT_PROMOTING, &s, "Again.");
        s.again = false;
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_event(f, 2, "demoted");

        s.from = ROLE_STANDBY;
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        flap.from = ROLE_DEMOTING;
        alert_event(f->alert, EVENT_PROMOTING, &flap, "The primary is down again.");
        alert_event(f->alert, EVENT_PROMOTED, &flap, "Promoted, and withdrawn.");
        alert_event(f->alert, EVENT_DEMOTED, &flap, "Back.");
        TURN_UNTIL(f->event, f->receiver.n == 5 && !on_disk(f));
        assert_event(f, 3, "promoted");
        assert_event(f, 4, "demoted");
}

/* Nothing to merge; and more than an alert has room for. */
static void test_branches_of_any_number(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC);
        struct status now = scene_status(&scenes[0]);
        char many[ALERT_COMMANDS_MAX + 1] = "";

        f->config.workspace.path = (char *) "/home/openclaw/workspace";
        begin(f);
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        now.synced = now_usec(CLOCK_REALTIME) + USEC_PER_SEC;
        alert_look(f->alert, &now);
        TURN_UNTIL(f->event, f->receiver.n == 1);
        assert_string_equal(json_string_value(delivered(f, 0, "primary")), "p:1");
        assert_string_equal(json_string_value(delivered(f, 0, "text")), "Back.");

        (void) memset(many, 'x', sizeof many - 1);
        now.unmerged = "idea";
        now.merge = many;
        alert_event(f->alert, EVENT_PROMOTED, &s, "Promoted.");
        TURN_UNTIL(f->event, f->receiver.n == 2);
        alert_event(f->alert, EVENT_DEMOTED, &s, "Back.");
        alert_look(f->alert, &now);
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_int_equal(json_array_size(delivered(f, 2, "commands")), 0);
        assert_non_null(strstr(json_string_value(delivered(f, 2, "text")), "`openclaw-failover status`"));
}

/* Its alert waits for the sync, and what it says may be gone by then. */
static void test_called_off_after_an_alert(void **state) {
        struct fixture *f = *state;
        char reason[] = "connection refused";
        struct story s = failover_story(60 * USEC_PER_SEC);
        struct status now = scene_status(&scenes[0]);

        s.reason = reason;
        f->config.workspace.path = (char *) "/home/openclaw/workspace";
        begin(f);
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_START_SLOW, &s, "Slow.");
        TURN_UNTIL(f->event, f->receiver.n == 1);
        alert_event(f->alert, EVENT_CALLED_OFF, &s, "Back.");
        (void) memset(reason, 'x', sizeof reason - 1);
        now.synced = now_usec(CLOCK_REALTIME) + USEC_PER_SEC;
        alert_look(f->alert, &now);
        TURN_UNTIL(f->event, f->receiver.n == 2);
        assert_event(f, 1, "called-off");
        assert_string_equal(json_string_value(delivered(f, 1, "reason")), "connection refused");

        s.from =
                ROLE_DEMOTING; /* the primary fails again while the gateway here stops: of that there was no alert */
        alert_event(f->alert, EVENT_PROMOTING, &s, "Promoting.");
        alert_event(f->alert, EVENT_CALLED_OFF, &s, "Back.");
        alert_event(f->alert, EVENT_DRILL_FAILED, &s, "Another one.");
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_event(f, 2, "drill-failed");
}

/* Channels that work are news after an alert that they do not. */
static void test_channels(void **state) {
        struct fixture *f = *state;
        struct story s = failover_story(60 * USEC_PER_SEC);

        begin(f);
        alert_event(f->alert, EVENT_CHANNELS_READY, &s, "They work.");
        alert_event(f->alert, EVENT_CHANNELS_FAIL, &s, "They do not.");
        alert_event(f->alert, EVENT_CHANNELS_READY, &s, "They work.");
        alert_event(f->alert, EVENT_CHANNELS_READY, &s, "They work.");
        TURN_UNTIL(f->event, f->receiver.n == 2);
        turn_for(f->event, 50 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 2);
        assert_event(f, 0, "channels-fail");
        assert_event(f, 1, "channels-ready");

        /* Not of the failover before. */
        alert_event(f->alert, EVENT_CHANNELS_FAIL, &s, "They do not.");
        s.mode = MODE_DRILL;
        alert_event(f->alert, EVENT_PROMOTING, &s, "A drill.");
        alert_event(f->alert, EVENT_CHANNELS_READY, &s, "They work.");
        TURN_UNTIL(f->event, f->receiver.n >= 3 && !on_disk(f));
        assert_int_equal(f->receiver.n, 3);
}

/* The title of the alert about EVENT, the next that is delivered. */
static char *title_of(struct fixture *f, enum role_event event, const struct story *s) {
        unsigned n = f->receiver.n;

        alert_event(f->alert, EVENT_DRILL_FAILED, s, "An end has an alert before it.");
        TURN_UNTIL(f->event, f->receiver.n > n);
        alert_event(f->alert, event, s, "It happened.");
        TURN_UNTIL(f->event, f->receiver.n > n + 1);
        return strdup(json_string_value(delivered(f, n + 1, "title")));
}

/* A title says what the alert means: who serves now, if anybody. */
static void test_titles(void **state) {
        static const enum role_event events[] = { EVENT_START_FAILED, EVENT_START_SLOW, EVENT_DEMOTED };
        struct fixture *f = *state;
        struct story down = failover_story(60 * USEC_PER_SEC), up = down, senior;

        up.up = true;
        senior = up;
        senior.senior = "first";
        begin(f);
        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                _cleanup_free_ char *a = title_of(f, events[i], &down), *b = title_of(f, events[i], &up);

                assert_string_not_equal(a, b);
        }
        for (size_t i = 0; i < 2; i++) {
                enum role_event event = i == 0 ? EVENT_DEMOTED : EVENT_CALLED_OFF;
                _cleanup_free_ char *a = title_of(f, event, &up), *b = title_of(f, event, &senior);

                assert_string_not_equal(a, b);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                T(test_events),
                T(test_short_outage_is_quiet),
                T(test_hold_and_clock),
                T(test_by_hand_at_once),
                T(test_branches_to_merge),
                T(test_failback_holds_up_nothing),
                T(test_failback_before_a_short_outage),
                T(test_failback_after_another_start),
                T(test_branches_of_any_number),
                T(test_called_off_after_an_alert),
                T(test_channels),
                T(test_titles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
