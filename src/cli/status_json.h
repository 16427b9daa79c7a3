/* The status as JSON, and as an exit status. */
#pragma once

#include <jansson.h>

#include "config/instance.h"
#include "status.h"

/* The version of what `status --json` prints: another number if something there is taken away or gets another meaning. */
#define STATUS_VERSION 1

/* S is NULL if the daemon is not running; WHY says then why. A new reference, or NULL without memory. */
json_t *status_json(const struct status *s, const char *why, const struct instance *n, usec_t now);

/* One of daemon_client.h. */
int status_exit(const struct status *s);
