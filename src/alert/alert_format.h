/* An alert becomes the request that a service wants. The formats are an enum of config/config.h.
 *
 * Pure: no I/O and no clock. Escapes what a service takes for markup or a mention. Cuts long texts.
 *
 * The format json is our own; members may be added, none changes its meaning while "version" is 1:
 *   {"version": 1, "event": "promoted", "level": "notice", "title": …, "text": …, "commands": [], "host": …,
 *    "instance": "", "primary": …, "reason": …, "time": "2025-11-21T03:12:45.000000Z", "since": …,
 *    "outage_seconds": 41.2, "lasted_seconds": …, "late_seconds": 0, "dropped": 0}
 * "since", "outage_seconds" and "lasted_seconds" are null if they are unknown or do not apply. */
#pragma once

#include "config/config.h"
#include "lib/util.h"

/* One alert. Texts are borrowed; "" or NULL: none. */
struct alert_message {
        const char *event;    /* event_name(), or of conditions.c, daemon.c or alert_command.c: "promoted" */
        int level;            /* syslog's */
        const char *title;    /* "Standby has taken over: primary down since 03:12" */
        const char *text;     /* for a user: what happened, what it means, what to do */
        const char *commands; /* for a user to type, one a line; "" or NULL: none */
        const char *primary;
        const char *reason; /* what the deciding check found */
        usec_t time;        /* of the event, CLOCK_REALTIME */
        usec_t hold;   /* sent at this time, CLOCK_REALTIME, unless it is withdrawn before; 0: at once */
        usec_t since;  /* when the trouble began, CLOCK_REALTIME; 0: unknown */
        usec_t outage; /* a span; 0: unknown, or there was none */
        usec_t lasted; /* a span: how long the trouble lasted; 0: unknown, or not over */
};

/* Room for an alert's texts. Longer texts are cut. Commands are safe to print, and never cut. */
#define ALERT_TEXT_MAX 1024
#define ALERT_COMMANDS_MAX 900

/* The part of a request that is not the alert's own. */
struct alert_context {
        const char *host;     /* the name of this machine */
        const char *instance; /* "" or NAME */
        usec_t now;           /* CLOCK_REALTIME; an alert older than ALERT_LATE says that it is late */
        unsigned dropped;     /* how many alerts were lost before this one */
};
#define ALERT_LATE USEC_PER_MINUTE

struct alert_request {
        char *body;
        struct curl_slist *headers; /* "Name: value" */
};

/* The request that posts M; NULL without memory. */
struct alert_request *alert_render(
        enum alert_format format, const struct alert_message *m, const struct alert_context *x);
struct alert_request *alert_request_free(struct alert_request *r);
DEFINE_CLEANUP(struct alert_request *, alert_request_free)

/* Why FORMAT cannot work with URL, without a part of it; NULL: it can. */
const char *alert_wrong_address(enum alert_format format, const char *url);
