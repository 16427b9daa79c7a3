/* Any bytes as a gateway's answer to the real probe, through libcurl: the check ends, with a verdict in words that may be
 * printed.
 *
 * An input is a byte of flags, then the answer, or two of them with a NUL in between: to /startupz and to /health. There is
 * no network: what would be connected to the gateway is one end of a socketpair(2), whose other end holds the answer, so
 * that a check takes a fraction of a millisecond. */
#include "fuzz.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <systemd/sd-event.h>

#include "probe/judge.h"
#include "probe/probe.h"

enum {
        EXPECTS_2XX = 1,
        ASKS_STARTUP = 2,
        STAYS_SILENT = 4, /* does not close when all is said */
        FLOODS = 8,       /* says it again, until it is more than may be read */
};

/* The gateway. */
static struct {
        struct input answers;
        bool stays_silent, floods;
        int fds[8]; /* our ends of the connections */
        size_t n;
} gateway;

static void answer(int fd) {
        _cleanup_free_ char *text = take_text(&gateway.answers, '\0');
        size_t length = strlen(text), sent = 0;

        do {
                if (length == 0 || send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t) length)
                        break;
                sent += length;
        } while (gateway.floods && sent <= ANSWER_MAX);
        if (!gateway.stays_silent)
                (void) shutdown(fd, SHUT_WR);
}

/* In the place of the C library's, for the probe, and in connect()'s case for libcurl. */

int socket(int domain, int type, int protocol) {
        int fds[2];

        if (domain != AF_INET)
                return (int) syscall(SYS_socket, domain, type, protocol);
        if (gateway.n == ELEMENTSOF(gateway.fds) || socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds) < 0)
                return -1;
        gateway.fds[gateway.n++] = fds[1];
        answer(fds[1]);
        return fds[0];
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
        return address->sa_family == AF_INET ? 0 : (int) syscall(SYS_connect, fd, address, size);
}

static void on_done(_unused_ struct probe *p, const struct check *check, void *userdata) {
        *(struct check *) userdata = *check;
}

static void check(struct http *h, uint8_t flags) {
        struct probe_target target = {
                .url = "http://127.0.0.1:18789/health",
                .startup = flags & ASKS_STARTUP,
                .scheme = SCHEME_HTTP,
                .expect = flags & EXPECTS_2XX ? EXPECT_2XX : EXPECT_OPENCLAW,
                .timeout = flags & STAYS_SILENT ? 2 * USEC_PER_MSEC : USEC_PER_MINUTE,
        };
        _cleanup_(probe_freep) struct probe *p = NULL;
        struct check c = { 0 };

        demand(probe_new(h, &target, &p) >= 0);
        demand(probe_start(p, on_done, &c) >= 0);
        while (probe_is_running(p))
                demand(sd_event_run(http_event(h), 10 * USEC_PER_SEC) > 0);
        demand(*verdict_name(c.verdict));
        demand(*c.reason && is_safe(c.reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct http *h;
        struct input in = { data, size };
        uint8_t flags = take_byte(&in);

        if (!h) {
                sd_event *event = NULL;

                demand(sd_event_new(&event) >= 0);
                demand(http_new(event, &h) >= 0);
        }
        gateway.answers = in;
        gateway.stays_silent = flags & STAYS_SILENT;
        gateway.floods = flags & FLOODS;
        check(h, flags);
        while (gateway.n > 0)
                (void) close(gateway.fds[--gateway.n]);
        return 0;
}
