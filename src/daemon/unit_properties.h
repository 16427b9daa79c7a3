/* The properties of a unit that the daemon reads from a message of systemd
 * (org.freedesktop.systemd1(5), Unit and Service). */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "core/unit_state.h"
#include "lib/strv.h"
#include "lib/util.h"

/* The properties that name units. */
enum relation { BOUND_TO, RELATIONS_MAX = 7 };

/* A text is NULL if the message lacks it, and valid as long as the message. */
struct unit_properties {
        const char *id, *active, *sub, *result, *user, *status;
        const char *job; /* the job's path; "/": none */
        sd_id128_t invocation;
        uint32_t main_pid, restarts;
        uint64_t condition_checked;
        int conditions_met, asserts_met; /* at that check */
        /* Units whose stop or start stops this one, by the property that names them; owned */
        char **related[RELATIONS_MAX];
};

void unit_properties_free(struct unit_properties *p);
#define _cleanup_properties_ _cleanup_(unit_properties_free)

/* Reads the a{sv} that is next in M into P, which is {} before. 0 or a negative errno. Free P either way. */
int unit_properties_read(sd_bus_message *m, struct unit_properties *p);

enum unit_state unit_properties_state(const struct unit_properties *p);
