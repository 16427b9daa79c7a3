/* What the remote wants to put into the tree, looked at before anything moves.
 *
 * The remote may be hostile, or hold what libgit2 cannot check out right: names such as
 * ".git", objects that fill memory or disk. Symbolic links stay links, wherever they point, as with git; the tree is
 * never written through one (see checkout.h). */
#pragma once

#include "lib/strv.h"
#include "sync/repo.h"

struct incoming {
        struct paths paths; /* what differs between our commit and the remote's, sorted */
        uint64_t bytes;     /* that the new files take */
};

/* Refuses, or says what comes. What is to be left alone, a submodule that moves or what a filter would change, is a remark. 0 or -ECANCELED with the reason in R. */
int incoming_check(struct repo *repo, git_commit *target, struct incoming *ret, struct sync_result *r);
