/* Lets this process, and all that it starts, write in a few places and nowhere else: Landlock (landlock(7)).
 *
 * The unit's ReadWritePaths= is the same for every ini. This uses the paths of the ini, and also works when
 * a user runs the command. Reading stays as it is. */
#pragma once

#include "lib/util.h"

/* Allows writes only to the N PATHS, as far as they exist, and below them, for good. 0, -EOPNOTSUPP without
 * Landlock (before Linux 5.19, or turned off), or a negative errno. After an error nothing is restricted. */
int landlock_confine_writes(const char *const *paths, size_t n);
