/* What the standby has that no other place has: found in one walk through the tree, and, once it is known what comes, in what
 * is in the way of that. Nothing is written but what is remembered of the files that were read.
 *
 * Work is what differs from our commit's tree and, when a checkout was cut short, from what it was to write. */
#pragma once

#include <sys/stat.h>

#include "lib/strv.h"
#include "sync/repo.h"

/* A larger file is not copied into .git. */
#define CHANGE_SIZE_MAX ((off_t) 50 << 20)

struct change {
        char *path;
        bool untracked;
        bool staged;     /* it is in the index alone */
        bool is_private; /* it is never pushed; from saved_add() */
        uint16_t mode;   /* git's; 0: it was deleted */
        git_oid id;      /* of the blob that it would be */
        uint64_t size;
};

struct changes {
        struct change *items;
        size_t n, room;
        struct paths paths; /* tracked files that are not as HEAD says, sorted */
        bool unpushed;      /* commits that the remote never had, and that no other branch keeps */
        bool tracked;       /* some of it is in tracked files: the tree is not what HEAD says */
        uint64_t bytes;     /* that saving it takes at most */
};

/* Looks at the index and the tree. What cannot be saved is a remark. 0, or -ECANCELED with the reason in R. */
int changes_find(const struct repo *repo, struct changes *ret, struct sync_result *r);
/* Looks for commits again: the remote was seen since. 0 or -ECANCELED. */
int changes_find_commits(const struct repo *repo, struct changes *ret, struct sync_result *r);
/* Adds the file PATH, which is in the way of what comes, ignored or not. 0, or -ECANCELED if it cannot be saved. */
int changes_add(const struct repo *repo, const char *path, const struct stat *st, struct changes *ret,
        struct sync_result *r);
/* The files of our commit with those of WORK, or with those alone that are private or not. 0 or libgit2's error. */
int changes_files(
        const struct repo *repo, const struct changes *work, const bool *only_private, git_index **ret);
void changes_free(struct changes *w);
#define _cleanup_work_ _cleanup_(changes_free)

/* Whether a sync leaves the file alone that a tree has as E: a nested repository, a path that a filter stores in another
 * form or that lies too deep, a file of more than 256 MiB. Without an index, of which filters are read, nothing moves anyway. */
bool changes_is_beyond(const struct repo *repo, const git_index_entry *e);
/* Whether the file that our commit has as E is of another size in the tree, and too large to be saved; but what a checkout that was cut
 * short wrote is finished. */
bool changes_is_large(const struct repo *repo, const git_index_entry *e);

/* Whether git ignores PATH, which ends in a slash if it is a directory. */
bool changes_is_ignored(const struct repo *repo, const char *path);
/* Whether a file of this path (any part of it counts) and size may be pushed. */
bool changes_is_public(const char *path, uint64_t size);
