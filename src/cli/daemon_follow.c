/* The daemon, followed over D-Bus; see daemon_follow.h.
 *
 * A signal only says that something is new. What it is now is then asked for whole, so there is one way to learn it. */
#include "cli/daemon_follow.h"

#include <errno.h>

#include "bus_interface.h"
#include "status_properties.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct follow {
        const struct instance *instance;
        const struct follow_calls *calls;
        void *userdata;
        sd_bus *bus;
        sd_bus_slot *ask;
        bool ask_again;
};

static int ask(struct follow *f);

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct follow *f = userdata;
        struct status s;

        f->ask = sd_bus_slot_unref(f->ask);
        if (sd_bus_message_is_method_error(m, NULL))
                f->calls->gone(f->userdata);
        else if (status_read(m, &s) < 0)
                f->calls->failed(-EBADMSG, f->userdata);
        else
                f->calls->changed(&s, f->userdata);
        return f->ask_again ? ask(f) : 0;
}

/* One question at a time; what changes meanwhile is asked for afterwards. */
static int ask(struct follow *f) {
        f->ask_again = f->ask;
        if (f->ask)
                return 0;
        return sd_bus_call_method_async(f->bus, &f->ask, f->instance->bus_name, BUS_PATH,
                PROPERTIES_INTERFACE, "GetAll", on_answer, f, "s", BUS_INTERFACE);
}

static int on_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        return ask(userdata);
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const struct follow *f = userdata;
        const char *event, *message;

        if (f->calls->event && sd_bus_message_read(m, "ss", &event, &message) >= 0)
                f->calls->event(event, message, f->userdata);
        return 0;
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        const struct follow *f = userdata;

        f->calls->failed(-ECONNRESET, f->userdata);
        return 0;
}

static int add_matches(struct follow *f) {
        _cleanup_free_ char *owner = NULL;
        int r;

        r = sd_bus_match_signal(f->bus, NULL, f->instance->bus_name, BUS_PATH, PROPERTIES_INTERFACE,
                "PropertiesChanged", on_changed, f);
        if (r >= 0)
                r = sd_bus_match_signal(
                        f->bus, NULL, f->instance->bus_name, BUS_PATH, BUS_INTERFACE, "Event", on_event, f);
        if (r >= 0)
                r = sd_bus_match_signal(f->bus, NULL, "org.freedesktop.DBus.Local",
                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                        on_disconnected, f);
        if (r < 0)
                return r;
        if (asprintf(&owner,
                    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                    "member='NameOwnerChanged',arg0='%s'",
                    f->instance->bus_name) < 0)
                return -ENOMEM;
        return sd_bus_add_match(f->bus, NULL, owner, on_changed, f);
}

int follow_new(sd_event *event, const struct instance *n, const struct follow_calls *calls, void *userdata,
        struct follow **ret) {
        _cleanup_(follow_freep) struct follow *f = NULL;
        int r;

        f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        *f = (struct follow){ .instance = n, .calls = calls, .userdata = userdata };
        r = sd_bus_open_system(&f->bus);
        if (r >= 0)
                r = sd_bus_attach_event(f->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = add_matches(f);
        if (r >= 0)
                r = ask(f);
        if (r < 0)
                return r;
        *ret = TAKE(f);
        return 0;
}

struct follow *follow_free(struct follow *f) {
        if (!f)
                return NULL;
        sd_bus_slot_unref(f->ask);
        sd_bus_flush_close_unref(f->bus);
        free(f);
        return NULL;
}

void follow_refresh(struct follow *f) {
        (void) ask(f);
}

sd_bus *follow_bus(struct follow *f) {
        return f->bus;
}
