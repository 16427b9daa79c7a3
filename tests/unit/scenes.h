/* States and stories that a person may meet, for the tests of levels, of words and of alerts. */
#pragma once

#include "events.h"
#include "status.h"

#define S USEC_PER_SEC
#define SCENE_NOW (1795266000 * S) /* 2026-11-21 13:00:00 UTC */

/* On standby, all is well; the next check begins in four seconds, ten after the last. */
static inline void scene_well(struct status *s) {
        *s = (struct status){
                .program = "openclaw-failover",
                .state = ROLE_STANDBY,
                .mode = MODE_AUTO,
                .since = SCENE_NOW - 3600 * S,
                .primary = "100.64.0.1:18789",
                .health = HEALTH_UP,
                .health_since = SCENE_NOW - 3600 * S,
                .verdict = "up",
                .reason = "",
                .took = 3000,
                .checked = SCENE_NOW - 6 * S,
                .next_check = SCENE_NOW + 4 * S,
                .interval = 10 * S,
                .fail_needed = 3,
                .goods = 3,
                .recover_needed = 3,
                .senior = "",
                .waits_for = "",
                .unit = "openclaw.service",
                .unit_state = UNIT_INACTIVE,
                .synced = SCENE_NOW - 600 * S,
                .sync_ok = true,
                .sync = "workspace unchanged, secrets unchanged",
                .sync_succeeded = SCENE_NOW - 600 * S,
                .unmerged = "",
                .merge = "",
                .outage = USEC_INFINITY,
                .cause = "",
                .failback = true,
                .detect_refused = 9 * S,
                .detect_unanswered = 14 * S,
                .detect_silent = 100 * S,
                .alert_error = "",
                .heartbeat_error = "",
        };
}

static inline void scene_down(struct status *s) {
        s->health = HEALTH_DOWN;
        s->verdict = "down";
        s->reason = "connection refused";
        s->failures = 4;
        s->goods = 0;
}

static inline void scene_promoted(struct status *s) {
        scene_down(s);
        s->state = ROLE_PROMOTED;
        s->unit_state = UNIT_ACTIVE;
        s->answers = true;
        s->began_at = SCENE_NOW - 119 * S;
        s->promoted_at = SCENE_NOW - 100 * S;
        s->outage = 19 * S;
        s->cause = "connection refused";
}

static inline void scene_starting(struct status *s) {
        scene_down(s);
        s->state = ROLE_STARTING;
        s->unit_state = UNIT_STARTING;
}

static inline void scene_demoting(struct status *s) {
        scene_promoted(s);
        s->state = ROLE_DEMOTING;
        s->unit_state = UNIT_STOPPING;
        s->answers = false;
}

static inline void scene_warm(struct status *s) {
        s->warm = s->answers = true;
}

struct scene {
        const char *name;
        void (*base)(struct status *s); /* NULL: well */
        enum status_level level;
        struct status with; /* what is not 0 or NULL there replaces the base's … */
        bool silent;        /* … and .answers is false */
        bool unsynced;      /* and the sync has failed */
        bool manual;        /* failback */
};

/* clang-format off */
static const struct scene scenes[] = {
        { "well", NULL, STATUS_WELL, {} },
        { "first check", NULL, STATUS_WELL, { .checked = USEC_INFINITY } },
        { "failing", NULL, STATUS_WELL, { .failures = 1, .reason = "connection refused" } },
        { "failing slowly", NULL, STATUS_WELL, { .failures = 1, .reason = "no answer in 12 s", .took = 12 * S } },
        { "one more", NULL, STATUS_WELL, { .failures = 2, .reason = "connection refused" } },
        { "waiting", NULL, STATUS_WELL,
                { .failures = 20, .reason = "HTTP 503", .waits_for = "the end of its restart", .waits_until = SCENE_NOW + 120 * S } },
        { "no more waiting", NULL, STATUS_WELL, { .failures = 20, .reason = "HTTP 503", .waits_until = SCENE_NOW - S } },
        { "cut off", NULL, STATUS_DEGRADED,
                { .failures = 9, .verdict = "cut-off", .reason = "no carrier on eth0", .waits_for = "the network here",
                        .waits_until = SCENE_NOW + 200 * S } },
        { "cut off for ever", NULL, STATUS_DEGRADED,
                { .failures = 9, .verdict = "cut-off", .reason = "no carrier on eth0", .waits_for = "the network here",
                        .waits_until = USEC_INFINITY } },
        { "not ready", NULL, STATUS_WELL,
                { .verdict = "not-ready", .reason = "it answers, but is not ready: telegram",
                        .waits_for = "the primary, whose channels are not ready", .waits_until = SCENE_NOW + 120 * S } },
        { "not ready, and an alert", NULL, STATUS_DEGRADED,
                { .verdict = "not-ready", .reason = "it answers, but is not ready: telegram", .channels_fail = true,
                        .waits_for = "the primary, whose channels are not ready", .waits_until = USEC_INFINITY } },
        { "down, and a good check", NULL, STATUS_DEGRADED, { .health = HEALTH_DOWN, .goods = 1 } },
        { "cut off and down", scene_down, STATUS_DEGRADED, { .verdict = "cut-off", .reason = "no carrier on eth0" } },
        { "paused", NULL, STATUS_DEGRADED, { .paused_until = SCENE_NOW + 3600 * S } },
        { "paused until resumed", NULL, STATUS_DEGRADED, { .paused_until = USEC_INFINITY } },
        { "held", NULL, STATUS_DEGRADED, { .mode = MODE_HELD } },
        { "senior", NULL, STATUS_WELL, { .senior = "first", .failures = 20, .reason = "connection refused" } },
        { "foreign", NULL, STATUS_DEGRADED, { .unit_state = UNIT_ACTIVE } },
        { "alerts", NULL, STATUS_DEGRADED, { .alert_error = "https://example.com: HTTP 500", .undelivered = 2 } },
        { "heartbeat", NULL, STATUS_DEGRADED, { .heartbeat_error = "https://example.com: HTTP 500" } },
        { "sync fails", NULL, STATUS_DEGRADED, { .sync = "workspace failed (no answer)" }, .unsynced = true },
        { "warm", scene_warm, STATUS_WELL, {} },
        { "instance", NULL, STATUS_DEGRADED, { .program = "openclaw-failover -i web", .paused_until = USEC_INFINITY } },
        { "unmerged", NULL, STATUS_WELL, { .unmerged = "failover/vps2/1\nidea", .merge = "git pull standby failover/vps2/1\ngit pull standby idea\ngit push" } },
        { "down", scene_down, STATUS_UNREACHABLE, {} },
        { "down and paused", scene_down, STATUS_UNREACHABLE, { .paused_until = SCENE_NOW + 3600 * S } },
        { "down and held", scene_down, STATUS_UNREACHABLE, { .mode = MODE_HELD } },
        { "starting", scene_starting, STATUS_UNREACHABLE, {} },
        { "start failed", scene_starting, STATUS_UNREACHABLE,
                { .unit_state = UNIT_FAILED, .starts = 3, .next_start = SCENE_NOW + 20 * S } },
        { "start failed once", scene_starting, STATUS_UNREACHABLE,
                { .unit_state = UNIT_FAILED, .starts = 1, .next_start = SCENE_NOW + 5 * S } },
        { "starting again", scene_starting, STATUS_UNREACHABLE, { .starts = 4 } },
        { "restarted by systemd", scene_starting, STATUS_UNREACHABLE, { .starts = 1, .gateway_restarts = true } },
        { "drill", scene_starting, STATUS_DEGRADED, { .mode = MODE_DRILL, .health = HEALTH_UP, .verdict = "up" } },
        { "promoted", scene_promoted, STATUS_DEGRADED, {} },
        { "recovering", scene_promoted, STATUS_DEGRADED, { .failures = 0, .goods = 1 } },
        { "promoted, and nothing known", scene_promoted, STATUS_DEGRADED, { .health = HEALTH_UP, .verdict = "cut-off", .reason = "no carrier on eth0" } },
        { "promoted, manual", scene_promoted, STATUS_DEGRADED, {}, .manual = true },
        { "promoted, not ready", scene_promoted, STATUS_DEGRADED,
                { .verdict = "not-ready", .reason = "it answers, but is not ready: telegram" } },
        { "promoted by hand", scene_promoted, STATUS_DEGRADED, { .mode = MODE_PINNED } },
        { "promoted and silent", scene_promoted, STATUS_UNREACHABLE, { .hang_at = SCENE_NOW + 240 * S }, .silent = true },
        { "promoted by hand and silent", scene_promoted, STATUS_DEGRADED,
                { .mode = MODE_PINNED, .health = HEALTH_UP, .verdict = "up" }, .silent = true },
        { "promoted and alerts", scene_promoted, STATUS_DEGRADED, { .alert_error = "https://example.com: HTTP 500", .undelivered = 2 } },
        { "demoting", scene_demoting, STATUS_DEGRADED, { .health = HEALTH_UP, .verdict = "up" } },
        { "its stop is refused", scene_demoting, STATUS_DEGRADED,
                { .health = HEALTH_UP, .verdict = "up", .unit_state = UNIT_ACTIVE } },
        { "demoting to start again", scene_demoting, STATUS_UNREACHABLE, { .kill_at = SCENE_NOW + 20 * S } },
        { "demoting, killed", scene_demoting, STATUS_UNREACHABLE, { .kill_at = SCENE_NOW - S } },
};
/* clang-format on */

#define TAKE_OVER(member)                                                                                   \
        if (scene->with.member)                                                                             \
        s.member = scene->with.member

static inline struct status scene_status(const struct scene *scene) {
        struct status s;

        scene_well(&s);
        if (scene->base)
                scene->base(&s);
        TAKE_OVER(program);
        TAKE_OVER(mode);
        TAKE_OVER(paused_until);
        TAKE_OVER(health);
        TAKE_OVER(verdict);
        TAKE_OVER(reason);
        TAKE_OVER(channels_fail);
        TAKE_OVER(failures);
        TAKE_OVER(goods);
        TAKE_OVER(senior);
        TAKE_OVER(waits_for);
        TAKE_OVER(waits_until);
        TAKE_OVER(unit_state);
        TAKE_OVER(starts);
        TAKE_OVER(gateway_restarts);
        TAKE_OVER(next_start);
        TAKE_OVER(hang_at);
        TAKE_OVER(kill_at);
        TAKE_OVER(took);
        TAKE_OVER(sync);
        TAKE_OVER(unmerged);
        TAKE_OVER(merge);
        TAKE_OVER(alert_error);
        TAKE_OVER(undelivered);
        TAKE_OVER(heartbeat_error);
        TAKE_OVER(key_expires);
        TAKE_OVER(primary_key_expires);
        if (s.health == HEALTH_UP && scene->base)
                s.failures = 0;
        if (scene->with.goods)
                s.failures = 0;
        if (scene->with.checked)
                s.checked = 0;
        s.answers = s.answers && !scene->silent;
        s.sync_ok = !scene->unsynced;
        s.failback = !scene->manual;
        return s;
}

/* A failover, as each of its events tells of it. */
static inline struct story plain_story(void) {
        return (struct story){
                .mode = MODE_AUTO,
                .program = "openclaw-failover",
                .primary = "100.64.0.1:18789",
                .unit = "openclaw.service",
                .senior = "",
                .reason = "connection refused",
                .trouble = "exit-code",
                .channels = "it answers, but is not ready: telegram",
                .outage = 40 * S,
                .detecting = 30 * S,
                .syncing = 2 * S,
                .starting = 8 * S,
                .ready = 4 * S,
                .active = 12 * S,
                .down = 40 * S,
                .promoted = 3600 * S,
                .start_timeout = 300 * S,
                .hang_timeout = 300 * S,
                .port = 18789,
        };
}
