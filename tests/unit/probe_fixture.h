/* Peers of the probe: a forked child that listens on loopback and behaves as the test says.
 *
 * Nothing here measures how fast anything is. What is asserted of time is that a check ends when its time is up and that
 * the loop turns meanwhile, both with seconds to spare where a blocking call would take far longer.
 *
 * As root the tests run in namespaces of their own, where port 53, /etc/hosts and /etc/resolv.conf are theirs. */
#pragma once

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
static inline void put(int fd, const char *text, size_t n) {
        if (send(fd, text, n, MSG_NOSIGNAL) < 0)
                _exit(0);
}

static inline void answers(const struct peer *peer, int fd, _unused_ const char *request) {
        put(fd, peer->text, strlen(peer->text));
}

static inline void serve(const struct peer *peer, int fd, int requests) {
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

static inline _Noreturn void serve_all(const struct peer *peer, int listener, int requests) {
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

/* Where the next peer listens. */
static unsigned loopback = INADDR_LOOPBACK;

/* On *PORT, or if that is 0 on any, which *PORT then is. */
static inline int listen_on(int family, int backlog, unsigned *port) {
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

static inline void peer_start(struct peer *peer, int family) {
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

static inline void peer_stop(struct peer *peer) {
        (void) kill(peer->pid, SIGKILL);
        (void) waitpid(peer->pid, NULL, 0);
        (void) close(peer->requests);
}

/* All that the peer was asked since the last call. */
static inline const char *peer_requests(struct peer *peer, char buf[static 65536]) {
        ssize_t n = read(peer->requests, buf, 65535);

        buf[n > 0 ? n : 0] = '\0';
        return buf;
}

static inline unsigned count_of(const char *text, const char *what) {
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

static inline int on_tick(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct fixture *f = userdata;
        usec_t now = now_usec(CLOCK_BOOTTIME);

        f->longest_gap = MAX(f->longest_gap, now - f->last_tick);
        f->last_tick = now;
        (void) sd_event_source_set_time_relative(s, 20 * USEC_PER_MSEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static inline void on_check(_unused_ struct probe *p, const struct check *check, void *userdata) {
        struct fixture *f = userdata;

        f->check = *check;
        f->done++;
}

static inline void turn(struct fixture *f, usec_t span) {
        usec_t until = now_usec(CLOCK_BOOTTIME) + span;

        while (now_usec(CLOCK_BOOTTIME) < until)
                (void) sd_event_run(f->event, 20 * USEC_PER_MSEC);
}

/* One check from its start to its end. */
static inline const struct check *check(struct fixture *f, struct probe *p, usec_t timeout) {
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
static inline const struct check *check_once(struct fixture *f, const struct probe_target *t) {
        _cleanup_(probe_freep) struct probe *p = NULL;

        assert_int_equal(probe_new(f->http, t, &p), 0);
        return check(f, p, t->timeout);
}

/* A target on loopback, whose url the caller frees. */
static inline struct probe_target target(const char *host, unsigned port, enum scheme scheme) {
        return (struct probe_target){
                .url = probe_url(scheme, host, port, "/health"), .scheme = scheme, .timeout = PATIENT
        };
}

static inline void assert_check(const struct check *c, enum verdict verdict, const char *reason) {
        if (c->verdict != verdict || !strstr(c->reason, reason))
                fail_msg("%s, \"%s\"; not %s, \"%s\"", verdict_name(c->verdict), c->reason,
                        verdict_name(verdict), reason);
}

static inline unsigned count_dir(const char *path) {
        DIR *d = opendir(path);
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n;
}

static inline void write_file(const char *path, const char *text) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* Whatever is written to /etc from now on, this process alone sees, and it is gone with it. */
static inline bool cover_etc(void) {
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
static inline bool go_private(void) {
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

static inline int set_up(void **state) {
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

static inline int tear_down(void **state) {
        struct fixture *f = *state;

        (void) sd_event_source_disable_unref(f->ticker);
        http_free(f->http);
        (void) sd_event_unref(f->event);
        free(f);
        return 0;
}
