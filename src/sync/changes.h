/* What the standby has that no other place has: found in one walk through the tree, before it moves. Nothing is written but
 * what is remembered of the files that were read.
 *
 * Work is what differs from every tree that is known to be safe elsewhere: our commit's, the remote's, and, when a
 * checkout was cut short, what it was to write. */
#pragma once

#include "lib/strv.h"
#include "sync/repo.h"

/* A larger file is not copied into .git. */
#define CHANGE_SIZE_MAX ((off_t) 50 << 20)
/* libgit2 walks no deeper. */
#define CHANGE_DEPTH_MAX 100

/* Each has branches of its own. */
enum change_kind {
        WORK_PUBLIC,  /* may be pushed */
        WORK_PRIVATE, /* stays here: over 5 MB, named like a secret, or stored by a filter of git's */
        WORK_STAGED,  /* in the index alone, and stays here */
        _WORK_MAX,
};

struct change {
        char *path;
        enum change_kind kind;
        bool untracked;
        uint16_t mode; /* git's; 0: it was deleted */
        git_oid id;    /* of the blob that it would be */
};

struct changes {
        struct change *items;
        size_t n, room;
        bool unpushed;  /* commits that the remote never had, and that no other branch keeps */
        bool tracked;   /* some of it is in tracked files: the tree is not what HEAD says */
        uint64_t bytes; /* that saving it takes at most */
};

/* Looks at the index and the tree. PATHS: what comes in with TARGET (sorted); the tracked files that are not as HEAD says are
 * added, and all is sorted. What is in the way of them is work, ignored or not, and refused if it cannot be saved; other files
 * that cannot be are a remark. TARGET: what is to be checked out; NULL: not known, and PATHS empty. 0, or -ECANCELED with the
 * reason in R. */
int changes_find(const struct repo *repo, git_commit *target, struct paths *paths, struct changes *ret,
        struct sync_result *r);
/* How many are of KIND. */
size_t changes_count(const struct changes *w, enum change_kind kind);
void changes_free(struct changes *w);
#define _cleanup_work_ _cleanup_(changes_free)

/* Whether a sync leaves the file alone that a tree has as E: a nested repository, a path that a filter stores in another
 * form or that lies too deep, a file of more than 256 MiB. */
bool changes_is_beyond(const struct repo *repo, const git_index_entry *e);

/* Whether a file of this path (any part of it counts) and size may be pushed. */
bool changes_is_public(const char *path, uint64_t size);
