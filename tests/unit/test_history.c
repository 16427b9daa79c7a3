/* What the journal remembers becomes a list of failovers, a table and JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/history.h"
#include "cli/history_command.h"
#include "cli/history_print.h"
#include "events.h"

#define S USEC_PER_SEC
#define BEGIN (UINT64_C(1795266187) * S) /* 2026-11-21 13:03:07 UTC */

static const sd_id128_t boot = { .bytes = { 1 } }, next_boot = { .bytes = { 2 } };

/* An entry at AT s after BEGIN that says nothing but what it is. */
static struct record record(unsigned at, enum role_event event) {
        return (struct record){
                .time = BEGIN + at * S,
                .boot = boot,
                .event = event,
                .mode = "auto",
                .from = "standby",
                .reason = "connection refused",
                .outage = USEC_INFINITY,
                .detecting = USEC_INFINITY,
                .syncing = USEC_INFINITY,
                .starting = USEC_INFINITY,
                .promoted = USEC_INFINITY,
        };
}

static void add(struct history *c, struct record r) {
        assert_int_equal(history_add(c, &r), 0);
}

static void add_plain(struct history *c, unsigned at, enum role_event event) {
        add(c, record(at, event));
}

static struct record promoted(unsigned at, usec_t outage) {
        struct record r = record(at, EVENT_PROMOTED);

        r.from = "starting";
        r.outage = outage;
        r.detecting = 30 * S;
        r.syncing = 2 * S;
        r.starting = 9 * S;
        return r;
}

static struct record demoted(unsigned at, usec_t span) {
        struct record r = record(at, EVENT_DEMOTED);

        r.from = "demoting";
        r.promoted = span;
        return r;
}

static struct record with_mode(struct record r, const char *mode) {
        r.mode = mode;
        return r;
}

static struct record with_from(struct record r, const char *from) {
        r.from = from;
        return r;
}

/* A whole failover that begins at AT and takes OUTAGE. */
static void add_failover(struct history *c, unsigned at, usec_t outage) {
        add_plain(c, at, EVENT_PROMOTING);
        add(c, promoted(at + 11, outage));
        add_plain(c, at + 100, EVENT_DEMOTING);
        add(c, demoted(at + 111, 100 * S));
}

static void test_whole(void **state _unused_) {
        struct history c = {};

        add_failover(&c, 0, 41 * S);
        history_close(&c, boot);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.failovers[0].kind, KIND_FAILOVER);
        assert_int_equal(c.failovers[0].end, END_FAILBACK);
        assert_int_equal(c.failovers[0].begun, BEGIN);
        assert_int_equal(c.failovers[0].promoted, BEGIN + 11 * S);
        assert_int_equal(c.failovers[0].ended, BEGIN + 111 * S);
        assert_int_equal(c.failovers[0].lasted, 100 * S);
        assert_int_equal(c.failovers[0].outage, 41 * S);
        assert_int_equal(c.failovers[0].starting, 9 * S);
        assert_string_equal(c.failovers[0].reason, "connection refused");
        assert_false(c.failovers[0].trouble);
        history_done(&c);
}

static void test_open(void **state _unused_) {
        struct history c = {};

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(11, 41 * S));
        history_close(&c, boot);
        assert_int_equal(c.failovers[0].end, END_OPEN);
        history_done(&c);

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(11, 41 * S));
        history_close(&c, next_boot);
        assert_int_equal(c.failovers[0].end, END_REBOOT);
        assert_int_equal(c.failovers[0].lasted, USEC_INFINITY);
        history_done(&c);
}

/* A journal that was rotated begins in the middle. */
static void test_begins_in_the_middle(void **state _unused_) {
        struct history c = {};

        add(&c, promoted(11, 41 * S));
        add(&c, demoted(111, 100 * S));
        add(&c, demoted(500, USEC_INFINITY));
        add(&c, demoted(1000, 100 * S));
        add_plain(&c, 1001, EVENT_DEMOTING);
        add_plain(&c, 1002, EVENT_LOST);
        history_close(&c, boot);
        assert_int_equal(c.n, 3);
        assert_int_equal(c.failovers[0].begun, 0);
        assert_int_equal(c.failovers[0].outage, 41 * S);
        assert_int_equal(c.failovers[1].promoted, 0);
        assert_int_equal(c.failovers[1].lasted, USEC_INFINITY);
        assert_int_equal(c.failovers[1].ended, BEGIN + 500 * S);
        assert_int_equal(c.failovers[2].promoted, BEGIN + 900 * S);
        history_done(&c);
}

static void test_gaps(void **state _unused_) {
        struct history c = {};
        struct record r;

        /* The end is missing, within a boot and over one. */
        add_plain(&c, 0, EVENT_PROMOTING);
        add_failover(&c, 1000, 41 * S);
        add_plain(&c, 2000, EVENT_PROMOTING);
        r = record(3000, EVENT_PROMOTING);
        r.boot = next_boot;
        add(&c, r);
        history_close(&c, next_boot);
        assert_int_equal(c.n, 4);
        assert_int_equal(c.failovers[0].end, END_UNKNOWN);
        assert_int_equal(c.failovers[1].end, END_FAILBACK);
        assert_int_equal(c.failovers[2].end, END_REBOOT);
        assert_int_equal(c.failovers[3].end, END_OPEN);
        history_done(&c);
}

/* Trouble in between does not make two of one. */
static void test_trouble(void **state _unused_) {
        struct history c = {};

        add_plain(&c, 0, EVENT_PROMOTING);
        add_plain(&c, 5, EVENT_START_FAILED);
        add(&c, promoted(20, 50 * S));
        add_plain(&c, 30, EVENT_SILENT);
        add_plain(&c, 60, EVENT_HUNG);
        add(&c, with_from(record(61, EVENT_PROMOTING), "demoting"));
        add(&c, promoted(70, 10 * S));
        add_plain(&c, 80, EVENT_LOST);
        add(&c, promoted(90, 10 * S));
        add_plain(&c, 100, EVENT_DEMOTING);
        add(&c, demoted(110, 90 * S));
        history_close(&c, boot);
        assert_int_equal(c.n, 1);
        assert_true(c.failovers[0].trouble);
        assert_int_equal(c.failovers[0].outage, 50 * S);
        assert_int_equal(c.failovers[0].lasted, 90 * S);
        history_done(&c);
}

/* The primary goes down again on the way back. */
static void test_wanted_again(void **state _unused_) {
        struct history c = {};

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(11, 41 * S));
        add_plain(&c, 100, EVENT_DEMOTING);
        add(&c, with_from(record(110, EVENT_PROMOTING), "demoting"));
        add(&c, promoted(120, 15 * S));
        history_close(&c, boot);
        assert_int_equal(c.n, 2);
        assert_int_equal(c.failovers[0].end, END_FAILBACK);
        assert_int_equal(c.failovers[0].lasted, 99 * S);
        assert_int_equal(c.failovers[1].outage, 15 * S);
        history_done(&c);
}

static void test_kinds(void **state _unused_) {
        struct history c = {};

        add(&c, with_mode(record(0, EVENT_PROMOTING), "pinned"));
        add(&c, with_mode(promoted(5, USEC_INFINITY), "pinned"));
        add(&c, with_mode(demoted(10, 5 * S), "held"));
        add(&c, with_mode(record(20, EVENT_PROMOTING), "drill"));
        add(&c, with_mode(promoted(25, USEC_INFINITY), "drill"));
        add(&c, with_mode(demoted(30, 5 * S), "drill-over"));
        add(&c, with_mode(record(40, EVENT_PROMOTING), "drill"));
        add_plain(&c, 41, EVENT_DRILL_REAL);
        add(&c, promoted(45, USEC_INFINITY));
        add_plain(&c, 50, EVENT_HELD);
        history_close(&c, boot);
        assert_int_equal(c.n, 3);
        assert_int_equal(c.failovers[0].kind, KIND_BY_HAND);
        assert_int_equal(c.failovers[1].kind, KIND_DRILL);
        assert_int_equal(c.failovers[2].kind, KIND_FAILOVER);
        assert_int_equal(c.failovers[2].end, END_STOPPED);
        assert_int_equal(c.failovers[2].lasted, 5 * S);
        history_done(&c);
}

/* On the way back, or over a restart of the daemon, somebody started the gateway anew: that run is not ours. */
static void test_foreign(void **state _unused_) {
        struct history c = {};

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(11, 41 * S));
        add_plain(&c, 100, EVENT_DEMOTING);
        add(&c, with_from(record(111, EVENT_FOREIGN), "demoting"));
        add_plain(&c, 5000, EVENT_FOREIGN);
        add_plain(&c, 6000, EVENT_PROMOTING);
        add(&c, promoted(6011, 41 * S));
        add_plain(&c, 6021, EVENT_FOREIGN);
        history_close(&c, boot);
        assert_int_equal(c.n, 2);
        for (size_t i = 0; i < c.n; i++)
                assert_string_equal(failover_end_names[c.failovers[i].end], "failback");
        assert_int_equal(c.failovers[0].lasted, 100 * S);
        assert_int_equal(c.failovers[0].ended, BEGIN + 111 * S);
        assert_int_equal(c.failovers[1].lasted, 10 * S);
        history_done(&c);
}

/* What was over before counts no longer; what began before and went on does, whole. */
static void test_since(void **state _unused_) {
        struct history c = {};
        struct record r;

        add_failover(&c, 0, 41 * S);
        add_plain(&c, 500, EVENT_PROMOTING); /* its end is not known */
        add(&c, with_mode(record(1000, EVENT_PROMOTING), "pinned"));
        add(&c, with_mode(promoted(1011, 41 * S), "pinned"));
        add_plain(&c, 3000, EVENT_DEMOTING); /* `auto` */
        add(&c, demoted(3011, 2000 * S));
        add_failover(&c, 4000, 20 * S);
        add(&c, promoted(5000, 20 * S));
        r = record(6000, EVENT_PROMOTING);
        r.boot = next_boot;
        add(&c, r);
        history_close(&c, next_boot);
        history_select(&c, 0, SIZE_MAX);
        assert_int_equal(c.n, 6);

        history_select(&c, BEGIN + 2000 * S, SIZE_MAX);
        assert_int_equal(c.n, 4);
        assert_int_equal(c.failovers[0].kind, KIND_BY_HAND);
        assert_int_equal(c.failovers[0].begun, BEGIN + 1000 * S);
        assert_int_equal(c.failovers[1].begun, BEGIN + 4000 * S);
        assert_int_equal(c.failovers[2].end, END_REBOOT);

        history_select(&c, BEGIN + 5500 * S, SIZE_MAX);
        assert_int_equal(c.n, 1);
        history_select(&c, BEGIN + 7000 * S, SIZE_MAX);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.failovers[0].end, END_OPEN);
        history_done(&c);
}

/* Each event at any place: nothing is believed of the order, nothing breaks. */
static void test_any_order(void **state _unused_) {
        struct history c = {};

        for (int a = EVENT_NONE + 1; a < _EVENT_MAX; a++)
                for (int b = EVENT_NONE + 1; b < _EVENT_MAX; b++) {
                        struct record r = record(5, (enum role_event) b);

                        r.boot = (a + b) % 3 ? boot : next_boot;
                        r.mode = r.from = r.reason = "";
                        add_plain(&c, 7, (enum role_event) a); /* times may go back */
                        add(&c, r);
                }
        history_close(&c, boot);
        history_done(&c);
}

/* Whatever a row holds, its columns stand below the head, and it has 100 of them at most. */
static void test_table_fits(void **state _unused_) {
        struct history c = { .first_entry = BEGIN - USEC_PER_HOUR };
        char *text = NULL, *save = NULL;
        struct record long_one;
        size_t size, rows = 0;
        bool stopped = false;
        FILE *out;

        add_failover(&c, 0, 41 * S);
        add(&c, with_mode(record(1000, EVENT_PROMOTING), "drill"));
        add(&c, with_mode(record(1001, EVENT_DRILL_FAILED), "drill-over"));
        add(&c, with_mode(demoted(1002, USEC_INFINITY), "drill-over"));
        long_one = record(2000, EVENT_PROMOTING);
        long_one.reason = "accepted the connection, then silent for 5 s, and much more of the kind";
        add(&c, long_one);
        long_one = promoted(2011, 86399 * S);
        long_one.detecting = long_one.syncing = long_one.starting = 3599 * S;
        add(&c, long_one);
        add(&c, record(2020, EVENT_LOST));
        add(&c, with_from(record(2011 + 86399, EVENT_HELD), "promoted"));
        history_close(&c, boot);
        out = open_memstream(&text, &size);
        history_table(out, &c, BEGIN - USEC_PER_DAY, BEGIN + 3071 * S);
        (void) fclose(out);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), rows++) {
                size_t columns = 0;

                for (const char *s = line; *s; s++) {
                        columns += ((unsigned char) *s & 0xc0) != 0x80;
                        if (rows < 4 && (columns == 80 || columns == 81) && (columns == 80) != (*s == ' '))
                                fail_msg("the reason begins elsewhere: %s", line);
                }
                if (columns > 100)
                        fail_msg("%zu columns: %s", columns, line);
                stopped = stopped || strstr(line, "23 h 59 min stopped ! accepted");
        }
        assert_true(stopped);
        assert_int_equal(rows, 6); /* the head, three rows, the sign, where the journal begins */
        free(text);
        history_done(&c);
}

static void test_the_last_ones(void **state _unused_) {
        struct history c = {};

        for (unsigned i = 0; i < 5; i++)
                add_failover(&c, i * 1000, 40 * S + i * S);
        history_close(&c, boot);
        history_select(&c, 0, 9);
        assert_int_equal(c.n, 5);
        history_select(&c, 0, 2);
        assert_int_equal(c.n, 2);
        assert_true(c.failovers[1].outage == 44 * S);
        history_done(&c);
}

static void test_json(void **state _unused_) {
        struct history c = {};
        const char *kind, *began, *end, *reason;
        double outage;
        char *text = NULL;
        size_t size;
        json_t *j, *ended, *since;
        FILE *out = open_memstream(&text, &size);

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(11, 41200 * USEC_PER_MSEC));
        history_close(&c, boot);
        assert_int_equal(history_json(out, &c, "", 0), 0);
        (void) fclose(out);
        j = json_loads(text, 0, NULL);
        assert_int_equal(json_unpack(j, "{s:o, s:[{s:s, s:s, s:s, s:s, s:o, s:F}]}", "since", &since,
                                 "failovers", "kind", &kind, "began", &began, "end", &end, "reason", &reason,
                                 "ended", &ended, "outage_seconds", &outage),
                0);
        assert_string_equal(kind, "failover");
        assert_string_equal(began, "2026-11-21T13:02:36.800000Z");
        assert_string_equal(end, "open");
        assert_string_equal(reason, "connection refused");
        assert_true(json_is_null(ended));
        assert_true(json_is_null(since));
        assert_float_equal(outage, 41.2, 1e-9);
        json_decref(j);
        free(text);
        history_done(&c);
}

static void test_a_start_that_is_called_off_is_no_failover(void **state _unused_) {
        _cleanup_(history_done) struct history c = {};

        add_failover(&c, 0, 40 * S);
        add_plain(&c, 1000, EVENT_PROMOTING);
        add(&c, with_from(record(1003, EVENT_CALLED_OFF), "starting"));
        assert_int_equal(c.n, 1);
        assert_int_not_equal(c.failovers[0].end, END_OPEN);
}

static void test_an_update_is_no_second_failover(void **state _unused_) {
        _cleanup_(history_done) struct history c = {};

        add_plain(&c, 0, EVENT_PROMOTING);
        add(&c, promoted(5, USEC_INFINITY));
        add_plain(&c, 50, EVENT_HELD);
        add_plain(&c, 100, EVENT_ADOPTED);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.failovers[0].end, END_OPEN);
        add(&c, demoted(200, 195 * S));
        assert_int_equal(c.failovers[0].end, END_FAILBACK);
        add_plain(&c, 300, EVENT_ADOPTED);
        assert_int_equal(c.n, 2);
}

/* Only a span with a unit, "7d", is taken for a time before now. */
static void test_since_is_no_bare_number(void **state _unused_) {
        static const char *const wrong[] = { "2026", "20261101", "1.5", "5 ", "", "x" };
        struct instance n = { .name = (char *) "" };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(cmd_history(&n, wrong[i], NULL, false), EX_USAGE);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_start_that_is_called_off_is_no_failover),
                cmocka_unit_test(test_an_update_is_no_second_failover),
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_begins_in_the_middle),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_trouble),
                cmocka_unit_test(test_wanted_again),
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_since),
                cmocka_unit_test(test_any_order),
                cmocka_unit_test(test_table_fits),
                cmocka_unit_test(test_the_last_ones),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_since_is_no_bare_number),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
