/* A list of paths, relative to the work tree. */
#pragma once

#include "lib/util.h"

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
