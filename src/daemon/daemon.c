/* The daemon: owns the loop and wires the parts together; see daemon.h.
 *
 * Every event, whatever it is, ends in look(): it gathers all that is known into facts, lets role.c decide, and carries
 * out and tells what that says, until there is nothing more to do. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "alert/alert.h"
#include "alert/heartbeat.h"
#include "config/config.h"
#include "core/timeline.h"
#include "daemon/bus_connection.h"
#include "daemon/bus_service.h"
#include "daemon/journal.h"
#include "daemon/metrics.h"
#include "daemon/peers.h"
#include "daemon/state_file.h"
#include "daemon/sync_unit.h"
#include "daemon/units.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/http.h"
#include "lib/log.h"
#include "probe/local_gateway.h"

/* What a sync may take beyond its network work before a promotion goes on without it. */
#define SYNC_LOCAL_WORK (5 * USEC_PER_SEC)
/* STATUS= costs systemd more than a check costs us: in the steady state it is told this often. */
#define STATUS_INTERVAL USEC_PER_MINUTE
/* For how long after a demotion its sync is part of the story. */
#define STORY_GOES_ON USEC_PER_MINUTE

struct daemon {
        const struct instance *names;
        struct config *config;
        sd_event *event;
        struct bus_connection *connection;
        struct units *units;
        struct unit *gateway;
        struct sync_unit *syncer;
        struct http *http;
        struct peers *watch;
        struct local_gateway *selfcheck;
        struct bus_service *bus;
        struct alert *alert;
        struct heartbeat *heartbeat;
        struct metrics *metrics;

        struct role role;
        struct role_rules rules;
        bool resumed; /* the first look at the unit is done */
        struct state_file memory;

        usec_t last_check;       /* of the primary */
        enum health_level level; /* as it was seen last */
        usec_t level_since;
        usec_t kept_back; /* when somebody's word last kept the role from following it */
        struct timeline episode;
        struct check answer; /* of the gateway here, the last time it was asked */
        struct sync_story sync_story;

        sd_event_source *look_timer;
        usec_t status_told;
        bool status_steady; /* all was well then */
        char status_text[SENTENCE_MAX];
        bool reload_on_standby; /* the file says something that has to wait */
};

static usec_t now(void) {
        return now_usec(CLOCK_BOOTTIME);
}

static void gather(const struct daemon *d, struct facts *f) {
        const struct unit_info *g = unit_info(d->gateway);

        *f = (struct facts){
                .now = now(),
                .primary = d->level,
                .failing_since = peers_failing_since(d->watch),
                .gateway = g->state,
                .job = g->job,
                .stopped_by = g->end.cause,
                .same_run = state_is_same_run(&d->memory, g->invocation, g->restarts),
                .main_pid = g->main_pid,
                .sync_running = sync_unit_view(d->syncer)->running,
                .shutting_down = units_shutting_down(d->units),
        };
}

/* Telling. */

/* It does not run, and systemd knows of nothing that went wrong. */
static bool ended_well(const struct unit_info *g) {
        return g->state == UNIT_INACTIVE && g->clean && !*g->trouble && g->end.job <= JOB_RESULT_DONE;
}

/* Why the gateway is not what it should be: what systemd refused, or how its last run ended. */
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

static void tell(struct daemon *d, enum role_event event, enum role_state from) {
        char why[512], message[MESSAGE_MAX];
        struct peers_view v = peers_view(d->watch);
        struct story s = {
                .from = from,
                .to = d->role.state,
                .mode = d->role.mode,
                .paused = d->role.paused_until > 0,
                .program = d->names->program,
                .primary = peers_primary_name(d->watch),
                .senior = v.health->level != HEALTH_UP ? v.senior : "",
                .unit = unit_id(d->gateway),
                .trouble = trouble(d, why, sizeof why),
                .unit_waits_for = unit_info(d->gateway)->waits_for,
                .ended_well = ended_well(unit_info(d->gateway)),
                .other = d->role.other == OTHER_ANSWERS,
                .start_timeout = d->config->gateway.start_timeout,
                .hang_timeout = d->config->gateway.hang_timeout,
                .drain_timeout = d->config->gateway.drain_timeout,
                .port = local_gateway_port(d->selfcheck),
        };

        timeline_tell(&d->episode, now(), &s);
        journal_send_event(d->names, event, &s, event_message(event, &s, message));
        alert_event(d->alert, event, &s, message);
        bus_service_event(d->bus, event, message);
}

static void show_to_systemd(struct daemon *d, const struct status *s) {
        bool steady = status_is_well(s) && s->failures == 0;
        char text[SENTENCE_MAX];

        if (steady && d->status_steady && now() - d->status_told < STATUS_INTERVAL)
                return;
        status_sentence(s, text);
        if (strcmp(text, d->status_text) == 0)
                return;
        (void) sd_notifyf(false, "STATUS=%s", text);
        (void) snprintf(d->status_text, sizeof d->status_text, "%s", text);
        d->status_steady = steady;
        d->status_told = now();
}

static void set_last_failover(const struct timeline *e, struct status *ret) {
        usec_t outage = timeline_outage(e);

        ret->began_at =
                outage == USEC_INFINITY ? 0 : to_realtime(e->promoted_at - MIN(outage, e->promoted_at));
        ret->promoted_at = to_realtime(e->promoted_at);
        ret->demoted_at = timeline_is_open(e) ? 0 : to_realtime(e->demoted_at);
        ret->outage = outage;
        ret->cause = e->cause;
        ret->promotions = e->promotions;
        ret->start_took = e->started > 0 && e->answered > e->started ? e->answered - e->started : 0;
}

static void set_gateway(const struct daemon *d, struct status *ret) {
        ret->warm = d->rules.warm;
        ret->answers = d->answer.verdict == VERDICT_UP && (d->episode.last_answered > 0 || d->rules.warm);
}

/* When a gateway that is silent is restarted. */
static usec_t hang_at(const struct daemon *d) {
        usec_t silent_since = d->role.silent_since, timeout = d->rules.hang_timeout;

        return silent_since > 0 && timeout > 0 ? to_realtime(silent_since + timeout) : 0;
}

static bool channels_fail(const struct daemon *d, const struct health *h) {
        const struct peer_config *p = &d->config->primary;

        return p->not_ready == NOT_READY_ALERT && h->not_ready_since > 0 &&
                now() - h->not_ready_since >= p->ready_timeout;
}

/* When a gateway that drains, and is wanted again, is killed. */
static usec_t kill_at(const struct daemon *d) {
        usec_t wanted = d->role.wanted_since;

        return wanted > 0 ? to_realtime(wanted + d->config->gateway.drain_timeout) : 0;
}

static void make_status(const struct daemon *d, struct status *ret) {
        struct peers_view v = peers_view(d->watch);
        const struct unit_info *g = unit_info(d->gateway);
        const struct sync_view *sync = sync_unit_view(d->syncer);
        const struct peer_config *primary = &d->config->primary;

        *ret = (struct status){
                .program = d->names->program,
                .state = d->role.state,
                .since = to_realtime(d->role.since),
                .mode = d->role.mode,
                .paused_until = to_realtime(d->role.paused_until),
                .primary = peers_primary_name(d->watch),
                .health = d->level,
                .health_since = to_realtime(d->level_since),
                .verdict = v.health->last_check > 0 ? verdict_name(v.check->verdict) : "",
                .reason = v.check->reason,
                .channels_fail = channels_fail(d, v.health),
                .took = v.check->took,
                .checked = to_realtime(v.health->last_check),
                .next_check = to_realtime(v.next),
                .interval = primary->check_interval,
                .failures = v.health->failures,
                .fail_needed = v.fail_needed,
                .goods = MIN(v.health->goods, v.recover_needed),
                .recover_needed = v.recover_needed,
                .senior = v.senior,
                .waits_for = v.waits_for,
                .waits_until = to_realtime(v.waits_until),
                .unit = unit_id(d->gateway),
                .unit_state = g->state,
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
                .failback = primary->failback == FAILBACK_AUTO,
                .heartbeat_error = heartbeat_error(d->heartbeat),
        };
        status_set_detection(ret, primary->check_interval, primary->retry_interval, primary->timeout,
                primary->silent_timeout, primary->fail_threshold);
        ret->alert_error = alert_error(d->alert, &ret->undelivered);
        set_gateway(d, ret);
        set_last_failover(&d->episode, ret);
}

/* To everybody who looks at levels; each of them knows what is new to it. */
static void show(struct daemon *d) {
        struct status s;

        make_status(d, &s);
        show_to_systemd(d, &s);
        bus_service_changed(d->bus, &s);
        alert_look(d->alert, &s);
        heartbeat_set(d->heartbeat, status_is_well(&s));
        metrics_write(d->metrics, &s);
}

/* What an event means for the story that is told at the end. */

static void begin_episode(struct daemon *d) {
        struct peers_view v = peers_view(d->watch);
        usec_t last_good = v.last_good;

        if (d->role.mode != MODE_AUTO) {
                timeline_begin(&d->episode, last_good, 0, role_mode_name(d->role.mode));
                return;
        }
        timeline_begin(&d->episode, last_good, MAX(d->level_since, d->kept_back), v.down_reason);
        d->episode.kept_back = d->kept_back > d->level_since;
}

static void begin_again(struct daemon *d, usec_t last_answered, const char *reason) {
        timeline_begin(&d->episode, last_answered, now(), reason);
        d->episode.again = true;
}

static void note(struct daemon *d, enum role_event event) {
        switch (event) {
        case EVENT_ADOPTED:
                if (d->role.promoted_before)
                        begin_again(d, d->episode.last_answered, "a user stopped the gateway here");
                if (!d->episode.again)
                        begin_episode(d);
                break;
        case EVENT_PROMOTING:
        case EVENT_DRILL_REAL:
                if (!d->episode.again)
                        begin_episode(d);
                break;
        case EVENT_LOST:
        case EVENT_HUNG:
                begin_again(d, d->episode.last_answered,
                        event == EVENT_HUNG ? d->answer.reason : "the gateway here was lost");
                break;
        case EVENT_RESUMED: /* and the gateway did not last as long as its daemon was away */
                if (d->role.state == ROLE_STARTING && d->role.promoted_before && !d->episode.again)
                        begin_again(d, 0, "the gateway here was lost");
                break;
        case EVENT_PROMOTED:
                timeline_promoted(&d->episode, now());
                break;
        case EVENT_DEMOTING:
                if (d->role.mode == MODE_AUTO && d->episode.decided > 0)
                        peers_failback(d->watch);
                d->episode.again = false;
                break;
        default:
                break;
        }
}

/* Doing. */

static void carry_out(struct daemon *d, enum role_action action) {
        bool promoting = peers_failing_since(d->watch) > 0 || d->role.mode == MODE_PINNED;

        switch (action) {
        case ACTION_SYNC:
                sync_unit_start(d->syncer, promoting);
                break;
        case ACTION_STOP_SYNC:
                sync_unit_stop(d->syncer);
                break;
        case ACTION_START:
                timeline_started(&d->episode, now());
                sync_unit_stop(d->syncer);
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

static enum local_gateway_pace pace(const struct daemon *d, enum role_watch watch) {
        return watch == WATCH_EAGER                      ? LOCAL_GATEWAY_EAGER
                : watch == WATCH_STEADY || d->rules.warm ? LOCAL_GATEWAY_STEADY
                                                         : LOCAL_GATEWAY_OFF;
}

static void reload(struct daemon *d);

/* The level also changes by time alone, when a senior's head start is over. */
static void see_level(struct daemon *d) {
        enum health_level level = peers_level(d->watch);

        if (d->role.mode != MODE_AUTO || d->role.paused_until > 0)
                d->kept_back = now();
        if (level != d->level)
                d->level_since = now();
        d->level = level;
}

/* One step: .again says whether there may be another. */
static struct role_step step(struct daemon *d) {
        enum role_state from = d->role.state;
        struct role_step s;
        struct facts f;

        gather(d, &f);
        if (d->resumed)
                s = role_step(&d->role, &d->rules, &f);
        else {
                s = role_resume(&d->role, d->memory.marker.intent, &f);
                d->resumed = true;
        }

        note(d, s.event);
        state_keep(
                &d->memory, &d->role, &d->episode, unit_name(d->gateway), unit_info(d->gateway), s.action);
        if (s.event != EVENT_NONE)
                tell(d, s.event, from);
        carry_out(d, s.action);
        if (d->role.state == ROLE_STANDBY && (from != ROLE_STANDBY || timeline_is_open(&d->episode)))
                timeline_demoted(&d->episode, now());
        return s;
}

static void look(struct daemon *d) {
        struct role_step s = { .again = true };
        struct facts f;

        see_level(d);
        if (unit_info(d->gateway)->state == UNIT_UNKNOWN) {
                show(d); /* that nothing can be done, to begin with */
                return;
        }
        while (s.again)
                s = step(d);

        (void) sd_event_source_set_time(d->look_timer, s.look_at);
        (void) sd_event_source_set_enabled(
                d->look_timer, s.look_at == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        gather(d, &f);
        local_gateway_pace(d->selfcheck, pace(d, role_watch(&d->role, &f)));
        peers_set_started(d->watch, d->role.state == ROLE_PROMOTED);
        peers_set_early(d->watch, role_is_early(&d->role));
        if (d->reload_on_standby && d->role.state == ROLE_STANDBY) {
                d->reload_on_standby = false;
                reload(d);
        }
        show(d);
}

/* Events. */

static int on_look_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        look(userdata);
        return 0;
}

static void report_notice(struct daemon *d) {
        char text[320];
        struct alert_message m = {
                .event = "key-expires",
                .level = LOG_WARNING,
                .title = "A Tailscale key of the failover pair expires",
                .text = text,
                .primary = peers_primary_name(d->watch),
                .reason = "",
                .time = now_usec(CLOCK_REALTIME),
                .outage = USEC_INFINITY,
                .lasted = USEC_INFINITY,
        };

        if (!peers_take_notice(d->watch, text, sizeof text))
                return;
        log_warning("%s", text);
        alert_post(d->alert, &m);
}

static void on_watch(struct peers *w, void *userdata) {
        struct daemon *d = userdata;
        struct peers_view v = peers_view(w);

        if (v.health->last_check != d->last_check)
                metrics_check(d->metrics, v.check);
        d->last_check = v.health->last_check;
        report_notice(d);
        look(d);
}

static void on_gateway(struct unit *u _unused_, const struct unit_info *info _unused_, void *userdata) {
        look(userdata);
}

static void on_gateway_checked(struct local_gateway *s _unused_, const struct check *check, void *userdata) {
        struct daemon *d = userdata;
        struct facts f;

        d->answer = *check;
        if (check->verdict == VERDICT_UP)
                d->episode.last_answered = now();
        gather(d, &f);
        role_gateway_checked(&d->role, &d->rules, &f,
                check->started                         ? ANSWER_STARTED
                        : check->verdict == VERDICT_UP ? ANSWER_HEALTHY
                                                       : ANSWER_NONE);
        look(d);
}

static void on_sync(struct sync_unit *s _unused_, bool ended, void *userdata) {
        struct daemon *d = userdata;
        bool standby = d->role.state == ROLE_STANDBY;
        bool failover = !standby || peers_failing_since(d->watch) > 0 ||
                (d->episode.over_at > 0 && now() - d->episode.over_at < STORY_GOES_ON);

        if (ended)
                sync_story_tell(
                        &d->sync_story, sync_unit_view(d->syncer), &d->config->workspace, failover, standby);
        look(d);
}

/* Configuration. */

static void set_rules(struct daemon *d) {
        const struct config *c = d->config;

        d->rules = (struct role_rules){
                .failback = c->primary.failback == FAILBACK_AUTO ? ROLE_FAILBACK_AUTO : ROLE_FAILBACK_MANUAL,
                .warm = c->gateway.warm,
                .sync = *c->workspace.path || c->secrets.host,
                .sync_deadline = MAX(c->workspace.timeout, c->secrets.timeout) + SYNC_LOCAL_WORK,
                .refresh = c->workspace.refresh,
                .start_timeout = c->gateway.start_timeout,
                .hang_timeout =
                        c->gateway.warm ? 0 : c->gateway.hang_timeout, /* the unit restarts no gateway */
                .drain_timeout = c->gateway.drain_timeout,
        };
}

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* The gateway that was started is the one to be stopped: another one has to wait for standby. */
static void keep_gateway(struct daemon *d, struct config *c) {
        struct gateway_config *old = &d->config->gateway, *new = &c->gateway;

        if (d->role.state == ROLE_STANDBY ||
                (same_text(old->unit, new->unit) && same_text(old->url, new->url)))
                return;
        log_notice(
                "[gateway] unit and url cannot change while this machine is %s. They will when it is on standby again.",
                role_state_name(d->role.state));
        d->reload_on_standby = true;
        char *unit = old->unit, *url = old->url;
        old->unit = new->unit;
        old->url = new->url;
        new->unit = unit;
        new->url = url;
}

static int use_config(struct daemon *d, struct config *c) {
        _cleanup_(peers_freep) struct peers *watch = NULL;
        _cleanup_(local_gateway_freep) struct local_gateway *selfcheck = NULL;
        struct unit *gateway = NULL;
        int r;

        r = peers_new(d->http, d->names, c, d->watch, on_watch, d, &watch);
        if (r < 0)
                return r;
        r = local_gateway_new(d->http, c, on_gateway_checked, d, &selfcheck);
        if (r < 0)
                return r;
        if (!d->gateway || strcmp(unit_name(d->gateway), c->gateway.unit) != 0) {
                r = units_follow(d->units, c->gateway.unit, on_gateway, d, &gateway);
                if (r < 0)
                        return r;
                if (d->gateway)
                        units_unfollow(d->units, d->gateway);
                d->gateway = gateway;
        }
        peers_free(d->watch);
        d->watch = TAKE(watch);
        local_gateway_free(d->selfcheck);
        d->selfcheck = TAKE(selfcheck);
        alert_configure(d->alert, c);
        heartbeat_configure(d->heartbeat, c);
        metrics_configure(d->metrics, c);
        config_free(d->config);
        d->config = c;
        set_rules(d);
        return 0;
}

static void reload(struct daemon *d) {
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        r = config_load(d->names->config, config_log_error, NULL, &c);
        if (r >= 0) {
                keep_gateway(d, c);
                r = use_config(d, c);
        }
        if (r < 0) {
                log_error("%s is not used: %s. The configuration stays as it was.", d->names->config,
                        r == -EINVAL ? "it has errors" : strerror(-r));
                return;
        }
        (void) TAKE(c);
        log_info("Read %s again.", d->names->config);
}

/* sd_notify(3): systemd waits for READY=1 with a later time before `systemctl reload` returns. */
static int on_hangup(
        sd_event_source *s _unused_, const struct signalfd_siginfo *si _unused_, void *userdata) {
        struct daemon *d = userdata;

        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec(CLOCK_MONOTONIC));
        reload(d);
        (void) sd_notify(false, "READY=1");
        look(d);
        return 0;
}

static int on_terminate(
        sd_event_source *s, const struct signalfd_siginfo *si _unused_, void *userdata _unused_) {
        (void) sd_notify(false, "STOPPING=1");
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

static const char *on_command(enum role_command command, usec_t until, void *userdata) {
        struct daemon *d = userdata;
        const char *refusal;
        struct facts f;

        if (!d->resumed)
                return "The daemon has just started and does not know yet what the gateway does. Try again in a moment.";
        see_level(d);
        gather(d, &f);
        refusal = role_command(&d->role, &f, command, to_boottime(until));
        if (!refusal)
                look(d);
        return refusal;
}

/* Beginning and end. */

static struct daemon *daemon_free(struct daemon *d) {
        if (!d)
                return NULL;
        metrics_free(d->metrics);
        heartbeat_free(d->heartbeat);
        alert_free(d->alert);
        bus_service_free(d->bus);
        peers_free(d->watch);
        local_gateway_free(d->selfcheck);
        sync_unit_free(d->syncer);
        units_free(d->units);
        bus_connection_free(d->connection);
        http_free(d->http);
        config_free(d->config);
        sd_event_source_disable_unref(d->look_timer);
        sd_event_unref(d->event);
        free(d);
        return NULL;
}
DEFINE_CLEANUP(struct daemon *, daemon_free)

static int add_signals(struct daemon *d) {
        sigset_t set;
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGHUP);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGTERM, on_terminate, d);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT, on_terminate, d);
        return r;
}

static int add_look_timer(struct daemon *d) {
        int r;

        r = sd_event_add_time_relative(d->event, &d->look_timer, CLOCK_BOOTTIME, 0, 1, on_look_timer, d);
        return r < 0 ? r : sd_event_source_set_enabled(d->look_timer, SD_EVENT_OFF);
}

/* Takes C over if it succeeds. */
static int daemon_new(const struct instance *names, struct config *c, struct daemon **ret) {
        _cleanup_(daemon_freep) struct daemon *d = NULL;
        int r;

        d = calloc(1, sizeof *d);
        if (!d)
                return -ENOMEM;
        d->names = names;
        r = sd_event_default(&d->event);
        if (r >= 0)
                r = add_signals(d);
        if (r >= 0)
                r = add_look_timer(d);
        if (r >= 0)
                r = http_new(d->event, &d->http);
        if (r >= 0)
                r = bus_connection_new(d->event, &d->connection);
        if (r >= 0)
                r = units_new(d->connection, &d->units);
        if (r >= 0)
                r = sync_unit_new(d->units, names, on_sync, d, &d->syncer);
        if (r >= 0)
                r = bus_service_new(d->connection, names, on_command, d, &d->bus);
        if (r >= 0)
                r = alert_new(d->http, names, c, &d->alert);
        if (r >= 0)
                r = heartbeat_new(d->http, c, &d->heartbeat);
        if (r >= 0)
                r = metrics_new(names, c, &d->metrics);
        if (r >= 0)
                r = use_config(d, c);
        if (r < 0)
                return r;
        state_recall(&d->memory, names, unit_name(d->gateway), &d->role, &d->episode);
        *ret = TAKE(d);
        return 0;
}

int cmd_run(const struct instance *names) {
        _cleanup_(daemon_freep) struct daemon *d = NULL;
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        if (geteuid() == 0) {
                log_error("run is for %s, whose user is not root: sudo systemctl start %s", names->unit,
                        names->unit);
                return EX_NOPERM;
        }
        r = config_load(names->config, config_log_error, NULL, &c);
        if (r < 0)
                return r == -ENOMEM ? EX_OSERR : EX_CONFIG;
        r = daemon_new(names, c, &d);
        if (r < 0) {
                log_error("Cannot begin: %s.", strerror(-r));
                return EX_OSERR;
        }
        (void) TAKE(c);

        log_keep_order();
        show(d); /* before anybody can look */
        bus_connection_open(d->connection);
        (void) sd_event_set_watchdog(d->event, true);
        log_info("Watching the primary %s.", peers_primary_name(d->watch));
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(d->event);
        if (r < 0)
                log_error("The event loop has failed: %s.", strerror(-r));
        return r < 0 ? EX_SOFTWARE : r;
}
