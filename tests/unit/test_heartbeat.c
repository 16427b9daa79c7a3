/* The heartbeat beats while all is well, and only then. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "alert/heartbeat.h"
#include "receiver.h"

struct fixture {
        sd_event *event;
        struct http *http;
        struct receiver receiver;
        struct config config;
        char url[96];
        struct heartbeat *beat;
        int log[2], saved_stderr;
        char text[8192];
        size_t used;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);

        *state = f;
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(http_new(f->event, &f->http), 0);
        f->receiver = (struct receiver){ .event = f->event, .answer = TAKEN };
        receiver_open(&f->receiver);
        (void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/ping/s3cr3t", f->receiver.port);
        f->config.heartbeat = (struct heartbeat_config){ .url = f->url, .interval = 50 * USEC_PER_MSEC };
        assert_int_equal(heartbeat_new(f->http, &f->config, &f->beat), 0);
        assert_int_equal(pipe2(f->log, O_CLOEXEC | O_NONBLOCK), 0);
        f->saved_stderr = dup(STDERR_FILENO);
        (void) dup2(f->log[1], STDERR_FILENO);
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void) dup2(f->saved_stderr, STDERR_FILENO);
        (void) close(f->saved_stderr);
        (void) close(f->log[0]);
        (void) close(f->log[1]);
        heartbeat_free(f->beat);
        receiver_end(&f->receiver);
        http_free(f->http);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static const char *logged(struct fixture *f) {
        ssize_t n = read(f->log[0], f->text + f->used, sizeof f->text - 1 - f->used);

        if (n > 0)
                f->used += (size_t) n;
        return f->text;
}

static void test_beats(void **state) {
        struct fixture *f = *state;

        turn_for(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0); /* silent at first */
        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, f->receiver.n == 3);
        assert_int_equal(strncmp(f->receiver.requests[0], "GET /ping/s3cr3t HTTP/1.1\r\n", 27), 0);
        assert_string_equal(logged(f), "");
}

static void test_stops(void **state) {
        struct fixture *f = *state;

        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, f->receiver.n == 1);
        heartbeat_set(f->beat, false);
        turn_for(f->event, 50 * USEC_PER_MSEC);
        receiver_forget(&f->receiver);
        turn_for(f->event, 300 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, f->receiver.n == 1);
}

/* A second word that all is well is no reason for another ping. */
static void test_interval(void **state) {
        struct fixture *f = *state;

        f->config.heartbeat.interval = USEC_PER_HOUR;
        heartbeat_configure(f->beat, &f->config);
        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, f->receiver.n == 1);
        for (unsigned i = 0; i < 5; i++) {
                heartbeat_set(f->beat, true);
                turn_for(f->event, 30 * USEC_PER_MSEC);
        }
        assert_int_equal(f->receiver.n, 1);
}

static void test_failure_is_said_once(void **state) {
        struct fixture *f = *state;
        const char *said;

        receiver_shut(&f->receiver);
        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, strstr(logged(f), "connection refused"));
        turn_for(f->event, 300 * USEC_PER_MSEC);
        said = strstr(logged(f), "connection refused");
        assert_null(strstr(said + 1, "connection refused"));
        assert_null(strstr(f->text, "s3cr3t"));
        receiver_open(&f->receiver);
        TURN_UNTIL(f->event, !*heartbeat_error(f->beat));
        f->receiver.answer = "HTTP/1.1 404 Gone\r\n\r\n{\"ok\":false,\"msg\":\"Monitor not found\"}";
        TURN_UNTIL(f->event,
                strstr(heartbeat_error(f->beat), "HTTP 404, {\"ok\":false,\"msg\":\"Monitor not found\"}"));
}

static void test_hanging_service(void **state) {
        struct fixture *f = *state;

        f->receiver.answer = NULL;
        heartbeat_set(f->beat, true);
        TURN_UNTIL(f->event, f->receiver.n == 1);
        turn_for(f->event, 300 * USEC_PER_MSEC); /* many intervals, one request at a time */
        assert_int_equal(f->receiver.n, 1);
}

static void test_off(void **state) {
        struct fixture *f = *state;

        f->config.heartbeat.url = NULL;
        heartbeat_configure(f->beat, &f->config);
        heartbeat_set(f->beat, true);
        turn_for(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(f->receiver.n, 0);
        f->config.heartbeat.url = f->url;
        heartbeat_configure(f->beat, &f->config); /* all is still well */
        TURN_UNTIL(f->event, f->receiver.n == 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                T(test_beats),
                T(test_stops),
                T(test_interval),
                T(test_failure_is_said_once),
                T(test_hanging_service),
                T(test_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
