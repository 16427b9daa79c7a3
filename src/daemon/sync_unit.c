/* Has the workspace and the secrets synced; see sync_unit.h. */
#include "daemon/sync_unit.h"

#include <errno.h>
#include <string.h>

#include "daemon/state_file.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "sync/workspace.h"
#include "sync_result.h"

struct sync_unit {
        const struct instance *names;
        struct units *units;
        struct unit *unit;
        sync_unit_changed_t changed;
        void *userdata;
        struct sync_view view;
};

/* What the worker says is for people only: whether it did well is systemd's word. */
static void learn(struct sync_unit *s, const struct unit_info *info) {
        struct sync_view *v = &s->view;
        struct sync_result result;

        v->ended = now_usec(CLOCK_BOOTTIME);
        v->ok = false;
        if (*info->trouble)
                (void) snprintf(v->text, sizeof v->text, "%s", info->trouble);
        else if (sync_result_parse(info->status, &result) < 0)
                (void) snprintf(v->text, sizeof v->text,
                        "it ended without a result, systemd says \"%s\": `journalctl -u %s`", info->result,
                        s->names->sync_unit);
        else {
                sync_result_say(&result, v->text, sizeof v->text);
                (void) sync_result_say_unmerged(&result, v->learned, sizeof v->learned);
                v->result = result;
                (void) strcpy(v->user, info->user);
                v->ok = info->clean && info->state != UNIT_FAILED;
        }
        if (v->ok)
                v->succeeded = v->ended;
}

static void on_unit(struct unit *u _unused_, const struct unit_info *info, void *userdata) {
        struct sync_unit *s = userdata;
        bool was_running = s->view.running;

        if (info->state == UNIT_UNKNOWN)
                return;
        s->view.running = info->job != JOB_NONE || info->state == UNIT_STARTING ||
                info->state == UNIT_ACTIVE || info->state == UNIT_STOPPING;
        if (!s->view.running)
                s->view.stop_asked = 0;
        if (was_running && !s->view.running)
                learn(s, info);
        s->changed(s, was_running && !s->view.running, s->userdata);
}

int sync_unit_new(struct units *us, const struct instance *n, sync_unit_changed_t changed, void *userdata,
        struct sync_unit **ret) {
        _cleanup_(sync_unit_freep) struct sync_unit *s = NULL;
        int r;

        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        s->names = n;
        s->units = us;
        s->changed = changed;
        s->userdata = userdata;
        r = units_follow(us, n->sync_unit, on_unit, s, &s->unit);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

struct sync_unit *sync_unit_free(struct sync_unit *s) {
        if (!s)
                return NULL;
        if (s->unit)
                units_unfollow(s->units, s->unit);
        free(s);
        return NULL;
}

void sync_unit_start(struct sync_unit *s, bool promoting) {
        int r;

        r = promotion_hint(s->names, promoting);
        if (r < 0)
                log_warning("Cannot write to %s: %s.", s->names->runtime_dir, strerror(-r));
        s->view.running = true;
        s->view.stop_asked = 0;
        unit_start(s->unit);
}

void sync_unit_stop(struct sync_unit *s) {
        if (!s->view.running)
                return;
        if (s->view.stop_asked == 0)
                s->view.stop_asked = now_usec(CLOCK_BOOTTIME);
        unit_stop(s->unit);
}

const struct sync_view *sync_unit_view(const struct sync_unit *s) {
        return &s->view;
}

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
                        "What the agent here wrote and the primary does not have is on %s. To merge it, on the "
                        "primary, as its workspace's user: %s",
                        v->learned, s->merge);
        else
                log_notice("What the agent here wrote is merged: %s.", s->learned);
        memcpy(s->learned, v->learned, sizeof s->learned);
}

void sync_story_tell(struct sync_story *s, const struct sync_view *v, const struct workspace_config *w,
        bool failover, bool standby) {
        tell_result(s, v, failover);
        s->merge[0] = '\0';
        if (*v->learned)
                workspace_merge_help(
                        w, *v->user ? v->user : NULL, &v->result, s->merge, sizeof s->merge);
        if (standby)
                tell_learned(s, v);
}
