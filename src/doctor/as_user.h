/* Another user's eyes: what the daemon, the sync or the gateway could do, tried as that user. */
#pragma once

#include <pwd.h>

#include "lib/util.h"

/* This process becomes USER for good, as a service of systemd's would be: groups, HOME and PATH, nothing else. 0 or a negative errno. */
int become(const struct passwd *user);
