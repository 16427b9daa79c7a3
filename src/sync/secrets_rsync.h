/* One run of rsync: what it lists, and what of that is here.
 *
 * At the deadline it is killed, without being asked first: a promotion waits for this, and rsync sleeps for 0.4 s before it ends
 * (sig_int() in its rsync.c). */
#pragma once

#include "config/config.h"

/* Where rsync writes before it renames; on the same file system, and ours to empty. */
#define RSYNC_TEMPORARY ".openclaw-failover"
/* In bytes. A secret that is larger is none, and is not copied. */
#define SECRET_MAX ((uint64_t) 64 << 20)

struct rsync_run {
        const struct secrets_config *config;
        const char *ssh;
        int target; /* directory; -1: it is missing */
        usec_t deadline;
        char *listing, *errors; /* of the last run */
};

/* Lists SOURCE: rsync's exit code, -ETIMEDOUT or another negative errno. .listing is what came, or NULL. */
int rsync_list(struct rsync_run *run, const char *source);
/* The configured source to the target, the same. *RET_FILES: how many were copied. */
int rsync_copy(struct rsync_run *run, unsigned *ret_files);
void rsync_free(struct rsync_run *run);

/* The listing beside the target. */
struct comparison {
        unsigned n;
        bool is_home; /* it has what a home directory has at its top */
        bool is_cut;  /* it was too long */
        int64_t there,
                here;     /* bytes of the files that are copied, and of those that are here by their names */
        unsigned missing; /* items that are not here as they are there */
        char names[160];  /* of the first three of these */
};
void rsync_compare(const struct rsync_run *run, struct comparison *ret);
