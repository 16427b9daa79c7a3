/* What a person hears of the syncs. In a failover's story each has its line; otherwise only trouble, and the end of that. */
#pragma once

#include "config/config.h"
#include "daemon/sync_unit.h"

struct sync_story {
        bool trouble; /* the last one did not do all there was to do */
        /* The branch with the standby's own work that a person was told of last, and the command that merges what there is
         * now, for the primary; "": none. */
        char learned[128];
        char merge[768];
};

/* A sync has ended as V says. FAILOVER: it is part of a failover's story; STANDBY: that is over, so what the agent wrote here
 * can be told as well. */
void sync_story_tell(struct sync_story *s, const struct sync_view *v, const struct workspace_config *w,
        bool failover, bool standby);
