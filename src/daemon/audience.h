/* Who looks at the properties: whoever has read them and is still on the bus. What changes all the time is signalled only
 * while there is somebody. */
#pragma once

#include <systemd/sd-bus.h>

#include "lib/util.h"

struct audience;

/* 0 or -ENOMEM. */
int audience_new(struct audience **ret);
struct audience *audience_free(struct audience *a);
DEFINE_CLEANUP(struct audience *, audience_free)

/* A property is being asked for: by whoever sent the message that BUS is handling, if that asks for properties at all. */
void audience_note(struct audience *a, sd_bus *bus);
bool audience_is_there(const struct audience *a);
/* The connection is gone, and everybody with it. */
void audience_drop(struct audience *a);
