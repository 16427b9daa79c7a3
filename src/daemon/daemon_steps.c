/* Asks role.c what to do, and does it; see daemon_state.h.
 *
 * Every event leads to daemon_step(). It gathers the facts, lets role.c decide, and acts and reports, until
 * there is nothing more to do. */
#include "daemon/daemon_state.h"

#include <string.h>

#include "daemon/journal.h"
#include "events.h"
#include "lib/timer.h"

void daemon_gather(const struct daemon *d, struct facts *f) {
        const struct unit_info *g = unit_info(d->gateway);
        struct peers_view v = peers_view(d->peers);

        *f = (struct facts){
                .now = now_usec(CLOCK_BOOTTIME),
                .primary = d->level,
                .doubted = v.answers != (d->level == HEALTH_UP),
                .failing_since = v.failing_since,
                .gateway = g->state,
                .job = g->job,
                .stopped_by = g->end.cause,
                .same_run = state_is_same_run(&d->state_file, g->invocation, g->restarts),
                .main_pid = g->main_pid,
                .sync_running = sync_unit_view(d->sync_unit)->running,
                .shutting_down = d->units->shutting_down,
        };
}

/* Whether the gateway has stopped and systemd knows of no failure. */
static bool ended_well(const struct unit_info *g) {
        return g->state == UNIT_INACTIVE && g->clean && !*g->trouble && g->end.job <= JOB_RESULT_DONE;
}

/* What is wrong with the gateway: why its check failed, what systemd refused, or how its last run ended. */
static const char *trouble(const struct daemon *d, char *buf, size_t size) {
        const struct unit_info *g = unit_info(d->gateway);

        if (d->role.state == ROLE_PROMOTED && g->state == UNIT_ACTIVE)
                (void) snprintf(buf, size, "%s", d->answer.reason);
        else if (*g->trouble)
                (void) snprintf(buf, size, "%s", g->trouble);
        else
                (void) unit_end_describe(&g->end, g->state, g->result, buf, size);
        return buf;
}

/* Why the channels here are not ready. TROUBLE says why the gateway does not run. */
static const char *channels(const struct daemon *d, const char *trouble) {
        if (!unit_state_runs(unit_info(d->gateway)->state))
                return trouble;
        return *d->channels.channels ? d->channels.channels : "it has not said so yet";
}

static void report(struct daemon *d, enum role_event event, enum role_state from) {
        char why[512], message[MESSAGE_MAX];
        struct peers_view v = peers_view(d->peers);
        struct timeline t = d->timeline;
        struct story s = {
                .from = from,
                .to = d->role.state,
                .mode = d->role.mode,
                .up = d->level == HEALTH_UP,
                .paused = d->role.paused_until > 0,
                .program = d->instance->program,
                .primary = v.name,
                .senior = v.health->level != HEALTH_UP ? v.senior : "",
                .unit = d->gateway->id,
                .trouble = trouble(d, why, sizeof why),
                .channels = channels(d, why),
                .unsaid = d->channels.ready == READY_UNSAID,
                .ignores_stop = unit_info(d->gateway)->state == UNIT_STOPPING && d->role.answers > 0,
                .unit_waits_for = unit_info(d->gateway)->waits_for,
                .ended_well = ended_well(unit_info(d->gateway)),
                .other = d->role.other == OTHER_ANSWERS,
                .start_timeout = d->config->gateway.start_timeout,
                .hang_timeout = d->config->gateway.hang_timeout,
                .port = local_gateway_port(d->config),
        };

        /* This event starts no failover and is not part of the last one. */
        if (event == EVENT_KEPT_BACK)
                timeline_begin(&t, v.last_good, d->level_since, v.down_reason);
        timeline_fill_story(&t, now_usec(CLOCK_BOOTTIME), &s);
        journal_send_event(d->instance, event, &s, event_message(event, &s, message));
        alert_event(d->alert, event, &s, message);
        bus_service_event(d->bus, event, message);
}

/* What each event adds to the timeline. */

static void begin_episode(struct daemon *d) {
        struct peers_view v = peers_view(d->peers);
        usec_t last_good = v.last_good;

        if (d->role.mode != MODE_AUTO) {
                timeline_begin(&d->timeline, last_good, 0,
                        d->role.mode == MODE_PINNED ? "by hand" : role_mode_name(d->role.mode));
                return;
        }
        timeline_begin(&d->timeline, last_good, MAX(d->level_since, d->kept_back), v.down_reason);
        d->timeline.kept_back = d->kept_back > d->level_since;
}

static void begin_again(struct daemon *d, usec_t last_answered, const char *reason) {
        timeline_begin(&d->timeline, last_answered, now_usec(CLOCK_BOOTTIME), reason);
        d->timeline.again = true;
}

static void keep_timeline(struct daemon *d, enum role_event event) {
        switch (event) {
        case EVENT_ADOPTED:
                if (d->role.promoted_before)
                        begin_again(d, d->timeline.last_answered, "a user stopped the gateway here");
                if (!d->timeline.again)
                        begin_episode(d);
                break;
        case EVENT_PROMOTING:
        case EVENT_DRILL_REAL:
                if (!d->timeline.again)
                        begin_episode(d);
                if (d->role.state == ROLE_PROMOTED) { /* the gateway of a drill runs already */
                        timeline_started(&d->timeline, now_usec(CLOCK_BOOTTIME));
                        timeline_promoted(&d->timeline, now_usec(CLOCK_BOOTTIME));
                }
                break;
        case EVENT_LOST:
        case EVENT_HUNG:
                begin_again(d, d->timeline.last_answered,
                        event == EVENT_HUNG ? d->answer.reason : "the gateway here was lost");
                break;
        case EVENT_RESUMED: /* the gateway may have stopped while no daemon ran */
                if (d->role.state == ROLE_STARTING && d->role.promoted_before && !d->timeline.again)
                        begin_again(d, 0, "the gateway here was lost");
                break;
        case EVENT_PROMOTED:
                timeline_promoted(&d->timeline, now_usec(CLOCK_BOOTTIME));
                d->channels = (struct check){ 0 };
                break;
        case EVENT_CHANNELS_READY:
                timeline_ready(&d->timeline, now_usec(CLOCK_BOOTTIME));
                break;
        case EVENT_DEMOTING:
                if (d->role.mode == MODE_AUTO && d->timeline.decided > 0)
                        peers_failback(d->peers);
                d->timeline.again = false;
                break;
        default:
                break;
        }
}

static void carry_out(struct daemon *d, enum role_action action) {
        bool promoting = peers_view(d->peers).failing_since > 0 || d->role.mode == MODE_PINNED;

        switch (action) {
        case ACTION_SYNC:
                sync_unit_start(d->sync_unit, promoting);
                break;
        case ACTION_STOP_SYNC:
                sync_unit_stop(d->sync_unit);
                break;
        case ACTION_START:
                timeline_started(&d->timeline, now_usec(CLOCK_BOOTTIME));
                sync_unit_stop(d->sync_unit);
                unit_start(d->gateway);
                break;
        case ACTION_STOP:
                unit_stop(d->gateway);
                break;
        case ACTION_KILL:
                unit_kill(d->gateway);
                break;
        default:
                break;
        }
}

void daemon_read_level(struct daemon *d) {
        enum health_level level = peers_view(d->peers).level;

        if (d->role.mode != MODE_AUTO || d->role.paused_until > 0)
                d->kept_back = now_usec(CLOCK_BOOTTIME);
        if (level != d->level)
                d->level_since = now_usec(CLOCK_BOOTTIME);
        d->level = level;
}

/* Takes one step. .again says whether another may follow. */
static struct role_step step(struct daemon *d) {
        enum role_state from = d->role.state;
        struct role_step s;
        struct facts f;

        daemon_gather(d, &f);
        if (d->resumed)
                s = role_step(&d->role, &d->rules, &f);
        else {
                s = role_resume(&d->role, d->state_file.now.marker.intent, &f);
                d->resumed = true;
        }

        keep_timeline(d, s.event);
        state_keep(
                &d->state_file, &d->role, &d->timeline, d->gateway->name, unit_info(d->gateway), s.action);
        if (s.event != EVENT_NONE)
                report(d, s.event, from);
        carry_out(d, s.action);
        state_save(&d->state_file);
        if (d->role.state == ROLE_STANDBY) {
                d->loop = (struct restart_loop){ 0 }; /* the next failover begins with none */
                timeline_demoted(&d->timeline, now_usec(CLOCK_BOOTTIME));
        }
        return s;
}

void daemon_step(struct daemon *d) {
        struct role_step s = { .again = true };
        struct facts f;

        daemon_read_level(d);
        if (unit_info(d->gateway)->state == UNIT_UNKNOWN)
                return; /* nothing can be done yet */
        while (s.again)
                s = step(d);

        (void) timer_at(d->look_timer, s.look_at);
        daemon_gather(d, &f);
        local_gateway_pace(
                d->local_gateway, MAX(role_watch(&d->role, &f), d->rules.warm ? WATCH_STEADY : WATCH_NOT));
        peers_set_role(d->peers, role_is_early(&d->role), d->role.state == ROLE_PROMOTED);
}
