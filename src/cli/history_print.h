/* What `history` prints, as a table and as JSON, made from a history. */
#pragma once

#include "cli/history.h"

/* The version of the JSON object: another number if something there is taken away or gets another meaning. */
#define HISTORY_VERSION 1

/* Rows have 100 columns at most. NOW is CLOCK_REALTIME; SINCE likewise, 0: from the beginning. */
void history_table(FILE *out, const struct history *c, usec_t since, usec_t now);
/* The caller frees it; NULL without memory. */
char *history_json(const struct history *c, const char *instance, usec_t since, usec_t now);
