/* `status --watch`. */
#pragma once

#include "config/instance.h"

/* Shows the status of N instances, and what changes, until it is interrupted. Returns the worst exit status of
 * what was seen last. */
int watch_status(const struct instance *const *instances, size_t n, bool json);
