/* Reads the tree's files as git blobs, and remembers between runs which blobs they are. */
#pragma once

#include <sys/stat.h>

#include "sync/repo.h"

/* Reads what git stores of the file or link at PATH, or its bytes where core.safecrlf forbids that. 0, or
 * negative: also for a file over CHANGE_SIZE_MAX, since RET is in memory. */
int blob_read(const struct repo *repo, const char *path, git_buf *ret);
/* The blob of what git stores, and the blob of the file's own bytes. 0 or negative. */
int blob_hash_stored(const struct repo *repo, const char *path, git_oid *ret);
int blob_hash_bytes(const struct repo *repo, const char *path, const struct stat *st, git_oid *ret);
/* The size of the blob ID. 0 or -ENOENT. */
int blob_size(const struct repo *repo, const git_oid *id, uint64_t *ret);
/* Whether E has the file's size; if not, the bytes differ. E may be NULL: no. */
bool blob_has_size(const struct repo *repo, const git_index_entry *e, const struct stat *st);
/* Whether E is the file or link at PATH, as git stores it or byte by byte. */
bool blob_is_same(
        const struct repo *repo, const git_index_entry *e, const char *path, const struct stat *st);

/* An index of the files that were read, with their stat data; kept between runs if repo.state is set. */
struct seen {
        git_index *files;
        git_index *index;           /* the repository's, which knows files, too; NULL: unreadable */
        struct timespec index_time; /* of .index's file: a file that is not older may have changed since */
        struct timespec begun;      /* when the run began: a later change of a file has no smaller time */
};

/* Opens what earlier runs kept. 0 or a libgit2 error. */
int seen_open(const struct repo *repo, git_index *index, struct seen *ret);
/* Keeps S for the next run. */
void seen_close(struct seen *s);
/* The file's entry if its stat data is known: the worker need not read the file. Else NULL. */
const git_index_entry *seen_recall(const struct seen *s, const char *path, const struct stat *st);
/* Adds the file as the blob ID, unless it could still change within the same time stamp. */
void seen_add(
        const struct seen *s, const char *path, const struct stat *st, uint16_t mode, const git_oid *id);
