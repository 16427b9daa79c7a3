/* The daemon's status in words, and how long it takes to detect a failure; see status.h. */
#include "status.h"

#include <string.h>

#include "core/unit_state.h"
#include "core/verdict.h"
#include "lib/text.h"

#define ADD(...) appendf(buf, SENTENCE_MAX, __VA_ARGS__)

/* The local time of day: a sentence that says "4 s ago" is wrong a second later. */
#define CLOCK "%H:%M:%S"

bool status_is_cut_off(const struct status *s) {
        return strcmp(s->verdict, verdict_name(VERDICT_CUT_OFF)) == 0;
}

bool status_is_not_ready(const struct status *s) {
        return strcmp(s->verdict, verdict_name(VERDICT_NOT_READY)) == 0;
}

static bool is_served(const struct status *s) {
        return s->health != HEALTH_DOWN || s->goods > 0 || (s->state == ROLE_PROMOTED && s->answers);
}

static bool is_cold(const struct status *s) {
        return s->warm && !s->answers;
}

static bool is_ended(const struct status *s) {
        return s->unit_state == UNIT_INACTIVE || s->unit_state == UNIT_FAILED;
}

bool status_is_well(const struct status *s) {
        return s->state == ROLE_STANDBY && !is_cold(s) && s->mode == MODE_AUTO && s->paused_until == 0 &&
                s->health == HEALTH_UP && !s->channels_fail && is_ended(s);
}

enum status_level status_level(const struct status *s) {
        bool cut_off = status_is_cut_off(s);

        if (!is_served(s) && !cut_off)
                return STATUS_UNREACHABLE;
        if (!status_is_well(s) || cut_off || s->restarts || *s->alert_error || *s->heartbeat_error ||
                (s->synced > 0 && !s->sync_ok))
                return STATUS_DEGRADED;
        return STATUS_WELL;
}

const char *status_level_name(enum status_level level) {
        static const char *const names[] = {
                [STATUS_WELL] = "well",
                [STATUS_DEGRADED] = "degraded",
                [STATUS_UNREACHABLE] = "unreachable",
        };

        return names[level];
}

static void describe_paused(const struct status *s, char *buf) {
        char at[TIME_MAX];

        if (s->paused_until == USEC_INFINITY)
                ADD("paused");
        else
                ADD("paused until %s", format_time(at, CLOCK, s->paused_until));
}

/* Either the daemon has retried, or systemd restarts the gateway, whose state is "starting" meanwhile. */
static bool has_failed_to_start(const struct status *s) {
        return s->starts > 1 || s->gateway_restarts;
}

/* Why the standby does not serve while the primary is down. */
static void describe_why_not_here(const struct status *s, char *buf) {
        if (s->paused_until > 0) {
                ADD("this standby is ");
                describe_paused(s, buf);
        } else if (s->mode == MODE_HELD)
                ADD("this standby was demoted by hand");
        else if (s->unit_state == UNIT_UNKNOWN)
                ADD("systemd does not answer here");
        else if (s->state == ROLE_DEMOTING)
                ADD("%s has to stop first", s->unit);
        else if (s->state == ROLE_PROMOTED)
                ADD("the gateway here does not answer");
        else if (s->state == ROLE_STANDBY)
                ADD("%s starts when the sync has ended", s->unit);
        else if (has_failed_to_start(s) || is_ended(s)) /* systemd's attempts are not counted */
                ADD("%s %s (attempt %u)", s->unit,
                        has_failed_to_start(s) ? "fails to start" : "has not started", s->starts);
        else
                ADD("%s is starting", s->unit);
}

static void describe_primary(const struct status *s, char *buf) {
        char took[SPAN_MAX], at[TIME_MAX];

        if (s->checked == 0)
                ADD("the first check of the primary is under way");
        else if (status_is_cut_off(s))
                ADD("this machine is cut off, %s", s->reason);
        else if (status_is_not_ready(s))
                ADD("the primary answers, but its channels are not ready");
        else if (s->failures > 0 && s->health == HEALTH_DOWN)
                ADD("the primary is down, %s, checked at %s", s->reason, format_time(at, CLOCK, s->checked));
        else if (s->failures > 0)
                ADD("%u failed check%s, %s", s->failures, s->failures == 1 ? "" : "s", s->reason);
        else if (s->health == HEALTH_UP)
                ADD("the primary is up, answered in %s at %s", format_span(took, s->took),
                        format_time(at, CLOCK, s->checked));
        else
                ADD("the primary answers, %u of %u good checks", s->goods, s->recover_needed);
        if (*s->senior)
                ADD(", the senior standby %s has taken over", s->senior);
}

static void describe_role(const struct status *s, char *buf) {
        static const char *const words[_ROLE_MAX] = {
                [ROLE_STANDBY] = "Standby",
                [ROLE_STARTING] = "Promoting",
                [ROLE_PROMOTED] = "Promoted",
                [ROLE_DEMOTING] = "Demoting",
        };

        ADD("%s", words[s->state]);
        if (s->paused_until > 0) {
                ADD(", ");
                describe_paused(s, buf);
        } else if (s->mode == MODE_PINNED)
                ADD(", by hand");
        else if (s->mode == MODE_HELD)
                ADD(", demoted by hand");
        else if (s->mode != MODE_AUTO)
                ADD(", in a drill");
        ADD("%s",
                s->restarts                            ? ", but the primary fails again and again"
                        : s->gateway_restarts          ? ", but the gateway here fails again and again"
                        : *s->alert_error              ? ", but alerts are not delivered"
                        : *s->heartbeat_error          ? ", but the heartbeat fails"
                        : s->synced > 0 && !s->sync_ok ? ", but the sync fails"
                        : s->state == ROLE_STANDBY && *s->unmerged ? ", with unmerged work"
                                                                   : "");
}

char *status_sentence(const struct status *s, char buf[static SENTENCE_MAX]) {
        buf[0] = '\0';
        if (status_level(s) == STATUS_UNREACHABLE) {
                ADD("Nobody can be reached: the primary is down (%s), and ", s->reason);
                describe_why_not_here(s, buf);
                return buf;
        }
        describe_role(s, buf);
        ADD(": ");
        if (s->state == ROLE_PROMOTED)
                ADD("the gateway here %s; ", s->answers ? "answers" : "does not answer");
        else if (s->state == ROLE_STARTING)
                ADD("%s is %s; ", s->unit, unit_state_name(s->unit_state));
        else if (s->state == ROLE_DEMOTING)
                ADD("%s %s; ", s->unit, unit_state_runs(s->unit_state) ? "still runs" : "is stopping");
        else if (unit_state_runs(s->unit_state))
                ADD("%s runs here, and the daemon did not start it; ", s->unit);
        describe_primary(s, buf);
        return buf;
}

static usec_t until(usec_t then, usec_t now) {
        return then > now ? then - now : 0;
}

/* The time until COUNT more checks have ended, each as long as the last. The first may be under way. */
static usec_t checks_from_now(const struct status *s, usec_t now, unsigned count) {
        bool under_way = s->next_check > s->checked + s->interval;
        usec_t first = under_way ? s->next_check - s->interval : s->next_check;

        return until(first + (count - 1) * MAX(s->interval, s->took) + s->took, now);
}

static void describe_next_while_failing(const struct status *s, usec_t now, char *buf) {
        unsigned more = s->failures < s->fail_needed ? s->fail_needed - s->failures : 1;
        usec_t counted = checks_from_now(s, now, more);
        char span[SPAN_MAX], at[TIME_MAX];

        if (s->waits_until == USEC_INFINITY)
                ADD("The daemon waits for %s, however long that takes.", s->waits_for);
        else if (s->waits_until > now + counted || s->failures == 0)
                ADD("Until %s the daemon waits for %s. If no check has been good by then, it starts the gateway here.",
                        format_time(at, CLOCK, s->waits_until), s->waits_for);
        else
                ADD("After %u more failed check%s, in about %s, the daemon starts the gateway here.", more,
                        more == 1 ? "" : "s", format_span(span, counted));
}

static void describe_next_on_standby(const struct status *s, usec_t now, char *buf) {
        if (unit_state_runs(s->unit_state) && s->mode == MODE_AUTO && s->health != HEALTH_DOWN)
                ADD("The daemon leaves %s alone unless the primary goes down. To stop it: `systemctl stop %s`.",
                        s->unit, s->unit);
        else if (s->mode == MODE_HELD)
                ADD("Nothing until the primary has been up. To follow it now: `%s auto`.", s->program);
        else if (s->mode == MODE_AUTO && s->health == HEALTH_DOWN && s->goods > 0)
                ADD("At the next failed check, the daemon starts the gateway here.");
        else if (s->mode == MODE_PINNED || s->mode == MODE_DRILL || s->health == HEALTH_DOWN)
                ADD("The daemon starts the gateway here when the sync has ended.");
        else if (*s->senior)
                ADD("Nothing while %s answers.", s->senior);
        else if (s->failures > 0 || s->waits_until > 0)
                describe_next_while_failing(s, now, buf);
        else
                ADD("If %u checks in a row fail, the daemon starts the gateway here.", s->fail_needed);
}

static void describe_next_when_promoted(const struct status *s, usec_t now, char *buf) {
        unsigned more = s->health == HEALTH_UP ? 1 : s->recover_needed - s->goods;
        char span[SPAN_MAX];

        if (!s->answers && s->hang_at > now)
                ADD("If the gateway here stays silent, the daemon restarts it in %s.",
                        format_span(span, s->hang_at - now));
        else if (s->mode == MODE_PINNED)
                ADD("This machine stays promoted until `%s auto` or `%s demote`.", s->program, s->program);
        else if (!s->failback)
                ADD("This machine stays promoted until `%s demote` (failback = manual).", s->program);
        else
                ADD("After %u more good check%s, the daemon stops the gateway here.", more,
                        more == 1 ? "" : "s");
}

char *status_next(const struct status *s, usec_t now, char buf[static SENTENCE_MAX]) {
        char span[SPAN_MAX], at[TIME_MAX];

        buf[0] = '\0';
        if (s->paused_until == USEC_INFINITY)
                ADD("Nothing until `%s resume`.", s->program);
        else if (s->paused_until > 0)
                ADD("Nothing until the pause ends at %s, or `%s resume`.",
                        format_time(at, CLOCK, s->paused_until), s->program);
        else if (s->state == ROLE_STANDBY)
                describe_next_on_standby(s, now, buf);
        else if (s->state == ROLE_DEMOTING)
                ADD("When %s has stopped, %s.", s->unit,
                        s->kill_at > 0 ? "the daemon starts it again" : "this machine is on standby again");
        else if (s->state == ROLE_PROMOTED)
                describe_next_when_promoted(s, now, buf);
        else if (is_ended(s))
                ADD("The daemon starts %s again in %s.", s->unit,
                        format_span(span, until(s->next_start, now)));
        else
                ADD("This machine is promoted when the gateway here has started.");
        if (s->state == ROLE_DEMOTING && s->paused_until == 0 && s->kill_at > now)
                ADD(" The daemon kills it at %s at the latest.", format_time(at, CLOCK, s->kill_at));
        if (s->state == ROLE_STARTING && has_failed_to_start(s))
                ADD(" See `journalctl -u %s -n 20` and `%s doctor`.", s->unit, s->program);
        return buf;
}

void status_set_detection(struct status *s, usec_t check_interval, usec_t retry_interval, usec_t timeout,
        usec_t silent_timeout, unsigned fail_threshold) {
        usec_t connect = MIN(timeout, CONNECT_MAX), retries = fail_threshold - 1;

        s->detect_refused = check_interval + retries * retry_interval;
        s->detect_unanswered = check_interval + retries * MAX(retry_interval, connect) + connect;
        s->detect_silent = check_interval + timeout + silent_timeout;
}

char *status_expectation(const struct status *s, char buf[static SENTENCE_MAX]) {
        char refused[SPAN_MAX], unanswered[SPAN_MAX], silent[SPAN_MAX], start[SPAN_MAX];

        buf[0] = '\0';
        ADD("up to %s to detect a dead gateway, %s a dead machine, %s a hung gateway",
                format_span(refused, s->detect_refused), format_span(unanswered, s->detect_unanswered),
                format_span(silent, s->detect_silent));
        if (s->start_took > 0)
                ADD("; %s to %s", format_span(start, s->start_took), s->warm ? "take over" : "start");
        return buf;
}
