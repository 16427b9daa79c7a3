/* Makes text that is safe to print and to paste, appends without overflow, and formats times and spans. */
#pragma once

#include "lib/util.h"

/* Copies TEXT, which may come from anywhere, to BUF of SIZE bytes, safe to print: control characters and
 * broken UTF-8 become '?', a run of white space one blank. A text that is cut ends in "…". Returns BUF. */
char *safe_text(char *buf, size_t size, const char *text);

/* TEXT as one word of a POSIX shell, safe to paste. A control character becomes '?'. The caller frees it;
 * NULL without memory. */
char *shell_quote(const char *text);

/* "user@::1" of "user@[::1]": rsync and URLs want brackets around an IPv6 address, ssh's programs want none.
 * The caller frees it. */
char *without_brackets(const char *login);

bool begins_with(const char *text, const char *prefix);

/* The index of NAME among the N names, none of which is NULL; N if NAME is not there. */
int find_name(const char *name, const char *const names[], int n);

/* Appends like snprintf() to the text in BUF of SIZE bytes. Cuts what does not fit, but never inside a UTF-8
 * character. Returns BUF. */
char *appendf(char *buf, size_t size, const char *format, ...) _printf_(3, 4);

/* Room for what format_time() writes. */
#define TIME_MAX 48
/* A CLOCK_REALTIME time for a user, in the local zone, by FORMAT (strftime(3)); "" if it cannot be shown.
 * Returns BUF. */
char *format_time(char buf[static TIME_MAX], const char *format, usec_t realtime)
        __attribute__((format(strftime, 2, 0)));

/* Room for what format_span() writes. */
#define SPAN_MAX 32
/* A span for a user: "350 ms", "41.2 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". Returns BUF. */
char *format_span(char buf[static SPAN_MAX], usec_t span);

/* Parses a span of the ini: "10", "10s", "500ms", "5m", "1h" (a bare number is seconds).
 * 0, -EINVAL for anything else, -ERANGE if the span is too long. */
int parse_span(const char *text, usec_t *ret);
/* The reverse, for whole milliseconds: in the largest unit that is exact. Returns BUF. */
char *print_span(char buf[static SPAN_MAX], usec_t span);
