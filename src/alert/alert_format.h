/* An alert becomes the bytes that a service wants to have posted.
 *
 * Pure: no I/O and no clock. Texts may hold what a service takes for markup or a mention: that is escaped here, and what is
 * too long for the service is cut.
 *
 * The format json is our own; members may be added, none changes its meaning while "version" is 1:
 *   {"version": 1, "event": "promoted", "level": "notice", "title": …, "text": …, "commands": [], "host": …, "instance": "", "primary": …,
 *    "reason": …, "time": "2025-11-21T03:12:45.000000Z", "since": …, "outage_seconds": 41.2, "lasted_seconds": …,
 *    "late_seconds": 0, "dropped": 0}
 * where "since", "outage_seconds" and "lasted_seconds" are null if they are unknown or there is none. */
#pragma once

#include "config/config.h"
#include "lib/util.h"

/* One alert. Texts are borrowed; "" or NULL: none. */
struct alert_message {
        const char *
                event; /* "promoted": event_name(), or one of our own (conditions.h, daemon.c, alert_command.c) */
        int level;            /* syslog's */
        const char *title;    /* "Standby has taken over: primary down since 03:12" */
        const char *text;     /* for a person: what happened, what it means, what to do */
        const char *commands; /* to be typed, one a line; "" or NULL: none */
        const char *primary;
        const char *reason; /* what the deciding check said */
        usec_t time;        /* of the event, CLOCK_REALTIME */
        usec_t hold; /* not delivered before, CLOCK_REALTIME; and not at all if it is withdrawn until then */
        usec_t since;  /* when the trouble began, CLOCK_REALTIME; 0: unknown */
        usec_t outage; /* a span; USEC_INFINITY: unknown, or there was none */
        usec_t lasted; /* a span, how long the trouble that is over was; USEC_INFINITY: unknown, or not over */
};

/* What an alert holds of its texts; longer ones are cut. Commands are safe to print, and never cut. */
#define ALERT_TEXT_MAX 1024
#define ALERT_COMMANDS_MAX 900

/* What is the same for all alerts of one delivery. */
struct alert_context {
        const char *host;     /* the name of this machine */
        const char *instance; /* "" or NAME */
        usec_t now;           /* CLOCK_REALTIME; an alert older than ALERT_LATE says that it is late */
        unsigned dropped;     /* alerts that could not be kept before this one */
};
#define ALERT_LATE USEC_PER_MINUTE

struct alert_request {
        char *url;
        char *body;
        struct curl_slist *headers; /* "Name: value" */
};

/* URL is the address that the person configured. 0, -ENOMEM, or -EINVAL with *WHY set to words (which do not repeat the
 * URL) if this format cannot work with this address. */
int alert_render(enum alert_format format, const char *url, const struct alert_message *m,
        const struct alert_context *x, struct alert_request **ret, const char **why);
struct alert_request *alert_request_free(struct alert_request *r);
DEFINE_CLEANUP(struct alert_request *, alert_request_free)
