/* What somebody probably meant who wrote a word that is not known. */
#pragma once

#include <stddef.h>

struct hint {
        const char *name; /* the nearest so far; NULL: none is near */
        size_t distance;
};

/* Keeps NAME if it is nearer to WORD than what H holds, and near enough to be a slip. H begins as {}. */
void hint_try(struct hint *h, const char *word, const char *name);
