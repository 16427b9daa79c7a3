/* The probe against real and hostile peers. */
#include "probe_fixture.h"

static void answers_and_waits(const struct peer *peer, int fd, const char *request) {
        answers(peer, fd, request);
        for (;;)
                (void) pause();
}

static void drips(const struct peer *peer, int fd, _unused_ const char *request) {
        for (const char *s = peer->text;; s = *s ? s + 1 : s) {
                put(fd, *s ? s : " ", 1);
                (void) usleep(30000);
        }
}

static void floods(const struct peer *peer, int fd, const char *request) {
        char block[32 * 1024];
        size_t n = 0, each = strlen(peer->again);

        for (; n + each <= sizeof block; n += each)
                (void) memcpy(block + n, peer->again, each);
        answers(peer, fd, request);
        for (;;)
                put(fd, block, n);
}

static void resets(const struct peer *peer, int fd, const char *request) {
        struct linger hard = { .l_onoff = 1 };

        answers(peer, fd, request);
        (void) usleep(30000); /* a reset overtakes what has not been read yet */
        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* --- Peers that are there. --- */

#define NOT_OPENCLAW "answered, but not as an OpenClaw gateway "
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

/* clang-format off */
static const struct {
        const char *name;
        struct peer peer;
        enum verdict verdict;
        const char *reason;
        enum scheme scheme;
        enum expect expect;
        usec_t timeout; /* 0: PATIENT */
} peers[] = {
        { "live", { answers, UP }, VERDICT_UP, "answered HTTP 200" },
        { "live, by chunks", { answers, JSON_OK CHUNKED "1b\r\n" LIVE "\r\n0\r\n\r\n" }, VERDICT_UP, "200" },
        { "live, until the end", { answers, JSON_OK "\r\n" LIVE }, VERDICT_UP, "200" },
        { "live, keeps the connection", { answers_and_waits, UP }, VERDICT_UP, "200" },
        { "live, after 100", { answers, "HTTP/1.1 100 Continue\r\n\r\n" UP }, VERDICT_UP, "200" },
        { "401, by drips", { drips, "HTTP/1.1 401\r\n\r\n" },
                VERDICT_DOWN, "did not finish in 0.4 s", .timeout = IMPATIENT },
        { "any 2xx is enough, at once", { answers_and_waits, JSON_OK CHUNKED }, VERDICT_UP, "200",
                .expect = EXPECT_2XX },
        { "any 2xx is enough, flooding", { floods, JSON_OK "\r\n", "x" }, VERDICT_UP, "200",
                .expect = EXPECT_2XX },
        { "tcp", { answers, UP }, VERDICT_UP, "accepted the connection", .scheme = SCHEME_TCP },
        { "401", { answers_and_waits, "HTTP/1.1 401 No\r\n\r\n" }, VERDICT_UP, "401" },

        { "503", { answers, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" }, VERDICT_DOWN, "HTTP 503" },
        { "503, drips its body", { answers_and_waits, "HTTP/1.1 503 Busy\r\n\r\n" },
                VERDICT_DOWN, "HTTP 503" },
        { "404", { answers, "HTTP/1.1 404 No\r\n\r\n" LIVE }, VERDICT_DOWN, "HTTP 404" },
        { "HTML", { answers, HTML }, VERDICT_DOWN, NOT_OPENCLAW "(text/html)" },
        { "other JSON", { answers, JSON_OK "\r\n{\"fine\":true}" }, VERDICT_DOWN,
                NOT_OPENCLAW "(JSON without \"ok\")" },
        { "ok: false", { answers, JSON_OK "\r\n{\"ok\":false}" },
                VERDICT_DOWN, "the gateway says \"ok\": false" },
        { "no body", { answers, JSON_OK "Content-Length: 0\r\n\r\n" }, VERDICT_DOWN,
                NOT_OPENCLAW "(application/json)" },
        { "redirect to a file", { answers, "HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\n\r\n" },
                VERDICT_DOWN, "HTTP 302, a redirect, which is not followed" },
        { "redirect to where a cloud tells its machines their secrets",
                { answers, "HTTP/1.1 302 Go\r\nLocation: http://169.254.169.254/latest/meta-data\r\n\r\n" },
                VERDICT_DOWN, "HTTP 302, a redirect, which is not followed" },
        { "redirect to itself",
                { answers, "HTTP/1.1 307 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n" }, VERDICT_DOWN,
                "HTTP 307, a redirect, which is not followed" },
        { "what says it is gzip stays as it is",
                { answers, JSON_OK "Content-Encoding: gzip\r\nContent-Length: 27\r\n\r\n" LIVE },
                VERDICT_UP, "200" },

        { "silent", { answers_and_waits, "" }, VERDICT_SILENT,
                "accepted the connection, then silent for 0.4 s", .timeout = IMPATIENT },
        { "silent after one byte", { answers_and_waits, "H" }, VERDICT_DOWN, "did not finish in 0.4 s",
                .timeout = IMPATIENT },
        { "silent after the headers", { answers_and_waits, JSON_OK "\r\n" },
                VERDICT_DOWN, "did not finish", .timeout = IMPATIENT },
        { "drips the headers", { drips, UP }, VERDICT_DOWN, "did not finish", .timeout = IMPATIENT },
        { "closes", { answers, "" }, VERDICT_DOWN, "closed the connection without an answer" },
        { "closes too early", { answers, JSON_OK "Content-Length: 99\r\n\r\n" LIVE }, VERDICT_DOWN,
                "closed the connection in the middle of its answer" },
        { "resets", { resets, "" }, VERDICT_DOWN, "connection reset" },
        { "resets in the body", { resets, JSON_OK "Content-Length: 99\r\n\r\n" LIVE }, VERDICT_DOWN,
                "connection reset" },

        { "floods the body", { floods, JSON_OK "\r\n", " " },
                VERDICT_DOWN, NOT_OPENCLAW "(more than 64 KiB)" },
        { "floods by chunks", { floods, JSON_OK CHUNKED, "4\r\nabcd\r\n" }, VERDICT_DOWN,
                NOT_OPENCLAW "(more than 64 KiB)" },
        { "floods with headers", { floods, "HTTP/1.1 200 OK\r\n", "X-More: more\r\n" }, VERDICT_DOWN,
                "accepted the connection, then" },
        { "floods one header", { floods, "HTTP/1.1 200 OK\r\nX-More: ", "more " },
                VERDICT_DOWN, "accepted the connection, then" },
        { "floods with interim answers", { floods, "", "HTTP/1.1 100 Continue\r\n\r\n" }, VERDICT_DOWN,
                "accepted the connection, then" },
        { "floods with noise", { floods, "", "\x01\xfe\x80\xc0 noise" },
                VERDICT_DOWN, "answered, but not in HTTP" },
        { "speaks ssh", { answers_and_waits, "SSH-2.0-OpenSSH_9.2\r\n" }, VERDICT_DOWN,
                "answered, but not in HTTP" },
};

/* clang-format on */

static void all_kinds_of_peers(void **state) {
        struct fixture *f = *state;
        char asked[65536];

        for (size_t i = 0; i < ELEMENTSOF(peers); i++) {
                struct peer peer = peers[i].peer;

                peer_start(&peer, i % 2 ? AF_INET : AF_INET6);
                struct probe_target t = target(i % 2 ? "127.0.0.1" : "::1", peer.port, peers[i].scheme);
                _cleanup_free_ char *url = (char *) t.url;

                t.expect = peers[i].expect;
                t.timeout = peers[i].timeout ?: PATIENT;
                const struct check *c = check_once(f, &t);
                (void) peer_requests(&peer, asked);
                peer_stop(&peer);
                if (c->verdict != peers[i].verdict || !strstr(c->reason, peers[i].reason) || !c->connected)
                        fail_msg("%s: %s, \"%s\"", peers[i].name, verdict_name(c->verdict), c->reason);
                if (count_of(asked, "GET ") != (peers[i].scheme != SCHEME_TCP) ||
                        strcasestr(asked, "Accept-Encoding"))
                        fail_msg("%s was asked: %s", peers[i].name, asked);
        }
}

/* One that is silent, and one that answers in plain HTTP. */
static void no_tls(void **state) {
        struct peer silent = { answers_and_waits, "" }, plain = { answers, UP };

        if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) < 0) {
                print_message("ca-certificates is not installed\n");
                skip();
        }
        peer_start(&silent, AF_INET);
        peer_start(&plain, AF_INET);
        struct probe_target t = target("127.0.0.1", silent.port, SCHEME_HTTPS);
        struct probe_target u = target("127.0.0.1", plain.port, SCHEME_HTTPS);
        _cleanup_free_ char *url = (char *) t.url, *plain_url = (char *) u.url;

        t.timeout = IMPATIENT;
        assert_check(
                check_once(*state, &t), VERDICT_SILENT, "accepted the connection, then silent for 0.4 s");
        const struct check *c = check_once(*state, &u);
        assert_check(c, VERDICT_DOWN, "accepted the connection, but does not speak TLS");
        assert_true(c->connected);
        peer_stop(&silent);
        peer_stop(&plain);
}

/* Where the headers decide, nobody waits for a body. */
static void ends_with_the_headers(void **state) {
        struct peer peer = { answers_and_waits, JSON_OK CHUNKED };

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.expect = EXPECT_2XX;
        assert_true(check_once(*state, &t)->took < t.timeout / 2);
        peer_stop(&peer);
}

/* The peer answers once for each connection, and then holds it open. */
static void every_connection_is_fresh(void **state) {
        struct peer peer = { answers_and_waits, UP };
        _cleanup_(probe_freep) struct probe *p = NULL;
        struct fixture *f = *state;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        assert_int_equal(probe_new(f->http, &t, &p), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_check(check(f, p, t.timeout), VERDICT_UP, "200");
        peer_stop(&peer);
}

/* Neither the environment nor the user's files come between. */
static void no_proxy_no_netrc(void **state) {
        struct peer peer = { answers, UP };
        char asked[65536], home[] = "/tmp/test_probe.XXXXXX", netrc[64];

        assert_non_null(mkdtemp(home));
        (void) snprintf(netrc, sizeof netrc, "%s/.netrc", home);
        assert_int_equal(write_file_atomic(netrc, "machine 127.0.0.1 login me password secret\n", 0600), 0);
        (void) setenv("HOME", home, 1);
        (void) setenv("http_proxy", "http://127.0.0.1:9", 1);
        (void) setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
        peer_start(&peer, AF_INET);

        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        assert_check(check_once(*state, &t), VERDICT_UP, "200");
        assert_null(strcasestr(peer_requests(&peer, asked), "Authorization"));
        peer_stop(&peer);
        (void) unsetenv("http_proxy");
        (void) unsetenv("ALL_PROXY");
        (void) unlink(netrc);
        (void) rmdir(home);
}

/* --- Peers that are not there. --- */

static void refused(void **state) {
        static const enum scheme schemes[] = { SCHEME_HTTP, SCHEME_HTTPS, SCHEME_TCP };
        static const char *const hosts[] = { "127.0.0.1", "::1" };

        for (size_t i = 0; i < ELEMENTSOF(schemes) * ELEMENTSOF(hosts); i++) {
                struct probe_target t = target(hosts[i % 2], 1, schemes[i / 2]);
                _cleanup_free_ char *url = (char *) t.url;

                const struct check *c = check_once(*state, &t);
                assert_check(c, VERDICT_DOWN, "connection refused");
                assert_false(c->connected);
                assert_true(c->took < t.timeout / 2);
        }
}

/* A full backlog drops the SYN, as a dead host does. */
struct dead {
        int listener, fillers[8];
};

static void dead_start(struct dead *d, unsigned *port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(loopback) };

        d->listener = listen_on(AF_INET, 0, port);
        a.sin_port = htons((uint16_t) *port);
        for (size_t i = 0; i < ELEMENTSOF(d->fillers); i++) {
                d->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void) connect(d->fillers[i], (struct sockaddr *) &a, sizeof a);
        }
}

static void dead_stop(struct dead *d) {
        for (size_t i = 0; i < ELEMENTSOF(d->fillers); i++)
                (void) close(d->fillers[i]);
        (void) close(d->listener);
}

static void no_answer_to_the_connect(void **state) {
        unsigned port = 0;
        struct dead d;

        dead_start(&d, &port);
        for (unsigned i = 0; i < 3; i++) {
                struct probe_target t =
                        target(i == 2 ? "localhost" : "127.0.0.1", port, i ? SCHEME_TCP : SCHEME_HTTP);
                _cleanup_free_ char *url = (char *) t.url;

                t.timeout = IMPATIENT;
                const struct check *c = check_once(*state, &t);
                assert_check(c, VERDICT_DOWN, "no answer to the connect in 0.4 s");
                assert_false(c->connected);
                assert_true(c->unanswered);
        }
        dead_stop(&d);
}

/* The kernel and the resolver sort them, so each of the two is tried as the dead one. */
static void one_of_two_addresses_is_dead(void **state) {
        struct fixture *f = *state;

        if (!f->is_private)
                skip();
        write_file("/etc/hosts", "127.0.0.1 gateway.test\n127.0.0.2 gateway.test\n");
        for (unsigned i = 0; i < 2; i++) {
                struct peer live = { answers, UP };
                struct dead d;

                loopback = INADDR_LOOPBACK + i;
                peer_start(&live, AF_INET);
                loopback = INADDR_LOOPBACK + !i;
                dead_start(&d, &live.port);
                loopback = INADDR_LOOPBACK;
                struct probe_target t = target("gateway.test", live.port, SCHEME_HTTP);
                _cleanup_free_ char *url = (char *) t.url;

                t.timeout = 4 * USEC_PER_SEC;
                assert_check(check_once(f, &t), VERDICT_UP, "200");
                dead_stop(&d);
                peer_stop(&live);
        }
        write_file("/etc/hosts", "");
}

/* --- The life of a probe. --- */

static void ends_in_flight(void **state) {
        struct fixture *f = *state;
        struct peer peer = { answers_and_waits, "HTTP/1.1 200 OK\r\n" };
        struct probe *p;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        t.timeout = IMPATIENT;
        f->done = 0;
        for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(probe_new(f->http, &t, &p), 0);
                probe_cancel(p); /* nothing is under way */
                assert_int_equal(probe_start(p, on_check, f), 0);
                turn(f, i * 10 * USEC_PER_MSEC);
                if (i % 2)
                        probe_cancel(p);
                probe_free(p);
        }
        turn(f, 2 * t.timeout);
        assert_int_equal(f->done, 0);
        peer_stop(&peer);
}

/* Also what ends at once is told from the loop, and not after it was cancelled. */
static void cancelled_when_it_has_ended(void **state) {
        struct fixture *f = *state;
        struct probe_target t = target("127.0.0.1", 1, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;
        _cleanup_(probe_freep) struct probe *p = NULL;

        assert_int_equal(probe_new(f->http, &t, &p), 0);
        f->done = 0;
        assert_int_equal(probe_start(p, on_check, f), 0);
        probe_cancel(p);
        turn(f, SPARE / 10);
        assert_int_equal(f->done, 0);
        assert_check(check(f, p, t.timeout), VERDICT_DOWN, "refused");
}

struct chain {
        struct fixture *fixture;
        struct probe *other; /* cancelled by the first */
        unsigned left;
};

static void on_chain(struct probe *p, const struct check *c, void *userdata) {
        struct chain *chain = userdata;

        assert_check(c, VERDICT_UP, "200");
        probe_cancel(chain->other);
        if (chain->left-- > 0)
                assert_int_equal(probe_start(p, on_chain, chain), 0);
        else {
                probe_free(p);
                chain->fixture->done++;
        }
}

static void restarted_and_freed_in_its_callback(void **state) {
        struct fixture *f = *state;
        struct chain chain = { .fixture = f, .left = 3 };
        struct peer peer = { answers, UP };
        struct probe *p;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;
        struct probe_target refuses = target("127.0.0.1", 1, SCHEME_HTTP);
        _cleanup_free_ char *refuses_url = (char *) refuses.url;

        f->done = 0;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        assert_int_equal(probe_new(f->http, &refuses, &chain.other), 0);
        assert_int_equal(probe_start(p, on_chain, &chain), 0);
        for (usec_t began = now_usec(CLOCK_BOOTTIME); f->done == 0;) {
                assert_true(now_usec(CLOCK_BOOTTIME) - began < PATIENT);
                (void) sd_event_run(f->event, USEC_INFINITY);
        }
        probe_free(chain.other);
        peer_stop(&peer);
}

static void many_at_once(void **state) {
        struct fixture *f = *state;
        struct peer peer = { answers, UP };
        struct probe *p[12];

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url;

        f->done = 0;
        for (size_t i = 0; i < ELEMENTSOF(p); i++) {
                assert_int_equal(probe_new(f->http, &t, &p[i]), 0);
                assert_int_equal(probe_start(p[i], on_check, f), 0);
        }
        for (usec_t began = now_usec(CLOCK_BOOTTIME); f->done < ELEMENTSOF(p);) {
                assert_true(now_usec(CLOCK_BOOTTIME) - began < PATIENT);
                (void) sd_event_run(f->event, USEC_INFINITY);
        }
        for (size_t i = 0; i < ELEMENTSOF(p); i++)
                probe_free(p[i]);
        peer_stop(&peer);
}

static void leaves_nothing_behind(void **state) {
        struct fixture *f = *state;
        struct peer peer = { answers, UP };
        struct probe *p[3];
        unsigned before = 0;

        peer_start(&peer, AF_INET);
        struct probe_target t[3] = { target("127.0.0.1", peer.port, SCHEME_HTTP),
                target("127.0.0.1", peer.port, SCHEME_TCP), target("127.0.0.1", 1, SCHEME_HTTP) };

        for (size_t i = 0; i < ELEMENTSOF(p); i++) {
                assert_int_equal(probe_new(f->http, &t[i], &p[i]), 0);
        }
        for (unsigned i = 0; i < 1000; i++) {
                if (i == 3)
                        before = count_dir("/proc/self/fd");
                assert_check(check(f, p[i % 3], PATIENT), i % 3 == 2 ? VERDICT_DOWN : VERDICT_UP, "");
        }
        assert_int_equal(count_dir("/proc/self/fd"), before);
        for (size_t i = 0; i < ELEMENTSOF(p); i++) {
                probe_free(p[i]);
                free((char *) t[i].url);
        }
        peer_stop(&peer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_kinds_of_peers),
                cmocka_unit_test(no_tls),
                cmocka_unit_test(ends_with_the_headers),
                cmocka_unit_test(every_connection_is_fresh),
                cmocka_unit_test(no_proxy_no_netrc),
                cmocka_unit_test(refused),
                cmocka_unit_test(no_answer_to_the_connect),
                cmocka_unit_test(one_of_two_addresses_is_dead),
                cmocka_unit_test(ends_in_flight),
                cmocka_unit_test(cancelled_when_it_has_ended),
                cmocka_unit_test(restarted_and_freed_in_its_callback),
                cmocka_unit_test(many_at_once),
                cmocka_unit_test(leaves_nothing_behind),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
