/* The daemon's requests to systemd about a unit. They never block. */
#pragma once

#include "daemon/unit.h"

/* Each sets .job to JOB_CALLING at once. The callback reports what follows: .job, .state, .trouble. */
void unit_start(struct unit *u); /* even if the unit failed or hit its start limit */
void unit_stop(struct unit *u);
void unit_kill(struct unit *u); /* SIGKILL to all of the unit's processes */
/* Whether systemd has not answered the last request for 2 s: polkit may hang. */
bool unit_is_unanswered(const struct unit *u);
