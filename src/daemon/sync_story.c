/* What a person hears of the syncs; see syncstory.h. */
#include "daemon/sync_story.h"

#include <string.h>

#include "lib/log.h"
#include "sync/workspace.h"

static void tell_result(struct sync_story *s, const struct sync_view *v, bool failover) {
        if (!v->ok && (failover || !s->trouble))
                log_warning("Sync: %s", v->text);
        else if (v->ok && (failover || s->trouble))
                log_notice("Sync: %s", v->text);
        s->trouble = !v->ok;
}

/* Once, when it is known. */
static void tell_learned(struct sync_story *s, const struct sync_view *v) {
        if (strcmp(v->learned, s->learned) == 0)
                return;
        if (*v->learned)
                log_notice(
                        "What the agent here wrote and the primary does not have is on branch %s. To merge it, on the "
                        "primary, as its workspace's user: %s",
                        v->learned, s->merge);
        else
                log_notice("What the agent here wrote is merged: branch %s.", s->learned);
        memcpy(s->learned, v->learned, sizeof s->learned);
}

void sync_story_tell(struct sync_story *s, const struct sync_view *v, const struct workspace_config *w,
        bool failover, bool standby) {
        tell_result(s, v, failover);
        s->merge[0] = '\0';
        if (*v->learned)
                workspace_merge_help(
                        w, *v->user ? v->user : NULL, v->learned, v->pushed, s->merge, sizeof s->merge);
        if (standby)
                tell_learned(s, v);
}
