/* One check of one gateway becomes a verdict with a reason; see probe.h.
 *
 * A check is one request or more within one deadline: /startupz, if the target has it; the health path, over
 * the same connection; and at times /readyz. No connection serves two checks. If the name does not resolve
 * within half of the timeout, or three quarters of the time for a connect, the probe asks the last good
 * address instead. */
#include "probe/probe.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/network.h"
#include "lib/text.h"
#include "lib/timer.h"
#include "lib/url.h"
#include "probe/judge.h"

/* libcurl's connect timeout, which includes TLS, is this much longer: the probe's own one comes first. */
#define CONNECT_SPARE (50 * USEC_PER_MSEC)

enum question { ASKS_STARTUP, ASKS_HEALTH, ASKS_READY, QUESTIONS };

struct probe {
        /* Parsed only once: parsing is a seventh of libcurl's work for a check. NULL: not asked yet. */
        CURLU *urls[QUESTIONS];
        enum scheme scheme;
        enum expect expect;
        usec_t timeout;
        bool is_tls;
        struct http_request *request;
        bool is_name;           /* the URL's host is no address */
        sd_event_source *timer; /* runs on_time() */

        char good[INET6_ADDRSTRLEN];    /* the address that last answered as it should; "": none yet */
        struct curl_slist *good_option; /* .good for CURLOPT_CONNECT_TO */
        bool startup;                   /* the target's .startup */
        bool asks_startup;              /* .startup, but false for an older gateway until the next failure */
        bool wants_ready;               /* the next check, or this one, asks /readyz */

        /* The check under way. */
        probe_done_t done; /* NULL: no check is under way */
        void *userdata;
        usec_t started, asked; /* when the check and its last request started */
        enum question question;
        bool follows_startup; /* /startupz was answered: its connection serves the health path, too */
        struct check check;   /* the result so far */
        bool asks_good;       /* requests go to the last good address, not to the name */
        bool is_stuck; /* no request is possible: the resolver is stuck, and there is no good address */

        /* The request under way. */
        struct answer answer;
        char detail[CURL_ERROR_SIZE]; /* libcurl's message for a failure */
        size_t received;              /* bytes of headers and body */
        bool opened;                  /* a connection of its own, which had no bytes before */
        struct http_body body;
};

static void forget_answer(struct probe *p) {
        http_body_clear(&p->body, ANSWER_MAX);
        p->received = 0;
        p->opened = false;
        p->answer = (struct answer){ 0 };
}

static usec_t time_left(const struct probe *p) {
        usec_t passed = now_usec(CLOCK_BOOTTIME) - p->started;

        return passed < p->timeout ? p->timeout - passed : 0;
}

static usec_t connect_time(const struct probe *p) {
        return MIN(p->timeout, CONNECT_MAX);
}

/* Returns the question's URL, beside the health path; made at its first use. NULL: no memory. */
static CURLU *find_url(struct probe *p) {
        static const char *const beside[QUESTIONS] = {
                [ASKS_STARTUP] = "startupz", [ASKS_READY] = "readyz"
        };
        CURLU **url = &p->urls[p->question];

        if (*url)
                return *url;
        *url = curl_url_dup(p->urls[ASKS_HEALTH]);
        if (*url && curl_url_set(*url, CURLUPART_URL, beside[p->question], 0) != CURLUE_OK)
                curl_url_cleanup(TAKE(*url));
        return *url;
}

/* Starts the request for .question. Without memory there is none, and the time runs out. */
static void ask(struct probe *p) {
        CURL *easy = http_request_easy(p->request);
        CURLU *url = find_url(p);

        forget_answer(p);
        p->asked = now_usec(CLOCK_BOOTTIME);
        p->answer.waited = p->timeout;
        p->detail[0] = '\0';
        if (!url)
                return;
        (void) curl_easy_setopt(easy, CURLOPT_CURLU, url);
        (void) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, p->follows_startup ? 0L : 1L);
        (void) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, p->asks_good ? p->good_option : NULL);
        (void) http_request_start(p->request);
}

void probe_cancel(struct probe *p) {
        http_request_cancel(p->request);
        (void) sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        forget_answer(p);
        p->done = NULL;
}

static void remember_address(struct probe *p) {
        char option[INET6_ADDRSTRLEN + 8];
        const char *address = NULL;
        struct curl_slist *list;

        (void) curl_easy_getinfo(http_request_easy(p->request), CURLINFO_PRIMARY_IP, &address);
        if (!address || strlen(address) >= sizeof p->good || strcmp(p->good, address) == 0)
                return;
        (void) snprintf(option, sizeof option, strchr(address, ':') ? "::[%s]:" : "::%s:", address);
        list = curl_slist_append(NULL, option);
        if (!list)
                return;
        curl_slist_free_all(p->good_option);
        p->good_option = list;
        (void) snprintf(p->good, sizeof p->good, "%s", address);
}

static void finish(struct probe *p) {
        struct check c = p->check;
        probe_done_t done = p->done;
        void *userdata = p->userdata;

        p->wants_ready = false;
        probe_cancel(p);
        done(p, &c, userdata);
}

/* The verdict is known. /readyz may follow. */
static void end_verdict(struct probe *p) {
        struct check *c = &p->check;

        c->started = c->started && c->verdict == VERDICT_UP;
        c->took = now_usec(CLOCK_BOOTTIME) - p->started;
        if (c->verdict == VERDICT_DOWN || c->verdict == VERDICT_SILENT)
                p->asks_startup = p->startup;
        else if (p->is_name && !p->asks_good)
                remember_address(p);
        if (p->asks_good)
                (void) appendf(c->reason, sizeof c->reason,
                        " (at %s, last good address: its name does not resolve)", p->good);
        p->question = ASKS_READY;
        p->follows_startup = false;
        if (p->wants_ready && c->verdict == VERDICT_UP)
                ask(p);
        else
                finish(p);
}

static void judge_startup_answer(struct probe *p) {
        enum startup s = judge_startup(&p->answer, &p->check);

        if (s == STARTUP_DECIDES) {
                end_verdict(p);
                return;
        }
        p->asks_startup = s != STARTUP_ABSENT;
        p->question = ASKS_HEALTH;
        p->follows_startup = true;
        ask(p);
}

/* The request has ended. Starts the next one, or ends the check. */
static void conclude(struct probe *p, CURLcode code) {
        p->answer.code = code;
        p->answer.body = p->body.data;
        p->answer.length = p->body.length;
        if (p->question == ASKS_STARTUP)
                judge_startup_answer(p);
        else if (p->question == ASKS_HEALTH) {
                judge(&p->answer, p->scheme, p->expect, &p->check);
                end_verdict(p);
        } else {
                judge_ready(&p->answer, &p->check);
                finish(p);
        }
}

static bool can_ask_good(const struct probe *p) {
        return p->good_option && !p->asks_good;
}

static void ask_good(struct probe *p) {
        http_request_cancel(p->request);
        p->asks_good = true;
        ask(p);
}

static void on_done(_unused_ struct http_request *r, CURLcode code, void *userdata) {
        struct probe *p = userdata;
        CURL *easy = http_request_easy(p->request);
        curl_off_t connect = 0;
        long error = 0;
        char *type = NULL;

        if (code == CURLE_COULDNT_RESOLVE_HOST && can_ask_good(p)) {
                ask_good(p);
                return;
        }
        /* The connection of /startupz brought no byte of the next answer, which proves nothing: that question gets
         * one of its own. */
        if (code != CURLE_OK && p->follows_startup && !p->opened && p->received == 0) {
                p->follows_startup = false;
                ask(p);
                return;
        }
        (void) curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect);
        (void) curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
        (void) curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
        p->answer.connected |= connect > 0;
        p->answer.began = p->received > 0;
        if (p->answer.error == 0)
                p->answer.error = (int) error;
        p->answer.content_type = type;
        if (code == CURLE_OPERATION_TIMEDOUT) /* libcurl limits the connect alone */
                p->answer.waited = connect_time(p);
        (void) curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &p->answer.certificate);
        p->answer.detail = p->detail;
        conclude(p, code);
}

/* Finds out how far the other side has come. The kernel knows first (tcp(7)): libcurl reports a connection
 * only after the TLS handshake, and an answer only after its first line. */
static void look_at_socket(struct probe *p) {
        struct sockaddr_storage a;
        struct tcp_info info = { 0 };
        socklen_t size = sizeof a, info_size = sizeof info;
        int fd = http_request_socket(p->request);

        if (fd < 0 || !p->answer.addressed) /* no socket, or one of libcurl's resolver */
                return;
        p->answer.connected = getpeername(fd, (struct sockaddr *) &a, &size) == 0;
        /* The kernel's bytes may all be of the TLS handshake, or of the answer before. */
        p->answer.began = p->is_tls || !p->opened
                ? p->received > 0
                : getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) == 0 &&
                        info.tcpi_bytes_received > 0;
}

/* When on_time() looks next: a name's next address or the last good one may be due. */
static usec_t tick(const struct probe *p) {
        return connect_time(p) / 8;
}

static int on_time(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct probe *p = userdata;
        usec_t left = time_left(p), passed = now_usec(CLOCK_BOOTTIME) - p->asked;

        if (passed >= connect_time(p) || left == 0)
                look_at_socket(p);
        if (left > 0 && !p->is_stuck && (passed < connect_time(p) || p->answer.connected) &&
                timer_in(p->timer, MIN(left, tick(p))) >= 0) {
                if ((left <= p->timeout / 2 || passed >= connect_time(p) * 3 / 4) && !p->answer.addressed &&
                        can_ask_good(p))
                        ask_good(p);
                else
                        http_request_nudge(p->request);
                return 0;
        }
        if (!p->answer.connected)
                p->answer.waited = MIN(p->answer.waited, connect_time(p));
        http_request_cancel(p->request);
        conclude(p, CURLE_OPERATION_TIMEDOUT);
        return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION(3). The first call also shows that a name has resolved. */
static curl_socket_t on_open(void *userdata, _unused_ curlsocktype purpose, struct curl_sockaddr *a) {
        struct probe *p = userdata;
        int fd;

        /* libcurl would ask again by itself: within the same time, and only five times in its handle's life. */
        if (p->answer.connected && !p->opened)
                return CURL_SOCKET_BAD;
        fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
        p->answer.addressed = p->opened = true;
        if (fd < 0) {
                p->answer.error = errno;
                return CURL_SOCKET_BAD;
        }
        return fd;
}

/* CURLOPT_PREREQFUNCTION(3): the connection stands, with TLS, be it new or the one of /startupz. */
static int on_connected(void *userdata, _unused_ char *to, _unused_ char *from, _unused_ int to_port,
        _unused_ int from_port) {
        struct probe *p = userdata;

        p->answer.addressed = p->answer.connected = true;
        return CURL_PREREQFUNC_OK;
}

/* Counts received bytes. Returns false above ANSWER_MAX. */
static bool count(struct probe *p, size_t n) {
        p->received += n;
        p->answer.too_long = p->received > ANSWER_MAX;
        return !p->answer.too_long;
}

/* CURLOPT_HEADERFUNCTION(3): libcurl calls this for each line, the empty one at the end too. */
static size_t on_header(char *line, _unused_ size_t size, size_t n, void *userdata) {
        struct probe *p = userdata;
        long status = 0;

        if (!count(p, n))
                return CURL_WRITEFUNC_ERROR;
        if (n > 2 || line[n - 1] != '\n' || (n == 2 && line[0] != '\r'))
                return n;
        (void) curl_easy_getinfo(http_request_easy(p->request), CURLINFO_RESPONSE_CODE, &status);
        if (status < 200) /* an interim answer: the final one follows */
                return n;
        p->answer.status = (unsigned) status;
        /* Only after a good answer of /startupz does the health path follow. */
        (void) curl_easy_setopt(http_request_easy(p->request), CURLOPT_FORBID_REUSE,
                p->question == ASKS_STARTUP && status == 200 ? 0L : 1L);
        return p->question != ASKS_HEALTH || judge_needs_body(p->answer.status, p->expect)
                ? n
                : CURL_WRITEFUNC_ERROR;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        struct probe *p = userdata;

        return count(p, n) ? http_body_write(data, size, n, &p->body) : CURL_WRITEFUNC_ERROR;
}

int probe_start(struct probe *p, probe_done_t done, void *userdata) {
        bool no_resolver = p->is_name && http_resolver_is_stuck();
        int r;

        if (p->done)
                return -EBUSY;
        p->done = done;
        p->userdata = userdata;
        p->started = now_usec(CLOCK_BOOTTIME);
        p->question = p->asks_startup ? ASKS_STARTUP : ASKS_HEALTH;
        p->follows_startup = false;
        p->check = (struct check){ 0 };
        p->asks_good = no_resolver && p->good_option;
        p->is_stuck = no_resolver && !p->good_option;
        r = timer_in(p->timer, p->is_stuck ? 0 : tick(p));
        if (r < 0)
                probe_cancel(p);
        else if (!p->is_stuck)
                ask(p);
        return r;
}

const char *probe_address(const struct probe *p) {
        return p->good;
}

void probe_ask_ready(struct probe *p) {
        p->wants_ready = true;
}

bool probe_is_running(const struct probe *p) {
        return p->done;
}

static int prepare(struct probe *p, struct http *h, const struct probe_target *target) {
        CURL *easy;
        int r;

        r = http_request_new(h, on_done, p, &p->request);
        if (r < 0)
                return r;
        easy = http_request_easy(p->request);
        (void) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, p->scheme == SCHEME_TCP ? 1L : 0L);
        (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
        (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, p);
        (void) curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
        (void) curl_easy_setopt(easy, CURLOPT_PREREQDATA, p);
        (void) curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        (void) curl_easy_setopt(easy, CURLOPT_HEADERDATA, p);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, p);

        (void) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, p->detail);
        if (target->any_certificate) {
                (void) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
                (void) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
        }

        /* libcurl gives each of several addresses half of the time that is left. */
        (void) curl_easy_setopt(
                easy, CURLOPT_CONNECTTIMEOUT_MS, (long) ((connect_time(p) + CONNECT_SPARE) / USEC_PER_MSEC));
        return timer_new(http_event(h), &p->timer, USEC_PER_MSEC, on_time, p);
}

int probe_new(struct http *h, const struct probe_target *target, struct probe **ret) {
        _cleanup_(probe_freep) struct probe *p = calloc(1, sizeof *p);
        _cleanup_part_ char *host = NULL;
        int r;

        if (!p)
                return -ENOMEM;
        p->scheme = target->scheme;
        p->expect = target->expect;
        p->timeout = target->timeout;
        p->startup = p->asks_startup = target->startup;
        p->urls[ASKS_HEALTH] = curl_url();
        if (!p->urls[ASKS_HEALTH])
                return -ENOMEM;
        if (curl_url_set(p->urls[ASKS_HEALTH], CURLUPART_URL, target->url, 0) != CURLUE_OK)
                return -EINVAL;
        host = url_part(p->urls[ASKS_HEALTH], CURLUPART_HOST);
        if (!host)
                return -ENOMEM;
        /* Without the brackets of IPv6. */
        (void) snprintf(p->good, sizeof p->good, "%.*s", (int) strcspn(host, "]") - (*host == '['),
                host + (*host == '['));
        p->is_name = !network_is_address(p->good);
        if (p->is_name)
                p->good[0] = '\0';
        p->is_tls = strncasecmp(target->url, "https:", 6) == 0;
        r = prepare(p, h, target);
        if (r < 0)
                return r;
        *ret = TAKE(p);
        return 0;
}

struct probe *probe_free(struct probe *p) {
        if (!p)
                return NULL;
        if (p->request)
                probe_cancel(p);
        http_request_free(p->request);
        (void) sd_event_source_disable_unref(p->timer);
        curl_slist_free_all(p->good_option);
        for (int i = 0; i < QUESTIONS; i++)
                curl_url_cleanup(p->urls[i]);
        free(p);
        return NULL;
}

char *probe_url(enum scheme scheme, const char *host, unsigned port, const char *path) {
        const char *name = scheme == SCHEME_HTTPS ? "https" : "http";
        bool v6 = strchr(host, ':');
        char *url;

        if (scheme == SCHEME_TCP)
                path = "";
        if (asprintf(&url, "%s://%s%s%s:%u%s", name, v6 ? "[" : "", host, v6 ? "]" : "", port, path) < 0)
                return NULL;
        return url;
}
