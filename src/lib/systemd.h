/* What systemd says of a unit, asked by a program that may wait for the answer. */
#pragma once

/* Asks systemd, for two seconds at most. 1: UNIT is inactive or failed, which includes one that there is not; 0: it runs, or is
 * being started or stopped; a negative errno: there was no answer. */
int unit_is_stopped(const char *unit);

/* How a service is, and how its last run ended (org.freedesktop.systemd1(5)). */
struct unit_outcome {
        char load_state[32];
        char active_state[32];
        char result[32];
        int exit_status; /* ExecMainStatus */
};
/* 0 or a negative errno: there was no answer. */
int unit_ask_outcome(const char *unit, struct unit_outcome *ret);
