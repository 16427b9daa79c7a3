/* Lists of texts: sd-bus's, which end in NULL, and one that grows. */
#pragma once

#include "lib/util.h"

/* Frees a list that ends in NULL, and its texts. A NULL list is empty. */
void strv_free(char **list);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)
bool strv_contains(char *const *list, const char *text);

/* A list of texts, most often paths, that grows. */
struct paths {
        char **items;
        size_t n;
};

/* Adds a copy of PATH. 0 or -ENOMEM. */
int paths_add(struct paths *p, const char *path);
/* Sorts P, and drops duplicates. */
void paths_sort(struct paths *p);
void paths_free(struct paths *p);
#define _cleanup_paths_ _cleanup_(paths_free)
