/* Lets this process, and all it starts, write in a few places and nowhere else: Landlock (landlock(7)).
 *
 * The unit's ReadWritePaths= is the same for everybody; this is from the paths of the ini. It also holds when a person
 * runs the command by hand. Reading stays as it is. */
#pragma once

#include "lib/util.h"

/* Those of the N PATHS that exist may be written to, and all below them. For good. 0, -EOPNOTSUPP if the kernel is too
 * old (before 5.19) or has it turned off, or a negative errno: then nothing is restricted. */
int landlock_confine_writes(const char *const *paths, size_t n);
