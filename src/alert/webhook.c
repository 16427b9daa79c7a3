/* Sends one request to a service, and puts the outcome into words; see webhook.h. */
#include "alert/webhook.h"

#include <errno.h>
#include <string.h>

#include "alert/endpoint.h"
#include "lib/http_error.h"
#include "lib/text.h"
#include "lib/timer.h"

/* No more of an answer is read. */
#define ANSWER_MAX ((size_t) 64 * 1024)

/* Seconds. Alerts are kept for a day, and must be retried within it. */
#define RETRY_AFTER_MAX ((curl_off_t) 6 * 3600)

struct webhook {
        struct http_request *request;
        sd_event_source *timer; /* NULL: none */
        webhook_done_t done;
        void *userdata;
        bool busy;
        char *url;
        struct curl_slist *headers;
        struct http_body body;
};

static enum webhook_outcome outcome_of(long status) {
        if (status >= 200 && status < 300)
                return WEBHOOK_TAKEN;
        /* 408: RFC 9110, 15.5.9; 425: RFC 8470, 5.2; 429: RFC 6585, 4. */
        if (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429)
                return WEBHOOK_REFUSED;
        return WEBHOOK_LATER;
}

/* With the beginning of the service's own words, unless they are a web page or repeat parts of the address, which
 * JSON's escapes could hide. */
static void describe_status(struct webhook *c, struct webhook_answer *a, long status) {
        _cleanup_free_ char *text = strndup(c->body.data ?: "", c->body.length);
        char own[200];

        (void) appendf(a->words, sizeof a->words, "HTTP %ld", status);
        if (status >= 300 && status < 400)
                (void) appendf(a->words, sizeof a->words,
                        ", a redirect. It is not followed: give the final address");
        if (text && *text && *text != '<' && !strstr(text, "\\u") && !endpoint_leaks(c->url, text))
                (void) appendf(a->words, sizeof a->words, ", %s", safe_text(own, sizeof own, text));
}

static void on_done(struct http_request *r, CURLcode code, void *userdata) {
        struct webhook *c = userdata;
        CURL *easy = http_request_easy(r);
        struct webhook_answer a = { .outcome = WEBHOOK_LATER };
        char shown[ADDRESS_SHOWN_MAX];
        curl_off_t retry_after = 0;
        long status = 0;

        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        (void) curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
        (void) appendf(a.words, sizeof a.words, "%s: ", endpoint_show(c->url, shown));
        if (status > 0) {
                /* The status counts even if the rest of the answer failed. */
                a.outcome = outcome_of(status);
                describe_status(c, &a, status);
        } else
                (void) appendf(a.words, sizeof a.words, "%s", http_error_words(easy, code));
        if (retry_after > 0)
                a.retry_after = (usec_t) MIN(retry_after, RETRY_AFTER_MAX) * USEC_PER_SEC;
        c->busy = false;
        c->done(c, &a, c->userdata);
}

int webhook_new(struct http *h, sd_event_time_handler_t wake, webhook_done_t done, void *userdata,
        struct webhook **ret) {
        _cleanup_(webhook_freep) struct webhook *c = calloc(1, sizeof *c);
        CURL *easy;
        int r;

        if (!c)
                return -ENOMEM;
        c->done = done;
        c->userdata = userdata;
        r = http_request_new(h, on_done, c, &c->request);
        if (r >= 0 && wake)
                r = timer_new(http_event(h), &c->timer, 100 * USEC_PER_MSEC, wake, userdata);
        if (r >= 0 && wake)
                r = sd_event_source_set_priority(c->timer, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        easy = http_request_easy(c->request);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_body_write);
        (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, &c->body);
        (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) (WEBHOOK_TIMEOUT / USEC_PER_MSEC));
        *ret = TAKE(c);
        return 0;
}

/* Clears the last request, which may hold a secret. */
static void forget(struct webhook *c) {
        wipep(&c->url);
        c->url = NULL;
        curl_slist_free_all(TAKE(c->headers));
        http_body_clear(&c->body, ANSWER_MAX);
}

struct webhook *webhook_free(struct webhook *c) {
        if (!c)
                return NULL;
        http_request_free(c->request);
        (void) sd_event_source_disable_unref(c->timer);
        forget(c);
        free(c);
        return NULL;
}

int webhook_send(struct webhook *c, const char *url, struct curl_slist **headers, const char *body) {
        CURL *easy = http_request_easy(c->request);
        int r;

        if (c->busy)
                return -EBUSY;
        if (http_resolver_is_stuck())
                return -EAGAIN;
        forget(c);
        c->url = strdup(url);
        c->headers = headers ? TAKE(*headers) : NULL;
        if (!c->url || curl_easy_setopt(easy, CURLOPT_URL, c->url) != CURLE_OK ||
                curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers) != CURLE_OK ||
                curl_easy_setopt(easy, body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L) != CURLE_OK ||
                (body && curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK))
                return -ENOMEM;
        r = http_request_start(c->request);
        c->busy = r >= 0;
        return r;
}

const char *webhook_error(int r) {
        return r == -EAGAIN ? "name servers are silent" : strerror(-r);
}

void webhook_wake_at(struct webhook *c, usec_t time) {
        (void) timer_at(c->timer, time);
}

bool webhook_is_busy(const struct webhook *c) {
        return c->busy;
}

void webhook_cancel(struct webhook *c) {
        http_request_cancel(c->request);
        c->busy = false;
}
