/* HTTP requests on an sd-event loop, through libcurl's multi-socket interface (libcurl-multi(3)). Nothing
 * here blocks.
 *
 * Every request asks the very machine its URL names, afresh: no proxy, no redirect, no .netrc, no reuse of
 * a connection, nothing remembered between two requests (HSTS, Alt-Svc, DNS), HTTP/1.1 over http or https
 * only. */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct http;
struct http_request;

/* Called once for each request started, unless it is cancelled first, from the loop and never from inside
 * http_request_start(). R may be started again, cancelled or freed in it; the struct http may not be
 * freed. */
typedef void (*http_done_t)(struct http_request *r, CURLcode result, void *userdata);

/* 0 or a negative errno. All requests must be freed before H is. */
int http_new(sd_event *event, struct http **ret);
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)
sd_event *http_event(struct http *h); /* borrowed */

/* For a command that asks one thing and waits for it: one with a loop of its own, and the turning of that until ANSWER, a text
 * that a callback fills in, is not empty. Both 0 or a negative errno. */
int http_new_with_loop(struct http **ret);
int http_wait(struct http *h, const char *answer);

/* A request that can be started any number of times, one at a time. */
int http_request_new(struct http *h, http_done_t done, void *userdata, struct http_request **ret);
struct http_request *http_request_free(struct http_request *r); /* cancels it first */
DEFINE_CLEANUP(struct http_request *, http_request_free)

/* Its easy handle, owned by R, to set CURLOPT_URL, CURLOPT_TIMEOUT_MS (none is set), CURLOPT_POSTFIELDS …
 * on before a start, and to ask with curl_easy_getinfo() after the end. CURLOPT_PRIVATE is taken. */
CURL *http_request_easy(struct http_request *r);

/* 0, -EBUSY if it is under way, another negative errno. Everything but a wrong call is reported to
 * the callback. */
int http_request_start(struct http_request *r);
/* The callback is not called any more. Harmless when nothing is under way. */
void http_request_cancel(struct http_request *r);

/* What is kept of an answer's body: DATA, without a NUL, NULL if it is empty; for the owner to free. */
struct http_body {
        char *data;
        size_t length, max;
};
/* Forgets it; MAX is for the next one. */
void http_body_clear(struct http_body *b, size_t max);
/* CURLOPT_WRITEFUNCTION(3) of a struct http_body: more than .max ends the request with CURLE_WRITE_ERROR. */
size_t http_body_write(char *data, size_t size, size_t n, void *body);

/* Makes libcurl go on with R though nothing has happened: when an address has had its time, 7.88 waits for no socket and
 * no timer before it tries the next one. */
void http_request_nudge(struct http_request *r);

/* The socket that libcurl waits for just now on behalf of R, for a look at it: -1: none. */
int http_request_socket(const struct http_request *r);

/* Whether name servers are silent and enough threads wait for them already (libcurl starts one for each
 * name, and leaves it behind when its request ends): a name should not be asked for now. */
bool http_resolver_is_stuck(void);
