/* Reads the clocks, and converts between CLOCK_BOOTTIME and CLOCK_REALTIME. text.h formats times. */
#pragma once

#include "lib/util.h"

/* The time on CLOCK (clock_gettime(2)) in microseconds. All decisions use CLOCK_BOOTTIME, which counts on
 * while suspended. CLOCK_REALTIME is for users and for what outlives a boot. */
usec_t now_usec(clockid_t clock);

/* The same moment on the other clock. 0 (never) and USEC_INFINITY stay as they are. to_boottime() returns 1
 * for any time that is over: CLOCK_BOOTTIME has none before the boot. */
usec_t to_realtime(usec_t boottime);
usec_t to_boottime(usec_t realtime);
