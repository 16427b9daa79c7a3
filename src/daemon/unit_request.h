/* What systemd is asked to do with a unit. Never blocks. */
#pragma once

#include "daemon/unit.h"

/* Requests. At once, .job is JOB_CALLING; the rest follows through the callback: .job, .state, .trouble. */
void unit_start(struct unit *u); /* also when it failed before, whatever its start limit says */
void unit_stop(struct unit *u);
void unit_kill(struct unit *u); /* SIGKILL to all of its processes */
/* polkit hangs, as far as can be seen: systemd has not answered the last request for longer than it should take. */
bool unit_is_unanswered(const struct unit *u);
