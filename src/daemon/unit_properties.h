/* What systemd says of a unit: the properties that matter here, of all that a message holds
 * (org.freedesktop.systemd1(5), Unit and Service). */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "core/unit_state.h"
#include "lib/strv.h"
#include "lib/util.h"

/* The properties that name units. */
enum relation { BOUND_TO, RELATIONS_MAX = 7 };

/* Texts are NULL where the message has none, and good as long as the message is. */
struct unit_properties {
        const char *id, *active, *sub, *result, *user, *status;
        const char *job; /* its path; "/": none */
        sd_id128_t invocation;
        uint32_t main_pid, restarts;
        uint64_t condition_checked;
        /* Whether its conditions and assertions were met when they were last checked; 0: not in the message */
        enum { MET = 1, UNMET } conditions;
        /* Those that were not met, or all where systemd does not know any more. */
        char condition[sizeof((struct unit_end *) NULL)->condition];
        /* Units whose stop or start stops this one, by the property that names them; owned */
        char **related[RELATIONS_MAX];
};

void unit_properties_free(struct unit_properties *p);
#define _cleanup_properties_ _cleanup_(unit_properties_free)

/* Reads the a{sv} that is next in M into P, which is {} at first. 0 or a negative errno; P is to be freed either way. */
int unit_properties_read(sd_bus_message *m, struct unit_properties *p);

enum unit_state unit_properties_state(const struct unit_properties *p);
