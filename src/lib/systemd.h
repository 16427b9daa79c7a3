/* Asks systemd for one unit's state: for a program that may wait for the answer. */
#pragma once

/* Asks systemd, and waits two seconds at most for each answer. 1: UNIT is inactive, failed or missing; 0:
 * UNIT runs, starts or stops; a negative errno: no answer. */
int unit_is_stopped(const char *unit);

/* A service's state, and how its last run ended (org.freedesktop.systemd1(5)). */
struct unit_outcome {
        char load_state[32];
        char active_state[32];
        char result[32];
        int exit_status; /* ExecMainStatus */
};
/* 0, or a negative errno: no answer. */
int unit_ask_outcome(const char *unit, struct unit_outcome *ret);
