/* Checks what the remote would put into the tree, before anything moves.
 *
 * The remote may be hostile, or hold what libgit2 cannot check out right: names such as ".git", objects that
 * fill memory or disk. Symbolic links stay links, as with git. The worker writes through none (checkout). */
#pragma once

#include "lib/strv.h"
#include "sync/repo.h"

struct incoming {
        struct paths paths; /* the files that differ between our commit and the remote's, sorted */
        uint64_t bytes;     /* how many the new files take */
};

/* Refuses, or lists what comes. A file that stays as it is (changes_is_beyond()) is a remark. 0 or
 * -ECANCELED with the reason in R. */
int incoming_check(struct repo *repo, git_commit *target, struct incoming *ret, struct sync_result *r);
