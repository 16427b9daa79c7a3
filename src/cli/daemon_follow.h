/* The daemon as seen over D-Bus, followed by its signals. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "config/instance.h"
#include "status.h"

struct follow;

struct follow_calls {
        /* S is new; its texts are good during the call. Also once for the start. */
        void (*changed)(const struct status *s, void *userdata);
        /* A journal entry of events.h, in its order among the changes. NULL: not wanted. */
        void (*event)(const char *event, const char *message, void *userdata);
        /* The daemon is not there, or no longer. This waits for it: .changed() comes when it is back. */
        void (*gone)(void *userdata);
        /* Nothing more comes: -ECONNRESET if the bus is gone, -EBADMSG if the daemon is of another version. */
        void (*failed)(int error, void *userdata);
};

/* The state as it is now comes as soon as the loop of EVENT turns. 0 or a negative errno: the bus cannot be reached. */
int follow_new(sd_event *event, const struct instance *n, const struct follow_calls *calls, void *userdata,
        struct follow **ret);
struct follow *follow_free(struct follow *f);
DEFINE_CLEANUP(struct follow *, follow_free)

/* Asks now: what every check changes is not signalled. .changed() comes. */
void follow_refresh(struct follow *f);

sd_bus *follow_bus(struct follow *f); /* borrowed */
