/* Lists of texts: sd-bus's, which end in NULL, and one that grows. */
#pragma once

#include "lib/util.h"

/* A list of texts that ends in NULL, as sd-bus has it: frees it and them; NULL is an empty one. */
void strv_free(char **list);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)
bool strv_contains(char *const *list, const char *text);

/* A list of texts, most often paths, that grows. */
struct paths {
        char **items;
        size_t n;
        size_t room;
};

/* Adds a copy. 0 or -ENOMEM. */
int paths_add(struct paths *p, const char *path);
/* Sorts, and drops what is there twice. */
void paths_sort(struct paths *p);
void paths_free(struct paths *p);
#define _cleanup_paths_ _cleanup_(paths_free)
