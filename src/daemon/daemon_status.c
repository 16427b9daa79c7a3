/* Makes struct status from the daemon's state, the primary's part by peers_show(), and shows it; see
 * daemon_state.h. */
#include "daemon/daemon_state.h"

#include <string.h>
#include <systemd/sd-daemon.h>

/* STATUS= costs systemd more than a check costs the daemon. While all stays well, the daemon sends it this
 * often. */
#define STATUS_INTERVAL USEC_PER_MINUTE

static void show_to_systemd(struct daemon *d, const struct status *s) {
        bool steady = status_level(s) == STATUS_WELL && s->failures == 0 && s->waits_until == 0;
        usec_t now = now_usec(CLOCK_BOOTTIME);
        char text[SENTENCE_MAX];

        if (steady && now < d->status_lasts)
                return;
        d->status_lasts = steady ? now + STATUS_INTERVAL : 0;
        (void) sd_notifyf(false, "STATUS=%s", status_sentence(s, text));
}

/* When the daemon restarts a silent gateway; 0: never. */
static usec_t hang_at(const struct daemon *d) {
        usec_t silent_since = d->role.silent_since, timeout = d->rules.hang_timeout;

        return silent_since > 0 && timeout > 0 ? to_realtime(silent_since + timeout) : 0;
}

/* When the daemon kills a gateway that drains and is needed again; 0: never. */
static usec_t kill_at(const struct daemon *d) {
        usec_t wanted = d->role.wanted_since;

        return wanted > 0 ? to_realtime(wanted + d->config->gateway.drain_timeout) : 0;
}

/* Whether systemd has a start job for a stopped gateway, or is asked for one. An unknown state stays unknown. */
static bool waits_to_start(const struct unit *u) {
        enum unit_job job = u->info.job == JOB_CALLING ? u->wanted : u->info.job;

        return job == JOB_START && (u->info.state == UNIT_INACTIVE || u->info.state == UNIT_FAILED);
}

/* Whether the gateway here answered its last check. While it stops, "draining" is an answer too. */
static bool gateway_answers(const struct daemon *d) {
        bool drains = d->role.state == ROLE_DEMOTING && d->answer.verdict == VERDICT_DRAINING;

        return (d->answer.verdict == VERDICT_UP || drains) &&
                (d->timeline.last_answered > 0 || d->rules.warm);
}

static usec_t start_took(const struct daemon *d) {
        const struct timeline *e = &d->timeline;
        usec_t there = d->rules.warm ? e->ready : e->answered;

        return e->started > 0 && there > e->started ? there - e->started : 0;
}

static void make_status(const struct daemon *d, struct status *ret) {
        const struct unit_info *g = unit_info(d->gateway);
        const struct sync_view *sync = sync_unit_view(d->sync_unit);
        const struct last_failover *last = &d->state_file.now.last;

        *ret = (struct status){
                .program = d->instance->program,
                .state = d->role.state,
                .since = to_realtime(d->role.since),
                .mode = d->role.mode,
                .paused_until = to_realtime(d->role.paused_until),
                .health = d->level,
                .health_since = to_realtime(d->level_since),
                .gateway_restarts = restart_loop_goes_on(&d->loop, now_usec(CLOCK_BOOTTIME)),
                .unit = d->gateway->id,
                .unit_state = waits_to_start(d->gateway) ? UNIT_STARTING : g->state,
                .warm = d->rules.warm,
                .answers = gateway_answers(d),
                .starts = d->role.starts,
                .next_start = to_realtime(d->role.start_again),
                .hang_at = hang_at(d),
                .kill_at = kill_at(d),
                .synced = to_realtime(sync->ended),
                .sync_ok = sync->ok,
                .sync = sync->text,
                .unmerged = sync->unmerged,
                .merge = d->sync_story.merge,
                .sync_succeeded = to_realtime(sync->succeeded),
                .began_at = last->began,
                .promoted_at = last->started,
                .demoted_at = last->ended,
                .outage = last->outage,
                .cause = last->cause,
                .promotions = d->timeline.promotions,
                .start_took = start_took(d),
                .heartbeat_error = heartbeat_error(d->heartbeat),
        };
        ret->alert_error = alert_error(d->alert, &ret->undelivered);
        peers_show(d->peers, ret);
}

/* Each receiver finds out itself what has changed. */
void daemon_show(struct daemon *d) {
        struct status s;

        make_status(d, &s);
        show_to_systemd(d, &s);
        bus_service_changed(d->bus, &s);
        alert_look(d->alert, &s);
        heartbeat_set(d->heartbeat, status_is_well(&s));
        metrics_write(d->metrics, &s);
}
