/* Every key of the ini in one table: its section, type, bounds and default; and how to read and print a
 * value. Tests compare the shipped ini, the manual and the README with the table. */
#pragma once

#include "config/config.h"

/* In the order of the documents and of config_print(), but for the seniors: there may be several. */
enum section_kind {
        SECTION_PRIMARY,
        SECTION_WITNESS,
        SECTION_GATEWAY,
        SECTION_WORKSPACE,
        SECTION_SECRETS,
        SECTION_ALERT,
        SECTION_HEARTBEAT,
        SECTION_METRICS,
        SECTION_SENIOR,
        _SECTION_MAX,
};
/* In [ ]: "primary". */
extern const char *const section_names[_SECTION_MAX];

enum config_type { CONFIG_COUNT, CONFIG_SPAN, CONFIG_WORD, CONFIG_TEXT };

struct config_key {
        enum section_kind section;
        const char *name;
        /* The default as the ini would have it; NULL: the key is required; "": none. A [senior] without the
         * key takes [primary]'s value, so that this default is [primary]'s. */
        const char *fallback;
        const char *allowed; /* what is allowed, in words, for errors */

        /* How to read the value. */
        enum config_type type;
        bool or_none;                           /* 0 or an empty text is allowed, too */
        bool or_never;                          /* a span may be "never": USEC_INFINITY */
        uint64_t min, max;                      /* of a count, or of a span in microseconds */
        const char *const *words;               /* by their enum's value, NULL at the end */
        const char *(*check)(const char *text); /* of validate.h */
        size_t offset;                          /* in struct config; of a [senior]: in the first one */
};

/* In the order of the documents and of config_print(). */
extern const struct config_key config_keys[];
extern const size_t n_config_keys;
#define KEYS_MAX 64

/* The key of that NAME, or NULL. */
const struct config_key *key_find(enum section_kind section, const char *name);
/* K's value in C: an unsigned for a count or a word, a usec_t or a char *. SENIOR: the index of a [senior], 0
 * for every other section. */
void *key_target(const struct config_key *k, const struct config *c, size_t senior);

/* Sets K in C, where its text is still NULL. NULL, or what is wrong with VALUE. */
const char *key_set(const struct config_key *k, struct config *c, size_t senior, const char *value);
/* Writes "NAME = VALUE" and a newline, which key_set() can read. */
void key_print(const struct config_key *k, const struct config *c, size_t senior, FILE *out);
