/* Every key of the ini in one table: its section, type, bounds and default; and how to read, inherit and
 * print a value. Tests compare the shipped ini, the manual and the README with the table. */
#pragma once

#include "config/config.h"

enum section_kind {
        SECTION_PRIMARY,
        SECTION_SENIOR,
        SECTION_WITNESS,
        SECTION_GATEWAY,
        SECTION_WORKSPACE,
        SECTION_SECRETS,
        SECTION_ALERT,
        SECTION_HEARTBEAT,
        SECTION_METRICS,
        _SECTION_MAX,
};

/* The section's name in [ ]: "primary". */
const char *section_name(enum section_kind kind);
/* A section's struct in C. SENIOR: the index of a [senior]. */
void *section_base(const struct config *c, enum section_kind kind, size_t senior);

enum config_type { CONFIG_COUNT, CONFIG_SPAN, CONFIG_WORD, CONFIG_TEXT };

struct config_key {
        const char *section; /* "primary", "senior", "gateway" … */
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
        size_t offset;                          /* in the struct of the section */
};

/* In the order of the documents and of config_print(). */
extern const struct config_key config_keys[];
extern const size_t n_config_keys;
#define KEYS_MAX 64

bool key_is_of(const struct config_key *k, enum section_kind kind);
/* The key of that NAME, or NULL. */
const struct config_key *key_find(enum section_kind kind, const char *name);
/* K's value in the section at BASE: an unsigned for a count or a word, a usec_t or a char *. */
void *key_target(const struct config_key *k, void *base);

/* Sets K in the section at BASE, whose texts are still NULL. NULL, or what is wrong with VALUE. */
const char *key_set(const struct config_key *k, void *base, const char *value);
/* Copies K from PRIMARY to the [senior] at BASE. 0 or -ENOMEM. */
int key_inherit(const struct config_key *k, void *base, const struct peer_config *primary);
/* Writes "NAME = VALUE" and a newline, which key_set() can read. */
void key_print(const struct config_key *k, const void *base, FILE *out);
