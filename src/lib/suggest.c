/* What a user probably meant; see suggest.h. */
#include "lib/suggest.h"

#include <ctype.h>
#include <string.h>

#include "lib/util.h"

/* How many letters must be changed, put in or left out to make A of B (Levenshtein), whatever their case. */
static size_t distance(const char *a, const char *b) {
        size_t row[32];
        size_t n = strlen(b);

        if (n >= ELEMENTSOF(row))
                return SIZE_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        bool same = tolower((unsigned char) a[i - 1]) == tolower((unsigned char) b[j - 1]);
                        size_t best = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + !same);

                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[n];
}

void suggest_try(struct suggestion *h, const char *word, const char *name) {
        size_t d = distance(word, name);

        /* Two slips, since swapped letters count as two, but never half of a short name. */
        if (d <= MIN(MAX(strlen(name) / 3, (size_t) 2), strlen(name) / 2) && (!h->name || d < h->distance))
                *h = (struct suggestion){ name, d };
}
