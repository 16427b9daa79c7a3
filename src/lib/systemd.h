/* Asks systemd for one unit's state: for a program that may wait for the answer. */
#pragma once

/* Asks systemd, and waits two seconds at most for each answer. 1: UNIT is inactive, failed or missing; 0:
 * UNIT runs, starts or stops; a negative errno: no answer. */
int unit_is_stopped(const char *unit);

/* Room for a state. */
#define SYSTEMD_STATE_MAX 32
/* Asks for UNIT's LoadState and ActiveState (org.freedesktop.systemd1(5)). 0, or a negative errno: no answer. */
int unit_ask_state(
        const char *unit, char load[static SYSTEMD_STATE_MAX], char active[static SYSTEMD_STATE_MAX]);
