/* Points and spans of time. */
#pragma once

#include "lib/util.h"

/* The time on CLOCK (clock_gettime(2)) in microseconds. CLOCK_BOOTTIME, which counts on while suspended, is
 * what all decisions use; CLOCK_REALTIME is for people and for what outlives a boot. */
usec_t now_usec(clockid_t clock);

/* The same moment on the other clock; 0 (never) and USEC_INFINITY stay what they are. A time that is over comes back as
 * any time that is over: CLOCK_BOOTTIME has none before the boot. */
usec_t to_realtime(usec_t boottime);
usec_t to_boottime(usec_t realtime);

/* Room for what format_span() writes. */
#define SPAN_MAX 32
/* A span for a person: "350 ms", "41.2 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". Writes to BUF and returns it. */
char *format_span(char buf[static SPAN_MAX], usec_t span);

/* Parses "10", "10s", "500ms", "5m", "1h" (a bare number is seconds) as the ini does.
 * 0, -EINVAL on anything else, -ERANGE if it does not fit. */
int parse_span(const char *text, usec_t *ret);
