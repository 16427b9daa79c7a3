/* What the daemon remembers over a restart; see state_file.h. */
#include "daemon/state_file.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

#define STATE "state.json"
#define FILE_MAX ((size_t) 4096)

static char *join(const char *dir, const char *file) {
        char *path;

        return asprintf(&path, "%s/%s", dir, file) < 0 ? NULL : path;
}

/* JSON's integers end below 2^63: USEC_INFINITY, "until resumed", is -1. The other times are read in place:
 * a json_int_t is as large as a usec_t. */
static int unpack(json_t *j, struct remembered *ret, json_error_t *error) {
        struct marker *m = &ret->marker;
        struct last_failover *l = &ret->last;
        const char *mode, *held = "", *cause = "", *intent = "none", *unit = "", *run = "", *reason = "";
        json_int_t paused_until, outage = -1;

        if (json_unpack_ex(j, error, 0,
                    "{s:s, s?s, s:I, s?I, s?{s:I, s:I, s:I, s:I, s:s}, s?{s:s, s?s, s?s, s?I, s?I, s?s}}",
                    "mode", &mode, "held_from", &held, "paused_until", &paused_until, "pause", &ret->pause,
                    "last_failover", "began", &l->began, "started", &l->started, "ended", &l->ended,
                    "outage", &outage, "reason", &cause, "marker", "intent", &intent, "unit", &unit,
                    "invocation", &run, "since", &m->since, "last_good", &m->last_good, "reason",
                    &reason) < 0)
                return -EINVAL;
        ret->mode = (enum mode) find_name(mode, role_mode_names, _MODE_MAX);
        if (ret->mode == _MODE_MAX)
                ret->mode = MODE_AUTO;
        ret->held_from = (enum mode) find_name(held, role_mode_names, _MODE_MAX);
        ret->paused_until = paused_until == -1 ? USEC_INFINITY : (usec_t) MAX(paused_until, 0);
        l->outage = outage < 0 ? USEC_INFINITY : (usec_t) outage;
        safe_text(l->cause, sizeof l->cause, cause);
        m->intent = (enum role_intent) find_name(intent, role_intent_names, _INTENT_MAX);
        if (m->intent == _INTENT_MAX) /* from a newer version: the gateway is this daemon's */
                m->intent = INTENT_PROMOTED;
        (void) sd_id128_from_string(run, &m->invocation);
        safe_text(m->unit, sizeof m->unit, unit);
        safe_text(m->reason, sizeof m->reason, reason);
        return 0;
}

static bool load(const char *dir, struct remembered *ret) {
        _cleanup_free_ char *path = join(dir, STATE), *text = NULL;
        json_auto_t *j = NULL;
        json_error_t error;
        int r;

        *ret = (struct remembered){ .held_from = _MODE_MAX, .last.outage = USEC_INFINITY };
        r = path ? read_file(path, FILE_MAX, &text) : -ENOMEM;
        if (r == -ENOENT)
                return false;
        if (r < 0)
                (void) snprintf(error.text, sizeof error.text, "%s", strerror(-r));
        else
                j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (j && unpack(j, ret, &error) >= 0)
                return true;
        log_warning("%s cannot be used: %s. Going on without it.", path ?: STATE, error.text);
        return false;
}

/* The file in /run is newer: the other waits for a disk. After a boot, a user's stop no longer counts. */
void state_load(const struct instance *n, struct remembered *ret) {
        if (load(n->runtime_dir, ret))
                return;
        (void) load(n->state_dir, ret);
        ret->held_from = _MODE_MAX;
        ret->marker = (struct marker){};
}

static json_t *pack_marker(const struct marker *m) {
        char invocation[SD_ID128_STRING_MAX];

        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "intent", role_intent_name(m->intent), "unit",
                m->unit, "invocation", sd_id128_to_string(m->invocation, invocation), "since",
                (json_int_t) m->since, "last_good", (json_int_t) m->last_good, "reason", m->reason);
}

/* USEC_INFINITY becomes -1. */
static json_t *pack(const struct remembered *m) {
        const struct last_failover *f = &m->last;

        return json_pack("{s:s, s:s, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:s}, s:o*}", "mode",
                role_mode_name(m->mode), "held_from",
                m->held_from < _MODE_MAX ? role_mode_name(m->held_from) : "", "paused_until",
                (json_int_t) m->paused_until, "pause", (json_int_t) m->pause, "last_failover", "began",
                (json_int_t) f->began, "started", (json_int_t) f->started, "ended", (json_int_t) f->ended,
                "outage", (json_int_t) f->outage, "reason", f->cause, "marker",
                m->marker.intent == INTENT_NONE ? NULL : pack_marker(&m->marker));
}

/* Returns the gateway's run for the marker. After a crash, the next daemon tells it from another user's run.
 * A run that is about to start has no id yet: a null id fits any run. */
static sd_id128_t marked_run(const struct state_file *m, const struct role *r, const struct unit_info *g,
        enum role_action action) {
        bool ours = r->state == ROLE_STARTING || r->state == ROLE_PROMOTED;
        bool stopped = g->state == UNIT_INACTIVE || g->state == UNIT_FAILED;

        if (ours && (action == ACTION_START || g->job == JOB_CALLING || stopped))
                return SD_ID128_NULL;
        if (ours ? g->state != UNIT_STOPPING : m->now.marker.intent == INTENT_NONE)
                return g->invocation;
        /* While a run stops, the marker keeps its id: a run with another id is another user's. */
        return m->now.marker.invocation;
}

static bool marker_equal(const struct marker *a, const struct marker *b) {
        return a->intent == b->intent && a->since == b->since && a->last_good == b->last_good &&
                sd_id128_equal(a->invocation, b->invocation) && strcmp(a->unit, b->unit) == 0 &&
                strcmp(a->reason, b->reason) == 0;
}

/* Returns whether the marker has changed. */
static bool keep_marker(struct state_file *m, const struct role *r, const struct timeline *e,
        const char *unit, const struct unit_info *g, enum role_action action) {
        struct marker marker = { .intent = role_intent(r) };
        bool changed;

        if (marker.intent != INTENT_NONE) {
                marker.since = r->promoted_before ? e->promoted_at : r->since;
                marker.last_good = e->last_good;
                marker.invocation = marked_run(m, r, g, action);
                (void) snprintf(marker.reason, sizeof marker.reason, "%s", e->reason);
                (void) snprintf(marker.unit, sizeof marker.unit, "%s", unit);
        }
        changed = !marker_equal(&marker, &m->now.marker);
        m->now.marker = marker;
        return changed;
}

/* Takes over what is new in E. On standby the failover has ended, even if an earlier daemon promoted. */
static void keep_last_failover(struct state_file *m, const struct role *r, const struct timeline *e) {
        struct last_failover *f = &m->now.last;

        if (e->promoted_at != m->last_started) {
                *f = (struct last_failover){ .started = to_realtime(e->promoted_at), .outage = e->outage };
                if (e->outage != USEC_INFINITY)
                        f->began = to_realtime(e->promoted_at - MIN(e->outage, e->promoted_at));
                memcpy(f->cause, e->cause, sizeof f->cause);
                m->last_started = e->promoted_at;
                m->changed = true;
        }
        if (r->state == ROLE_STANDBY && f->started > 0 && f->ended == 0) {
                f->ended = to_realtime(r->since);
                m->changed = true;
        }
}

static void keep_mode(struct state_file *m, const struct role *r) {
        usec_t now = now_usec(CLOCK_BOOTTIME), until = r->paused_until;
        enum mode held_from = r->held_at > 0 ? r->held_from : _MODE_MAX;

        if (r->mode != m->now.mode || until != m->paused_until || held_from != m->now.held_from) {
                m->now.mode = r->mode;
                m->now.held_from = held_from;
                m->now.paused_until = to_realtime(until);
                m->now.pause = until > now && until != USEC_INFINITY ? until - now : 0;
                m->paused_until = until;
                m->changed = true;
        }
}

void state_save(struct state_file *m) {
        if (m->changed || m->there.unwritten)
                kept_file_write_json(&m->there, pack(&m->now));
        m->changed = false;
}

/* The clock may have been set since, or may not be set yet. Neither makes a pause longer. */
static usec_t paused_until(const struct remembered *m) {
        usec_t until = to_boottime(m->paused_until), longest = now_usec(CLOCK_BOOTTIME) + m->pause;

        return m->pause > 0 && until != USEC_INFINITY ? MIN(until, longest) : until;
}

void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action) {
        keep_last_failover(m, r, e);
        keep_mode(m, r);
        if (keep_marker(m, r, e, unit, gateway, action) || m->changed || m->here.unwritten)
                kept_file_write_json(&m->here, pack(&m->now));
}

/* The ini now names another gateway. The daemon no longer manages the old one, and reports that. */
static void forget_other_unit(struct state_file *m, const char *unit) {
        struct marker *old = &m->now.marker;

        if (old->intent == INTENT_NONE || !*old->unit || strcmp(old->unit, unit) == 0)
                return;
        log_error(
                "This daemon was running %s when it stopped, and [gateway] unit is %s now. The former is left alone, and may "
                "be in the way: `sudo systemctl stop %s`.",
                old->unit, unit, old->unit);
        *old = (struct marker){};
        m->changed = true;
}

int state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e) {
        const struct marker *marker = &m->now.marker;

        *m = (struct state_file){
                .here = { .path = join(n->runtime_dir, STATE),
                        .in_memory = true,
                        .meaning =
                                "A daemon that is restarted before that is fixed does not know what it was doing." },
                .there = { .path = join(n->state_dir, STATE),
                        .durable = true,
                        .meaning = "A daemon that is restarted before that is fixed forgets the mode." },
        };
        if (!m->here.path || !m->there.path)
                return -ENOMEM;
        state_load(n, &m->now);
        r->mode = m->now.mode;
        r->held_from = m->now.held_from;
        r->held_at = r->held_from < _MODE_MAX ? now_usec(CLOCK_BOOTTIME) : 0;
        r->paused_until = m->paused_until = paused_until(&m->now);

        forget_other_unit(m, unit);
        if (marker->intent == INTENT_NONE)
                return 0;
        timeline_begin(e, marker->last_good, r->mode == MODE_AUTO ? marker->since : 0, marker->reason);
        e->again = marker->intent == INTENT_RESTARTING;
        if (marker->intent == INTENT_STARTING)
                return 0;
        timeline_was_promoted(e, marker->since);
        if (m->now.last.started > 0 && m->now.last.ended == 0) {
                e->outage = m->now.last.outage;
                m->last_started = e->promoted_at;
        }
        return 0;
}

void state_clear(struct state_file *m) {
        free(m->here.path);
        free(m->there.path);
}

bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts) {
        return sd_id128_is_null(m->now.marker.invocation) || restarts > 0 ||
                sd_id128_equal(m->now.marker.invocation, run);
}
