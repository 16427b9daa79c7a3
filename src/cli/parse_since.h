/* A point in time as a user types it. */
#pragma once

#include "lib/util.h"

/* Reads TEXT into *RET, CLOCK_REALTIME in microseconds. Understood are "2026-11-01", "2026-11-01 03:00",
 * "2026-11-01 03:00:59", "03:00" (today), all in local time; "today", "yesterday" (their first moment); and what
 * is so long before NOW: "-7d", "7d", "7d ago", with s, min or m, h, d or w behind the number. 0, or -EINVAL on anything
 * else; SINCE_HELP says what is allowed. */
int parse_since(const char *text, usec_t now, usec_t *ret);

#define SINCE_HELP "2026-11-01, \"2026-11-01 03:00\", 03:00, today, yesterday, 7d, 12h, 30min"
