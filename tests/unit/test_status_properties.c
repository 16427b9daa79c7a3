/* struct status goes over D-Bus and comes back the same, and into JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>

#include "cli/status_print.h"
#include "config/instance.h"
#include "status_properties.h"

static const struct status example = {
        .state = ROLE_PROMOTED,
        .since = 1795266187000001,
        .mode = MODE_PINNED,
        .paused_until = USEC_INFINITY,
        .primary = "100.64.0.1:18789",
        .health = HEALTH_DOWN,
        .health_since = 1795266100000000,
        .verdict = "down",
        .reason = "connection refused",
        .took = 3210,
        .checked = 1795266180000000,
        .next_check = 1795266190000000,
        .interval = 10000000,
        .failures = 7,
        .fail_needed = 3,
        .goods = 0,
        .recover_needed = 6,
        .senior = "",
        .waits_for = "the standbys that go first",
        .waits_until = 1795266200000000,
        .unit = "openclaw.service",
        .unit_state = UNIT_ACTIVE,
        .answers = false,
        .starts = 1,
        .kill_at = 1795266207000000,
        .synced = 1795266110000000,
        .sync_ok = false,
        .sync = "workspace unchanged, secrets failed: no route to host",
        .unmerged = "failover/standby/20261121-130307\nidea",
        .merge = "git fetch standby failover/standby/20261121-130307",
        .promoted_at = 1795266187000000,
        .outage = 41200000,
        .cause = "connection refused",
        .promotions = 2,
        .failback = true,
        .key_expires = 1796836824000000,
        .primary_key_expires = 1796836825000000,
        .undelivered = 2,
        .alert_error = "HTTP 500",
        .heartbeat_error = "",
};

/* A bus that leads nowhere: messages need one to be made. */
struct nowhere {
        sd_bus *bus;
        int fds[2];
};

static void nowhere_open(struct nowhere *n) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, n->fds), 0);
        assert_true(sd_bus_new(&n->bus) >= 0);
        assert_true(sd_bus_set_fd(n->bus, n->fds[0], n->fds[0]) >= 0);
        assert_true(sd_bus_start(n->bus) >= 0);
}

static void nowhere_close(struct nowhere *n) {
        sd_bus_close_unref(n->bus);
        close(n->fds[1]);
}

static sd_bus_message *begin(struct nowhere *n) {
        sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_signal(n->bus, &m, "/", "org.example", "Test") >= 0);
        assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
        return m;
}

static void end(sd_bus_message *m) {
        assert_true(sd_bus_message_close_container(m) >= 0);
        assert_true(sd_bus_message_seal(m, 1, 0) >= 0);
        assert_true(sd_bus_message_rewind(m, true) >= 0);
}

static void append(sd_bus_message *m, const struct property *p, const struct status *s) {
        assert_true(sd_bus_message_open_container(m, 'e', "sv") >= 0);
        assert_true(sd_bus_message_append(m, "s", p->name) >= 0);
        assert_true(sd_bus_message_open_container(m, 'v', property_signature(p)) >= 0);
        assert_int_equal(property_append(p, s, m), 0);
        assert_true(sd_bus_message_close_container(m) >= 0);
        assert_true(sd_bus_message_close_container(m) >= 0);
}

static void assert_same_json(const struct status *a, const struct status *b) {
        const struct property *p;
        size_t n;

        p = properties(&n);
        for (size_t i = 0; i < n; i++) {
                json_t *x = property_json(&p[i], a), *y = property_json(&p[i], b);

                if (!json_equal(x, y))
                        fail_msg("%s differs", p[i].name);
                json_decref(x);
                json_decref(y);
        }
}

static void test_there_and_back(void **state _unused_) {
        const struct property *p;
        struct nowhere n = {};
        sd_bus_message *m;
        struct status s;
        size_t count;

        nowhere_open(&n);
        m = begin(&n);
        p = properties(&count);
        assert_true(sd_bus_message_append(m, "{sv}", "Version", "s", "1.0.0") >= 0); /* not in the table */
        for (size_t i = 0; i < count; i++)
                append(m, &p[i], &example);
        end(m);
        assert_int_equal(status_read(m, &s), 0);
        assert_same_json(&s, &example);
        assert_string_equal(s.sync, example.sync);
        assert_true(s.paused_until == USEC_INFINITY);
        sd_bus_message_unref(m);
        nowhere_close(&n);
}

/* Everything in struct status but padding is in the table once: a member that is added is not forgotten. */
static void test_covers_the_struct(void **state _unused_) {
        static const size_t sizes[_PROPERTY_TYPE_MAX] = {
                [PROPERTY_STATE] = sizeof(int),
                [PROPERTY_MODE] = sizeof(int),
                [PROPERTY_HEALTH] = sizeof(int),
                [PROPERTY_UNIT_STATE] = sizeof(int),
                [PROPERTY_TEXT] = sizeof(char *),
                [PROPERTY_LINES] = sizeof(char *),
                [PROPERTY_FLAG] = sizeof(bool),
                [PROPERTY_COUNT] = sizeof(unsigned),
                [PROPERTY_TIME] = sizeof(usec_t),
                [PROPERTY_SPAN] = sizeof(usec_t),
        };
        unsigned char seen[sizeof(struct status)] = {};
        const struct property *p;
        size_t n, unseen = 0;

        p = properties(&n);
        for (size_t k = 0; k < sizeof(char *); k++) /* each side knows for itself */
                seen[offsetof(struct status, program) + k]++;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < sizes[p[i].type]; k++)
                        assert_int_equal(seen[p[i].offset + k]++, 0);
        for (size_t i = 0; i < sizeof seen; i++) {
                unseen = seen[i] ? 0 : unseen + 1;
                /* No padding is as long as what it aligns, but a flag before a pointer leaves seven bytes. */
                if (unseen > 7)
                        fail_msg("the bytes of struct status up to %zu are in no row", i);
        }
}

static void test_missing(void **state _unused_) {
        struct nowhere n = {};
        sd_bus_message *m;
        struct status s;

        nowhere_open(&n);
        m = begin(&n);
        end(m);
        assert_int_equal(status_read(m, &s), 0);
        assert_string_equal(s.primary, "");
        assert_string_equal(s.cause, "");
        assert_int_equal(s.since, 0);
        sd_bus_message_unref(m);
        nowhere_close(&n);
}

static void test_other_version(void **state _unused_) {
        struct nowhere n = {};
        sd_bus_message *m;
        struct status s;

        nowhere_open(&n);
        m = begin(&n);
        assert_true(sd_bus_message_append(m, "{sv}", "State", "s", "dancing") >= 0);
        end(m);
        assert_int_equal(status_read(m, &s), -EBADMSG);
        sd_bus_message_unref(m);

        m = begin(&n);
        assert_true(sd_bus_message_append(m, "{sv}", "FailedChecks", "s", "3") >= 0);
        end(m);
        assert_int_equal(status_read(m, &s), -EBADMSG);
        sd_bus_message_unref(m);
        nowhere_close(&n);
}

static void test_update(void **state _unused_) {
        const char *changed[PROPERTIES_MAX + 1];
        struct status kept = {}, s = example;

        assert_int_equal(status_update(&kept, &s, changed), 0);
        assert_non_null(changed[0]);
        assert_same_json(&kept, &example);
        assert_ptr_not_equal(kept.reason, example.reason);
        assert_string_equal(kept.senior, ""); /* and not NULL */

        assert_int_equal(status_update(&kept, &s, changed), 0);
        assert_null(changed[0]);

        s.since += 300; /* the clocks wobble */
        s.reason = strdup("connection refused");
        assert_int_equal(status_update(&kept, &s, changed), 0);
        assert_null(changed[0]);
        free((char *) s.reason);

        s.reason = "no answer in 5 s";
        s.failures++;
        s.paused_until = 0;
        s.answers = true;
        assert_int_equal(status_update(&kept, &s, changed), 0);
        assert_string_equal(changed[0], "PausedUntilTimestamp");
        assert_string_equal(changed[1], "LastCheckReason");
        assert_string_equal(changed[2], "FailedChecks");
        assert_string_equal(changed[3], "GatewayAnswers");
        assert_null(changed[4]);
        assert_string_equal(kept.reason, "no answer in 5 s");
        status_clear(&kept);
}

static void assert_json(const json_t *j, const char *key, const char *expected) {
        char *text = json_dumps(json_object_get(j, key), JSON_ENCODE_ANY);

        if (!text || strcmp(text, expected) != 0)
                fail_msg("%s is %s, not %s", key, text ? text : "missing", expected);
        free(text);
}

/* "a.b" is b within a. */
static json_t *get(json_t *j, const char *key) {
        const char *dot = strchr(key, '.');
        char outer[64];

        if (!dot)
                return json_object_get(j, key);
        (void) snprintf(outer, sizeof outer, "%.*s", (int) (dot - key), key);
        return json_object_get(json_object_get(j, outer), dot + 1);
}

static void test_json(void **state _unused_) {
        struct instance n = { .name = (char *) "" };
        json_t *j = status_json(&example, NULL, &n, 1795266188000000);
        const struct property *p;
        size_t count;

        p = properties(&count);
        for (size_t i = 0; i < count; i++)
                if (!get(j, p[i].key))
                        fail_msg("%s is missing", p[i].key);
        assert_json(j, "version", "1");
        assert_json(j, "running", "true");
        assert_json(j, "level", "\"unreachable\"");
        assert_json(j, "state", "\"promoted\"");
        assert_json(j, "state_since", "\"2026-11-21T13:03:07.000001Z\"");
        assert_json(j, "paused_until", "\"infinity\"");
        assert_json(json_object_get(j, "last_failover"), "ended", "null");
        assert_json(json_object_get(j, "last_failover"), "reason", "\"connection refused\"");
        assert_json(j, "unmerged_branches", "[\"failover/standby/20261121-130307\", \"idea\"]");
        assert_json(j, "senior", "null");
        assert_json(j, "failed_checks", "7");
        assert_json(j, "gateway_answers", "false");
        json_decref(j);

        j = status_json(NULL, "it failed", &n, 0);
        assert_json(j, "running", "false");
        assert_json(j, "level", "\"not running\"");
        assert_json(j, "summary", "\"it failed\"");
        assert_int_equal(json_object_size(j), 5);
        json_decref(j);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_covers_the_struct),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_other_version),
                cmocka_unit_test(test_update),
                cmocka_unit_test(test_json),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
