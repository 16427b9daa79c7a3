/* The D-Bus service; see bus_service.h. */
#include "daemon/bus_service.h"

#include <errno.h>
#include <string.h>

#include "daemon/polkit.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "status_properties.h"

/* RequestName's answer (D-Bus specification, DBUS_REQUEST_NAME_REPLY_IN_QUEUE). */
#define NAME_IN_QUEUE 2
#define POLKIT_ACTION "org.openclaw.failover1.control"

struct bus_service {
        const struct instance *instance;
        bus_command_t command;
        void *userdata;
        struct polkit authority;
        const char *version;
        struct status shown; /* the values of the other properties; owns its texts */
        sd_bus_slot *object;
        sd_bus_slot *name;
        sd_bus_vtable vtable[PROPERTIES_MAX + 16];
};

/* Commands. */

static const struct {
        const char *method, *arguments;
        enum role_command command;
        const char *words;
} commands[] = {
        { "Promote", NULL, COMMAND_PROMOTE, "promote" },
        { "Demote", NULL, COMMAND_DEMOTE, "demote" },
        { "Auto", NULL, COMMAND_AUTO, "follow the primary (auto)" },
        { "Pause", "t", COMMAND_PAUSE, "pause" }, /* until resumed, or for a span */
        { "Resume", NULL, COMMAND_RESUME, "resume" },
        { "Drill", NULL, COMMAND_DRILL, "begin a drill" },
};

/* Returns M's place in commands[]. The vtable lets no other method through. */
static size_t command_of(sd_bus_message *m) {
        size_t i = 0;

        while (i < ELEMENTSOF(commands) - 1 && strcmp(commands[i].method, sd_bus_message_get_member(m)) != 0)
                i++;
        return i;
}

int bus_service_read_pause(sd_bus_message *m, usec_t *ret, sd_bus_error *e) {
        uint64_t seconds;
        int r;

        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &seconds);
        if (r < 0)
                return r;
        if (seconds != UINT64_MAX && seconds > PAUSE_MAX / USEC_PER_SEC)
                return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
                        "%" PRIu64 " s is longer than a year. To pause until resumed, say %" PRIu64 ".",
                        seconds, UINT64_MAX);
        *ret = seconds == UINT64_MAX ? USEC_INFINITY : seconds == 0 ? PAUSE_DEFAULT : seconds * USEC_PER_SEC;
        return 0;
}

/* The journal names the user who paused, held or pinned. */
static void log_command(size_t i, uid_t uid, usec_t pause) {
        char who[32] = "root", span[SPAN_MAX] = "";

        if (uid != 0)
                (void) snprintf(who, sizeof who, "User %u", (unsigned) uid);
        if (pause > 0 && pause != USEC_INFINITY)
                format_span(span, pause);
        log_notice("%s asks to %s%s%s.", who, commands[i].words, *span ? " for " : "", span);
}

static void carry_out(sd_bus_message *m, uid_t uid, const sd_bus_error *refusal, void *userdata) {
        struct bus_service *b = userdata;
        size_t i = command_of(m);
        usec_t pause = 0, until = 0;
        const char *why;

        if (refusal) {
                (void) sd_bus_reply_method_error(m, refusal);
                return;
        }
        if (commands[i].command == COMMAND_PAUSE) {
                (void) bus_service_read_pause(m, &pause, NULL); /* on_command() has read it already */
                until = pause == USEC_INFINITY ? USEC_INFINITY : now_usec(CLOCK_REALTIME) + pause;
        }
        log_command(i, uid, pause);
        why = b->command(commands[i].command, until, b->userdata);
        if (why)
                log_notice("Refused: %s", why);
        if (why)
                (void) sd_bus_reply_method_errorf(m, BUS_ERROR_REFUSED, "%s", why);
        else
                (void) sd_bus_reply_method_return(m, NULL);
}

/* Checks the arguments before polkit is asked, so that no user enters a password in vain. */
static int on_command(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        struct bus_service *b = userdata;
        usec_t pause;
        int r = 0;

        if (commands[command_of(m)].command == COMMAND_PAUSE)
                r = bus_service_read_pause(m, &pause, e);
        if (r >= 0)
                r = polkit_ask(&b->authority, m);
        return r < 0 ? r : 1;
}

/* Properties. */

static int on_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
        const char *name, sd_bus_message *reply, void *userdata, sd_bus_error *e _unused_) {
        const struct bus_service *b = userdata;

        return property_append(property_find(name), &b->shown, reply);
}

/* UNPRIVILEGED: sd-bus lets every user in, polkit.h decides. */
static void fill_vtable(struct bus_service *b) {
        sd_bus_vtable *row = b->vtable;
        const struct property *p;
        size_t n;

        p = properties(&n);
        *row++ = (sd_bus_vtable) SD_BUS_VTABLE_START(0);
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                *row++ = (sd_bus_vtable) SD_BUS_METHOD(commands[i].method, commands[i].arguments, NULL,
                        on_command, SD_BUS_VTABLE_UNPRIVILEGED);
        *row++ = (sd_bus_vtable) SD_BUS_SIGNAL_WITH_ARGS("Event", SD_BUS_ARGS("s", event, "s", message), 0);
        *row++ = (sd_bus_vtable) SD_BUS_PROPERTY(
                "Version", "s", NULL, offsetof(struct bus_service, version), SD_BUS_VTABLE_PROPERTY_CONST);
        for (size_t i = 0; i < n; i++)
                *row++ = (sd_bus_vtable) SD_BUS_PROPERTY(p[i].name, property_signature(&p[i]), on_get, 0,
                        p[i].ticks ? 0 : SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE);
        *row = (sd_bus_vtable) SD_BUS_VTABLE_END;
}
_Static_assert(
        ELEMENTSOF(commands) + PROPERTIES_MAX + 4 <= ELEMENTSOF(((struct bus_service *) NULL)->vtable),
        "no room");

void bus_service_changed(struct bus_service *b, const struct status *s) {
        const char *changed[PROPERTIES_MAX + 1];

        (void) status_update(&b->shown, s, changed); /* a value that found no memory is new the next time */
        if (b->object && changed[0])
                (void) sd_bus_emit_properties_changed_strv(
                        sd_bus_slot_get_bus(b->object), BUS_PATH, BUS_INTERFACE, (char **) changed);
}

void bus_service_event(struct bus_service *b, enum role_event event, const char *message) {
        if (b->object)
                (void) sd_bus_emit_signal(sd_bus_slot_get_bus(b->object), BUS_PATH, BUS_INTERFACE, "Event",
                        "ss", event_name(event), message);
}

/* The connection. */

static void report_no_name(const struct bus_service *b, const char *reason) {
        log_error(
                "Cannot offer %s on the system bus: %s. Failover works; status, promote and the other commands do not.",
                b->instance->bus_name, reason);
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        uint32_t answer = 0;

        if (e && !sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY)) /* no reply is no refusal */
                report_no_name(userdata, e->message);
        else if (sd_bus_message_read(m, "u", &answer) >= 0 && answer == NAME_IN_QUEUE)
                report_no_name(userdata, "another daemon has that name, and must end first");
        return 0;
}

static void on_up(sd_bus *bus, void *userdata) {
        struct bus_service *b = userdata;
        int r;

        r = sd_bus_add_object_vtable(bus, &b->object, BUS_PATH, BUS_INTERFACE, b->vtable, b);
        if (r >= 0)
                r = sd_bus_request_name_async(
                        bus, &b->name, b->instance->bus_name, SD_BUS_NAME_QUEUE, on_name, b);
        if (r < 0)
                report_no_name(b, strerror(-r));
}

static void on_down(void *userdata) {
        struct bus_service *b = userdata;

        polkit_drop(&b->authority);
        b->object = sd_bus_slot_unref(b->object);
        b->name = sd_bus_slot_unref(b->name);
}

int bus_service_new(struct bus_connection *c, const struct instance *n, bus_command_t command,
        void *userdata, struct bus_service **ret) {
        _cleanup_(bus_service_freep) struct bus_service *b = calloc(1, sizeof *b);

        if (!b)
                return -ENOMEM;
        b->instance = n;
        b->version = VERSION;
        b->shown.program = n->program;
        b->command = command;
        b->userdata = userdata;
        fill_vtable(b);
        b->authority = (struct polkit){ .action = POLKIT_ACTION, .decided = carry_out, .userdata = b };
        bus_connection_add_user(
                c, &(struct bus_connection_user){ .up = on_up, .down = on_down, .userdata = b });
        *ret = TAKE(b);
        return 0;
}

struct bus_service *bus_service_free(struct bus_service *b) {
        if (!b)
                return NULL;
        sd_bus_slot_unref(b->object);
        sd_bus_slot_unref(b->name);
        polkit_drop(&b->authority);
        status_clear(&b->shown);
        free(b);
        return NULL;
}
