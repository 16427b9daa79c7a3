/* `status --watch`, and what it shares with `status`. */
#pragma once

#include "config/instance.h"
#include "status.h"

/* The version of what `status --json` prints: another number if something there is taken away or gets another meaning. */
#define STATUS_SCHEMA 1

/* The object as text, which the caller frees; FLAGS are those of json_dumps(). S is NULL if the daemon does not run. NULL without memory. */
char *status_json(const struct status *s, const struct instance *n, usec_t now, size_t flags);

/* EXIT_WELL or EXIT_NOT_WELL. */
int status_exit(const struct status *s);

/* Shows the status and what changes until it is interrupted. Returns the exit status for what was seen last. */
int watch_status(const struct instance *n, bool json);
