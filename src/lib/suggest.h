/* What a user probably meant who wrote a word that is not known. */
#pragma once

#include <stddef.h>

struct suggestion {
        const char *name; /* the nearest so far; NULL: none is near */
        size_t distance;
};

/* Keeps NAME if it is nearer to WORD than what H holds, and near enough to be a slip. H begins as {}. */
void suggest_try(struct suggestion *h, const char *word, const char *name);
