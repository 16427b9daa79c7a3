/* The status for a person: a few lines, in colour on a terminal. */
#pragma once

#include "config/instance.h"
#include "status.h"

#define WHEN_MAX 40
/* "03:12:07" if that is the day of NOW, else "2026-11-20 03:12:07", in local time; "never" for 0. Both are CLOCK_REALTIME.
 * Returns BUF. */
char *show_when(char buf[static WHEN_MAX], usec_t realtime, usec_t now);

/* Prints the lines. S is NULL if the daemon is not running; WHY says then why. */
void show_status(FILE *out, const struct status *s, const char *why, usec_t now, bool colour);
