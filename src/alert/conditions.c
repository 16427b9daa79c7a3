/* Decides when trouble that lasts deserves an alert; see conditions.h. */
#include "alert/conditions.h"

#include <string.h>
#include <syslog.h>

#include "core/restart_loop.h"
#include "lib/clock.h"
#include "lib/text.h"

static const struct {
        usec_t after;
        const char *event, *title;
} kinds[_CONDITION_MAX] = {
        [CONDITION_CUT_OFF] = { 0, "cut-off", "Standby is cut off" },
        [CONDITION_NO_SYSTEMD] = { USEC_PER_MINUTE, "no-systemd",
                "Standby cannot start its gateway: systemd does not answer" },
        [CONDITION_SILENT] = { 10 * USEC_PER_MINUTE, "unreachable",
                "Standby is promoted, but its gateway is silent" },
        [CONDITION_COLD] = { 5 * USEC_PER_MINUTE, "cold", "Standby's warm gateway does not answer" },
        [CONDITION_FOREIGN] = { USEC_PER_HOUR, "foreign-stays",
                "A user keeps the standby's gateway running" },
        [CONDITION_SYNC] = { USEC_PER_HOUR, "sync-failing", "Sync to the standby fails" },
        [CONDITION_NOT_READY] = { 0, "not-ready", "The primary's channels are not ready" },
        [CONDITION_PRIMARY_RESTARTS] = { 0, "primary-restarts", "Primary fails again and again" },
        [CONDITION_GATEWAY_RESTARTS] = { 0, "gateway-restarts", "Standby's gateway fails again and again" },
};

#define WRITE(...) (void) (buf ? appendf(buf, ALERT_TEXT_MAX, __VA_ARGS__) : NULL)

static void describe_silence(const struct status *s, const char *span, char *buf) {
        WRITE("%s machine is promoted, and the gateway here has not answered for %s: %s is %s.",
                s->health == HEALTH_UP ? "This" : "Nobody can be reached: this", span, s->unit,
                unit_state_name(s->unit_state));
        if (s->paused_until > 0)
                WRITE(" The daemon does nothing until the pause ends, or `%s resume`.", s->program);
        WRITE(" See `journalctl -u %s`.", s->unit);
}

/* Whether the condition holds. BUF, unless NULL, gets the report. */
static bool is_so(enum condition_kind kind, const struct status *s, const char *span, char *buf) {
        switch (kind) {
        case CONDITION_CUT_OFF:
                WRITE("This standby is cut off: %s. The daemon cannot check the primary, which may be alive.",
                        s->reason);
                return status_is_cut_off(s);
        case CONDITION_NO_SYSTEMD:
                WRITE("systemd has not answered over D-Bus for %s: the daemon can neither start nor stop %s. See `systemctl "
                      "status dbus`.",
                        span, s->unit);
                return s->unit_state == UNIT_UNKNOWN;
        case CONDITION_SILENT:
                describe_silence(s, span, buf);
                return s->state == ROLE_PROMOTED && !s->answers;
        case CONDITION_COLD:
                WRITE("The warm gateway here has not answered for %s. A failover would start it first. See `%s doctor`.",
                        span, s->program);
                return s->warm && s->state == ROLE_STANDBY && !s->answers;
        case CONDITION_FOREIGN:
                WRITE("A user started %s on this standby %s ago. While it runs, the workspace is not synced. To stop it: "
                      "`systemctl stop %s`; to keep it: `%s promote`.",
                        s->unit, span, s->unit, s->program);
                return s->state == ROLE_STANDBY && s->unit_state == UNIT_ACTIVE;
        case CONDITION_SYNC:
                WRITE("The sync of workspace and secrets has failed for %s: %s. A failover would start the gateway with old "
                      "data. See `%s doctor`.",
                        span, s->sync, s->program);
                return s->synced > 0 && !s->sync_ok;
        case CONDITION_PRIMARY_RESTARTS:
                WRITE("The primary %s fails again and again: at least %d times within %d min, each time too short for a "
                      "failover. See `journalctl -u openclaw` there.",
                        s->primary, LOOP_FAILURES, LOOP_MINUTES);
                return s->restarts;
        case CONDITION_GATEWAY_RESTARTS:
                WRITE("The gateway here fails again and again: systemd has restarted %s at least %d times within %d min. See "
                      "`journalctl -u %s`.",
                        s->unit, LOOP_FAILURES, LOOP_MINUTES, s->unit);
                return s->gateway_restarts;
        default:
                WRITE("The primary %s answers, but its channels are not ready: see `openclaw channels status` there. Nothing "
                      "is started here, as not_ready = alert says.",
                        s->primary);
                return s->channels_fail;
        }
}

static bool look_kind(struct conditions *l, enum condition_kind kind, const struct status *s,
        usec_t boottime, struct alert_message *m) {
        usec_t since = l->of[kind].since, lasted = boottime - since;
        usec_t after = kind == CONDITION_CUT_OFF ? l->cut_off_after : kinds[kind].after;
        bool so = is_so(kind, s, NULL, NULL), alerted = l->of[kind].alerted;
        const char *title = kinds[kind].title;
        char span[SPAN_MAX];

        if (!so || since == 0)
                l->of[kind].since = so ? boottime : 0;
        if (so ? since == 0 || alerted || lasted < after : !alerted)
                return false;

        if (so && kind == CONDITION_SILENT && s->health != HEALTH_UP)
                title = "Nobody can be reached: standby's gateway is silent";
        l->of[kind].alerted = so;
        (void) format_span(span, lasted);
        (void) snprintf(l->event, sizeof l->event, "%s%s", kinds[kind].event, so ? "" : "-over");
        (void) snprintf(l->title, sizeof l->title, "%s%s", so ? "" : "Over: ", title);
        l->text[0] = '\0';
        if (!is_so(kind, s, span, l->text)) /* the condition is over */
                (void) snprintf(l->text, sizeof l->text, "Over after %s: %s.", span, title);
        m->event = l->event;
        m->level = so ? LOG_ERR : LOG_NOTICE;
        m->title = l->title;
        m->text = l->text;
        m->since = m->time > lasted ? m->time - lasted : 0;
        m->lasted = so ? 0 : lasted;
        return true;
}

/* When the trouble began, or when this daemon saw it first; 0: there is none. */
static usec_t trouble_since(const struct status *s) {
        if (s->state == ROLE_PROMOTED && s->promoted_at > 0)
                return s->promoted_at;
        if (s->state != ROLE_STANDBY)
                return s->since;
        return s->health == HEALTH_DOWN ? s->health_since : 0;
}

/* Counts whole days from the beginning of the trouble, so a restarted daemon continues with the next day. */
static bool look_trouble(struct conditions *l, const struct status *s, usec_t now, struct alert_message *m) {
        usec_t since = trouble_since(s);
        unsigned days = since > 0 && now > since ? (unsigned) ((now - since) / USEC_PER_DAY) : 0;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        bool is_due = since > 0 && l->trouble_since > 0 && days > l->days_reported;

        l->trouble_since = since;
        l->days_reported = days;
        if (!is_due)
                return false;
        m->event = "reminder";
        m->title = s->state == ROLE_PROMOTED ? "Standby is still promoted" : "Primary is still down";
        m->level = LOG_WARNING;
        m->text = l->text;
        m->since = since;
        (void) snprintf(l->text, sizeof l->text, "For %u day%s: %s. %s", days, days == 1 ? "" : "s",
                status_sentence(s, sentence), status_next(s, now, next));
        return true;
}

bool conditions_look(struct conditions *l, const struct status *s, usec_t now, usec_t boottime,
        struct alert_message *ret) {
        *ret = (struct alert_message){
                .primary = s->primary,
                .reason = s->failures > 0 ? s->reason : "",
                .time = now,
        };
        for (enum condition_kind kind = 0; kind < _CONDITION_MAX; kind++)
                if (look_kind(l, kind, s, boottime, ret))
                        return true;
        return look_trouble(l, s, now, ret);
}
