/* `status --watch`. */
#pragma once

#include "config/instance.h"

/* Shows the status of the N instances in NAMES, and what changes, until it is interrupted. Returns the worst exit status of
 * what was seen last. */
int watch_status(const struct instance *const *instance, size_t n, bool json);
