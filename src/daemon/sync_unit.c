/* Starts and follows syncs of the workspace and the secrets; see sync_unit.h. */
#include "daemon/sync_unit.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/kept_file.h"
#include "lib/log.h"
#include "lib/text.h"
#include "sync_result.h"

struct sync_unit {
        const struct instance *instance;
        struct unit *unit;
        struct kept_file hint; /* PROMOTION_HINT */
        sync_unit_changed_t changed;
        void *userdata;
        struct sync_view view;
};

/* The branches, one a line. */
static void list_unmerged(const struct sync_result *r, char *buf, size_t size) {
        buf[0] = '\0';
        for (unsigned i = 0; i < MIN(r->n_unmerged, (unsigned) SYNC_UNMERGED_MAX) && r->unmerged[i].name[0];
                i++)
                (void) appendf(buf, size, "%s%s", i > 0 ? "\n" : "", r->unmerged[i].name);
}

/* The worker's words are for users only. systemd's result decides whether the sync succeeded. */
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
                        s->instance->sync_unit);
        else {
                sync_result_describe(&result, v->text, sizeof v->text);
                list_unmerged(&result, v->unmerged, sizeof v->unmerged);
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
        s->view.running = (info->job != JOB_NONE && !unit_is_unanswered(s->unit)) ||
                unit_state_runs(info->state) || info->state == UNIT_STOPPING;
        if (was_running && !s->view.running)
                learn(s, info);
        s->changed(s, was_running && !s->view.running, s->userdata);
}

int sync_unit_new(struct units *us, const struct instance *n, sync_unit_changed_t changed, void *userdata,
        struct sync_unit **ret) {
        _cleanup_(sync_unit_freep) struct sync_unit *s = calloc(1, sizeof *s);
        int r;

        if (!s || asprintf(&s->hint.path, "%s/" PROMOTION_HINT, n->runtime_dir) < 0)
                return -ENOMEM;
        s->hint.in_memory = true;
        s->instance = n;
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
        free(s->hint.path);
        free(s);
        return NULL;
}

void sync_unit_start(struct sync_unit *s, bool promoting) {
        kept_file_write(&s->hint, promoting ? "" : NULL);
        s->view.running = true;
        unit_start(s->unit);
}

void sync_unit_stop(struct sync_unit *s) {
        if (s->view.running || unit_is_unanswered(s->unit))
                unit_stop(s->unit);
}

const struct sync_view *sync_unit_view(const struct sync_unit *s) {
        return &s->view;
}

/* Reports the commands that merge the unmerged branches, when they have changed. */
static void report_unmerged(struct sync_story *s, const char *merge) {
        if (strcmp(merge, s->merge) == 0)
                return;
        (void) strcpy(s->merge, merge);
        if (!*merge)
                log_notice("The primary has all the work that was done here.");
        else
                log_notice(
                        "The primary lacks work that was done here. To merge it, type there, as its user:");
        for (const char *c = merge; *c; c += strcspn(c, "\n"), c += *c == '\n')
                log_notice("    %.*s", (int) strcspn(c, "\n"), c);
}

void sync_story_report(
        struct sync_story *s, const struct sync_view *v, const struct workspace_config *w, bool failover) {
        char host[65] = "", merge[sizeof s->merge];

        (void) gethostname(host, sizeof host - 1);
        host[strcspn(host, ".")] = '\0';
        if (failover || v->ok == s->trouble)
                log_line(v->ok ? LOG_NOTICE : LOG_WARNING, "Sync: %s", v->text);
        s->trouble = !v->ok;
        (void) sync_result_merge_commands(
                &v->result, w->path, w->remote, *v->user ? v->user : "openclaw", host, merge, sizeof merge);
        report_unmerged(s, merge);
}
