/* What the files of the tree are as blobs, and what was read of them before. */
#pragma once

#include <sys/stat.h>

#include "sync/repo.h"

/* What git stores of the file or link at PATH; its bytes, if core.safecrlf forbids that. 0 or negative: also if it is over
 * CHANGE_SIZE_MAX, since all of it is in memory. */
int blob_read(const struct repo *repo, const char *path, git_buf *ret);
/* The blob that this is, and the one of the file's own bytes. 0 or negative. */
int blob_hash_stored(const struct repo *repo, const char *path, git_oid *ret);
int blob_hash_bytes(const struct repo *repo, const char *path, git_oid *ret);
/* Whether E, or NULL, is as large as the file: else they differ, byte by byte. */
bool blob_has_size(const struct repo *repo, const git_index_entry *e, const struct stat *st);
/* Whether E is the file or link at PATH, as git stores it or byte by byte. */
bool blob_is_same(
        const struct repo *repo, const git_index_entry *e, const char *path, const struct stat *st);

/* An index of the files that were read, with their stat data: kept between runs if there is a place for it. */
struct seen {
        git_index *files;
        git_index *index;           /* the repository's, which knows some, too; NULL: it cannot be read */
        struct timespec index_time; /* of its file: what has not a smaller time may have changed since */
        struct timespec begun;      /* what changed since has no smaller time */
        bool kept;
};

/* 0 or libgit2's error. */
int seen_open(const struct repo *repo, git_index *index, struct seen *ret);
/* Keeps what was added. */
void seen_close(struct seen *s);
/* What is known of the file without reading it; NULL: nothing. */
const git_index_entry *seen_recall(const struct seen *s, const char *path, const struct stat *st);
/* Adds the file as the blob ID, unless it may change yet without a new time. */
void seen_add(
        const struct seen *s, const char *path, const struct stat *st, uint16_t mode, const git_oid *id);
