/* Lists of texts; see strv.h. */
#include "lib/strv.h"

#include <errno.h>
#include <string.h>

void strv_free(char **list) {
        for (char **s = list; s && *s; s++)
                free(*s);
        free(list);
}

bool strv_contains(char *const *list, const char *text) {
        for (char *const *s = list; s && *s; s++)
                if (strcmp(*s, text) == 0)
                        return true;
        return false;
}

int paths_add(struct paths *p, const char *path) {
        if ((p->n & (p->n - 1)) == 0) { /* full, at every power of two */
                char **items = reallocarray(p->items, p->n ? 2 * p->n : 1, sizeof *items);

                if (!items)
                        return -ENOMEM;
                p->items = items;
        }
        p->items[p->n] = strdup(path);
        if (!p->items[p->n])
                return -ENOMEM;
        p->n++;
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void paths_sort(struct paths *p) {
        size_t kept = 0;

        if (p->n == 0)
                return;
        qsort(p->items, p->n, sizeof *p->items, compare);
        for (size_t i = 1; i < p->n; i++)
                if (strcmp(p->items[i], p->items[kept]) == 0)
                        free(p->items[i]);
                else
                        p->items[++kept] = p->items[i];
        p->n = kept + 1;
}

void paths_free(struct paths *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->items[i]);
        free(p->items);
        *p = (struct paths){ 0 };
}
