/* The connection to the system bus; see bus_connection.h. */
#include "daemon/bus_connection.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"

#define OPEN_AGAIN_AFTER (500 * USEC_PER_MSEC)

struct bus_connection {
        sd_event *event;
        sd_event_source *timer;
        sd_bus *bus;
        bool usable; /* the users know of .bus */
        bool complained;
        struct bus_connection_user users[CONNECTION_USERS_MAX];
        size_t n_users;
};

static void open_again_later(struct bus_connection *c) {
        (void) sd_event_source_set_time_relative(c->timer, OPEN_AGAIN_AFTER);
        (void) sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static void tell_down(struct bus_connection *c) {
        if (!c->usable)
                return;
        c->usable = false;
        for (size_t i = 0; i < c->n_users; i++)
                c->users[i].down(c->users[i].userdata);
}

/* The bus is freed from the timer, not from within its own dispatching. */
static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        struct bus_connection *c = userdata;

        log_warning(
                "Lost the system bus (dbus.service). Watching goes on; nothing can be started or stopped until it "
                "is back.");
        c->complained = true;
        tell_down(c);
        open_again_later(c);
        return 0;
}

static int open_bus(struct bus_connection *c) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system_with_description(&bus, "system");
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(bus, CONNECTION_CALL_TIMEOUT);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, c);
        if (r < 0)
                return r;
        /* Before the gateway's answers: what its unit is must be known when they are judged. */
        r = sd_bus_attach_event(bus, c->event, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        /* Or the end of the loop would flush it, and wait for a bus that says nothing. */
        r = sd_bus_set_close_on_exit(bus, false);
        if (r < 0)
                return r;
        c->bus = TAKE(bus);
        return 0;
}

void bus_connection_open(struct bus_connection *c) {
        int r;

        c->bus = sd_bus_close_unref(c->bus);
        r = open_bus(c);
        if (r < 0) {
                if (!c->complained)
                        log_warning("Cannot reach the system bus: %s. Trying again twice a second.",
                                strerror(-r));
                c->complained = true;
                open_again_later(c);
                return;
        }
        if (c->complained)
                log_notice("The system bus is back.");
        c->complained = false;
        c->usable = true;
        for (size_t i = 0; i < c->n_users; i++)
                c->users[i].up(c->bus, c->users[i].userdata);
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        bus_connection_open(userdata);
        return 0;
}

int bus_connection_new(sd_event *event, struct bus_connection **ret) {
        _cleanup_(bus_connection_freep) struct bus_connection *c = NULL;
        int r;

        c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        r = sd_event_add_time_relative(event, &c->timer, CLOCK_MONOTONIC, 0, 0, on_timer, c);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
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

int bus_connection_add_user(struct bus_connection *c, const struct bus_connection_user *user) {
        if (c->n_users >= CONNECTION_USERS_MAX)
                return -ENOBUFS;
        c->users[c->n_users++] = *user;
        return 0;
}

sd_bus *bus_connection_bus(struct bus_connection *c) {
        return c->usable ? c->bus : NULL;
}

sd_event *bus_connection_event(struct bus_connection *c) {
        return c->event;
}
