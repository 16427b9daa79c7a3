/* One request to a service, and its outcome in words. The words never contain a part of the address that may
 * be secret. */
#pragma once

#include "lib/http.h"
#include "lib/util.h"

enum webhook_outcome {
        WEBHOOK_TAKEN,   /* 2xx */
        WEBHOOK_LATER,   /* no answer, 408, 425, 429, 5xx, or a redirect, which is not followed: retry */
        WEBHOOK_REFUSED, /* another 4xx: a retry would get the same answer */
};

struct webhook_answer {
        enum webhook_outcome outcome;
        usec_t retry_after; /* the wait that the service wants (RFC 9110, 10.2.3), at most 6 h; 0: none */
        char words[384];    /* "https://discord.com: HTTP 404, ", then the service's own. Safe to print */
};

struct webhook;

/* Called once for each request, from the loop. The callback may send again, but not free C. */
typedef void (*webhook_done_t)(struct webhook *c, const struct webhook_answer *answer, void *userdata);

/* H must outlive *RET. The loop calls WAKE, if any, at webhook_wake_at(), last. 0 or a negative errno. */
int webhook_new(struct http *h, sd_event_time_handler_t wake, webhook_done_t done, void *userdata,
        struct webhook **ret);
struct webhook *webhook_free(struct webhook *c); /* the callback is not called any more */
DEFINE_CLEANUP(struct webhook *, webhook_free)

#define WEBHOOK_TIMEOUT (10 * USEC_PER_SEC)

/* Sends a request to URL; with a BODY it is a POST. Takes over HEADERS, if any, and copies the rest.
 * 0, -EBUSY if a request is under way, another negative errno. */
int webhook_send(struct webhook *c, const char *url, struct curl_slist **headers, const char *body);
/* webhook_send()'s error R in words. */
const char *webhook_error(int r);
/* Sets the next time to call WAKE, CLOCK_BOOTTIME, in place of the last; USEC_INFINITY: never. */
void webhook_wake_at(struct webhook *c, usec_t time);
bool webhook_is_busy(const struct webhook *c);
void webhook_cancel(struct webhook *c);
