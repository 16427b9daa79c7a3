/* Text that is safe to print, to paste, to append. */
#pragma once

#include "lib/util.h"

/* Copies at most SIZE - 1 bytes of TEXT, which may come from anywhere, to BUF so that it is safe to print: control
 * characters and broken UTF-8 become '?', a run of white space one blank; what is cut ends in "…". Returns BUF. */
char *safe_text(char *buf, size_t size, const char *text);

/* TEXT as one word of a POSIX shell, safe to paste whatever it holds; a control character becomes '?'. For the caller to
 * free; NULL without memory. */
char *shell_quote(const char *text);

/* "user@::1" of "user@[::1]": rsync and URLs want an address of IPv6 in brackets, ssh's programs take none. For the caller to
 * free. */
char *without_brackets(const char *login);

bool begins_with(const char *text, const char *prefix);

/* The place of NAME among the N names, none of which is NULL; N if it is none of them. */
int find_name(const char *name, const char *const names[], int n);

/* Appends like snprintf() to the text already in BUF of SIZE bytes; what does not fit is cut, and no UTF-8 character in two.
 * Returns BUF. */
char *appendf(char *buf, size_t size, const char *format, ...) _printf_(3, 4);

/* Room for what format_time() writes. */
#define TIME_MAX 48
/* A time for a person, of CLOCK_REALTIME in the local zone, as FORMAT (strftime(3)) says; "" if there is none. Writes to BUF and
 * returns it. */
char *format_time(char buf[static TIME_MAX], const char *format, usec_t realtime)
        __attribute__((format(strftime, 2, 0)));

/* Room for what format_span() writes. */
#define SPAN_MAX 32
/* A span for a person: "350 ms", "41.2 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". Writes to BUF and returns it. */
char *format_span(char buf[static SPAN_MAX], usec_t span);

/* Parses "10", "10s", "500ms", "5m", "1h" (a bare number is seconds) as the ini does.
 * 0, -EINVAL on anything else, -ERANGE if it does not fit. */
int parse_span(const char *text, usec_t *ret);
/* The reverse: in the largest unit that says it exactly, for whole milliseconds. Returns BUF. */
char *print_span(char buf[static SPAN_MAX], usec_t span);
