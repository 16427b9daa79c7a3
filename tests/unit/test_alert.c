/* Alerts reach a service that refuses, hangs, is busy, fails or redirects; or wait on disk; and never tell its secret. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "alert/alert.h"
#include "alert/alert_queue.h"
#include "alert/endpoint.h"
#include "alert/webhook.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "receiver.h"

#define SECRET "s3cr3t-token"

struct fixture {
        sd_event *event;
        struct http *http;
        struct receiver receiver;
        struct instance names;
        struct config config;
        struct alert *alert;
        char dir[64], url[128], secret_file[96], log[96];
        int saved_stderr;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);
        int fd;

        *state = f;
        (void) strcpy(f->dir, "/tmp/test-alert.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(http_new(f->event, &f->http), 0);
        f->receiver = (struct receiver){ .event = f->event, .answer = TAKEN };
        receiver_open(&f->receiver);
        (void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/hook/" SECRET, f->receiver.port);
        (void) snprintf(f->secret_file, sizeof f->secret_file, "%s/secret", f->dir);
        (void) snprintf(f->log, sizeof f->log, "%s/log", f->dir);
        f->names = (struct instance){ .instance = (char *) "", .state_dir = f->dir };
        f->config.alert.url = f->url;

        (void) fflush(stderr);
        f->saved_stderr = dup(STDERR_FILENO);
        fd = open(f->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void) dup2(fd, STDERR_FILENO);
        (void) close(fd);
        return 0;
}

/* What was logged so far. */
static const char *logged(struct fixture *f) {
        static char *text;

        free(TAKE(text));
        (void) fflush(stderr);
        assert_int_equal(read_file(f->log, 65536, &text), 0);
        return text;
}

static int tear_down(void **state) {
        struct fixture *f = *state;
        char command[128];
        bool leaked;

        (void) fflush(stderr);
        (void) dup2(f->saved_stderr, STDERR_FILENO);
        (void) close(f->saved_stderr);
        alert_free(f->alert);
        receiver_end(&f->receiver);
        http_free(f->http);
        sd_event_unref(f->event);
        leaked = strstr(logged(f), SECRET);
        (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
        assert_int_equal(system(command), 0);
        free(f);
        return leaked;
}

static void begin(struct fixture *f) {
        assert_int_equal(alert_new(f->http, &f->names, &f->config, &f->alert), 0);
}

static void restart(struct fixture *f) {
        f->alert = alert_free(f->alert);
        begin(f);
}

static void post_at(struct fixture *f, const char *event, usec_t time) {
        struct alert_message m = { .event = event,
                .level = LOG_NOTICE,
                .text = "It happened.",
                .primary = "p:1",
                .reason = "because",
                .time = time,
                .outage = 41 * USEC_PER_SEC,
                .lasted = USEC_INFINITY };

        alert_post(f->alert, &m);
}

static void post(struct fixture *f, const char *event) {
        post_at(f, event, now_usec(CLOCK_REALTIME));
}

/* A member of what was delivered as number I. */
static json_t *delivered(struct fixture *f, unsigned i, const char *name) {
        static json_t *j;

        json_decref(j);
        j = json_loads(receiver_body(&f->receiver, i), 0, NULL);
        assert_non_null(j);
        return json_object_get(j, name);
}

#define assert_event(f, i, event) assert_string_equal(json_string_value(delivered(f, i, "event")), event)

static bool on_disk(struct fixture *f) {
        char path[128];

        (void) snprintf(path, sizeof path, "%s/alerts.json", f->dir);
        return access(path, F_OK) == 0;
}

static const char *saved(struct fixture *f) {
        static char *text;
        char path[128];

        free(TAKE(text));
        (void) snprintf(path, sizeof path, "%s/alerts.json", f->dir);
        assert_int_equal(read_file(path, 65536, &text), 0);
        return text;
}

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
        assert_int_equal(webhook_new(f->http, keep_retry_after, &retry_after, &c), 0);
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
        TURN_UNTIL(f->event, strstr(logged(f), "HTTP 404, Unknown Webhook"));
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
        while (!strstr(logged(f), "silent for 10 s")) {
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
        assert_non_null(strstr(logged(f), "dropping the oldest, \"event-0\""));
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
                "{\"version\": 1, \"dropped\": 0, \"alerts\": [{\"event\": 7}]}" };
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

        f->names.state_dir = (char *) "/proc/nowhere";
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

static void test_secret_file(void **state) {
        struct fixture *f = *state;
        char text[256];

        f->config.alert.url = NULL;
        f->config.alert.url_file = f->secret_file;
        begin(f);
        post(f, "promoted");
        TURN_UNTIL(f->event, strstr(logged(f), "secret cannot be read: No such file"));
        (void) snprintf(text, sizeof text, "\n  %s \nmore\n", f->url);
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
        assert_int_equal(alert_new(f->http, &f->names, &other, &f->alert), 0);
        post(f, "promoted");
        TURN_UNTIL(f->event, strstr(logged(f), "http://127.0.0.1:1: connection refused"));
        receiver_open(&f->receiver);
        f->config.alert.format = ALERT_NTFY;
        alert_configure(f->alert, &f->config);
        TURN_UNTIL(f->event, f->receiver.n == 1 && !on_disk(f));
        assert_non_null(strstr(f->receiver.requests[0], "\r\nTitle: "));
}

/* A failover whose last good check was DOWN ago. */
static struct story failover_story(usec_t down) {
        return (struct story){ .mode = MODE_AUTO,
                .primary = "p:1",
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
        assert_false(endpoint_leaks("https://discord.com/api/webhooks/1/AbCdEf", "discord.com says no"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
                T(test_secret_file),
                T(test_credential),
                T(test_configured_anew),
                T(test_events),
                T(test_short_outage_is_quiet),
                T(test_by_hand_at_once),
                T(test_branches_to_merge),
                cmocka_unit_test(test_back_off),
                cmocka_unit_test(test_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
