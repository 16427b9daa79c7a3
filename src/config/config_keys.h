/* Every key of the ini in one table: its section, type, bounds and default; and how one value is read, inherited and
 * printed. The shipped ini, the manual and the README are tested against the table. */
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

/* As it stands in [ ]: "primary". */
const char *section_name(enum section_kind kind);
/* A section's struct in C; SENIOR: which of them, if it is one. */
void *section_base(const struct config *c, enum section_kind kind, size_t senior);

enum config_type { CONFIG_COUNT, CONFIG_SPAN, CONFIG_WORD, CONFIG_TEXT };

struct config_key {
        const char *section; /* "primary", "senior", "gateway" … */
        const char *name;
        /* As the ini would say it; NULL: required; "": none. A [senior] takes what it does not say itself from [primary], which
         * falls back to the same. */
        const char *fallback;
        const char *allowed; /* what is allowed, in words, as errors say it */

        /* The rest is how it is read. */
        enum config_type type;
        bool or_none;                           /* also 0, or an empty text */
        bool or_never;                          /* a span, also "never": USEC_INFINITY */
        uint64_t min, max;                      /* of counts, and of spans in microseconds */
        const char *const *words;               /* by their enum's value, NULL at the end */
        const char *(*check)(const char *text); /* of validate.h */
        size_t offset;                          /* in the struct of the section */
};

/* In the order of the documents and of config_print(). */
extern const struct config_key config_keys[];
extern const size_t n_config_keys;
#define KEYS_MAX 64 /* there are no more */

bool key_is_of(const struct config_key *k, enum section_kind kind);
/* NULL if there is none of that NAME. */
const struct config_key *key_find(enum section_kind kind, const char *name);
/* Where K's value is in the section at BASE: an unsigned, also of a word; a usec_t; a char *. */
void *key_target(const struct config_key *k, void *base);

/* Sets K in the section at BASE, whose texts are still NULL. NULL, or what is wrong with VALUE. */
const char *key_set(const struct config_key *k, void *base, const char *value);
/* Gives K of a [senior] at BASE the value that [primary] has. 0 or -ENOMEM. */
int key_inherit(const struct config_key *k, void *base, const struct peer_config *primary);
/* Writes "NAME = VALUE" and a newline, as key_set() reads it. */
void key_print(const struct config_key *k, const void *base, FILE *out);
