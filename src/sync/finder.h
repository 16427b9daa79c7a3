/* One look at the work tree: what is known, and what one file, or what is in the way of one, adds to the changes. */
#pragma once

#include "sync/changes.h"

struct finder {
        const struct repo *repo;
        struct changes *work;
        struct sync_result *result;
        struct paths *paths;
        git_index *index;    /* the repository's; NULL: it cannot be read */
        time_t index_time;   /* of its file: what has not a smaller time may have changed since */
        git_index *seen;     /* what was read before, with its stat data and the blob that it is */
        git_index *known[4]; /* the files of each known tree */
        size_t n_known;
        git_index *head,
                *target;  /* of .known; .target may be NULL, .head is empty where nothing is committed */
        git_index *empty; /* stands for HEAD where nothing is committed */
        git_index *half;  /* what a checkout that was cut short was writing; NULL: none was */
        bool *visited;    /* for each of HEAD's files: the tree has it, or it is left alone */
        bool filemode;    /* the executable bit counts */
        unsigned left;    /* how many are left out, and were not named any more */
};

/* Each of these returns 0, or -ECANCELED with the reason in the result. */
int finder_add(struct finder *f, enum change_kind kind, const char *path, uint16_t mode, const git_oid *id,
        uint64_t size, bool untracked);
/* Adds what is at PATH in the work tree, which is FULL, unless it is known. */
int finder_add_file(
        struct finder *f, const char *path, const char *full, const struct stat *st, bool untracked);
/* PATH is to be written: adds what is there, or a file or link where one of its directories must be. What cannot be saved stays,
 * and the sync is refused. */
int finder_add_in_the_way(struct finder *f, const char *path);
/* Names what cannot be saved, three of them at most. */
void finder_leave_out(struct finder *f, enum refusal_code code, const char *path, const char *why);
void finder_leave_closed(struct finder *f, const char *path, const char *full);

/* The blob that the file or link would be, read only if nothing is known of it. 0 or libgit2's error. */
int finder_identify(struct finder *f, const char *path, const char *full, const struct stat *st,
        uint16_t mode, git_oid *ret);
bool finder_is_known(const struct finder *f, const char *path, uint16_t mode, const git_oid *id);
/* Of a file, git compares one bit alone, however other tools wrote the rest: 0100664 is 0100644. */
bool finder_same_mode(const struct finder *f, unsigned a, unsigned b);
/* Whether E was found before of this very file: an index keeps the lower half of each number (gitformat-index(5)). */
bool finder_same_stat(const git_index_entry *e, const struct stat *st);
