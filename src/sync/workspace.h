/* The workspace follows its remote, and nothing that the standby had is lost.
 *
 * In this order: the remote is fetched, in a child with a deadline; beside it, what the standby had is committed to a
 * branch, in whatever state the repository is, and only then refused what cannot be done right; an intent that a crash
 * left is finished; the tree moves (checkout.h). All but the last obeys the deadline, and SIGTERM. */
#pragma once

#include "config/config.h"
#include "sync/remote.h"
#include "sync/repo.h"
#include "sync_result.h"

struct workspace_job {
        const struct workspace_config *config;
        const char *host;                 /* this machine's name in branches; NULL: the host name */
        bool (*may_move)(void *userdata); /* asked before each touch of the tree: is the gateway stopped? */
        bool (*may_push)(
                void *userdata); /* asked before pushing, with save = push: is nobody waiting for us? */
        void *userdata;
        usec_t late;       /* so much of the timeout is over already */
        usec_t timeout;    /* 0: as configured */
        const char *state; /* a directory of ours that outlives the run; NULL: none */
        size_t fetch_max;  /* bytes; 0: a GiB */
};

/* What a sync would find out after FETCHED: refuses what it would refuse. Nothing moves. 0 or -ECANCELED. */
int workspace_check_fetched(struct repo *repo, const struct fetch_answer *fetched, struct sync_result *r);

/* Fills the workspace's half of R. */
void workspace_sync(const struct workspace_job *job, struct sync_result *r);
