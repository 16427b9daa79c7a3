/* Who looks at the properties; see audience.h. Not sd_bus_track: adding a name to that waits for the bus to answer. */
#include "daemon/audience.h"

#include <errno.h>
#include <string.h>

/* Somebody is somebody: with so many, one more makes no difference as long as they stay. */
#define READERS_MAX 8

struct reader {
        char *name; /* the unique one; NULL: nobody */
        sd_bus_slot *slot;
};

struct audience {
        struct reader readers[READERS_MAX];
};

static void leave(struct reader *r) {
        r->slot = sd_bus_slot_unref(r->slot);
        free(TAKE(r->name));
}

/* A unique name changes its owner once, to nobody (D-Bus specification, NameOwnerChanged). */
static int on_gone(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        leave(userdata);
        return 0;
}

static int on_match(sd_bus_message *m, void *userdata, sd_bus_error *e _unused_) {
        if (sd_bus_message_is_method_error(m, NULL))
                leave(userdata);
        return 0;
}

/* The match reaches the bus before the answer does, so nobody leaves unseen who has waited for that. */
static int enter(struct reader *r, sd_bus *bus, const char *name) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match,
                    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                    "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                    name) < 0)
                return -ENOMEM;
        r->name = strdup(name);
        if (!r->name)
                return -ENOMEM;
        return sd_bus_add_match_async(bus, &r->slot, match, on_gone, on_match, r);
}

void audience_note(struct audience *a, sd_bus *bus) {
        sd_bus_message *m = sd_bus_get_current_message(bus);
        const char *sender = m ? sd_bus_message_get_sender(m) : NULL;
        struct reader *free_one = NULL;

        /* Properties are also read to be signalled, maybe while a message of another kind is being handled. */
        if (!sender || !sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL))
                return;
        for (size_t i = 0; i < ELEMENTSOF(a->readers); i++) {
                if (!a->readers[i].name)
                        free_one = &a->readers[i];
                else if (strcmp(a->readers[i].name, sender) == 0)
                        return;
        }
        if (free_one && enter(free_one, bus, sender) < 0)
                leave(free_one);
}

bool audience_is_there(const struct audience *a) {
        for (size_t i = 0; i < ELEMENTSOF(a->readers); i++)
                if (a->readers[i].name)
                        return true;
        return false;
}

void audience_drop(struct audience *a) {
        for (size_t i = 0; i < ELEMENTSOF(a->readers); i++)
                leave(&a->readers[i]);
}

int audience_new(struct audience **ret) {
        *ret = calloc(1, sizeof **ret);
        return *ret ? 0 : -ENOMEM;
}

struct audience *audience_free(struct audience *a) {
        if (a)
                audience_drop(a);
        free(a);
        return NULL;
}
