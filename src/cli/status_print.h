/* Prints a status: a few lines for a user, in colour on a terminal, or JSON. */
#pragma once

#include <jansson.h>

#include "config/instance.h"
#include "status.h"

/* Prints the lines. S is NULL if the daemon is not running: then WHY says why. */
void show_status(FILE *out, const struct status *s, const char *why, usec_t now, bool colour);

/* The version of `status --json`: a new number if a member goes or gets another meaning. */
#define STATUS_VERSION 1

/* S is NULL if the daemon is not running: then WHY says why. A new reference, or NULL without memory. */
json_t *status_json(const struct status *s, const char *why, const struct instance *n, usec_t now);
