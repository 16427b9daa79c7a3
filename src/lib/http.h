/* HTTP requests on an sd-event loop, through libcurl's multi-socket interface (libcurl-multi(3)). Nothing
 * here blocks, except http_wait().
 *
 * Every request goes to the very machine in its URL, over a new connection unless the caller allows another
 * (probe.c): no proxy, no redirect, no .netrc. libcurl remembers nothing between two requests (HSTS, Alt-Svc,
 * DNS). HTTP/1.1 over http or https only. */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "lib/util.h"

struct http;
struct http_request;

/* Called once for each request, unless it is cancelled first, from the loop and never from inside
 * http_request_start(). The callback may start R again, cancel or free it, but not free the struct http. */
typedef void (*http_done_t)(struct http_request *r, CURLcode result, void *userdata);

/* 0 or a negative errno. The caller frees all requests before *RET. */
int http_new(sd_event *event, struct http **ret);
struct http *http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free)
sd_event *http_event(struct http *h); /* borrowed */

/* For a command that sends one request and waits: the first makes a loop of its own, the second runs that
 * until ANSWER, a text that a callback fills in, is not empty. Both return 0 or a negative errno. */
int http_new_with_loop(struct http **ret);
int http_wait(struct http *h, const char *answer);

/* A request can be started any number of times, but not while it is under way. 0 or a negative errno. */
int http_request_new(struct http *h, http_done_t done, void *userdata, struct http_request **ret);
struct http_request *http_request_free(struct http_request *r); /* cancels it first */
DEFINE_CLEANUP(struct http_request *, http_request_free)

/* R's own easy handle: to set CURLOPT_URL, CURLOPT_TIMEOUT_MS (no default), CURLOPT_POSTFIELDS … before a
 * start, and to call curl_easy_getinfo() after the end. CURLOPT_PRIVATE is in use. */
CURL *http_request_easy(struct http_request *r);

/* Starts R. 0, -EBUSY while it is under way, -ENOMEM. The callback gets all other errors. */
int http_request_start(struct http_request *r);
/* Cancels R: the callback is not called any more. Harmless when R is not under way. */
void http_request_cancel(struct http_request *r);

/* The kept part of an answer's body: DATA, without a NUL, NULL if it is empty. The owner frees it. */
struct http_body {
        char *data;
        size_t length, max;
};
/* Frees the data. MAX is for the next body. */
void http_body_clear(struct http_body *b, size_t max);
/* CURLOPT_WRITEFUNCTION(3) for a struct http_body: more than .max ends the request with
 * CURLE_WRITE_ERROR. */
size_t http_body_write(char *data, size_t size, size_t n, void *body);

/* Runs R though no socket or timer is ready: when an address has had its time, libcurl 7.88 waits for
 * neither before it tries the next address. */
void http_request_nudge(struct http_request *r);

/* The socket that libcurl waits for now for R, to look at; -1: none. */
int http_request_socket(const struct http_request *r);

/* Whether no name should be resolved now: name servers are silent, and enough threads wait for them. libcurl
 * starts a thread for each name, and leaves it behind when the request ends. */
bool http_resolver_is_stuck(void);
