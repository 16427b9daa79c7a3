/* One request to a service out there, and what came of it in words. Neither the address nor a part of it that may be
 * secret is ever in them. */
#pragma once

#include "lib/http.h"
#include "lib/util.h"

enum webhook_outcome {
        WEBHOOK_TAKEN, /* 2xx */
        WEBHOOK_LATER, /* no answer, 408, 429, 5xx, or a redirect, which is not followed: worth another try */
        WEBHOOK_REFUSED, /* the service will say the same again */
};

struct webhook_answer {
        enum webhook_outcome outcome;
        unsigned status; /* of HTTP; 0: none */
        usec_t retry_after; /* how long the service wants to be left alone (RFC 9110, 10.2.3), at most 6 h; 0: it did not say */
        char words[384]; /* "https://discord.com: HTTP 404, Unknown Webhook". Safe to print */
};

struct webhook;

/* Called once for each request, from the loop. It may send again; it may not free C. */
typedef void (*webhook_done_t)(struct webhook *c, const struct webhook_answer *answer, void *userdata);

/* H must outlive it. WAKE, if any, is called as webhook_wake_at() says, after whatever a failover needs. 0 or a negative errno. */
int webhook_new(struct http *h, sd_event_time_handler_t wake, webhook_done_t done, void *userdata,
        struct webhook **ret);
struct webhook *webhook_free(struct webhook *c); /* the callback is not called any more */
DEFINE_CLEANUP(struct webhook *, webhook_free)

#define WEBHOOK_TIMEOUT (10 * USEC_PER_SEC)

/* Asks URL; with a BODY it is a POST. HEADERS, if any, are taken over, the rest is copied.
 * 0, -EBUSY if a request is under way, another negative errno. */
int webhook_send(struct webhook *c, const char *url, struct curl_slist **headers, const char *body);
/* Why that failed, in words. */
const char *webhook_error(int r);
/* The next time to be woken, of CLOCK_BOOTTIME, in place of any other; USEC_INFINITY: never. */
void webhook_wake_at(struct webhook *c, usec_t time);
bool webhook_is_busy(const struct webhook *c);
void webhook_cancel(struct webhook *c);
