/* The command `sync`: workspace and secrets, once, as the agent's user. Started as openclaw-failover-sync.service. */
#pragma once

#include "config.h"
#include "names.h"

/* Its result is the STATUS= of the unit, and a line for a person: on a terminal always, in the journal when it is not the
 * same as last time. While the file "promoting" is in the runtime directory, a promotion waits for this sync: it pushes no saved
 * work (save = push), and its deadlines count from that file's time. An exit status: 0; 1 if a part was refused or failed; or of sysexits(3). */
int cmd_sync(const struct names *names, const struct config *config);
