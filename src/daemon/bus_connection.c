/* The connection to the system bus; see bus_connection.h. */
#include "daemon/bus_connection.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/timer.h"

#define OPEN_AGAIN_AFTER (500 * USEC_PER_MSEC)

#define BUS "org.freedesktop.DBus"
#define BUS_LOCAL "org.freedesktop.DBus.Local" /* sd-bus's own signals */

/* The daemon answers this many calls a second of one caller. Callers with the same hash share one count. */
#define CALLS_MAX 32
#define CALLERS 64

struct bus_connection {
        sd_event *event;
        sd_event_source *timer;
        sd_bus *bus; /* NULL: there is no connection */
        bool complained;
        char systemd[32]; /* the unique name of systemd's own connection; "": not known */
        struct {
                usec_t since;
                unsigned calls;
        } callers[CALLERS]; /* by the hash of the unique name */
        struct bus_connection_user users[CONNECTION_USERS_MAX];
        size_t n_users;
};

static void open_again_later(struct bus_connection *c, const char *reason) {
        if (!c->complained)
                log_warning(
                        "Lost the system bus (dbus.service): %s. Watching goes on; nothing can be started or stopped until "
                        "it is back.",
                        reason);
        c->complained = true;
        (void) timer_in(c->timer, OPEN_AGAIN_AFTER);
}

/* Senders. The bus itself writes the sender's unique name into each message, so that cannot be forged. */

void bus_connection_believe(struct bus_connection *c, const char *systemd) {
        (void) snprintf(c->systemd, sizeof c->systemd, "%s", systemd);
        if (c->complained)
                log_notice("The system bus is back.");
        c->complained = false;
}

/* Any bus client can address a signal to this daemon. Such a signal needs no match rule at the bus. */
static bool is_believed(const struct bus_connection *c, const char *sender) {
        return strcmp(sender, BUS) == 0 || strcmp(sender, BUS_LOCAL) == 0 || strcmp(sender, c->systemd) == 0;
}

static bool may_call(struct bus_connection *c, const char *sender) {
        usec_t now = now_usec(CLOCK_MONOTONIC);
        size_t hash = 0;

        for (const char *s = sender; *s; s++)
                hash = 31 * hash + (unsigned char) *s;
        hash %= CALLERS;
        if (now - c->callers[hash].since >= USEC_PER_SEC) {
                c->callers[hash].since = now;
                c->callers[hash].calls = 0;
        }
        return c->callers[hash].calls++ < CALLS_MAX;
}

/* Filters every message before any handler reads it. Replies need no check: the bus delivers only the
 * callee's reply to a call. Returns 1 to drop the message. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct bus_connection *c = userdata;
        const char *sender = sd_bus_message_get_sender(m);

        if (!sender)
                return 1;
        if (sd_bus_message_is_signal(m, NULL, NULL) > 0)
                return !is_believed(c, sender);
        if (sd_bus_message_is_method_call(m, NULL, NULL) <= 0 || may_call(c, sender))
                return 0;
        if (sd_bus_message_get_expect_reply(m) > 0)
                (void) sd_bus_reply_method_errorf(
                        m, SD_BUS_ERROR_LIMITS_EXCEEDED, "More than %d calls a second.", CALLS_MAX);
        return 1;
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        struct bus_connection *c = userdata;

        c->bus = sd_bus_unref(c->bus);
        for (size_t i = 0; i < c->n_users; i++)
                c->users[i].down(c->users[i].userdata);
        open_again_later(c, "it closed the connection");
        return 0;
}

static int open_bus(struct bus_connection *c) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system_with_description(&bus, "system");
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CONNECTION_CALL_TIMEOUT);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, NULL, BUS_LOCAL, "/org/freedesktop/DBus/Local", BUS_LOCAL,
                        "Disconnected", on_disconnected, NULL, c);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, c);
        /* The loop takes one message, then its other events: a flood on the bus delays no check. */
        if (r >= 0)
                r = sd_bus_attach_event(bus, c->event, SD_EVENT_PRIORITY_NORMAL);
        /* Otherwise sd-bus flushes the bus at the end of the loop, and waits for a bus that hangs. */
        if (r >= 0)
                r = sd_bus_set_close_on_exit(bus, false);
        if (r < 0)
                return r;
        c->bus = TAKE(bus);
        return 0;
}

void bus_connection_open(struct bus_connection *c) {
        int r;

        c->systemd[0] = '\0';
        r = open_bus(c);
        if (r < 0)
                open_again_later(c, strerror(-r));
        for (size_t i = 0; c->bus && i < c->n_users; i++)
                c->users[i].up(c->bus, c->users[i].userdata);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        bus_connection_open(userdata);
        return 0;
}

int bus_connection_new(sd_event *event, struct bus_connection **ret) {
        _cleanup_(bus_connection_freep) struct bus_connection *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        r = timer_new(event, &c->timer, 0, on_timer, c);
        if (r < 0)
                return r;
        *ret = TAKE(c);
        return 0;
}

struct bus_connection *bus_connection_free(struct bus_connection *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->timer);
        sd_bus_close_unref(c->bus);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

void bus_connection_add_user(struct bus_connection *c, const struct bus_connection_user *user) {
        assert(c->n_users < CONNECTION_USERS_MAX);
        c->users[c->n_users++] = *user;
}

sd_bus *bus_connection_bus(struct bus_connection *c) {
        return c->bus;
}

sd_event *bus_connection_event(struct bus_connection *c) {
        return c->event;
}
