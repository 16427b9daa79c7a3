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

#define MARKER "marker.json"
#define MODE "mode.json"
#define FILE_MAX ((size_t) 4096)

static char *join(const char *dir, const char *file) {
        char *path;

        return asprintf(&path, "%s/%s", dir, file) < 0 ? NULL : path;
}

static json_t *load(const char *dir, const char *file) {
        _cleanup_free_ char *path = join(dir, file), *text = NULL;
        json_error_t error;
        json_t *j;
        int r;

        r = path ? read_file(path, FILE_MAX, &text) : -ENOMEM;
        if (r == -ENOENT)
                return NULL;
        if (r < 0) {
                log_warning("Cannot read %s, going on without it: %s.", path ? path : file, strerror(-r));
                return NULL;
        }
        j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!j)
                log_warning("%s:%d: %s. Going on without it.", path, error.line, error.text);
        return j;
}

void marker_load(const struct instance *n, struct marker *ret) {
        json_auto_t *j = load(n->runtime_dir, MARKER);
        const char *intent, *unit = "", *invocation = NULL, *reason = "";
        json_int_t since = 0, last_good = 0;
        struct marker m = {};

        *ret = m;
        if (!j)
                return;
        if (json_unpack(j, "{s:s, s?s, s?s, s?I, s?I, s?s}", "intent", &intent, "unit", &unit, "invocation",
                    &invocation, "since", &since, "last_good", &last_good, "reason", &reason) < 0) {
                log_warning("%s/" MARKER " is no marker. Going on without it.", n->runtime_dir);
                return;
        }
        m.intent = (enum role_intent) find_name(intent, role_intent_names, _INTENT_MAX);
        if (m.intent == _INTENT_MAX) { /* from a newer version: the gateway is this daemon's */
                log_warning("%s/" MARKER " is a newer version's. Going on as promoted.", n->runtime_dir);
                m.intent = INTENT_PROMOTED;
        }
        if (invocation)
                (void) sd_id128_from_string(invocation, &m.invocation);
        safe_text(m.unit, sizeof m.unit, unit);
        m.since = (usec_t) MAX(since, 0);
        m.last_good = (usec_t) MAX(last_good, 0);
        safe_text(m.reason, sizeof m.reason, reason);
        *ret = m;
}

static json_t *marker_json(const struct marker *m) {
        char invocation[SD_ID128_STRING_MAX];

        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "intent", role_intent_name(m->intent), "unit",
                m->unit, "invocation", sd_id128_to_string(m->invocation, invocation), "since",
                (json_int_t) m->since, "last_good", (json_int_t) m->last_good, "reason", m->reason);
}

/* JSON's integers end below 2^63: USEC_INFINITY, "until resumed", is -1. */
static bool mode_read(const char *dir, struct remembered_mode *ret) {
        json_auto_t *j = load(dir, MODE);
        json_int_t paused_until, pause = 0, began = 0, started = 0, ended = 0, outage = -1;
        const char *mode, *cause = "", *held = "";

        *ret = (struct remembered_mode){ .held_from = _MODE_MAX, .last.outage = USEC_INFINITY };
        if (!j)
                return false;
        if (json_unpack(j, "{s:s, s?s, s:I, s?I, s?{s:I, s:I, s:I, s:I, s:s}}", "mode", &mode, "held_from",
                    &held, "paused_until", &paused_until, "pause", &pause, "last_failover", "began", &began,
                    "started", &started, "ended", &ended, "outage", &outage, "reason", &cause) < 0 ||
                paused_until < -1 || pause < 0 || find_name(mode, role_mode_names, _MODE_MAX) == _MODE_MAX) {
                log_warning("%s/" MODE " is not what this version writes. Going on in mode auto.", dir);
                return false;
        }
        ret->mode = (enum mode) find_name(mode, role_mode_names, _MODE_MAX);
        ret->held_from = (enum mode) find_name(held, role_mode_names, _MODE_MAX);
        ret->paused_until = paused_until == -1 ? USEC_INFINITY : (usec_t) paused_until;
        ret->pause = (usec_t) pause;
        ret->last.began = (usec_t) MAX(began, 0);
        ret->last.started = (usec_t) MAX(started, 0);
        ret->last.ended = (usec_t) MAX(ended, 0);
        ret->last.outage = outage < 0 ? USEC_INFINITY : (usec_t) outage;
        safe_text(ret->last.cause, sizeof ret->last.cause, cause);
        return true;
}

/* The file in /run is newer: the other waits for a disk. After a boot, a user's stop no longer counts. */
void mode_load(const struct instance *n, struct remembered_mode *ret) {
        if (mode_read(n->runtime_dir, ret))
                return;
        (void) mode_read(n->state_dir, ret);
        ret->held_from = _MODE_MAX;
}

/* USEC_INFINITY becomes -1. */
static json_t *mode_json(const struct remembered_mode *m) {
        const struct last_failover *f = &m->last;

        return json_pack("{s:s, s:s, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:s}}", "mode",
                role_mode_name(m->mode), "held_from",
                m->held_from < _MODE_MAX ? role_mode_name(m->held_from) : "", "paused_until",
                (json_int_t) m->paused_until, "pause", (json_int_t) m->pause, "last_failover", "began",
                (json_int_t) f->began, "started", (json_int_t) f->started, "ended", (json_int_t) f->ended,
                "outage", (json_int_t) f->outage, "reason", f->cause);
}

/* Returns the gateway's run for the marker. After a crash, the next daemon tells it from another user's run.
 * A run that is about to start has no id yet: a null id fits any run. */
static sd_id128_t marked_run(const struct state_file *m, const struct role *r, const struct unit_info *g,
        enum role_action action) {
        bool ours = r->state == ROLE_STARTING || r->state == ROLE_PROMOTED;
        bool stopped = g->state == UNIT_INACTIVE || g->state == UNIT_FAILED;

        if (ours && (action == ACTION_START || g->job == JOB_CALLING || stopped))
                return SD_ID128_NULL;
        if (ours ? g->state != UNIT_STOPPING : m->marker.intent == INTENT_NONE)
                return g->invocation;
        /* While a run stops, the marker keeps its id: a run with another id is another user's. */
        return m->marker.invocation;
}

static bool marker_equal(const struct marker *a, const struct marker *b) {
        return a->intent == b->intent && a->since == b->since && a->last_good == b->last_good &&
                sd_id128_equal(a->invocation, b->invocation) && strcmp(a->unit, b->unit) == 0 &&
                strcmp(a->reason, b->reason) == 0;
}

static void write_marker(struct state_file *m, const struct marker *marker) {
        if (marker->intent == INTENT_NONE)
                kept_file_write(&m->marker_file, NULL);
        else
                kept_file_write_json(&m->marker_file, marker_json(marker));
        m->marker = *marker;
}

static void keep_marker(struct state_file *m, const struct role *r, const struct timeline *e,
        const char *unit, const struct unit_info *g, enum role_action action) {
        struct marker marker = { .intent = role_intent(r) };

        if (marker.intent != INTENT_NONE) {
                marker.since = r->promoted_before ? e->promoted_at : r->since;
                marker.last_good = e->last_good;
                marker.invocation = marked_run(m, r, g, action);
                (void) snprintf(marker.reason, sizeof marker.reason, "%s", e->reason);
                (void) snprintf(marker.unit, sizeof marker.unit, "%s", unit);
        }
        if (!marker_equal(&marker, &m->marker) || m->marker_file.unwritten)
                write_marker(m, &marker);
}

/* Takes over what is new in E. On standby the failover has ended, even if an earlier daemon promoted. */
static void keep_last_failover(struct state_file *m, const struct role *r, const struct timeline *e) {
        struct last_failover *f = &m->mode.last;

        if (e->promoted_at != m->last_started) {
                usec_t outage = timeline_outage(e);

                *f = (struct last_failover){ .started = to_realtime(e->promoted_at), .outage = outage };
                if (outage != USEC_INFINITY)
                        f->began = to_realtime(e->promoted_at - MIN(outage, e->promoted_at));
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

        if (r->mode != m->mode.mode || until != m->paused_until || held_from != m->mode.held_from) {
                m->mode.mode = r->mode;
                m->mode.held_from = held_from;
                m->mode.paused_until = to_realtime(until);
                m->mode.pause = until > now && until != USEC_INFINITY ? until - now : 0;
                m->paused_until = until;
                m->changed = true;
        }
        if (m->changed || m->mode_here.unwritten)
                kept_file_write_json(&m->mode_here, mode_json(&m->mode));
}

void state_save(struct state_file *m) {
        if (m->changed || m->mode_there.unwritten)
                kept_file_write_json(&m->mode_there, mode_json(&m->mode));
        m->changed = false;
}

/* The clock may have been set since, or may not be set yet. Neither makes a pause longer. */
static usec_t paused_until(const struct remembered_mode *mode) {
        usec_t until = to_boottime(mode->paused_until), longest = now_usec(CLOCK_BOOTTIME) + mode->pause;

        return mode->pause > 0 && until != USEC_INFINITY ? MIN(until, longest) : until;
}

void state_keep(struct state_file *m, const struct role *r, const struct timeline *e, const char *unit,
        const struct unit_info *gateway, enum role_action action) {
        keep_last_failover(m, r, e);
        keep_mode(m, r);
        keep_marker(m, r, e, unit, gateway, action);
}

/* The ini now names another gateway. The daemon no longer manages the old one, and reports that. */
static void forget_other_unit(struct state_file *m, const char *unit) {
        const char *old = m->marker.unit;

        if (m->marker.intent == INTENT_NONE || !*old || strcmp(old, unit) == 0)
                return;
        log_error(
                "This daemon was running %s when it stopped, and [gateway] unit is %s now. The former is left alone, and may "
                "be in the way: `sudo systemctl stop %s`.",
                old, unit, old);
        write_marker(m, &(struct marker){});
}

int state_recall(struct state_file *m, const struct instance *n, const char *unit, struct role *r,
        struct timeline *e) {
        *m = (struct state_file){
                .marker_file = { .path = join(n->runtime_dir, MARKER),
                        .in_memory = true,
                        .meaning =
                                "A daemon that is restarted before that is fixed does not know what it was doing." },
                .mode_here = { .path = join(n->runtime_dir, MODE), .in_memory = true },
                .mode_there = { .path = join(n->state_dir, MODE),
                        .durable = true,
                        .meaning = "A daemon that is restarted before that is fixed forgets the mode." },
        };
        if (!m->marker_file.path || !m->mode_here.path || !m->mode_there.path)
                return -ENOMEM;
        mode_load(n, &m->mode);
        r->mode = m->mode.mode;
        r->held_from = m->mode.held_from;
        r->held_at = r->held_from < _MODE_MAX ? now_usec(CLOCK_BOOTTIME) : 0;
        r->paused_until = m->paused_until = paused_until(&m->mode);

        marker_load(n, &m->marker);
        forget_other_unit(m, unit);
        if (m->marker.intent == INTENT_NONE)
                return 0;
        timeline_begin(
                e, m->marker.last_good, m->mode.mode == MODE_AUTO ? m->marker.since : 0, m->marker.reason);
        e->again = m->marker.intent == INTENT_RESTARTING;
        if (m->marker.intent == INTENT_STARTING)
                return 0;
        timeline_was_promoted(e, m->marker.since);
        if (m->mode.last.started > 0 && m->mode.last.ended == 0) {
                e->outage = m->mode.last.outage;
                m->last_started = e->promoted_at;
        }
        return 0;
}

void state_clear(struct state_file *m) {
        free(m->marker_file.path);
        free(m->mode_here.path);
        free(m->mode_there.path);
}

bool state_is_same_run(const struct state_file *m, sd_id128_t run, unsigned restarts) {
        return sd_id128_is_null(m->marker.invocation) || restarts > 0 ||
                sd_id128_equal(m->marker.invocation, run);
}
