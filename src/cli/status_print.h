/* What `status` prints: a few lines for a person, in colour on a terminal, or JSON. */
#pragma once

#include <jansson.h>

#include "config/instance.h"
#include "status.h"

#define WHEN_MAX 40
/* "03:12:07" if that is the day of NOW, else "2026-11-20 03:12:07", in local time; "never" for 0. Both are CLOCK_REALTIME.
 * Returns BUF. */
char *show_when(char buf[static WHEN_MAX], usec_t realtime, usec_t now);

/* Prints the lines. S is NULL if the daemon is not running; WHY says then why. */
void show_status(FILE *out, const struct status *s, const char *why, usec_t now, bool colour);

/* The version of what `status --json` prints: another number if something there is taken away or gets another meaning. */
#define STATUS_VERSION 1

/* S is NULL if the daemon is not running; WHY says then why. A new reference, or NULL without memory. */
json_t *status_json(const struct status *s, const char *why, const struct instance *n, usec_t now);
