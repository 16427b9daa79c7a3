/* One request to a service out there, and what came of it in words. Neither the address nor a part of it that may be
 * secret is ever in them. */
#pragma once

#include "lib/http.h"
#include "lib/util.h"

enum courier_outcome {
        COURIER_TAKEN, /* 2xx */
        COURIER_LATER, /* no answer, 408, 429, 5xx, or a redirect, which is not followed: worth another try */
        COURIER_REFUSED, /* the service will say the same again */
};

struct courier_answer {
        enum courier_outcome outcome;
        unsigned status; /* of HTTP; 0: none */
        usec_t retry_after; /* how long the service wants to be left alone (RFC 9110, 10.2.3), at most 6 h; 0: it did not say */
        char words[384]; /* "https://discord.com: HTTP 404, Unknown Webhook". Safe to print */
};

struct courier;

/* Called once for each request, from the loop. It may send again; it may not free C. */
typedef void (*courier_done_t)(struct courier *c, const struct courier_answer *answer, void *userdata);

/* H must outlive it. 0 or a negative errno. */
int courier_new(struct http *h, courier_done_t done, void *userdata, struct courier **ret);
struct courier *courier_free(struct courier *c); /* the callback is not called any more */
DEFINE_CLEANUP(struct courier *, courier_free)

#define COURIER_TIMEOUT (10 * USEC_PER_SEC)

/* Asks URL; with a BODY it is a POST, with these HEADERS ("Name: value", NULL after the last). All is copied.
 * 0, -EBUSY if a request is under way, another negative errno. */
int courier_send(struct courier *c, const char *url, char *const *headers, const char *body);
bool courier_is_busy(const struct courier *c);
void courier_cancel(struct courier *c);
