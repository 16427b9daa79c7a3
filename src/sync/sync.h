/* The command `sync`: workspace and secrets, once, as the agent's user. Started as openclaw-failover-sync.service. */
#pragma once

#include "config/config.h"
#include "config/instance.h"

/* Its result is the STATUS= of the unit, and a line for a person: on a terminal always, in the journal when it is not the
 * same as last time. Pushes saved work (save = push) only while the file "promoting" is not in the runtime directory:
 * then the daemon waits for this sync. An exit status: 0; 1 if a part was refused or failed; or of sysexits(3). */
int cmd_sync(const struct instance *instance, const struct config *config);
