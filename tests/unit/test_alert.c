/* Alerts reach a service that refuses, hangs, is busy, fails or redirects; or wait on disk; and never show its secret. */
#include "alert_fixture.h"

static void test_delivered(void **state) {
        struct fixture *f = *state;

        begin(f);
        post(f, "promoting");
        post(f, "promoted");
        assert_int_equal(f->receiver.n, 0); /* nothing is done on the spot */
        TURN_UNTIL(f->event, f->receiver.n == 2 && !on_disk(f));
        assert_event(f, 0, "promoting");
        assert_event(f, 1, "promoted");
        assert_int_equal(strncmp(f->receiver.requests[0], "POST /hook/" SECRET " HTTP/1.1\r\n", 30), 0);
        turn_for(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 2);
        assert_string_equal(logged(f), "");
}

static void test_off(void **state) {
        struct fixture *f = *state;

        f->config.alert.url = NULL;
        begin(f);
        post(f, "promoted");
        turn_for(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
        assert_false(on_disk(f));
}

static void test_refuses_then_restart(void **state) {
        struct fixture *f = *state;
        usec_t time = now_usec(CLOCK_REALTIME) - 2 * USEC_PER_HOUR;

        receiver_shut(&f->receiver);
        begin(f);
        post_at(f, "promoted", time);
        TURN_UNTIL(f->event, strstr(logged(f), "connection refused"));
        assert_true(on_disk(f));
        restart(f);
        receiver_open(&f->receiver);
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_event(f, 0, "promoted");
        assert_true(json_real_value(delivered(f, 0, "late_seconds")) >= 7200);
        assert_true(json_real_value(delivered(f, 0, "outage_seconds")) == 41);
        assert_string_equal(json_string_value(delivered(f, 0, "reason")), "because");
}

/* The same without a restart: it is tried again by itself. */
static void test_tried_again(void **state) {
        struct fixture *f = *state;

        f->receiver.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
        begin(f);
        post(f, "promoted");
        TURN_UNTIL(f->event, f->receiver.n == 1 && strstr(logged(f), "HTTP 500"));
        f->receiver.answer = TAKEN;
        TURN_UNTIL(f->event, f->receiver.n == 2 && !on_disk(f));
        assert_non_null(strstr(logged(f), "Alerts are delivered again."));
}

static void test_new_trouble_is_a_reason_to_try(void **state) {
        struct fixture *f = *state;

        receiver_shut(&f->receiver);
        begin(f);
        for (unsigned i = 0; i < 10; i++) { /* far into the back-off */
                post(f, "old");
                turn_for(f->event, 30 * USEC_PER_MSEC);
        }
        receiver_open(&f->receiver);
        post(f, "new");
        TURN_UNTIL(f->event, f->receiver.n == 11);
        assert_event(f, 10, "new");
        assert_ptr_equal(strstr(strstr(logged(f), "cannot be delivered") + 1, "cannot be delivered"), NULL);
}

static void test_busy_service_is_left_alone(void **state) {
        struct fixture *f = *state;

        f->receiver.answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
        begin(f);
        post(f, "promoting");
        TURN_UNTIL(f->event, f->receiver.n == 1 && strstr(logged(f), "HTTP 429"));
        post(f, "promoted"); /* otherwise a reason to try at once */
        turn_for(f->event, 300 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 1);
        assert_non_null(strstr(saved(f), "promoted")); /* whatever becomes of this daemon meanwhile */
        restart(f);                                    /* both are kept */
        f->receiver.answer = TAKEN;
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_event(f, 2, "promoted");
}

static void keep_retry_after(
        _unused_ struct webhook *c, const struct webhook_answer *answer, void *userdata) {
        *(usec_t *) userdata = answer->retry_after;
}

/* It is obeyed, but not for so long that the alert is too old before it is tried again. */
static void test_busy_for_longer_than_alerts_are_kept(void **state) {
        struct fixture *f = *state;
        _cleanup_(webhook_freep) struct webhook *c = NULL;
        usec_t retry_after = 0;

        f->receiver.answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 604800\r\nContent-Length: 0\r\n\r\n";
        assert_int_equal(webhook_new(f->http, NULL, keep_retry_after, &retry_after, &c), 0);
        assert_int_equal(webhook_send(c, f->url, NULL, "{}"), 0);
        TURN_UNTIL(f->event, retry_after > 0);
        assert_true(retry_after >= USEC_PER_HOUR && retry_after <= USEC_PER_DAY / 2);
}

static void test_refused_is_dropped(void **state) {
        struct fixture *f = *state;

        f->receiver.answer =
                "HTTP/1.1 404 Not Found\r\n\r\n{\"message\": \"Unknown Webhook\", \"code\": 10015}";
        begin(f);
        post(f, "promoting");
        TURN_UNTIL(f->event,
                strstr(logged(f), "HTTP 404, {\"message\": \"Unknown Webhook\", \"code\": 10015}"));
        f->receiver.answer = TAKEN;
        post(f, "promoted");
        TURN_UNTIL(f->event, f->receiver.n == 2 && !on_disk(f));
        assert_event(f, 1, "promoted");
        assert_int_equal(json_integer_value(delivered(f, 1, "dropped")), 1);
        post(f, "demoted");
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_int_equal(json_integer_value(delivered(f, 2, "dropped")), 0);
}

static void test_answers_that_are_kept(void **state) {
        static const struct {
                const char *answer, *said;
        } cases[] = {
                { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                        "a redirect" },
                { "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", "HTTP 408" },
                { "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 2100 00:00:00 GMT\r\n\r\n", "HTTP 503" },
                { "HTTP/1.1 502 Bad\r\n\r\nfrom upstream /hook/" SECRET, "HTTP 502" },
                { "garbage\r\n\r\n", "not in HTTP" },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                f->receiver.answer = cases[i].answer;
                receiver_forget(&f->receiver);
                assert_int_equal(truncate(f->log, 0), 0);
                begin(f);
                post(f, "promoted");
                TURN_UNTIL(f->event, f->receiver.n == 1 && strstr(logged(f), cases[i].said));
                f->alert = alert_free(f->alert);
                assert_true(on_disk(f));
        }
        f->receiver.answer = TAKEN;
        receiver_forget(&f->receiver);
        begin(f);
        TURN_UNTIL(f->event, f->receiver.n == ELEMENTSOF(cases));
}

/* The loop turns meanwhile, and it ends. */
static void test_hangs(void **state) {
        struct fixture *f = *state;
        usec_t end = now_usec(CLOCK_MONOTONIC) + USEC_PER_MINUTE, longest = 0;

        f->receiver.answer = NULL;
        begin(f);
        post(f, "promoted");
        TURN_UNTIL(f->event, f->receiver.n == 1);
        while (!strstr(logged(f), "Timeout was reached")) {
                usec_t before = now_usec(CLOCK_MONOTONIC);

                assert_true(before < end);
                assert_true(sd_event_run(f->event, 50 * USEC_PER_MSEC) >= 0);
                longest = MAX(longest, now_usec(CLOCK_MONOTONIC) - before);
        }
        assert_true(longest < 5 * USEC_PER_SEC);
        f->alert = alert_free(f->alert);
        assert_true(on_disk(f));
}

static void test_full(void **state) {
        struct fixture *f = *state;
        char event[16];

        receiver_shut(&f->receiver);
        begin(f);
        for (unsigned i = 0; i < ALERTS_MAX + 3; i++) {
                (void) snprintf(event, sizeof event, "event-%u", i);
                post(f, event);
        }
        assert_non_null(strstr(logged(f), "the oldest, \"event-0\""));
        restart(f); /* the count outlives it, too */
        receiver_open(&f->receiver);
        TURN_UNTIL(f->event, f->receiver.n == ALERTS_MAX && !on_disk(f));
        assert_event(f, 0, "event-3");
        assert_int_equal(json_integer_value(delivered(f, 0, "dropped")), 3);
        assert_int_equal(json_integer_value(delivered(f, 1, "dropped")), 0);
        assert_event(f, ALERTS_MAX - 1, "event-52");
}

/* The one under way may be the one that has to go. */
static void test_full_while_sending(void **state) {
        struct fixture *f = *state;
        char event[16];

        f->receiver.answer = NULL;
        begin(f);
        post(f, "first");
        TURN_UNTIL(f->event, f->receiver.n == 1);
        f->receiver.answer = TAKEN;
        for (unsigned i = 0; i < ALERTS_MAX; i++) {
                (void) snprintf(event, sizeof event, "event-%u", i);
                post(f, event);
        }
        (void) send(f->receiver.visitors[0]->fd, TAKEN, strlen(TAKEN), MSG_NOSIGNAL);
        visitor_leave(f->receiver.visitors[0]);
        TURN_UNTIL(f->event, f->receiver.n == 1 + ALERTS_MAX && !on_disk(f));
        assert_event(f, 1, "event-0");
        assert_event(f, ALERTS_MAX, "event-49");
}

static void test_too_old(void **state) {
        struct fixture *f = *state;

        receiver_shut(&f->receiver);
        begin(f);
        post_at(f, "ancient", now_usec(CLOCK_REALTIME) - 25 * USEC_PER_HOUR);
        TURN_UNTIL(f->event, strstr(logged(f), "connection refused"));
        receiver_open(&f->receiver);
        post(f, "new");
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_event(f, 0, "new");
        assert_int_equal(json_integer_value(delivered(f, 0, "dropped")), 1);
        assert_non_null(strstr(logged(f), "The alert \"ancient\""));
}

/* The clock was set meanwhile, or this machine was off. */
static void test_too_old_and_never_tried(void **state) {
        struct fixture *f = *state;

        begin(f);
        post_at(f, "ancient", now_usec(CLOCK_REALTIME) - 25 * USEC_PER_HOUR);
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_event(f, 0, "ancient");
}

static void test_broken_queue(void **state) {
        static const char *const broken[] = { "", "{", "[]",
                "{\"version\": 2, \"dropped\": 0, \"alerts\": []}",
                "{\"version\": 1, \"dropped\": -1, \"alerts\": []}",
                "{\"version\": 1, \"dropped\": 0, \"alerts\": [{\"event\": 7}]}",
                ("{\"version\": 1, \"dropped\": 0, \"alerts\": [{\"event\": \"x\", \"level\": 8, \"title\": \"\", \"text\": \"\", "
                 "\"commands\": \"\", \"primary\": \"\", \"reason\": \"\", \"time\": 1}]}") };
        struct fixture *f = *state;
        char path[128];

        (void) snprintf(path, sizeof path, "%s/alerts.json", f->dir);
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                receiver_forget(&f->receiver);
                assert_int_equal(truncate(f->log, 0), 0);
                assert_int_equal(write_file_atomic(path, broken[i], 0600), 0);
                begin(f);
                assert_non_null(strstr(logged(f), "alerts.json cannot be read"));
                post(f, "promoted");
                TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
                assert_int_equal(json_integer_value(delivered(f, 0, "dropped")), 0);
                f->alert = alert_free(f->alert);
        }
}

static void test_unwritable_queue(void **state) {
        struct fixture *f = *state;

        f->instance.state_dir = (char *) "/proc/nowhere";
        receiver_shut(&f->receiver);
        begin(f);
        post(f, "promoted");
        post(f, "demoted");
        TURN_UNTIL(f->event, strstr(logged(f), "connection refused"));
        assert_non_null(strstr(logged(f), "/proc/nowhere/alerts.json cannot be written"));
        receiver_open(&f->receiver);
        post(f, "again");
        TURN_UNTIL(f->event, f->receiver.n == 3); /* from memory */
}

/* What could not be saved is, as soon as it can be, though no alert is new and the service hangs. */
static void test_saved_later(void **state) {
        struct fixture *f = *state;
        char directory[80], path[128];

        (void) snprintf(directory, sizeof directory, "%s/later", f->dir);
        (void) snprintf(path, sizeof path, "%s/alerts.json", directory);
        f->instance.state_dir = directory;
        f->receiver.answer = NULL;
        begin(f);
        post(f, "promoted");
        TURN_UNTIL(f->event, f->receiver.n == 1 && strstr(logged(f), "alerts.json cannot be written"));
        assert_int_equal(mkdir(directory, 0700), 0);
        TURN_UNTIL(f->event, access(path, F_OK) == 0);
        assert_null(strstr(logged(f), "Timeout"));
        f->alert = alert_free(f->alert);
}

static void test_secret_file(void **state) {
        struct fixture *f = *state;
        char text[256];

        f->config.alert.url = NULL;
        f->config.alert.url_file = f->secret_file;
        begin(f);
        post(f, "promoted");
        TURN_UNTIL(f->event, strstr(logged(f), "secret cannot be read: No such file"));
        (void) snprintf(text, sizeof text, "\xef\xbb\xbf\n  %s \r\nmore\n", f->url);
        assert_int_equal(write_file_atomic(f->secret_file, text, 0600), 0);
        post(f, "demoted");
        TURN_UNTIL(f->event, f->receiver.n == 2 && !on_disk(f));
}

static void test_credential(void **state) {
        struct fixture *f = *state;
        char path[128], *url = NULL, why[768];

        (void) snprintf(path, sizeof path, "%s/alert-url", f->dir);
        assert_int_equal(write_file_atomic(path, f->url, 0600), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
        assert_int_equal(endpoint_load(NULL, "/proc/nowhere", ADDRESS_ALERT, &url, why, sizeof why), 0);
        assert_string_equal(url, f->url);
        free(TAKE(url));
        /* A byte order mark's bytes also occur in letters. */
        assert_int_equal(write_file_atomic(path, "https://h/\xe4\xbb\xbb\xc5\xbb \n", 0600), 0);
        assert_int_equal(endpoint_load(NULL, path, ADDRESS_ALERT, &url, why, sizeof why), 0);
        assert_string_equal(url, "https://h/\xe4\xbb\xbb\xc5\xbb");
        free(TAKE(url));
        /* What the unit hands over when there is no such file. */
        assert_int_equal(write_file_atomic(path, "none", 0600), 0);
        assert_int_equal(
                endpoint_load(NULL, "/proc/nowhere", ADDRESS_ALERT, &url, why, sizeof why), -ENOENT);
        assert_non_null(strstr(why, "/proc/nowhere cannot be read"));
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        /* No address, and never shown. */
        assert_int_equal(write_file_atomic(path, "ftp://" SECRET "@h/", 0600), 0);
        assert_int_equal(endpoint_load(NULL, path, ADDRESS_ALERT, &url, why, sizeof why), -EINVAL);
        assert_null(strstr(why, SECRET));
        assert_null(url);
}

static void test_configured_anew(void **state) {
        struct fixture *f = *state;
        struct config other = {};

        receiver_shut(&f->receiver);
        other.alert.url = (char *) "http://127.0.0.1:1/";
        assert_int_equal(alert_new(f->http, &f->instance, &other, &f->alert), 0);
        post(f, "promoted");
        TURN_UNTIL(f->event, strstr(logged(f), "http://127.0.0.1:1: connection refused"));
        receiver_open(&f->receiver);
        f->config.alert.format = ALERT_NTFY;
        alert_configure(f->alert, &f->config);
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_non_null(strstr(f->receiver.requests[0], "\r\nTitle: "));
}

static void test_back_off(_unused_ void **state) {
        static const unsigned seconds[] = { 5, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900 };

        for (unsigned i = 0; i < ELEMENTSOF(seconds); i++)
                assert_true(alert_back_off(i) == seconds[i] * USEC_PER_SEC);
        assert_true(alert_back_off(UINT32_MAX) == 15 * USEC_PER_MINUTE);
}

static void test_shown(_unused_ void **state) {
        static const char url[] =
                "https://user:pass7@discord.com:8443/api/webhooks/123456/AbCdEf?token=qwertz";
        static const char *const leaks[] = { "not found: /api/webhooks/123456/AbCdEf", "ABCDEF",
                "token qwertz", "pass7" };
        char shown[ADDRESS_SHOWN_MAX];

        assert_string_equal(endpoint_show(url, shown), "https://discord.com:8443");
        assert_string_equal(endpoint_show("no address", shown), "the address");
        for (size_t i = 0; i < ELEMENTSOF(leaks); i++)
                assert_true(endpoint_leaks(url, leaks[i]));
        assert_false(endpoint_leaks(url, "Unknown api"));
        assert_false(endpoint_leaks("https://discord.com/api/webhooks/1/AbCdEf", "https, please"));
        /* A link to the host, and the name of a parameter, are no secret. */
        assert_false(endpoint_leaks("https://ntfy.sh/AbCdEf", "limit reached, see https://ntfy.sh/docs"));
        assert_false(endpoint_leaks("https://a/sendMessage?chat_id=12345", "{\"migrate_to_chat_id\": -1}"));
        assert_true(endpoint_leaks("https://a/sendMessage?chat_id=12345", "no chat 12345"));
        assert_true(endpoint_leaks("https://a/b?token=AbCdEf=&x=1", "abcdef"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                T(test_delivered),
                T(test_off),
                T(test_refuses_then_restart),
                T(test_tried_again),
                T(test_new_trouble_is_a_reason_to_try),
                T(test_busy_service_is_left_alone),
                T(test_busy_for_longer_than_alerts_are_kept),
                T(test_refused_is_dropped),
                T(test_answers_that_are_kept),
                T(test_hangs),
                T(test_full),
                T(test_full_while_sending),
                T(test_too_old),
                T(test_too_old_and_never_tried),
                T(test_broken_queue),
                T(test_unwritable_queue),
                T(test_saved_later),
                T(test_secret_file),
                T(test_credential),
                T(test_configured_anew),
                cmocka_unit_test(test_back_off),
                cmocka_unit_test(test_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
