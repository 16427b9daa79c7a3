/* Finds the standby's work, which no other place has, and decides which files count: in one walk through the
 * tree and, after the fetch, among the files in the way of the new ones. The walk writes only its memory of
 * the files it read (seen.h).
 *
 * Work differs from our commit's tree and, if a checkout was cut short, from that checkout's target too. */
#pragma once

#include <sys/stat.h>

#include "lib/strv.h"
#include "sync/repo.h"

/* The worker copies no larger file into .git. */
#define CHANGE_SIZE_MAX ((off_t) 50 << 20)

struct change {
        char *path;
        bool untracked;
        bool staged;     /* only the index has this content */
        bool is_private; /* never pushed; saved_add() sets this and .held */
        bool held;       /* a saved branch has it */
        uint16_t mode;   /* git's; 0: the file was deleted */
        git_oid id;      /* of the blob that git would make */
        uint64_t size;
};

struct changes {
        struct change *items;
        size_t n, room;
        struct paths paths; /* tracked files that differ from HEAD, sorted */
        bool unpushed;      /* HEAD has commits that the remote never had and no other branch keeps */
        bool tracked;       /* some items are tracked files: the tree differs from HEAD */
        uint64_t bytes;     /* how many a save takes at most */
};

/* Looks at index and tree. A file that cannot be saved is a remark. 0 or -ECANCELED with the reason in R. */
int changes_find(const struct repo *repo, struct changes *ret, struct sync_result *r);
/* Sets .unpushed again, after a fetch. 0 or -ECANCELED. */
int changes_find_commits(const struct repo *repo, struct changes *ret, struct sync_result *r);
/* Adds PATH, a file in the way of a new one, ignored or not. 0, or -ECANCELED if it cannot be saved. */
int changes_add(const struct repo *repo, const char *path, const struct stat *st, struct changes *ret,
        struct sync_result *r);
/* Our commit's files as WORK, or only its private or other items, changes them. 0 or a libgit2 error. */
int changes_files(
        const struct repo *repo, const struct changes *work, const bool *only_private, git_index **ret);
/* Sorts the items by their paths. */
void changes_sort(struct changes *w);
/* The item PATH of sorted W. NULL: none. */
const struct change *changes_get(const struct changes *w, const char *path);
void changes_free(struct changes *w);
#define _cleanup_work_ _cleanup_(changes_free)

/* Whether a sync leaves a tree's file E alone: a nested repository, a path that is filtered or too deep, a
 * file over 256 MiB. Filters cannot be read without an index, and nothing moves then. */
bool changes_is_beyond(const struct repo *repo, const git_index_entry *e);
/* Whether our commit's file E has another size in the tree, and is too large to save. Never after a checkout
 * that was cut short: the next one finishes that file. */
bool changes_is_large(const struct repo *repo, const git_index_entry *e);

/* Whether git ignores PATH. A directory's PATH ends in a slash. */
bool changes_is_ignored(const struct repo *repo, const char *path);
/* Whether a file of this path and size may be pushed. Each part of the path counts. */
bool changes_is_public(const char *path, uint64_t size);
