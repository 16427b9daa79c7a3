/* What lasts is told of, too; see lasting.h. */
#include "lasting.h"

#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "verdict.h"

static void _printf_(4, 5)
        tell(struct lasting *l, struct alert_message *m, usec_t since, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(l->text, sizeof l->text, format, ap);
        va_end(ap);
        m->text = l->text;
        m->since = since;
}

static bool look_cut_off(struct lasting *l, const struct status *s, usec_t now, struct alert_message *m) {
        bool cut_off = strcmp(s->verdict, verdict_name(VERDICT_CUT_OFF)) == 0;
        usec_t since = l->cut_off_since;
        char span[SPAN_MAX];

        if (cut_off && since == 0)
                l->cut_off_since = now;
        else if (cut_off && !l->cut_off_told && now >= since + LASTING_CUT_OFF) {
                l->cut_off_told = true;
                m->event = "cut-off";
                m->level = LOG_ERR;
                m->time = since;
                tell(l, m, since,
                        "This standby is cut off: %s. It cannot tell whether the primary is up, and could not be reached "
                        "if it were promoted.",
                        s->reason);
                return true;
        } else if (!cut_off && since > 0) {
                l->cut_off_since = 0;
                if (!l->cut_off_told)
                        return false;
                l->cut_off_told = false;
                m->event = "cut-off-over";
                m->level = LOG_NOTICE;
                m->lasted = now > since ? now - since : 0;
                tell(l, m, since, "This standby has its network back, after %s.",
                        format_span(span, m->lasted));
                return true;
        }
        return false;
}

static bool look_sync(struct lasting *l, const struct status *s, usec_t now, struct alert_message *m) {
        usec_t since = l->sync_since;
        char span[SPAN_MAX];

        if (s->synced == 0)
                return false;
        if (!s->sync_ok && since == 0)
                l->sync_since = s->synced;
        else if (!s->sync_ok && !l->sync_told && now >= since + LASTING_SYNC) {
                l->sync_told = true;
                m->event = "sync-failing";
                m->level = LOG_ERR;
                tell(l, m, since,
                        "The sync of workspace and secrets has been failing for %s: %s. A failover would start the gateway "
                        "with what is here. See `%s doctor`.",
                        format_span(span, now - since), s->sync,
                        s->program ? s->program : "openclaw-failover");
                return true;
        } else if (s->sync_ok && since > 0) {
                l->sync_since = 0;
                if (!l->sync_told)
                        return false;
                l->sync_told = false;
                m->event = "sync-mended";
                m->level = LOG_NOTICE;
                m->lasted = now > since ? now - since : 0;
                tell(l, m, since, "The sync of workspace and secrets works again, after %s: %s.",
                        format_span(span, m->lasted), s->sync);
                return true;
        }
        return false;
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
static bool look_trouble(struct lasting *l, const struct status *s, usec_t now, struct alert_message *m) {
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
        m->level = LOG_WARNING;
        tell(l, m, since, "For %u day%s now, %s. %s", days, days == 1 ? "" : "s",
                status_sentence(s, sentence), status_next(s, now, next));
        return true;
}

bool lasting_look(struct lasting *l, const struct status *s, usec_t now, struct alert_message *ret) {
        *ret = (struct alert_message){
                .primary = s->primary,
                .reason = s->failures > 0 ? s->reason : "",
                .time = now,
                .blackout = USEC_INFINITY,
                .lasted = USEC_INFINITY,
        };
        return look_cut_off(l, s, now, ret) || look_sync(l, s, now, ret) || look_trouble(l, s, now, ret);
}
