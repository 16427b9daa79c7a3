/* A web server on loopback that runs on the test's own event loop: it keeps what it was sent, and answers as told. */
#pragma once

#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "lib/clock.h"
#include "lib/util.h"

#define REQUESTS_MAX 64
#define REQUEST_MAX 8192

struct receiver {
        sd_event *event;
        int fd; /* -1: connections are refused */
        unsigned port;
        sd_event_source *source;
        const char *answer; /* all of it; NULL: none, ever */
        unsigned n;         /* requests that were whole */
        char *requests[REQUESTS_MAX];
        unsigned n_open;
        struct visitor {
                struct receiver *receiver;
                int fd;
                sd_event_source *source;
                char text[REQUEST_MAX];
                size_t used;
        } * visitors[REQUESTS_MAX];
};

#define TAKEN "HTTP/1.1 204 No Content\r\n\r\n"

/* Whether TEXT is a whole request, body included. */
static inline bool request_is_whole(const char *text) {
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\nContent-Length:");

        return end && (!length || length > end || strlen(end + 4) >= strtoul(length + 17, NULL, 10));
}

static inline void visitor_leave(struct visitor *v) {
        (void) sd_event_source_disable_unref(TAKE(v->source));
        if (v->fd >= 0)
                (void) close(v->fd);
        v->fd = -1;
}

static inline int on_visitor(
        _unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct visitor *v = userdata;
        struct receiver *r = v->receiver;
        ssize_t n = read(fd, v->text + v->used, sizeof v->text - 1 - v->used);

        if (n <= 0) {
                visitor_leave(v);
                return 0;
        }
        v->used += (size_t) n;
        if (!request_is_whole(v->text) || r->n == REQUESTS_MAX)
                return 0;
        r->requests[r->n++] = strdup(v->text);
        if (!r->answer)
                return 0;
        (void) send(fd, r->answer, strlen(r->answer), MSG_NOSIGNAL);
        visitor_leave(v);
        return 0;
}

static inline int on_visit(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct receiver *r = userdata;
        struct visitor *v = calloc(1, sizeof *v), **slot = &r->visitors[r->n_open++ % REQUESTS_MAX];

        if (*slot) {
                visitor_leave(*slot);
                free(*slot);
        }
        *slot = v;
        v->receiver = r;
        v->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        (void) sd_event_add_io(r->event, &v->source, v->fd, EPOLLIN, on_visitor, v);
        return 0;
}

/* On the same port as before, if there was one. */
static inline void receiver_open(struct receiver *r) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof a;
        int one = 1;

        a.sin_port = htons((uint16_t) r->port);
        r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(r->fd, (struct sockaddr *) &a, size) < 0 || listen(r->fd, 16) < 0)
                abort();
        (void) getsockname(r->fd, (struct sockaddr *) &a, &size);
        r->port = ntohs(a.sin_port);
        (void) sd_event_add_io(r->event, &r->source, r->fd, EPOLLIN, on_visit, r);
}

/* Connections are refused from now on. */
static inline void receiver_shut(struct receiver *r) {
        (void) sd_event_source_disable_unref(TAKE(r->source));
        if (r->fd >= 0)
                (void) close(r->fd);
        r->fd = -1;
}

static inline void receiver_forget(struct receiver *r) {
        while (r->n > 0)
                free(r->requests[--r->n]);
}

static inline void receiver_end(struct receiver *r) {
        receiver_shut(r);
        for (size_t i = 0; i < REQUESTS_MAX; i++)
                if (r->visitors[i]) {
                        visitor_leave(r->visitors[i]);
                        free(r->visitors[i]);
                }
        receiver_forget(r);
}

/* The body of request number I. */
static inline const char *receiver_body(const struct receiver *r, unsigned i) {
        return strstr(r->requests[i], "\r\n\r\n") + 4;
}

/* Turns the loop until CONDITION holds; a minute is more than anything here takes on a busy machine. */
#define TURN_UNTIL(event, condition)                                                                        \
        do {                                                                                                \
                usec_t _end = now_usec(CLOCK_MONOTONIC) + USEC_PER_MINUTE;                                  \
                while (!(condition)) {                                                                      \
                        assert_true(now_usec(CLOCK_MONOTONIC) < _end);                                      \
                        assert_true(sd_event_run((event), 50 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                           \
        } while (0)

/* Turns the loop for a while, in which something is not to happen. */
static inline void turn_for(sd_event *event, usec_t span) {
        usec_t end = now_usec(CLOCK_MONOTONIC) + span;

        while (now_usec(CLOCK_MONOTONIC) < end)
                (void) sd_event_run(event, 10 * USEC_PER_MSEC);
}
