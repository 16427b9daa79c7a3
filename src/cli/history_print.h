/* Prints a history as a table or as JSON. */
#pragma once

#include "cli/history.h"

/* The version of the JSON object: a new number if a member goes or gets another meaning. */
#define HISTORY_VERSION 1

/* Rows have 100 columns at most. NOW and SINCE are CLOCK_REALTIME; SINCE 0: from the beginning. */
void history_table(FILE *out, const struct history *c, usec_t since, usec_t now);
/* 0 or -EIO. */
int history_json(FILE *out, const struct history *c, const char *instance, usec_t since);
