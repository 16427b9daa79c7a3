/* Macros and types that every file may use: cleanup attributes, spans of time, ownership.
 *
 * Errors travel as negative errno values. The function that can explain one to a user logs it, once. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Defines FREE_FUNCTIONp(), a cleanup function that frees a pointer of TYPE unless the pointer is NULL. */
#define DEFINE_CLEANUP(type, free_function)                                                                 \
        static inline void free_function##p(type *p) {                                                      \
                if (*p)                                                                                     \
                        free_function(*p);                                                                  \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Frees a text that may be a secret, and clears its memory. */
static inline void wipep(char **p) {
        if (*p)
                explicit_bzero(*p, strlen(*p));
        free(*p);
}
#define _cleanup_secret_ _cleanup_(wipep)

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
