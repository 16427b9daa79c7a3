/* Keeps what the daemon must remember; see recall.h. */
#include "daemon/recall.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

/* The run of the gateway that the marker is to name, so that whoever comes after a crash can tell it from somebody
 * else's. A run that is about to begin has no id yet: no id fits any run. */
static sd_id128_t marked_run(const struct state_file *m, const struct role *r, const struct unit_info *g,
        enum role_action action) {
        bool ours = r->state == ROLE_STARTING || r->state == ROLE_PROMOTED;
        bool stopped = g->state == UNIT_INACTIVE || g->state == UNIT_FAILED;

        if (ours && (action == ACTION_START || g->job == JOB_CALLING || stopped))
                return SD_ID128_NULL;
        if (ours ? g->state != UNIT_STOPPING : m->marker.intent == INTENT_NONE)
                return g->invocation;
        /* One that stops keeps its name: what then runs under another is not ours. */
        return m->marker.invocation;
}

static void keep_marker(struct state_file *m, const struct role *r, const struct timeline *e,
        const char *unit, const struct unit_info *g, enum role_action action) {
        struct marker marker = {
                .intent = role_intent(r),
                .since = r->promoted_before ? e->promoted_at : r->since,
                .last_good = e->last_good,
        };
        int k;

        marker.invocation = marked_run(m, r, g, action);
        memcpy(marker.reason, e->reason, sizeof marker.reason);
        (void) snprintf(marker.unit, sizeof marker.unit, "%s", unit);
        if (marker.intent == INTENT_NONE)
                marker = (struct marker){};
        if (marker_equal(&marker, &m->marker) && !m->marker_unwritten)
                return;
        k = marker_save(m->names, &marker);
        if (k < 0 && !m->marker_unwritten)
                log_error(
                        "Cannot write the marker in %s: %s. Should this daemon be restarted before that is mended, it will "
                        "not know what it was doing.",
                        m->names->runtime_dir, strerror(-k));
        m->marker = marker;
        m->marker_unwritten = k < 0;
}

static void keep_mode(struct state_file *m, const struct role *r) {
        struct remembered_mode mode = { .mode = r->mode, .paused_until = to_realtime(r->paused_until) };
        int k;

        if (r->mode == m->mode && r->paused_until == m->paused_until && !m->mode_unwritten)
                return;
        k = mode_save(m->names, &mode);
        if (k < 0 && !m->mode_unwritten)
                log_error(
                        "Cannot write the mode in %s: %s. Should this daemon be restarted before that is mended, it will not "
                        "remember it.",
                        m->names->state_dir, strerror(-k));
        m->mode = r->mode;
        m->paused_until = r->paused_until;
        m->mode_unwritten = k < 0;
}

void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action) {
        keep_mode(m, r);
        keep_marker(m, r, e, unit, gateway, action);
}

/* The ini names another gateway now. What was under way with the old one is nobody's any more, and that is said. */
static void forget_other_unit(struct state_file *m, const char *unit) {
        const char *old = m->marker.unit;

        if (m->marker.intent == INTENT_NONE || !*old || strcmp(old, unit) == 0)
                return;
        log_error(
                "This daemon was running %s when it stopped, and [gateway] unit is %s now. The former is left alone, and may "
                "be in the way: `sudo systemctl stop %s`.",
                old, unit, old);
        m->marker = (struct marker){};
        (void) marker_save(m->names, &m->marker);
}

void state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e) {
        struct remembered_mode mode;

        m->names = n;
        mode_load(n, &mode);
        r->mode = m->mode = mode.mode;
        r->paused_until = m->paused_until = to_boottime(mode.paused_until);

        marker_load(n, &m->marker);
        forget_other_unit(m, unit);
        if (m->marker.intent == INTENT_NONE)
                return;
        timeline_begin(
                e, m->marker.last_good, mode.mode == MODE_AUTO ? m->marker.since : 0, m->marker.reason);
        e->again = m->marker.intent == INTENT_RESTARTING;
        if (m->marker.intent != INTENT_STARTING)
                timeline_was_promoted(e, m->marker.since);
}

bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts) {
        return sd_id128_is_null(m->marker.invocation) || restarts > 0 ||
                sd_id128_equal(m->marker.invocation, run);
}
