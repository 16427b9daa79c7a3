/* The daemon: owns the loop, the configuration and the parts; see daemon.h. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "daemon/daemon_state.h"
#include "lib/log.h"
#include "lib/timer.h"

/* A promotion waits this much longer than a sync's network timeout, for the sync's local work. */
#define SYNC_LOCAL_WORK (5 * USEC_PER_SEC)

static void reload(struct daemon *d);

/* Every event of the loop leads here. */
static void look(struct daemon *d) {
        daemon_step(d);
        if (d->reload_on_standby && d->role.state == ROLE_STANDBY)
                reload(d);
        daemon_show(d);
}

/* Events. */

static int on_look_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata) {
        look(userdata);
        return 0;
}

static void report_notice(struct daemon *d) {
        _cleanup_free_ char *text = peers_take_notice(d->peers);
        struct alert_message m = {
                .event = "key-expires",
                .level = LOG_WARNING,
                .title = "A Tailscale key of the failover pair expires",
                .text = text,
                .primary = peers_view(d->peers).name,
                .reason = "",
                .time = now_usec(CLOCK_REALTIME),
        };

        if (!text)
                return;
        log_warning("%s", text);
        (void) alert_post(d->alert, &m);
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

static void on_gateway(struct unit *u _unused_, const struct unit_info *info, void *userdata) {
        struct daemon *d = userdata;

        if (info->restarts > d->restarts)
                restart_loop_count(&d->loop, now_usec(CLOCK_BOOTTIME));
        d->restarts = info->restarts;
        look(d);
}

static void on_gateway_checked(struct local_gateway *s _unused_, const struct check *check, void *userdata) {
        struct daemon *d = userdata;
        struct facts f;

        d->answer = *check;
        if (check->verdict == VERDICT_UP)
                d->timeline.last_answered = now_usec(CLOCK_BOOTTIME);
        daemon_gather(d, &f);
        role_gateway_checked(&d->role, &d->rules, &f,
                check->started                         ? ANSWER_STARTED
                        : check->verdict == VERDICT_UP ? ANSWER_HEALTHY
                                                       : ANSWER_NONE);
        if (check->ready != READY_UNKNOWN) {
                d->channels = *check;
                role_gateway_ready(&d->role, &f, check->ready);
        }
        look(d);
}

static void on_sync(struct sync_unit *s _unused_, bool ended, void *userdata) {
        struct daemon *d = userdata;

        if (ended)
                sync_story_report(&d->sync_story, sync_unit_view(d->sync_unit), &d->config->workspace,
                        d->role.state != ROLE_STANDBY || peers_view(d->peers).failing_since > 0);
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
                        c->gateway.warm ? 0 : c->gateway.hang_timeout, /* the unit only switches channels */
                .drain_timeout = c->gateway.drain_timeout,
        };
}

/* The daemon has to stop the gateway that it started. Settings of another gateway wait for standby. */
static bool must_wait(const struct daemon *d, const struct gateway_config *new) {
        const struct gateway_config *old = &d->config->gateway;

        return d->role.state != ROLE_STANDBY &&
                (strcmp(old->unit, new->unit) != 0 || strcmp(old->url ?: "", new->url ?: "") != 0 ||
                        old->warm != new->warm || old->tls_verify != new->tls_verify);
}

static int use_config(struct daemon *d, struct config *c) {
        _cleanup_(peers_freep) struct peers *watch = NULL;
        _cleanup_(local_gateway_freep) struct local_gateway *selfcheck = NULL;
        _cleanup_(metrics_freep) struct metrics *metrics = NULL;
        struct unit *gateway = NULL;
        int r;

        r = peers_new(d->http, d->instance, c, on_watch, d, &watch);
        if (r >= 0)
                r = local_gateway_new(d->http, c, on_gateway_checked, d, &selfcheck);
        if (r >= 0)
                r = metrics_new(d->instance, c, &metrics);
        if (r < 0)
                return r;
        if (!d->gateway || strcmp(d->gateway->name, c->gateway.unit) != 0) {
                r = units_follow(d->units, c->gateway.unit, on_gateway, d, &gateway);
                if (r < 0)
                        return r;
                if (d->gateway)
                        units_unfollow(d->units, d->gateway);
                d->gateway = gateway;
        }
        peers_carry_over(watch, d->peers);
        peers_free(d->peers);
        d->peers = TAKE(watch);
        local_gateway_free(d->local_gateway);
        d->local_gateway = TAKE(selfcheck);
        metrics_free(d->metrics);
        d->metrics = TAKE(metrics); /* its counters begin again, as Prometheus expects of counters */
        if (d->config) {            /* at the start, these parts were made with C */
                alert_configure(d->alert, c);
                heartbeat_configure(d->heartbeat, c);
        }
        config_free(d->config);
        d->config = c;
        set_rules(d);
        return 0;
}

static void reload(struct daemon *d) {
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        r = config_load(d->instance->config, config_log_error, NULL, &c);
        d->reload_on_standby = r >= 0 && must_wait(d, &c->gateway);
        if (d->reload_on_standby) {
                log_notice(
                        "[gateway] unit, warm, url and tls_verify cannot change while this machine is %s. The configuration "
                        "stays as it was; %s is read again on standby.",
                        role_state_name(d->role.state), d->instance->config);
                return;
        }
        if (r >= 0)
                r = use_config(d, c);
        if (r < 0) {
                log_error("%s is not used: %s. The configuration stays as it was.", d->instance->config,
                        r == -EINVAL ? "it has errors" : strerror(-r));
                return;
        }
        (void) TAKE(c);
        log_info("Read %s again.", d->instance->config);
}

/* sd_notify(3): READY=1 has to follow RELOADING=1. Type=notify-reload also reads MONOTONIC_USEC=. */
static int on_hangup(
        sd_event_source *s _unused_, const struct signalfd_siginfo *si _unused_, void *userdata) {
        struct daemon *d = userdata;

        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec(CLOCK_MONOTONIC));
        reload(d);
        (void) sd_notify(false, "READY=1");
        look(d);
        return 0;
}

static const char *on_command(enum role_command command, usec_t until, void *userdata) {
        struct daemon *d = userdata;
        const char *refusal;
        struct facts f;

        if (!d->resumed)
                return "The daemon has just started and does not know yet what the gateway does. Try again in a moment.";
        daemon_read_level(d);
        daemon_gather(d, &f);
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
        peers_free(d->peers);
        local_gateway_free(d->local_gateway);
        sync_unit_free(d->sync_unit);
        units_free(d->units);
        bus_connection_free(d->connection);
        http_free(d->http);
        config_free(d->config);
        state_clear(&d->state_file);
        sd_event_source_disable_unref(d->look_timer);
        sd_event_unref(d->event);
        free(d);
        return NULL;
}
DEFINE_CLEANUP(struct daemon *, daemon_free)

static int add_signals(struct daemon *d) {
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        r = sd_event_set_signal_exit(d->event, true); /* SIGTERM, SIGINT */
        return r < 0 ? r
                     : sd_event_add_signal(d->event, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_hangup, d);
}

/* Takes C over if it succeeds. */
static int daemon_new(const struct instance *instance, struct config *c, struct daemon **ret) {
        _cleanup_(daemon_freep) struct daemon *d = calloc(1, sizeof *d);
        int r;

        if (!d)
                return -ENOMEM;
        d->instance = instance;
        r = sd_event_default(&d->event);
        if (r >= 0)
                r = add_signals(d);
        if (r >= 0)
                r = timer_new(d->event, &d->look_timer, 1, on_look_timer, d);
        if (r >= 0)
                r = http_new(d->event, &d->http);
        if (r >= 0)
                r = bus_connection_new(d->event, &d->connection);
        if (r >= 0)
                r = units_new(d->connection, &d->units);
        if (r >= 0)
                r = sync_unit_new(d->units, instance, on_sync, d, &d->sync_unit);
        if (r >= 0)
                r = bus_service_new(d->connection, instance, on_command, d, &d->bus);
        if (r >= 0)
                r = alert_new(d->http, instance, c, &d->alert);
        if (r >= 0)
                r = heartbeat_new(d->http, c, &d->heartbeat);
        if (r >= 0)
                r = state_recall(&d->state_file, instance, c->gateway.unit, &d->role, &d->timeline);
        if (r >= 0)
                r = use_config(d, c);
        if (r < 0)
                return r;
        *ret = TAKE(d);
        return 0;
}

int cmd_run(const struct instance *instance) {
        _cleanup_(daemon_freep) struct daemon *d = NULL;
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        if (geteuid() == 0) {
                log_error("run is for %s, whose user is not root: sudo systemctl start %s", instance->unit,
                        instance->unit);
                return EX_NOPERM;
        }
        r = config_load(instance->config, config_log_error, NULL, &c);
        if (r < 0)
                return r == -ENOMEM ? EX_OSERR : EX_CONFIG;
        r = daemon_new(instance, c, &d);
        if (r < 0) {
                log_error("Cannot begin: %s.", strerror(-r));
                return EX_OSERR;
        }
        (void) TAKE(c);

        log_keep_order();
        daemon_show(d); /* before any client can ask */
        bus_connection_open(d->connection);
        (void) sd_event_set_watchdog(d->event, true);
        log_info("Watching the primary %s.", peers_view(d->peers).name);
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(d->event);
        (void) sd_notify(false, "STOPPING=1");
        if (r < 0)
                log_error("The event loop has failed: %s.", strerror(-r));
        return r < 0 ? EX_SOFTWARE : r;
}
