/* The command `sync`: workspace and secrets, once, as the agent's user (openclaw-failover-sync.service). */
#pragma once

#include "config/config.h"
#include "config/instance.h"

/* The result is the unit's STATUS=, and a line: always on a terminal, in the journal if it is new. Pushes
 * saved work (save = push) unless the runtime directory has a file "promoting": then the daemon waits for
 * this sync. Returns 0; 1 if a part is incomplete, refused or failed; or a status of sysexits(3). */
int cmd_sync(const struct instance *instance, const struct config *config);
