/* The probe against real and hostile peers: a forked child that listens on loopback and behaves as told.
 *
 * Nothing here measures how fast anything is. What is asserted of time is that a check ends when its time
 * is up and that the loop turns meanwhile, both with seconds to spare where a blocking call would take far
 * longer.
 *
 * As root the tests run in namespaces of their own, where port 53, /etc/hosts and /etc/resolv.conf are
 * theirs. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "probe/probe.h"

#define LIVE "{\"ok\":true,\"status\":\"live\"}"
#define JSON_OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define UP JSON_OK "Content-Length: 27\r\n\r\n" LIVE
#define HTML "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
#define STARTUP(status) JSON_OK "\r\n{\"status\":\"" status "\"}"

/* For a check that must come to its end, and for one that is not meant to. */
#define PATIENT (20 * USEC_PER_SEC)
#define IMPATIENT (400 * USEC_PER_MSEC)
/* More than a busy machine withholds, less than the kernel and the resolver wait on their own. */
#define SPARE (2 * USEC_PER_SEC)

/* --- The other side, in child processes. --- */

struct peer;
typedef void (*behave_t)(const struct peer *peer, int fd, const char *request);

struct peer {
        behave_t behave;
        const char *text;
        const char *again; /* for ever after the text */
        pid_t pid;
        unsigned port;
        int requests; /* a pipe that tells what it was asked */
};

/* Whoever hangs up ends the child that serves it. */
static void put(int fd, const char *text, size_t n) {
        if (send(fd, text, n, MSG_NOSIGNAL) < 0)
                _exit(0);
}

static void answers(const struct peer *peer, int fd, _unused_ const char *request) {
        put(fd, peer->text, strlen(peer->text));
}

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

/* A live gateway, whose answer at /startupz is the text. */
static void starts(const struct peer *peer, int fd, const char *request) {
        bool is_startup = strncmp(request, "GET /startupz ", 14) == 0;

        put(fd, is_startup ? peer->text : UP, strlen(is_startup ? peer->text : UP));
}

static void serve(const struct peer *peer, int fd, int requests) {
        char request[4096] = "";
        size_t used = 0;

        /* Until the end of the headers, or of what may be TLS. */
        do {
                ssize_t n = read(fd, request + used, sizeof request - 1 - used);

                if (n <= 0)
                        _exit(0);
                used += (size_t) n;
        } while (*request == 'G' && used < sizeof request - 1 && !strstr(request, "\r\n\r\n"));
        (void) !write(requests, request, used);
        peer->behave(peer, fd, request);
        _exit(0);
}

static _Noreturn void serve_all(const struct peer *peer, int listener, int requests) {
        (void) signal(SIGCHLD, SIG_IGN);
        for (;;) {
                int fd = accept(listener, NULL, NULL);

                if (fork() == 0) {
                        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                        (void) close(listener); /* nobody listens once the parent is gone */
                        serve(peer, fd, requests);
                }
                (void) close(fd);
        }
}

/* On *PORT, or if that is 0 on any, which is then told. */
static unsigned loopback = INADDR_LOOPBACK; /* where the next one listens */

static int listen_on(int family, int backlog, unsigned *port) {
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } a = { 0 };
        socklen_t size = sizeof a;
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        a.sa.sa_family = (sa_family_t) family;
        if (family == AF_INET6) {
                a.in6.sin6_addr = in6addr_loopback;
                a.in6.sin6_port = htons((uint16_t) *port);
        } else {
                a.in.sin_addr.s_addr = htonl(loopback);
                a.in.sin_port = htons((uint16_t) *port);
        }
        assert_int_equal(bind(fd, &a.sa, size), 0);
        assert_int_equal(listen(fd, backlog), 0);
        assert_int_equal(getsockname(fd, &a.sa, &size), 0);
        *port = ntohs(family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
        return fd;
}

static void peer_start(struct peer *peer, int family) {
        int requests[2], listener = listen_on(family, 16, &peer->port);

        assert_int_equal(pipe2(requests, O_CLOEXEC | O_NONBLOCK), 0);
        peer->pid = fork();
        assert_true(peer->pid >= 0);
        if (peer->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve_all(peer, listener, requests[1]);
        }
        (void) close(listener);
        (void) close(requests[1]);
        peer->requests = requests[0];
}

static void peer_stop(struct peer *peer) {
        (void) kill(peer->pid, SIGKILL);
        (void) waitpid(peer->pid, NULL, 0);
        (void) close(peer->requests);
}

/* All that the peer was asked since the last call. */
static const char *peer_requests(struct peer *peer, char buf[static 65536]) {
        ssize_t n = read(peer->requests, buf, 65535);

        buf[n > 0 ? n : 0] = '\0';
        return buf;
}

static unsigned count_of(const char *text, const char *what) {
        unsigned n = 0;

        while ((text = strstr(text, what))) {
                n++;
                text++;
        }
        return n;
}

/* --- This side. --- */

struct fixture {
        sd_event *event;
        struct http *http;
        sd_event_source *ticker;
        usec_t last_tick;
        usec_t longest_gap; /* for which the loop stood still */
        bool is_private;    /* in namespaces of its own */
        unsigned done;
        struct check check;
};

static int on_tick(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct fixture *f = userdata;
        usec_t now = now_usec(CLOCK_BOOTTIME);

        f->longest_gap = MAX(f->longest_gap, now - f->last_tick);
        f->last_tick = now;
        (void) sd_event_source_set_time_relative(s, 20 * USEC_PER_MSEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void on_check(_unused_ struct probe *p, const struct check *check, void *userdata) {
        struct fixture *f = userdata;

        f->check = *check;
        f->done++;
}

static void turn(struct fixture *f, usec_t span) {
        usec_t until = now_usec(CLOCK_BOOTTIME) + span;

        while (now_usec(CLOCK_BOOTTIME) < until)
                (void) sd_event_run(f->event, 20 * USEC_PER_MSEC);
}

/* One check from its start to its end. */
static const struct check *check(struct fixture *f, struct probe *p, usec_t timeout) {
        f->done = 0;
        f->longest_gap = 0;
        f->last_tick = now_usec(CLOCK_BOOTTIME);
        assert_int_equal(probe_start(p, on_check, f), 0);
        assert_int_equal(f->done, 0);
        assert_true(probe_is_running(p));
        assert_int_equal(probe_start(p, on_check, f), -EBUSY);

        for (usec_t began = f->last_tick; f->done == 0;) {
                assert_true(now_usec(CLOCK_BOOTTIME) - began < timeout + 2 * SPARE);
                (void) sd_event_run(f->event, USEC_INFINITY);
        }
        assert_int_equal(f->done, 1);
        assert_false(probe_is_running(p));
        assert_true(f->check.took < timeout + SPARE);
        assert_true(f->longest_gap < SPARE);
        return &f->check;
}

/* One check by a probe that lives no longer. */
static const struct check *check_once(struct fixture *f, const struct probe_target *t) {
        _cleanup_(probe_freep) struct probe *p = NULL;

        assert_int_equal(probe_new(f->http, t, &p), 0);
        return check(f, p, t->timeout);
}

/* A target on loopback, whose url the caller frees. */
static struct probe_target target(const char *host, unsigned port, enum scheme scheme) {
        return (struct probe_target){
                .url = probe_url(scheme, host, port, "/health"), .scheme = scheme, .timeout = PATIENT
        };
}

static void assert_check(const struct check *c, enum verdict verdict, const char *reason) {
        if (c->verdict != verdict || !strstr(c->reason, reason))
                fail_msg("%s, \"%s\"; not %s, \"%s\"", verdict_name(c->verdict), c->reason,
                        verdict_name(verdict), reason);
}

static unsigned count_dir(const char *path) {
        DIR *d = opendir(path);
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n;
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
                "answered with more than 64 KiB of headers" },
        { "floods one header", { floods, "HTTP/1.1 200 OK\r\nX-More: ", "more " },
                VERDICT_DOWN, "its answer" },
        { "floods with interim answers", { floods, "", "HTTP/1.1 100 Continue\r\n\r\n" }, VERDICT_DOWN,
                "answered with more than 64 KiB of headers" },
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

static void write_file(const char *path, const char *text) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
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

/* --- /startupz --- */

static void startup(void **state) {
        struct peer peer = { starts, STARTUP("starting") };
        char asked[65536];

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url,
                            *startup_url = probe_url(SCHEME_HTTP, "127.0.0.1", peer.port, "/startupz");

        t.startup_url = startup_url;
        assert_check(check_once(*state, &t), VERDICT_STARTING, "the gateway says it is starting");
        assert_null(strstr(peer_requests(&peer, asked), "GET /health "));
        peer_stop(&peer);
}

/* Started: the health path decides. */
static void startup_is_over(void **state) {
        struct peer peer = { starts, STARTUP("started") };
        char asked[65536];

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url,
                            *startup_url = probe_url(SCHEME_HTTP, "127.0.0.1", peer.port, "/startupz");

        t.startup_url = startup_url;
        assert_check(check_once(*state, &t), VERDICT_UP, "answered HTTP 200");
        (void) peer_requests(&peer, asked);
        assert_int_equal(count_of(asked, "GET /startupz "), 1);
        assert_int_equal(count_of(asked, "GET /health "), 1);
        peer_stop(&peer);
}

/* Nor is a redirect followed here, where a body may matter whatever the status. */
static void startup_redirects(void **state) {
        struct peer peer = { starts, "HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n" };
        char asked[65536];

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url,
                            *startup_url = probe_url(SCHEME_HTTP, "127.0.0.1", peer.port, "/startupz");

        t.startup_url = startup_url;
        assert_check(check_once(*state, &t), VERDICT_UP, "answered HTTP 200");
        assert_int_equal(count_of(peer_requests(&peer, asked), "GET "), 2);
        peer_stop(&peer);
}

/* An older gateway is asked once, and once more after it was away. */
static void startup_unknown(void **state) {
        struct fixture *f = *state;
        struct peer peer = { starts, HTML };
        char asked[65536];
        _cleanup_(probe_freep) struct probe *p = NULL;

        peer_start(&peer, AF_INET);
        struct probe_target t = target("127.0.0.1", peer.port, SCHEME_HTTP);
        _cleanup_free_ char *url = (char *) t.url,
                            *startup_url = probe_url(SCHEME_HTTP, "127.0.0.1", peer.port, "/startupz");

        t.startup_url = startup_url;
        assert_int_equal(probe_new(f->http, &t, &p), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_check(check(f, p, t.timeout), VERDICT_UP, "answered HTTP 200");
        (void) peer_requests(&peer, asked);
        assert_int_equal(count_of(asked, "GET /startupz "), 1);
        assert_int_equal(count_of(asked, "GET /health "), 3);

        peer_stop(&peer);
        assert_check(check(f, p, t.timeout), VERDICT_DOWN, "connection refused");
        peer.text = STARTUP("draining"); /* it comes back as a newer one */
        peer_start(&peer, AF_INET);
        assert_check(check(f, p, t.timeout), VERDICT_DRAINING, "the gateway says it is draining");
        peer_stop(&peer);
}

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
        _cleanup_(probe_freep) struct probe *p = NULL;
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

        write_file("/etc/hosts", "");
        assert_check(check(f, p, t.timeout), VERDICT_UP, "at 127.0.0.1, last good address");
        server = silent_name_server();
        assert_check(check(f, p, t.timeout), VERDICT_UP, "at 127.0.0.1, last good address");
        assert_true(f->check.took >= t.timeout / 2);
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
        t.url = "http://127.0.0.1/";
        t.startup_url = "";
        assert_int_equal(probe_new(f->http, &t, &p), -EINVAL);
}

/* Whatever is written to /etc from now on, this process alone sees, and it is gone with it. */
static bool cover_etc(void) {
        char scratch[] = "/tmp/test_probe.XXXXXX", upper[64], work[64], options[192];
        bool ok;

        if (!mkdtemp(scratch))
                return false;
        (void) snprintf(upper, sizeof upper, "%s/upper", scratch);
        (void) snprintf(work, sizeof work, "%s/work", scratch);
        (void) snprintf(options, sizeof options, "lowerdir=/etc,upperdir=%s,workdir=%s", upper, work);
        ok = mount("tmpfs", scratch, "tmpfs", 0, "mode=0755") == 0 && mkdir(upper, 0755) == 0 &&
                mkdir(work, 0755) == 0 && mount("overlay", "/etc", "overlay", 0, options) == 0;
        (void) umount2(scratch, MNT_DETACH);
        (void) rmdir(scratch);
        return ok;
}

/* A network of our own with nothing but loopback, and the resolver's files. False if we may not. */
static bool go_private(void) {
        struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        _cleanup_close_ int fd = -1;

        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
                mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 || !cover_etc())
                return false;
        write_file("/etc/hosts", "");
        write_file("/etc/nsswitch.conf", "hosts: files dns\n");
        /* More than SPARE, or a loop that waits for it would not be noticed. */
        (void) unlink("/etc/resolv.conf");
        write_file("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:4 attempts:1\n");
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof *f);

        f->is_private = go_private();
        if (!f->is_private)
                print_message(
                        "not root, or no namespaces here: the tests of names and routes are skipped\n");
        if (sd_event_new(&f->event) < 0 || http_new(f->event, &f->http) < 0 ||
                sd_event_add_time_relative(f->event, &f->ticker, CLOCK_BOOTTIME, 0, 1, on_tick, f) < 0)
                return -1;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void) sd_event_source_disable_unref(f->ticker);
        http_free(f->http);
        (void) sd_event_unref(f->event);
        free(f);
        return 0;
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
                cmocka_unit_test(startup),
                cmocka_unit_test(startup_is_over),
                cmocka_unit_test(startup_redirects),
                cmocka_unit_test(startup_unknown),
                cmocka_unit_test(name_does_not_resolve),
                cmocka_unit_test(last_good_address),
                cmocka_unit_test(name_server_silent),
                cmocka_unit_test(silent_name_servers_do_not_pile_up),
                cmocka_unit_test(urls),
                cmocka_unit_test(no_url),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
