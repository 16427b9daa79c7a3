/* Small things that every file may use: cleanup attributes, time, and text made safe to print.
 *
 * Errors travel as negative errno values; the function that can explain one to a person logs it, once. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Microseconds, as everywhere in systemd: a point in time or a span. */
typedef uint64_t usec_t;
#define USEC_INFINITY ((usec_t) -1)
#define USEC_PER_MSEC ((usec_t) 1000)
#define USEC_PER_SEC ((usec_t) 1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)

/* Defines NAMEp(), a cleanup function for a pointer of TYPE that is freed with FREE when it is not NULL. */
#define DEFINE_CLEANUP(type, free_function)                                                                 \
        static inline void free_function##p(type *p) {                                                      \
                if (*p)                                                                                     \
                        free_function(*p);                                                                  \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

DEFINE_CLEANUP(FILE *, fclose)
#define _cleanup_fclose_ _cleanup_(fclosep)

/* Hands over ownership: returns the pointer and leaves NULL behind, for "return TAKE(p)". */
#define TAKE(p)                                                                                             \
        ({                                                                                                  \
                __typeof__(p) _taken = (p);                                                                 \
                (p) = NULL;                                                                                 \
                _taken;                                                                                     \
        })

/* The time on CLOCK (clock_gettime(2)) in microseconds. CLOCK_BOOTTIME, which counts on while suspended, is
 * what all decisions use; CLOCK_REALTIME is for people and for what outlives a boot. */
usec_t now_usec(clockid_t clock);

/* The same moment on the other clock; 0 (never) and USEC_INFINITY stay what they are. A time that is over comes back as
 * any time that is over: CLOCK_BOOTTIME has none before the boot. */
usec_t to_realtime(usec_t boottime);
usec_t to_boottime(usec_t realtime);
/* The same for what systemd tells by CLOCK_MONOTONIC, which does not count suspends. */
usec_t monotonic_to_boottime(usec_t monotonic);

/* Room for what format_span() writes. */
#define SPAN_MAX 32
/* A span for a person: "350 ms", "41.2 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". Writes to BUF and returns it. */
char *format_span(char buf[static SPAN_MAX], usec_t span);

/* Parses "10", "10s", "500ms", "5m", "1h" (a bare number is seconds) as the ini does.
 * 0, -EINVAL on anything else, -ERANGE if it does not fit. */
int parse_span(const char *text, usec_t *ret);

/* Copies at most SIZE - 1 bytes of TEXT, which may come from anywhere, to BUF so that it is safe to print: control
 * characters and broken UTF-8 become '?', a run of white space one blank; what is cut ends in "…". Returns BUF. */
char *safe_text(char *buf, size_t size, const char *text);

/* TEXT as one word of a POSIX shell, safe to paste whatever it holds; a control character becomes '?'. For the caller to
 * free; NULL without memory. */
char *shell_quote(const char *text);

/* "user@::1" of "user@[::1]": rsync and URLs want an address of IPv6 in brackets, ssh's programs take none. For the caller to
 * free. */
char *without_brackets(const char *login);

/* The first symbolic link on the way to PATH, or PATH itself, in words: "/home/x is a symbolic link to /etc". A command of
 * root's must follow none that somebody else put there; on the way, those do not count that only root can have made, such as
 * /bin. For the caller to free; NULL if there is none. */
char *find_link(const char *path);

/* PATH without slashes at its end, with which chown(1) and lstat(2) follow a link; for the caller to free. */
char *without_slash(const char *path);

/* Takes the lock of FD (flock(2)), for which it waits until UNTIL, of CLOCK_BOOTTIME. 0, or a negative errno: -EWOULDBLOCK
 * if somebody has it for longer. */
int lock_until(int fd, usec_t until);

bool begins_with(const char *text, const char *prefix);

/* Appends like snprintf() to the text already in BUF of SIZE bytes; what does not fit is cut, and no UTF-8 character in two.
 * Returns BUF. */
char *appendf(char *buf, size_t size, const char *format, ...) _printf_(3, 4);

/* Reads a whole regular file of at most MAX bytes as a string, which may hold no NUL; the caller frees *RET.
 * 0, -EFBIG if it is longer, -EINVAL on a NUL or if it is no regular file, or the negative errno of open(2), read(2). */
int read_file(const char *path, size_t max, char **ret);

/* Writes TEXT to PATH so that a reader, or a crash at any instant, sees the old file or the new one: a temporary
 * file beside it, fsync(2), rename(2). MODE is that of the new file. 0 or a negative errno. */
int write_file_atomic(const char *path, const char *text, mode_t mode);
/* The same without fsync(2), so that the loop never waits for a disk: after a power cut the file may be the old one, the
 * new one, or empty. */
int write_file_quick(const char *path, const char *text, mode_t mode);

/* A list of texts that ends in NULL, as sd-bus has it: frees it and them; NULL is an empty one. */
void strv_free(char **list);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)
bool strv_contains(char *const *list, const char *text);
