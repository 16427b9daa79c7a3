/* An alert service and a daemon's alerts, for their tests. */
#pragma once

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
#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "receiver.h"

#define SECRET "s3cr3t-token"

struct fixture {
        sd_event *event;
        struct http *http;
        struct receiver receiver;
        struct instance instance;
        struct config config;
        struct alert *alert;
        char dir[64], url[128], secret_file[96], log[96];
        int saved_stderr;
};

static _unused_ int set_up(void **state) {
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
        f->instance = (struct instance){
                .name = (char *) "", .program = (char *) "openclaw-failover", .state_dir = f->dir
        };
        f->config.alert.url = f->url;

        (void) fflush(stderr);
        f->saved_stderr = dup(STDERR_FILENO);
        fd = open(f->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void) dup2(fd, STDERR_FILENO);
        (void) close(fd);
        return 0;
}

/* What was logged so far. */
static _unused_ const char *logged(struct fixture *f) {
        static char *text;

        free(TAKE(text));
        (void) fflush(stderr);
        assert_int_equal(read_file(f->log, 65536, &text), 0);
        return text;
}

static _unused_ int tear_down(void **state) {
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

static _unused_ void begin(struct fixture *f) {
        assert_int_equal(alert_new(f->http, &f->instance, &f->config, &f->alert), 0);
}

static _unused_ void restart(struct fixture *f) {
        f->alert = alert_free(f->alert);
        begin(f);
}

static _unused_ void post_at(struct fixture *f, const char *event, usec_t time) {
        struct alert_message m = { .event = event,
                .level = LOG_NOTICE,
                .text = "It happened.",
                .primary = "p:1",
                .reason = "because",
                .time = time,
                .outage = 41 * USEC_PER_SEC };

        alert_post(f->alert, &m);
}

static _unused_ void post(struct fixture *f, const char *event) {
        post_at(f, event, now_usec(CLOCK_REALTIME));
}

/* A member of what was delivered as number I. */
static _unused_ json_t *delivered(struct fixture *f, unsigned i, const char *name) {
        static json_t *j;

        json_decref(j);
        j = json_loads(receiver_body(&f->receiver, i), 0, NULL);
        assert_non_null(j);
        return json_object_get(j, name);
}

#define assert_event(f, i, event) assert_string_equal(json_string_value(delivered(f, i, "event")), event)

static _unused_ bool on_disk(struct fixture *f) {
        char path[128];

        (void) snprintf(path, sizeof path, "%s/alerts.json", f->dir);
        return access(path, F_OK) == 0;
}

static _unused_ const char *saved(struct fixture *f) {
        static char *text;
        char path[128];

        free(TAKE(text));
        (void) snprintf(path, sizeof path, "%s/alerts.json", f->dir);
        assert_int_equal(read_file(path, 65536, &text), 0);
        return text;
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
