/* Copies the secrets from another host by rsync over ssh: lists them first, leaves none half-written. */
#pragma once

#include "config/config.h"
#include "lib/child.h"
#include "sync_result.h"

/* Starts a child that copies; secrets_finish() gets its answer. SSH: the remote shell and its options, NULL
 * for the usual ones (tests have their own). Both pointers must outlive the child. 0 or -ECANCELED. */
struct secrets_task {
        const struct secrets_config *config;
        const char *ssh;
        usec_t late;  /* how much of the timeout is over already */
        bool dry_run; /* for doctor: all but the copying; the target is neither locked nor changed */
};
int secrets_start(const struct secrets_task *task, struct child *c, struct sync_result *r);
/* Waits for the child, and fills in the secrets' half of R. */
void secrets_finish(const struct secrets_task *task, struct child *c, struct sync_result *r);
