/* Whether a unit is stopped: what the sync worker and `doctor` ask before they touch, or judge, what the gateway works with. */
#pragma once

/* Asks systemd, for two seconds at most. 1: UNIT is inactive or failed, which includes one that there is not; 0: it runs, or is
 * being started or stopped; a negative errno: there was no answer. */
int unit_is_stopped(const char *unit);
