/* Updates the workspace from its remote, and loses nothing of the standby's work.
 *
 * In this order: a child fetches from the remote, with a deadline. Meanwhile the worker commits the
 * standby's work to a branch, in any state of the repository, then refuses what it cannot do right, then
 * finishes an intent that a crash left. At the end the tree moves (checkout.h). All but the last obeys the
 * deadline and SIGTERM. */
#pragma once

#include "config/config.h"
#include "sync/repo.h"
#include "sync_result.h"

struct workspace_job {
        const struct workspace_config *config;
        const char *host;                 /* this machine's name in branches; NULL: the host name */
        bool (*may_move)(void *userdata); /* called before each move of the tree: is the gateway stopped? */
        bool (*may_push)(void *userdata); /* called before a push and the review: does no promotion wait? */
        void *userdata;
        usec_t late;       /* how much of the timeout is over already */
        usec_t timeout;    /* 0: as configured */
        const char *state; /* a directory of ours that outlives the run; NULL: none */
};

/* Syncs, and fills in the workspace's half of R. */
void workspace_sync(const struct workspace_job *job, struct sync_result *r);
