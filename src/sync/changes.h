/* What the standby has that no other place has: found by looking, before the tree moves. Nothing is written but what is
 * remembered of the files that were read.
 *
 * Work is what differs from every tree that is known to be safe elsewhere: our commit's, the remote's, and, when a
 * checkout was cut short, both of its ends. So half a checkout is never taken for work. */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/strv.h"
#include "sync/repo.h"

/* A larger file is not copied into .git. */
#define CHANGE_SIZE_MAX ((uint64_t) 50 << 20)
/* libgit2 walks no deeper. */
#define CHANGE_DEPTH_MAX 100

enum change_kind {
        WORK_PUBLIC,  /* may be pushed */
        WORK_PRIVATE, /* stays here: over 5 MB, named like a secret, or stored by a filter of git's */
        WORK_STAGED,  /* in the index alone: neither committed nor in the tree any more */
        WORK_GONE,    /* deleted here */
};

struct change {
        enum change_kind kind;
        bool untracked;
        char *path;
        uint16_t mode; /* git's */
        git_oid id;    /* of the blob that it would be */
};

struct changes {
        struct change *items;
        size_t n, room;
        size_t n_of[WORK_GONE + 1]; /* of each kind */
        bool unpushed;              /* commits that the remote never had, and that no other branch keeps */
        bool tracked;               /* some of it is in tracked files: the tree is not what HEAD says */
        uint64_t bytes;
        usec_t looked; /* CLOCK_REALTIME; what changed since has a later time */
};

/* A checkout under way, or that was: see checkout.h. */
struct intent {
        git_oid from, to;
        char branch[REPO_BRANCH_MAX]; /* that moves */
};

/* Looks at the index, the tree, and everything that is in the way of PATHS, ignored or not. Adds the tracked files that
 * are not as HEAD says to PATHS, and leaves it sorted. TARGET: what is to be checked out; NULL: not known. UNFINISHED:
 * the intent that an earlier run left; NULL: none. BASE: a commit that the remote once had; NULL: none. What cannot be
 * saved is a remark in R. 0, or -ECANCELED with the reason in R. */
int changes_find(const struct repo *repo, git_commit *target, const struct intent *unfinished,
        const git_oid *base, struct paths *paths, struct changes *ret, struct sync_result *r);
void changes_free(struct changes *w);
#define _cleanup_work_ _cleanup_(changes_free)

/* Whether FILES hold, at PATH, all that the file or link there holds, of which ST tells: its bytes or more. */
bool changes_is_in(const struct repo *repo, git_index *files, const char *path, const struct stat *st);

/* Whether a sync leaves the file alone that a tree has as E: a nested repository, a path that a filter stores in another
 * form or that lies too deep, a file of more than 256 MiB. */
bool changes_is_beyond(const struct repo *repo, const git_index_entry *e);

/* Whether it takes a branch that may be pushed to keep W, and whether it takes one that never is. */
bool changes_has_public(const struct changes *w);
bool changes_has_private(const struct changes *w);

/* Whether a file of this path (any part of it counts) and size may be pushed. */
bool changes_is_public(const char *path, uint64_t size);
