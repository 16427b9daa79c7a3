/* Starts the sync worker's unit for the workspace and the secrets, and learns what the worker did. */
#pragma once

#include "config/config.h"
#include "config/instance.h"
#include "daemon/units.h"
#include "lib/util.h"
#include "sync_result.h"

struct sync_unit;

/* A file in the runtime directory that exists if the sync is for a promotion. The worker, which runs as
 * another user, then spends no time on a push. */
#define PROMOTION_HINT "promoting"

/* What the last sync did. Times are CLOCK_BOOTTIME; 0: never. */
struct sync_view {
        bool running;
        bool ok; /* the sync did all there was to do */
        usec_t ended;
        usec_t succeeded; /* when a sync was last ok */
        char text[512];   /* what the sync did, or what went wrong; safe to print */
        /* The branches whose work the primary lacks, one a line; "": none. The worker's own words, but of
         * harmless characters only (sync_result.h). */
        char unmerged[512];
        struct sync_result result; /* the worker's own words */
        char user[64];             /* the owner of the workspace: User= of the unit; "": root */
};

/* The unit has changed; ENDED: a sync has ended, and sync_unit_view() is up to date. */
typedef void (*sync_unit_changed_t)(struct sync_unit *s, bool ended, void *userdata);

/* US, which keeps the unit, and N must outlive *RET. 0 or a negative errno. */
int sync_unit_new(struct units *us, const struct instance *n, sync_unit_changed_t changed, void *userdata,
        struct sync_unit **ret);
struct sync_unit *sync_unit_free(struct sync_unit *s);
DEFINE_CLEANUP(struct sync_unit *, sync_unit_free)

/* Starts a sync; PROMOTING: a failover waits for it. The callback reports the end. */
void sync_unit_start(struct sync_unit *s, bool promoting);
/* Stops the sync before the gateway starts. The worker only finishes a checkout that has begun. */
void sync_unit_stop(struct sync_unit *s);
const struct sync_view *sync_unit_view(const struct sync_unit *s);

struct sync_story {
        bool trouble;     /* the last sync did not do all there was to do */
        char merge[2048]; /* the commands that merge the unmerged branches, one a line */
};

/* Reports in the journal that a sync has ended as V says. FAILOVER: it belongs to a failover, so it is
 * always reported. Unmerged branches are reported when they have changed. */
void sync_story_report(
        struct sync_story *s, const struct sync_view *v, const struct workspace_config *w, bool failover);
