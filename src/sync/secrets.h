/* The secrets, copied from another host by rsync over ssh: listed first, never half-written. */
#pragma once

#include "config/config.h"
#include "lib/child.h"
#include "sync_result.h"

/* Starts it in a child; the answer comes with secrets_finish(). SSH: the remote shell and its options, NULL for the usual
 * ones (tests have a server of their own). Both must outlive the child. 0 or -ECANCELED with the reason in R. */
struct secrets_task {
        const struct secrets_config *config;
        const char *ssh;
        usec_t late;  /* so much of the timeout is over already */
        bool dry_run; /* for doctor: all but the copying; the target is neither locked nor touched */
};
int secrets_start(const struct secrets_task *task, struct child *c, struct sync_result *r);
/* Waits for it; fills the secrets' half of R. */
void secrets_finish(const struct secrets_task *task, struct child *c, struct sync_result *r);
