/* Names that do not resolve, silent name servers, and addresses in urls. */
#include "probe_fixture.h"

/* --- Names. --- */

/* A name server that takes every question and never answers. */
static int silent_name_server(void) {
        struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
        };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
        return fd;
}

static void name_does_not_resolve(void **state) {
        struct fixture *f = *state;

        if (!f->is_private)
                skip();
        struct probe_target t = target("gateway.test", 18789, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        assert_check(check_once(f, &t), VERDICT_SILENT, "the name does not resolve");
}

static void name_server_silent(void **state) {
        struct fixture *f = *state;

        if (!f->is_private)
                skip();
        int server = silent_name_server();
        struct probe_target t = target("gateway.test", 18789, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.timeout = IMPATIENT;
        const struct check *c = check_once(f, &t);
        assert_check(c, VERDICT_SILENT, "no answer from the name server in 0.4 s");
        assert_false(c->connected);
        (void) close(server);
}

/* Once it was found, its address lasts longer than its name. */
static void last_good_address(void **state) {
        struct fixture *f = *state;
        struct peer peer = { answers, UP };
        _cleanup_(probe_freep) struct probe *p = NULL, *patient = NULL;
        int server;

        if (!f->is_private)
                skip();
        write_file("/etc/hosts", "127.0.0.1 gateway.test\n");
        peer_start(&peer, AF_INET);
        struct probe_target t = target("gateway.test", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.timeout = SPARE; /* half of it is less than the resolver takes to give up */
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        assert_check(check(f, p, t.timeout), VERDICT_UP, "200");
        assert_null(strstr(f->check.reason, "last good address"));
        t.timeout = PATIENT; /* a connect gets less than half of it */
        assert_int_equal(probe_new(f->http, &t, &patient), 0);
        assert_check(check(f, patient, t.timeout), VERDICT_UP, "200");
        t.timeout = SPARE;

        write_file("/etc/hosts", "");
        assert_check(check(f, p, t.timeout), VERDICT_UP, "at 127.0.0.1, last good address");
        server = silent_name_server();
        assert_check(check(f, p, t.timeout), VERDICT_UP, "at 127.0.0.1, last good address");
        assert_true(f->check.took >= t.timeout / 2);
        assert_check(check(f, patient, PATIENT), VERDICT_UP, "at 127.0.0.1, last good address");
        (void) close(server);

        peer_stop(&peer);
        assert_check(check(f, p, t.timeout), VERDICT_DOWN, "connection refused (at 127.0.0.1, last good");
}

static void silent_name_servers_do_not_pile_up(void **state) {
        struct fixture *f = *state;
        struct peer peer = { answers, UP };
        _cleanup_(probe_freep) struct probe *p = NULL, *knows = NULL;

        if (!f->is_private)
                skip();
        peer_start(&peer, AF_INET);
        struct probe_target t = target("gateway.test", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        write_file("/etc/hosts", "127.0.0.1 gateway.test\n");
        assert_int_equal(probe_new(f->http, &t, &knows), 0);
        assert_check(check(f, knows, t.timeout), VERDICT_UP, "answered HTTP 200");
        write_file("/etc/hosts", "");
        int server = silent_name_server();

        t.timeout = 20 * USEC_PER_MSEC;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        for (unsigned i = 0; i < 100; i++)
                assert_check(check(f, p, t.timeout), VERDICT_SILENT, "the name server");
        assert_string_equal(f->check.reason, "the name server is silent");
        assert_true(count_dir("/proc/self/task") < 20);

        /* Who knows the address asks there at once, and who does not says so at once. */
        assert_check(check(f, knows, PATIENT), VERDICT_UP, "at 127.0.0.1, last good address");
        assert_true(f->check.took < SPARE);
        probe_free(p);
        t.timeout = PATIENT;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        assert_check(check(f, p, t.timeout), VERDICT_SILENT, "the name server is silent");
        assert_true(f->check.took < SPARE);
        (void) close(server);

        /* What was left behind goes away, and then names are asked for again. */
        for (unsigned i = 0; http_resolver_is_stuck(); i++) {
                assert_true(i < 60 * 50);
                turn(f, 20 * USEC_PER_MSEC);
        }
        assert_check(check(f, p, t.timeout), VERDICT_SILENT, "the name");
        assert_string_not_equal(f->check.reason, "the name server is silent");
        peer_stop(&peer);
}

/* --- The rest. --- */

static void urls(_unused_ void **state) {
        static const struct {
                enum scheme scheme;
                const char *host, *url;
        } rows[] = {
                { SCHEME_HTTP, "100.64.0.1", "http://100.64.0.1:18789/health" },
                { SCHEME_HTTPS, "gateway.example", "https://gateway.example:18789/health" },
                { SCHEME_HTTP, "fd7a:115c:a1e0::1", "http://[fd7a:115c:a1e0::1]:18789/health" },
                { SCHEME_TCP, "::1", "http://[::1]:18789" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *url = probe_url(rows[i].scheme, rows[i].host, 18789, "/health");

                assert_string_equal(url, rows[i].url);
        }
}

static void no_url(void **state) {
        struct fixture *f = *state;
        struct probe_target t = { .url = "http://[", .timeout = PATIENT };
        struct probe *p;

        assert_int_equal(probe_new(f->http, &t, &p), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(name_does_not_resolve),
                cmocka_unit_test(last_good_address),
                cmocka_unit_test(name_server_silent),
                cmocka_unit_test(silent_name_servers_do_not_pile_up),
                cmocka_unit_test(urls),
                cmocka_unit_test(no_url),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
