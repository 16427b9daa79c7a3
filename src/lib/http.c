/* libcurl's multi-socket interface on an sd-event loop; see http.h.
 *
 * libcurl says which sockets it waits for (on_socket) and until when (on_timer); the loop reports what
 * happened (drive). on_socket() and on_timer() may not call libcurl (libcurl-errors(3):
 * CURLM_RECURSIVE_API_CALL). No caller is called back from inside its own call: what is due at once waits
 * for the next turn of the loop. */
#include "lib/http.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "lib/timer.h"

struct http {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        sd_event_source *at_once; /* the same for a timeout of 0: it costs no system call */
        int n_running;            /* requests that we started and have not delivered */
};

struct http_request {
        struct http *http;
        CURL *easy;
        http_done_t done;
        void *userdata;
        bool running;
        curl_socket_t socket; /* the last one that libcurl waits for; -1: none */
};

static void detach(struct http_request *r) {
        (void) curl_multi_remove_handle(r->http->multi, r->easy);
        r->running = false;
        r->socket = -1;
        r->http->n_running--;
}

/* Lets libcurl work on FD, which is ready as MASK says, or on timeouts (CURL_SOCKET_TIMEOUT). Delivers the
 * requests that have ended. */
static int drive(struct http *h, curl_socket_t fd, int mask) {
        struct CURLMsg *m;
        int left;

        (void) curl_multi_socket_action(h->multi, fd, mask, &left);
        while ((m = curl_multi_info_read(h->multi, &left))) {
                CURLcode result = m->data.result; /* M is gone once its handle is removed */
                struct http_request *r;

                if (m->msg != CURLMSG_DONE ||
                        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r) != CURLE_OK)
                        continue;
                detach(r);
                r->done(r, result, r->userdata);
        }
        return 0;
}

static int on_io(_unused_ sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        int mask = 0;

        /* An error or a hang-up makes a socket readable and writable: reading or writing shows which error
         * it is, while CURL_CSELECT_ERR alone would only say that there is one. */
        if (revents & (EPOLLIN | EPOLLERR | EPOLLHUP))
                mask |= CURL_CSELECT_IN;
        if (revents & (EPOLLOUT | EPOLLERR | EPOLLHUP))
                mask |= CURL_CSELECT_OUT;
        return drive(userdata, fd, mask);
}

static int on_time(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        return drive(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static int on_at_once(_unused_ sd_event_source *s, void *userdata) {
        return drive(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static void note_socket(CURL *easy, curl_socket_t fd, int what) {
        struct http_request *r = NULL;

        /* libcurl's own handles, with which it closes connections, have no request. */
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &r) != CURLE_OK || !r)
                return;
        if (what != CURL_POLL_REMOVE)
                r->socket = fd;
        else if (r->socket == fd)
                r->socket = -1;
}

/* CURLMOPT_SOCKETFUNCTION(3). An error here makes libcurl fail the transfer. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata) {
        struct http *h = userdata;
        sd_event_source *s = socket_userdata;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

        note_socket(easy, fd, what);
        if (what == CURL_POLL_REMOVE) {
                (void) sd_event_source_disable_unref(s);
                return 0;
        }
        if (s)
                return sd_event_source_set_io_events(s, events) < 0 ? -1 : 0;
        if (sd_event_add_io(h->event, &s, fd, events, on_io, h) < 0)
                return -1;
        (void) curl_multi_assign(h->multi, fd, s);
        return 0;
}

/* CURLMOPT_TIMERFUNCTION(3): one timer for the multi handle; -1 deletes it. An early timer does no harm. */
static int on_timer(_unused_ CURLM *multi, long timeout_ms, void *userdata) {
        struct http *h = userdata;
        int r;

        if (timeout_ms == 0)
                r = sd_event_source_set_enabled(h->at_once, SD_EVENT_ONESHOT);
        else if (timeout_ms > 0)
                r = timer_in(h->timer, (usec_t) timeout_ms * USEC_PER_MSEC);
        else
                r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
        return r < 0 ? -1 : 0;
}

int http_new(sd_event *event, struct http **ret) {
        _cleanup_(http_freep) struct http *h = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        h = calloc(1, sizeof *h);
        if (!h) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        h->event = sd_event_ref(event);
        h->multi = curl_multi_init();
        if (!h->multi)
                return -ENOMEM;
        (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        (void) curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
        (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        (void) curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);

        /* libcurl uses CLOCK_MONOTONIC: after a suspend this timer is early, and libcurl sets it again. */
        r = timer_new(event, &h->timer, USEC_PER_MSEC, on_time, h);
        if (r >= 0)
                r = sd_event_add_defer(event, &h->at_once, on_at_once, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->at_once, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE(h);
        return 0;
}

struct http *http_free(struct http *h) {
        if (!h)
                return NULL;
        assert(h->n_running == 0);
        if (h->multi)
                (void) curl_multi_cleanup(h->multi);
        (void) sd_event_source_disable_unref(h->at_once);
        (void) sd_event_source_disable_unref(h->timer);
        (void) sd_event_unref(h->event);
        free(h);
        curl_global_cleanup();
        return NULL;
}

sd_event *http_event(struct http *h) {
        return h->event;
}

int http_new_with_loop(struct http **ret) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r = sd_event_new(&event);

        return r < 0 ? r : http_new(event, ret);
}

int http_wait(struct http *h, const char *answer) {
        int r = 0;

        while (r >= 0 && !*answer)
                r = sd_event_run(h->event, UINT64_MAX);
        return MIN(r, 0);
}

static CURL *new_easy(void) {
        CURL *easy = curl_easy_init();

        if (!easy)
                return NULL;
        (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        /* Otherwise the end of a request waits for getaddrinfo(3) while a name server is silent. */
        (void) curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        (void) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        /* In the directory, OpenSSL finds the one CA that it needs. It would parse all of the bundle,
         * libcurl's other default: for each connection, or once, and then keep 0.8 MB. */
        if (curl_version_info(CURLVERSION_NOW)->capath)
                (void) curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        (void) curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        (void) curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not even one from the environment */
        (void) curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        (void) curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
        (void) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        (void) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        (void) curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        /* Of one that was kept, but not needed: a request some two seconds later closes it. */
        (void) curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 1L);
        (void) curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        (void) curl_easy_setopt(
                easy, CURLOPT_TCP_NODELAY, 0L); /* a request is one segment: saves a system call */
        (void) curl_easy_setopt(easy, CURLOPT_USERAGENT, "openclaw-failover/" VERSION);
        return easy;
}

int http_request_new(struct http *h, http_done_t done, void *userdata, struct http_request **ret) {
        _cleanup_(http_request_freep) struct http_request *r = calloc(1, sizeof *r);

        if (!r)
                return -ENOMEM;
        r->http = h;
        r->socket = -1;
        r->done = done;
        r->userdata = userdata;
        r->easy = new_easy();
        if (!r->easy)
                return -ENOMEM;
        (void) curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
        *ret = TAKE(r);
        return 0;
}

struct http_request *http_request_free(struct http_request *r) {
        if (!r)
                return NULL;
        http_request_cancel(r);
        curl_easy_cleanup(r->easy);
        free(r);
        return NULL;
}

CURL *http_request_easy(struct http_request *r) {
        return r->easy;
}

int http_request_start(struct http_request *r) {
        struct http *h = r->http;

        if (r->running)
                return -EBUSY;
        if (curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
                return -ENOMEM;
        r->running = true;
        h->n_running++;
        return 0;
}

void http_body_clear(struct http_body *b, size_t max) {
        free(b->data);
        *b = (struct http_body){ .max = max };
}

size_t http_body_write(char *data, _unused_ size_t size, size_t n, void *body) {
        struct http_body *b = body;
        char *longer = b->length + n <= b->max ? realloc(b->data, b->length + n + 1) : NULL;

        if (!longer)
                return CURL_WRITEFUNC_ERROR;
        (void) memcpy(longer + b->length, data, n);
        b->data = longer;
        b->length += n;
        return n;
}

void http_request_nudge(struct http_request *r) {
        if (!r->running)
                return;
        /* This changes nothing, but libcurl runs the request at its next timeout, which is now. */
        (void) curl_easy_pause(r->easy, CURLPAUSE_RECV);
        (void) curl_easy_pause(r->easy, CURLPAUSE_CONT);
}

void http_request_cancel(struct http_request *r) {
        if (r->running)
                detach(r);
}

int http_request_socket(const struct http_request *r) {
        return r->socket;
}

/* More threads than this wait for name servers: otherwise the process has one. */
#define THREADS_MAX 8

bool http_resolver_is_stuck(void) {
        struct stat st;

        /* The kernel adds the number of threads to a directory's two links (proc_task_getattr() in
         * fs/proc/base.c). */
        return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 + THREADS_MAX;
}
