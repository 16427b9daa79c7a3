/* Trouble that lasts; see conditions.h. */
#include "alert/conditions.h"

#include <string.h>
#include <syslog.h>

#include "core/verdict.h"
#include "lib/clock.h"
#include "lib/text.h"

static const char *program(const struct status *s) {
        return s->program ? s->program : "openclaw-failover";
}

static bool is_cut_off(const struct status *s) {
        return strcmp(s->verdict, verdict_name(VERDICT_CUT_OFF)) == 0;
}

static bool has_no_systemd(const struct status *s) {
        return s->unit_state == UNIT_UNKNOWN;
}

static bool is_silent(const struct status *s) {
        return s->state == ROLE_PROMOTED && !s->answers;
}

static bool is_cold(const struct status *s) {
        return s->warm && s->state == ROLE_STANDBY && !s->answers;
}

static bool is_foreign(const struct status *s) {
        return s->state == ROLE_STANDBY && s->unit_state == UNIT_ACTIVE;
}

static bool is_not_ready(const struct status *s) {
        return s->channels_fail;
}

static bool is_unsynced(const struct status *s) {
        return s->synced > 0 && !s->sync_ok;
}

#define SAY(...) ((void) snprintf(buf, ALERT_TEXT_MAX, __VA_ARGS__))

static void say_cut_off(const struct status *s, const char *span _unused_, char *buf) {
        SAY("This standby is cut off: %s. The daemon cannot check the primary, and users could not reach a gateway here.",
                s->reason);
}

static void say_network_is_back(const struct status *s _unused_, const char *span, char *buf) {
        SAY("This standby has its network back, after %s.", span);
}

static void say_no_systemd(const struct status *s, const char *span, char *buf) {
        SAY("systemd has not answered over D-Bus for %s: the daemon can neither start nor stop %s. See `systemctl status "
            "dbus`.",
                span, s->unit);
}

static void say_systemd_is_back(const struct status *s _unused_, const char *span, char *buf) {
        SAY("systemd answers again, after %s.", span);
}

static void say_silent(const struct status *s, const char *span, char *buf) {
        char state[300] = ", though systemd keeps it running", paused[160] = "";

        if (s->unit_state != UNIT_ACTIVE)
                (void) snprintf(state, sizeof state, ": %s is %s", s->unit, unit_state_name(s->unit_state));
        if (s->paused_until > 0)
                (void) snprintf(paused, sizeof paused,
                        " The daemon does nothing until the pause ends, or `%s resume`.", program(s));
        SAY("Nobody can be reached: this machine is promoted, and the gateway here has not answered for %s%s.%s See "
            "`journalctl -u %s`.",
                span, state, paused, s->unit);
}

static void say_answers(const struct status *s _unused_, const char *span, char *buf) {
        SAY("The promoted gateway answers again, after %s.", span);
}

static void say_cold(const struct status *s, const char *span, char *buf) {
        SAY("The warm gateway here has not answered for %s. A failover would start it first. See `%s doctor`.",
                span, program(s));
}

static void say_warm_again(const struct status *s _unused_, const char *span, char *buf) {
        SAY("The warm gateway here answers again, after %s.", span);
}

static void say_foreign(const struct status *s, const char *span, char *buf) {
        SAY("A user started %s on this standby %s ago. While it runs, the workspace is not synced. To stop it: `systemctl "
            "stop %s`; to keep it: `%s promote`.",
                s->unit, span, s->unit, program(s));
}

static void say_foreign_is_over(const struct status *s, const char *span, char *buf) {
        SAY("%s is stopped, after %s: this standby syncs again.", s->unit, span);
}

static void say_unsynced(const struct status *s, const char *span, char *buf) {
        SAY("The sync of workspace and secrets has failed for %s: %s. A failover would start the gateway with old data. "
            "See `%s doctor`.",
                span, s->sync, program(s));
}

static void say_synced(const struct status *s, const char *span, char *buf) {
        SAY("The sync of workspace and secrets works again, after %s: %s.", span, s->sync);
}

static void say_not_ready(const struct status *s, const char *span _unused_, char *buf) {
        SAY("The primary %s answers, but its channels are not ready: see `openclaw channels status` there. Nothing is "
            "started here, as not_ready = alert says.",
                s->primary);
}

static void say_ready(const struct status *s, const char *span, char *buf) {
        SAY("The channels of the primary %s are ready again, after %s.", s->primary, span);
}

static const struct {
        bool (*is_so)(const struct status *s);
        usec_t after;
        const char *event, *over;
        const char *title, *title_over;
        void (*say)(const struct status *s, const char *span, char *buf);
        void (*say_over)(const struct status *s, const char *span, char *buf);
} kinds[_CONDITION_MAX] = {
        [CONDITION_CUT_OFF] = { is_cut_off, 0, "cut-off", "cut-off-over",
                "Standby is cut off from the network", "Standby has its network back", say_cut_off,
                say_network_is_back },
        [CONDITION_NO_SYSTEMD] = { has_no_systemd, USEC_PER_MINUTE, "no-systemd", "no-systemd-over",
                "Standby cannot start its gateway: systemd does not answer",
                "systemd answers again on the standby", say_no_systemd, say_systemd_is_back },
        [CONDITION_SILENT] = { is_silent, 10 * USEC_PER_MINUTE, "unreachable", "unreachable-over",
                "Nobody can be reached: standby's gateway is silent", "Standby's gateway answers again",
                say_silent, say_answers },
        [CONDITION_COLD] = { is_cold, 5 * USEC_PER_MINUTE, "cold", "warm-again",
                "Standby's warm gateway does not answer", "Standby's warm gateway answers again", say_cold,
                say_warm_again },
        [CONDITION_FOREIGN] = { is_foreign, USEC_PER_HOUR, "foreign-stays", "foreign-over",
                "A user keeps the standby's gateway running", "Standby's gateway is stopped again",
                say_foreign, say_foreign_is_over },
        [CONDITION_SYNC] = { is_unsynced, USEC_PER_HOUR, "sync-failing", "sync-fixed",
                "Sync to the standby fails", "Sync to the standby works again", say_unsynced, say_synced },
        [CONDITION_NOT_READY] = { is_not_ready, 0, "not-ready", "ready-again",
                "The primary's channels are not ready", "The primary's channels are ready again",
                say_not_ready, say_ready },
};

usec_t condition_after(const struct conditions *l, enum condition_kind kind) {
        return kind == CONDITION_CUT_OFF ? l->cut_off_after : kinds[kind].after;
}

static bool look_kind(struct conditions *l, enum condition_kind kind, const struct status *s,
        usec_t boottime, struct alert_message *m) {
        usec_t since = l->of[kind].since, lasted = boottime - since;
        bool is_so = kinds[kind].is_so(s), alerted = l->of[kind].alerted;
        char span[SPAN_MAX];

        if (is_so && since == 0)
                l->of[kind].since = boottime;
        else if (!is_so)
                l->of[kind].since = 0;
        if (is_so ? since == 0 || alerted || lasted < condition_after(l, kind) : !alerted)
                return false;

        l->of[kind].alerted = is_so;
        format_span(span, lasted);
        if (is_so)
                kinds[kind].say(s, span, l->text);
        else
                kinds[kind].say_over(s, span, l->text);
        m->event = is_so ? kinds[kind].event : kinds[kind].over;
        m->level = is_so ? LOG_ERR : LOG_NOTICE;
        m->title = is_so ? kinds[kind].title : kinds[kind].title_over;
        m->text = l->text;
        m->since = m->time > lasted ? m->time - lasted : 0;
        m->lasted = is_so ? USEC_INFINITY : lasted;
        return true;
}

/* When it began, as far as this daemon knows; 0: there is no trouble. */
static usec_t trouble_since(const struct status *s) {
        if (s->state == ROLE_PROMOTED && s->promoted_at > 0)
                return s->promoted_at;
        if (s->state != ROLE_STANDBY)
                return s->since;
        return s->health == HEALTH_DOWN ? s->health_since : 0;
}

/* Whole days are counted from the beginning, so a daemon that is restarted goes on with the next one. */
static bool look_trouble(struct conditions *l, const struct status *s, usec_t now, struct alert_message *m) {
        usec_t since = trouble_since(s);
        unsigned days = since > 0 && now > since ? (unsigned) ((now - since) / USEC_PER_DAY) : 0;
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        bool is_new = l->trouble_since == 0;

        l->trouble_since = since;
        if (since == 0 || is_new || days <= l->days_told) {
                l->days_told = days;
                return false;
        }
        l->days_told = days;
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
                .outage = USEC_INFINITY,
                .lasted = USEC_INFINITY,
        };
        for (enum condition_kind kind = 0; kind < _CONDITION_MAX; kind++)
                if (look_kind(l, kind, s, boottime, ret))
                        return true;
        return look_trouble(l, s, now, ret);
}
