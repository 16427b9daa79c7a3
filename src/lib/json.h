/* Times, spans and texts in the form that all our JSON has. */
#pragma once

#include <jansson.h>

#include "lib/util.h"

/* Enough digits for the microseconds of ten years, and too few for 0.00032699999999999998. */
#define JSON_DIGITS JSON_REAL_PRECISION(15)

/* All return a new reference, or NULL without memory. */
json_t *json_time(usec_t realtime);   /* RFC 3339 in UTC; null for 0, "infinity" for USEC_INFINITY */
json_t *json_span(usec_t span);       /* seconds; null for USEC_INFINITY */
json_t *json_lines(const char *text); /* an array of TEXT's lines */
json_t *json_text(const char *text);  /* made safe, cut to 1 KiB; "" for NULL */

/* Joins the texts of LIST with BETWEEN to a text that is safe to print. */
void json_join(const json_t *list, const char *between, char *buf, size_t size);
