/* What rsync --list-only says of the secrets, before any is copied. */
#pragma once

#include "lib/util.h"

#define LISTING_MAX 10000
/* A secret of this size is none, and is not copied. */
#define LISTING_FILE_MAX (64 << 20)

struct listing {
        struct listed {
                char *name;
                char type; /* as ls(1) has it: '-', 'd', 'l' … */
                uint64_t size;
        } * items;
        size_t n, room;
        uint64_t bytes; /* of the files that are copied */
        bool is_home;   /* it has what a home directory has at its top */
        bool is_too_long;
};

/* Adds a line. 0, or -E2BIG if there are too many, -ENOMEM. */
int listing_add(struct listing *l, const char *line);
void listing_free(struct listing *l);
/* The bytes of the files in the directory FD, at its top and below, that are not in the listing. */
uint64_t listing_size_of_others(const struct listing *l, int fd);
/* How many of those listed the directory FD does not have as they are there. BUF gets the names of the first three. */
unsigned listing_name_missing(const struct listing *l, int fd, char *buf, size_t size);
