/* All that there is to see from outside, in words; see status.h. */
#include "status.h"

#include "lib/clock.h"
#include "lib/text.h"

#define CLOCK_MAX 32

#define SAY(...) appendf(buf, SENTENCE_MAX, __VA_ARGS__)

static const char *program(const struct status *s) {
        return s->program ? s->program : "openclaw-failover";
}

/* The local time of day: a sentence that says "4 s ago" is wrong a second later. */
static const char *clock_time(char buf[static CLOCK_MAX], usec_t realtime) {
        time_t t = (time_t) (realtime / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(buf, CLOCK_MAX, "%H:%M:%S", &tm) == 0)
                buf[0] = '\0';
        return buf;
}

static void say_primary(const struct status *s, char *buf) {
        char took[SPAN_MAX], at[CLOCK_MAX];

        if (s->checked == 0)
                SAY("first check of the primary under way");
        else if (s->failures > 0 && s->health == HEALTH_DOWN)
                SAY("primary down, %s, checked at %s", s->reason, clock_time(at, s->checked));
        else if (s->failures > s->fail_needed)
                SAY("%u failed checks, %s", s->failures, s->reason);
        else if (s->failures > 0)
                SAY("%u of %u failed checks, %s", s->failures, s->fail_needed, s->reason);
        else if (s->health == HEALTH_UP)
                SAY("primary up, answered in %s at %s", format_span(took, s->took),
                        clock_time(at, s->checked));
        else
                SAY("primary answers, %u of %u good checks", s->goods, s->recover_needed);
        if (*s->senior)
                SAY(", senior standby %s has taken over", s->senior);
}

char *status_sentence(const struct status *s, char buf[static SENTENCE_MAX]) {
        char at[CLOCK_MAX];

        buf[0] = '\0';
        SAY("%s", role_state_name(s->state));
        if (s->paused_until == USEC_INFINITY)
                SAY(", paused");
        else if (s->paused_until > 0)
                SAY(", paused until %s", clock_time(at, s->paused_until));
        else if (s->mode != MODE_AUTO)
                SAY(", %s", role_mode_name(s->mode));
        SAY(": ");
        if (s->state == ROLE_PROMOTED)
                SAY("the gateway here %s; ", s->answers ? "answers" : "does not answer");
        else if (s->state == ROLE_STARTING)
                SAY("waiting for the gateway to answer (%s is %s); ", s->unit,
                        unit_state_name(s->unit_state));
        else if (s->state == ROLE_DEMOTING)
                SAY("waiting for %s to stop; ", s->unit);
        say_primary(s, buf);
        return buf;
}

static usec_t until(usec_t then, usec_t now) {
        return then > now ? then - now : 0;
}

/* The time until COUNT more checks have ended, if they take as long as the last one. The first of them may be under way. */
static usec_t checks_from_now(const struct status *s, usec_t now, unsigned count) {
        bool under_way = s->next_check > s->checked + s->interval;
        usec_t first = under_way ? s->next_check - s->interval : s->next_check;

        return until(first + (count > 0 ? count - 1 : 0) * s->interval + s->took, now);
}

static void say_next_while_failing(const struct status *s, usec_t now, char *buf) {
        unsigned more = s->failures < s->fail_needed ? s->fail_needed - s->failures : 1;
        usec_t counted = checks_from_now(s, now, more);
        char span[SPAN_MAX], at[CLOCK_MAX];

        if (s->waits_until > now + counted)
                SAY("Waits for %s until %s, in about %s. If nobody answers by then, the gateway is started here.",
                        s->waits_for, clock_time(at, s->waits_until),
                        format_span(span, s->waits_until - now));
        else
                SAY("After %u more failed check%s, in about %s, the gateway is started here.", more,
                        more == 1 ? "" : "s", format_span(span, counted));
}

static void say_next_on_standby(const struct status *s, usec_t now, char *buf) {
        if (unit_state_runs(s->unit_state) && s->mode == MODE_AUTO && s->health != HEALTH_DOWN)
                SAY("%s runs here, started by somebody else. It is left alone until it is needed; `systemctl stop %s` ends it.",
                        s->unit, s->unit);
        else if (s->mode == MODE_HELD)
                SAY("Nothing, until the primary has been up: somebody demoted by hand. `%s auto` ends that.",
                        program(s));
        else if (s->mode == MODE_PINNED || s->mode == MODE_DRILL || s->health == HEALTH_DOWN)
                SAY("The gateway is started here as soon as the sync has ended.");
        else if (*s->senior)
                SAY("Nothing, as long as %s answers.", s->senior);
        else if (s->failures > 0)
                say_next_while_failing(s, now, buf);
        else
                SAY("If %u checks in a row fail, the gateway is started here.", s->fail_needed);
}

static void say_next_when_promoted(const struct status *s, usec_t now, char *buf) {
        char span[SPAN_MAX];

        if (s->mode == MODE_PINNED)
                SAY("Stays promoted, whatever the primary does, until `%s auto` or `demote`.", program(s));
        else if (!s->failback)
                SAY("Stays promoted until `%s demote`, as failback = manual says.", program(s));
        else if (s->goods > 0 && s->goods < s->recover_needed)
                SAY("After %u more good check%s, in about %s, the gateway here is stopped.",
                        s->recover_needed - s->goods, s->recover_needed - s->goods == 1 ? "" : "s",
                        format_span(span, checks_from_now(s, now, s->recover_needed - s->goods)));
        else
                SAY("When %u checks in a row have been good, the gateway here is stopped.",
                        s->recover_needed);
}

static void say_next_while_demoting(const struct status *s, usec_t now, char *buf) {
        char span[SPAN_MAX];

        if (s->kill_at == 0)
                SAY("When %s has stopped, this machine is on standby again.", s->unit);
        else if (s->kill_at > now)
                SAY("When %s has stopped, or is killed in %s, it is started again.", s->unit,
                        format_span(span, s->kill_at - now));
        else
                SAY("When %s has stopped, it is started again.", s->unit);
}

char *status_next(const struct status *s, usec_t now, char buf[static SENTENCE_MAX]) {
        char span[SPAN_MAX], at[CLOCK_MAX];

        buf[0] = '\0';
        if (s->paused_until == USEC_INFINITY)
                SAY("Nothing, until `%s resume`.", program(s));
        else if (s->paused_until > 0)
                SAY("Nothing until %s, when the pause ends, or `%s resume`.",
                        clock_time(at, s->paused_until), program(s));
        else if (s->state == ROLE_STANDBY)
                say_next_on_standby(s, now, buf);
        else if (s->state == ROLE_DEMOTING)
                say_next_while_demoting(s, now, buf);
        else if (s->state == ROLE_PROMOTED)
                say_next_when_promoted(s, now, buf);
        else if (s->unit_state == UNIT_INACTIVE || s->unit_state == UNIT_FAILED)
                SAY("%s%s is started again in %s.",
                        s->unit_state == UNIT_INACTIVE ? "If it does not start, " : "", s->unit,
                        format_span(span, until(s->next_start, now)));
        else
                SAY("As soon as the gateway answers, this machine is promoted.");
        return buf;
}

bool status_is_well(const struct status *s) {
        return s->state == ROLE_STANDBY && s->mode == MODE_AUTO && s->paused_until == 0 &&
                s->health == HEALTH_UP && (s->unit_state == UNIT_INACTIVE || s->unit_state == UNIT_FAILED);
}
