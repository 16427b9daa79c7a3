/* health.c: rows of checks, written as text, become rows of levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/health.h"

#define S USEC_PER_SEC
#define START (1000 * S)
#define INTERVAL (10 * S)

static const struct health_rules usual = {
        .interval = INTERVAL,
        .fail_threshold = 3,
        .silent_timeout = 80 * S,
        .recover_threshold = 3,
        .cut_off_wait = 60 * S,
        .ready_timeout = 50 * S,
};

static const struct health_rules patient = {
        .interval = INTERVAL,
        .fail_threshold = 3,
        .silent_timeout = 80 * S,
        .recover_threshold = 3,
        .restart_grace = 60 * S,
        .cut_off_wait = 60 * S,
        .ready_timeout = 50 * S,
};

static const struct health_rules hasty = {
        .interval = INTERVAL,
        .fail_threshold = 1,
        .silent_timeout = 0,
        .recover_threshold = 1,
        .cut_off_wait = 0,
};

static const struct health_rules lonely = {
        .interval = INTERVAL,
        .fail_threshold = 3,
        .silent_timeout = 80 * S,
        .recover_threshold = 3,
        .cut_off_wait = USEC_INFINITY,
};

static const struct health_rules hasty_ready = {
        .interval = INTERVAL,
        .fail_threshold = 1,
        .recover_threshold = 1,
        .ready_timeout = USEC_INFINITY,
};

/* One letter a check, an interval apart. */
static enum verdict verdict_of(char letter) {
        switch (letter) {
        case 'u':
                return VERDICT_UP;
        case 's':
                return VERDICT_STARTING;
        case 'g':
                return VERDICT_DRAINING;
        case 'd':
                return VERDICT_DOWN;
        case 'n':
                return VERDICT_NOT_READY;
        case 'q':
                return VERDICT_SILENT;
        case 'c':
                return VERDICT_CUT_OFF;
        default:
                fail_msg("no such letter: %c", letter);
                return _VERDICT_MAX;
        }
}

static char letter_of(enum health_level level) {
        return level == HEALTH_UP ? 'U' : level == HEALTH_DOWN ? 'D' : '?';
}

/* Levels after each check. */
static void play(
        struct health *h, const struct health_rules *rules, const char *checks, char *levels, usec_t *now) {
        for (; *checks; checks++) {
                enum health_level before = h->level;

                assert_int_equal(health_check(h, rules, verdict_of(*checks), *now), 0);
                if (h->level != before)
                        assert_int_equal(h->since, *now);
                *levels++ = letter_of(h->level);
                *now += rules->interval;
        }
        *levels = '\0';
}

struct row {
        const char *what;
        const struct health_rules *rules;
        const char *checks;
        const char *levels;
};

static const struct row rows[] = {
        { "up is proved by several good checks", &usual, "uuuu", "??UU" },
        { "never up: down at the threshold all the same", &usual, "ddd", "??D" },
        { "thresholds of one", &hasty, "udud", "UDUD" },
        { "cut off without a wait is down", &hasty, "uc", "UD" },
        { "silence without a timeout is down", &hasty, "uq", "UD" },

        { "clear failures", &usual, "uuuddd", "??UUUD" },
        { "a blip", &usual, "uuudduddu", "??UUUUUUU" },
        { "silence has a time", &usual, "uuuqqqqqqqqq", "??UUUUUUUUUD" },
        { "silence ends", &usual, "uuuqqqqqqqquqqqqqqqqq", "??UUUUUUUUUUUUUUUUUUD" },
        { "silence is no clear failure", &usual, "uuuqqd", "??UUUU" },
        { "nor does it end their row", &usual, "uuudqqdqqd", "??UUUUUUUD" },
        { "silence is counted from the first failed check, whatever it was", &usual, "uuuddqqqqqqq",
                "??UUUUUUUUUD" },
        { "whichever comes first: the time, though the last one is the first clear one", &usual,
                "uuuqqqqqqqqd", "??UUUUUUUUUD" },
        { "whichever comes first: the number", &usual, "uuuqqqqqddd", "??UUUUUUUUD" },

        { "down stays down while it fails in any way", &usual, "dddqcsgn", "??DDDDDD" },
        { "up again", &usual, "ddduuu", "??DDDU" },
        { "recovery is counted in a row", &usual, "ddduuduuquuu", "??DDDDDDDDDU" },
        { "one failure later it is still up", &usual, "ddduuudu", "??DDDUUU" },

        { "starting and draining are clear without a grace", &usual, "uuugsd", "??UUUD" },
        { "a planned restart within the grace", &patient, "uuugdddsuuu", "??UUUUUUUUU" },
        { "the grace is over", &patient, "uuugdddddd", "??UUUUUUUD" },
        { "starting for ever", &patient, "uuussssssss", "??UUUUUUUDD" },
        { "the grace begins with the first word", &patient, "uuuggggggg", "??UUUUUUUD" },
        { "no word, no grace", &patient, "uuuddd", "??UUUD" },
        { "a word after the threshold comes too late", &patient, "uuudddgs", "??UUUDDD" },
        { "starting is not up", &patient, "dddssuus", "??DDDDDD" },
        { "silence within the grace", &patient, "uuugqqqqqqqq", "??UUUUUUUUUD" },

        { "cut off waits, then is down", &usual, "uuucccccccc", "??UUUUUUUDD" },
        { "cut off from the start", &usual, "cccccccc", "??????DD" },
        { "cut off for ever", &lonely, "uuucccccccccccccccccccc", "??UUUUUUUUUUUUUUUUUUUUU" },
        { "network back in time", &usual, "uuucccccu", "??UUUUUUU" },
        { "what was counted without network proves nothing", &usual, "uuucccccddd", "??UUUUUUUUD" },
        { "what was counted before it does", &usual, "uuuddcd", "??UUUUD" },
        { "cut off now and then only delays", &usual, "uuudcdcd", "??UUUUUD" },
        { "cut off after the threshold does not help", &usual, "uuudddc", "??UUUDD" },
        { "each time without network has its own wait", &usual, "uuuccccdccccc", "??UUUUUUUUUUU" },
        { "silence does not count the time without network", &usual, "uuuqqcccccqqqqqqq",
                "??UUUUUUUUUUUUUUD" },
        { "nor does it begin there", &usual, "uuucccccqqqqqqqqq", "??UUUUUUUUUUUUUUD" },
        { "silence and no network in turn", &usual, "uuuqcqcqcqcqcqcqcqcqcqcq", "??UUUUUUUUUUUUUUUUUDDDDD" },

        { "not ready has a time", &usual, "uuunnnnnn", "??UUUUUUD" },
        { "ready again in time", &usual, "uuunnnnnunnnnn", "??UUUUUUUUUUUU" },
        { "one that is not ready lives", &usual, "uuuddnddn", "??UUUUUUU" },
        { "failures between do not make it ready", &usual, "uuunndnnn", "??UUUUUUD" },
        { "not ready is good enough to be known", &usual, "nnnn", "??UU" },
        { "but no way back", &usual, "dddnnnnuuu", "??DDDDDDDU" },
        { "nor is it after it was the reason", &usual, "uuunnnnnnuunuuu", "??UUUUUUDDDDDDU" },
        { "not ready, and nobody minds", &hasty_ready, "unnnnnnnnn", "UUUUUUUUUU" },
};

static void test_rows(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct health h = {};
                usec_t now = START;
                char levels[64];

                play(&h, rows[i].rules, rows[i].checks, levels, &now);
                if (strcmp(levels, rows[i].levels) != 0)
                        fail_msg("%s: %s gives %s, not %s", rows[i].what, rows[i].checks, levels,
                                rows[i].levels);
        }
}

static void play_only(struct health *h, const struct health_rules *rules, const char *checks, usec_t *now) {
        char levels[2048];

        play(h, rules, checks, levels, now);
}

static void test_what_is_remembered(void **state _unused_) {
        struct health h = {};
        usec_t now = START;

        assert_int_equal(h.level, HEALTH_UNKNOWN);
        assert_true(h.since == 0 && h.last_good == 0 && h.last_check == 0);
        play_only(&h, &usual, "uudd", &now);
        assert_true(h.since == 0);
        assert_true(h.last_good == START + INTERVAL);
        assert_true(h.failing_since == START + 2 * INTERVAL);
        assert_true(h.last_check == START + 3 * INTERVAL);
        assert_int_equal(h.failures, 2);
        assert_int_equal(h.goods, 0);
        play_only(&h, &usual, "u", &now);
        assert_true(h.failing_since == 0);
        assert_int_equal(h.failures, 0);
        assert_int_equal(h.goods, 1);
}

static void test_why_it_is_down(void **state _unused_) {
        static const struct {
                const char *checks;
                enum verdict why;
        } table[] = {
                { "uuuddd", VERDICT_DOWN }, { "uuuqdqdqd", VERDICT_DOWN }, { "uuusss", VERDICT_DOWN },
                { "uuuqqqqqqqqq", VERDICT_SILENT }, { "uuuccccccc", VERDICT_CUT_OFF },
                { "uuunnnnnn", VERDICT_NOT_READY },
                { "uuudddquu", VERDICT_DOWN }, /* what decided stays the reason */
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct health h = {};
                usec_t now = START;

                play_only(&h, &usual, table[i].checks, &now);
                assert_int_equal(h.level, HEALTH_DOWN);
                assert_int_equal(h.why, table[i].why);
        }
}

static void test_waits_until(void **state _unused_) {
        static const struct {
                const char *checks;
                usec_t until; /* after START */
                const char *why;
        } table[] = {
                { "uuu", 0, "" },
                { "uuud", 0, "" },
                { "uuuddd", 0, "" },
                { "uuuqq", 30 * S + 80 * S, "silent" },
                { "uuuqd", 0, "" }, /* the number may come first */
                { "uuudc", 40 * S + 60 * S, "network here" },
                { "uuuqccq", 50 * S + 80 * S, "silent" },
                { "uuugd", 30 * S + 60 * S, "restarts" },
                { "uuunn", 30 * S + 50 * S, "channels" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct health h = {};
                usec_t now = START;
                const char *why;

                play_only(&h, &patient, table[i].checks, &now);
                assert_true(health_waits_until(&h, &patient, &why) ==
                        (table[i].until > 0 ? START + table[i].until : 0));
                assert_int_equal(*why, *table[i].why ? 't' : '\0');
                assert_non_null(strstr(why, table[i].why));
        }
}

/* Whatever comes, a good check never makes it down, and nothing but good checks brings it up again. */
static void test_every_row_of_six(void **state _unused_) {
        static const char letters[] = "unsgdqc";
        size_t n = sizeof letters - 1;

        for (size_t row = 0; row < n * n * n * n * n * n; row++) {
                struct health h = {};
                usec_t now = START;

                for (size_t i = 0, rest = row; i < 6; i++, rest /= n) {
                        enum verdict v = verdict_of(letters[rest % n]);
                        enum health_level before = h.level;

                        health_check(&h, &hasty, v, now);
                        if (h.level == HEALTH_DOWN && before != HEALTH_DOWN)
                                assert_int_not_equal(v, VERDICT_UP);
                        if (h.level == HEALTH_UP && before == HEALTH_DOWN)
                                assert_int_equal(v, VERDICT_UP);
                        assert_true((h.failing_since == 0) == (h.failures == 0));
                        assert_true(h.clear <= h.failures && h.silent_since >= h.failing_since);
                        now += INTERVAL;
                }
        }
}

/* A gap of GAP between two checks, after BEFORE; then one more of LETTER. */
static usec_t after_gap(
        struct health *h, const struct health_rules *rules, const char *before, usec_t gap, char letter) {
        usec_t now = START;

        play_only(h, rules, before, &now);
        return health_check(h, rules, verdict_of(letter), now - rules->interval + gap);
}

static void test_standstill(void **state _unused_) {
        static const struct {
                usec_t interval, gap;
                bool standstill;
        } table[] = {
                { 10 * S, 15 * S, false },
                { 10 * S, 30 * S, false },
                { 10 * S, 30 * S + 1, true },
                { 1 * S, 6 * S, false }, /* the loop may be busy */
                { 1 * S, 6 * S + 1, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct health_rules rules = usual;
                struct health h = {};
                usec_t gap;

                rules.interval = table[i].interval;
                gap = after_gap(&h, &rules, "uuudd", table[i].gap, 'd');
                assert_int_equal(h.level, table[i].standstill ? HEALTH_UP : HEALTH_DOWN);
                assert_int_equal(h.failures, table[i].standstill ? 1 : 3);
                assert_true(gap == (table[i].standstill ? table[i].gap : 0));
        }
}

static void test_standstill_counts_anew(void **state _unused_) {
        struct health h = {};
        usec_t now;

        /* Neither good checks nor a hold from before the sleep count. */
        after_gap(&h, &usual, "ddduu", 2 * USEC_PER_HOUR, 'u');
        assert_int_equal(h.level, HEALTH_DOWN);
        assert_int_equal(h.goods, 1);
        h = (struct health){};
        after_gap(&h, &usual, "uuuccc", 2 * USEC_PER_HOUR, 'c');
        assert_true(h.cut_off_since == h.last_check);
        assert_int_equal(h.failures, 1);
        h = (struct health){};
        after_gap(&h, &patient, "uuug", 2 * USEC_PER_HOUR, 'd');
        assert_true(h.restarting_since == 0);
        now = h.last_check + INTERVAL;
        play_only(&h, &patient, "dd", &now);
        assert_int_equal(h.level, HEALTH_DOWN);
}

static void test_restart_counting(void **state _unused_) {
        struct health h = {};
        usec_t now = START;

        play_only(&h, &usual, "uuudc", &now);
        health_restart_counting(&h);
        assert_int_equal(h.level, HEALTH_UP);
        assert_true(h.failing_since == 0 && h.cut_off_since == 0 && h.restarting_since == 0);
        assert_true(h.last_good == START + 2 * INTERVAL);
        now += USEC_PER_HOUR; /* and this is no standstill */
        play_only(&h, &usual, "dd", &now);
        assert_int_equal(h.level, HEALTH_UP);
        play_only(&h, &usual, "d", &now);
        assert_int_equal(h.level, HEALTH_DOWN);
}

static void test_a_flapping_primary_has_to_prove_itself(void **state _unused_) {
        /* After 0, 1, 2 … failbacks; 10 s apart, 60 good checks take ten minutes. */
        static const unsigned needed[] = { 3, 6, 12, 24, 48, 48, 48, 48, 48, 48, 48 };
        struct health h = {};
        usec_t now = START;

        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                assert_int_equal(health_recover_needed(&h, &usual, now), needed[i]);
                health_failback(&h, now);
                now += S;
        }
}

static void test_failbacks_are_forgotten_after_an_hour(void **state _unused_) {
        struct health h = {};

        health_failback(&h, START);
        health_failback(&h, START + 30 * USEC_PER_MINUTE);
        assert_int_equal(health_recover_needed(&h, &usual, START + USEC_PER_HOUR - 1), 12);
        assert_int_equal(health_recover_needed(&h, &usual, START + USEC_PER_HOUR), 6);
        assert_int_equal(health_recover_needed(&h, &usual, START + 90 * USEC_PER_MINUTE), 3);
}

static void test_the_limit_does_not_shorten_a_long_recovery(void **state _unused_) {
        struct health_rules rules = usual;
        struct health h = {};

        rules.recover_threshold = 100;
        health_failback(&h, START);
        assert_int_equal(health_recover_needed(&h, &rules, START), 100);

        /* Nor do many checks in a short time escape it. */
        rules.recover_threshold = 1000;
        rules.interval = 10 * USEC_PER_MSEC;
        for (unsigned i = 0; i < FAILBACKS_MAX; i++)
                health_failback(&h, START);
        assert_int_equal(health_recover_needed(&h, &rules, START), 32000);
}

static void test_recovery_after_failbacks(void **state _unused_) {
        struct health h = {};
        usec_t now = START;

        play_only(&h, &usual, "uuuddd", &now);
        health_failback(&h, now);
        play_only(&h, &usual, "uuuuu", &now);
        assert_int_equal(h.level, HEALTH_DOWN);
        play_only(&h, &usual, "u", &now);
        assert_int_equal(h.level, HEALTH_UP);
}

static void test_names(void **state _unused_) {
        assert_string_equal(health_level_name(HEALTH_UNKNOWN), "unknown");
        assert_string_equal(health_level_name(HEALTH_UP), "up");
        assert_string_equal(health_level_name(HEALTH_DOWN), "down");
}

/* Nothing runs in its place yet: one good check is enough, once in ten minutes, and not for channels that are not ready. */
static void test_early(void **state _unused_) {
        struct health h = { .level = HEALTH_UP, .early = true };
        usec_t now = START;

        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < 3; i++)
                        health_check(&h, &usual, VERDICT_DOWN, now += INTERVAL);
                assert_int_equal(h.level, HEALTH_DOWN);
                assert_int_equal(health_recover_needed(&h, &usual, now), round == 1 ? 3 : 1);
                health_check(&h, &usual, VERDICT_UP, now += INTERVAL);
                assert_int_equal(h.level, round == 1 ? HEALTH_DOWN : HEALTH_UP);
                if (round == 1)
                        for (unsigned i = 0; i < 60; i++)
                                health_check(&h, &usual, VERDICT_UP, now += INTERVAL);
        }

        h = (struct health){ .level = HEALTH_DOWN, .why = VERDICT_NOT_READY, .early = true };
        health_check(&h, &usual, VERDICT_UP, now);
        assert_int_equal(h.level, HEALTH_DOWN);
        h = (struct health){ .level = HEALTH_DOWN };
        health_check(&h, &usual, VERDICT_UP, now);
        assert_int_equal(h.level, HEALTH_DOWN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_early),
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_what_is_remembered),
                cmocka_unit_test(test_why_it_is_down),
                cmocka_unit_test(test_waits_until),
                cmocka_unit_test(test_every_row_of_six),
                cmocka_unit_test(test_standstill),
                cmocka_unit_test(test_standstill_counts_anew),
                cmocka_unit_test(test_restart_counting),
                cmocka_unit_test(test_a_flapping_primary_has_to_prove_itself),
                cmocka_unit_test(test_failbacks_are_forgotten_after_an_hour),
                cmocka_unit_test(test_the_limit_does_not_shorten_a_long_recovery),
                cmocka_unit_test(test_recovery_after_failbacks),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
