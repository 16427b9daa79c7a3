/* Has the workspace and the secrets synced: starts the sync worker's unit, and learns what it did. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "daemon/units.h"
#include "lib/util.h"
#include "sync_result.h"

struct sync_unit;

/* Tells the worker, which runs as another user, whether it works for a promotion: then it must not spend time on a push. A file
 * in the runtime directory, there or not. */
#define PROMOTION_HINT "promoting"

/* What the last sync did. Times are CLOCK_BOOTTIME; 0: never. */
struct sync_view {
        bool running;
        bool ok; /* it did all there was to do */
        usec_t ended;
        usec_t succeeded; /* when one last was ok */
        char text[512];   /* what it did, or what went wrong, safe to print */
        /* The branches with work that the primary lacks, one a line; "" if none. It is the worker's word, but of harmless
         * characters only (sync_result.h). */
        char unmerged[512];
        struct sync_result result; /* as the worker wrote it */
        char user[64];             /* who owns the workspace: User= of the unit; "": root */
};

/* The unit is something else than before; ENDED if a sync is over, with the view as it is then. */
typedef void (*sync_unit_changed_t)(struct sync_unit *s, bool ended, void *userdata);

/* US and N must outlive it. 0 or a negative errno. */
int sync_unit_new(struct units *us, const struct instance *n, sync_unit_changed_t changed, void *userdata,
        struct sync_unit **ret);
struct sync_unit *sync_unit_free(struct sync_unit *s);
DEFINE_CLEANUP(struct sync_unit *, sync_unit_free)

/* Starts one, PROMOTING if a failover waits for it. The callback reports how it ended. */
void sync_unit_start(struct sync_unit *s, bool promoting);
/* The gateway is about to start: the sync finishes a checkout that has begun, no more. */
void sync_unit_stop(struct sync_unit *s);
const struct sync_view *sync_unit_view(const struct sync_unit *s);

struct sync_story {
        bool trouble;       /* the last one did not do all there was to do */
        char reported[512]; /* the unmerged branches that were reported last, as in sync_view */
        char merge[2048];   /* the commands that merge what there is now, one a line */
};

/* A sync has ended as V says. FAILOVER: it is part of a failover's story; STANDBY: that is over, so what the agent wrote here
 * can be told as well. */
void sync_story_tell(struct sync_story *s, const struct sync_view *v, const struct workspace_config *w,
        bool failover, bool standby);
