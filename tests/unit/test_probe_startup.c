/* What a gateway says at /startupz, and what the probe makes of it. */
#include "probe_fixture.h"

#define STARTUP(status) JSON_OK "\r\n{\"status\":\"" status "\"}"

/* A live gateway, whose answer at /startupz is the text. */
static void starts(const struct peer *peer, int fd, const char *request) {
        bool is_startup = strncmp(request, "GET /startupz ", 14) == 0;

        put(fd, is_startup ? peer->text : UP, strlen(is_startup ? peer->text : UP));
}

/* Starts PEER, and a probe that asks its /startupz, too. */
static struct probe *start_both(const struct fixture *f, struct peer *peer, usec_t timeout) {
        struct probe *p = NULL;

        peer_start(peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer->port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.startup = true;
        t.timeout = timeout;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        return p;
}

/* --- /startupz --- */

static void startup(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, STARTUP("starting") };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        assert_check(check(f, p, PATIENT), VERDICT_STARTING, "the gateway says it is starting");
        assert_null(strstr(peer_requests(&peer, asked), "GET /health "));
        peer_stop(&peer);
}

/* Started: the health path decides. */
static void startup_is_over(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, STARTUP("started") };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        (void) peer_requests(&peer, asked);
        assert_int_equal(count_of(asked, "GET /startupz "), 1);
        assert_int_equal(count_of(asked, "GET /health "), 1);
        peer_stop(&peer);
}

/* Nor is a redirect followed here, where a body may matter whatever the status. */
static void startup_redirects(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, "HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n" };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(count_of(peer_requests(&peer, asked), "GET "), 2);
        peer_stop(&peer);
}

/* An older gateway is asked once, and once more after it was away. */
static void startup_unknown(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, HTML };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        for (unsigned i = 0; i < 3; i++)
                assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        (void) peer_requests(&peer, asked);
        assert_int_equal(count_of(asked, "GET /startupz "), 1);
        assert_int_equal(count_of(asked, "GET /health "), 3);

        peer_stop(&peer);
        assert_check(check(f, p, PATIENT), VERDICT_DOWN, "connection refused");
        peer.text = STARTUP("draining"); /* it comes back as a newer one */
        peer_start(&peer, AF_INET);
        assert_check(check(f, p, PATIENT), VERDICT_DRAINING, "the gateway says it is draining");
        peer_stop(&peer);
}

/* --- The connection of /startupz, which stays. --- */

#define STARTED_AND_STAYS JSON_OK "Content-Length: 20\r\n\r\n{\"status\":\"started\"}"

/* Answers with the text, and what comes next over the same connection with .again; without that it is silent. */
static void stays(const struct peer *peer, int fd, _unused_ const char *request) {
        char next[4096];

        put(fd, peer->text, strlen(peer->text));
        if (read(fd, next, sizeof next) <= 0)
                return;
        if (peer->again)
                put(fd, peer->again, strlen(peer->again));
        else
                (void) pause();
}

/* The peer notes only the first request of each connection: one check has one. */
static void one_connection(void **state) {
        struct fixture *f = *state;
        struct peer peer = { stays, STARTED_AND_STAYS, UP };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];
        unsigned before;

        assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        before = count_dir("/proc/self/fd");
        for (unsigned i = 0; i < 3; i++)
                assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(count_dir("/proc/self/fd"), before);
        (void) peer_requests(&peer, asked);
        assert_int_equal(count_of(asked, "GET /startupz "), 4);
        assert_int_equal(count_of(asked, "GET /health "), 0);
        peer_stop(&peer);
}

/* It was answered once, and then no more: a gateway that hangs, not a network that is down. */
static void silent_after_startup(void **state) {
        struct fixture *f = *state;
        struct peer peer = { stays, STARTED_AND_STAYS };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, IMPATIENT);

        assert_check(check(f, p, IMPATIENT), VERDICT_SILENT, "then silent");
        peer_stop(&peer);
}

/* It promises to stay and hangs up: the health path gets a connection of its own. */
static void hangs_up_after_startup(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, STARTED_AND_STAYS };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(count_of(peer_requests(&peer, asked), "GET /health "), 1);
        peer_stop(&peer);
}

static void hangs_up_when_asked(const struct peer *peer, int fd, const char *request) {
        char next[4096];

        starts(peer, fd, request);
        if (strncmp(request, "GET /startupz ", 14) == 0)
                (void) !read(fd, next, sizeof next);
}

/* The same once the health path is asked. That is no fault, however often: libcurl's patience ends after five. */
static void hangs_up_each_time(void **state) {
        struct fixture *f = *state;
        struct peer peer = { hangs_up_when_asked, STARTED_AND_STAYS };
        _cleanup_(probe_freep) struct probe *p = start_both(f, &peer, PATIENT);
        char asked[65536];

        for (unsigned i = 0; i < 7; i++)
                assert_check(check(f, p, PATIENT), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(count_of(peer_requests(&peer, asked), "GET /health "), 7);
        peer_stop(&peer);
}

/* Nothing follows an answer that decides: no connection is left open. */
static void leaves_after_starting(void **state) {
        struct fixture *f = *state;
        struct peer peer = { stays,
                "HTTP/1.1 503 Wait\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"
                "{\"status\":\"starting\"}" };
        unsigned before = count_dir("/proc/self/fd");

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.startup = true;
        assert_check(check_once(f, &t), VERDICT_STARTING, "starting");
        peer_stop(&peer);
        assert_int_equal(count_dir("/proc/self/fd"), before);
}

/* This one says so with a 200 and stays: its connection is closed at the next check, and serves no later one. */
static void leaves_at_the_next_check(void **state) {
        struct fixture *f = *state;
        struct peer peer = { stays, JSON_OK "Content-Length: 21\r\n\r\n{\"status\":\"starting\"}" };
        unsigned before;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.startup = true;
        assert_check(check_once(f, &t), VERDICT_STARTING, "starting");
        turn(f, SPARE + 100 * USEC_PER_MSEC);
        before = count_dir("/proc/self/fd");
        assert_check(check_once(f, &t), VERDICT_STARTING, "starting");
        assert_int_equal(count_dir("/proc/self/fd"), before);
        peer_stop(&peer);
}

/* --- /readyz --- */

/* A live gateway, whose answer at /readyz is the text; without one it is silent there. */
static void is_ready(const struct peer *peer, int fd, const char *request) {
        if (strncmp(request, "GET /readyz ", 12) != 0)
                put(fd, UP, strlen(UP));
        else if (peer->text)
                put(fd, peer->text, strlen(peer->text));
        else
                (void) pause();
}

/* It is asked for in one check alone. */
static void ready(void **state) {
        struct fixture *f = *state;
        struct peer peer = { is_ready, JSON_OK "\r\n{\"ready\":false,\"failing\":[\"telegram\"]}" };
        char asked[65536];
        _cleanup_(probe_freep) struct probe *p = NULL;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        assert_int_equal(probe_new(f->http, &t, &p), 0);
        probe_ask_ready(p);
        assert_check(check(f, p, t.timeout), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(f->check.ready, READY_NO);
        assert_non_null(strstr(f->check.channels, "telegram"));
        assert_check(check(f, p, t.timeout), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(f->check.ready, READY_UNKNOWN);
        assert_int_equal(count_of(peer_requests(&peer, asked), "GET /readyz "), 1);
        peer_stop(&peer);
}

/* Nor does its silence say anything of the gateway. */
static void ready_is_silent(void **state) {
        struct fixture *f = *state;
        struct peer peer = { is_ready };
        _cleanup_(probe_freep) struct probe *p = NULL;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.timeout = IMPATIENT;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        probe_ask_ready(p);
        assert_check(check(f, p, t.timeout), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(f->check.ready, READY_UNKNOWN);
        peer_stop(&peer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(startup),
                cmocka_unit_test(startup_is_over),
                cmocka_unit_test(startup_redirects),
                cmocka_unit_test(startup_unknown),
                cmocka_unit_test(one_connection),
                cmocka_unit_test(silent_after_startup),
                cmocka_unit_test(hangs_up_after_startup),
                cmocka_unit_test(hangs_up_each_time),
                cmocka_unit_test(leaves_after_starting),
                cmocka_unit_test(leaves_at_the_next_check),
                cmocka_unit_test(ready),
                cmocka_unit_test(ready_is_silent),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
