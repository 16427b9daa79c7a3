/* How long would a failover take, and when did the gateway last start here? */
#include <string.h>

#include "doctor/look.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/program.h"
#include "lib/text.h"
#include "status.h"

#define TOO_LONG_AGO (40 * USEC_PER_DAY)

#define STARTS_MAX 10 /* as the -n of journalctl(1) below */

/* The last starts of the gateway here, the latest first, from the daemon's journal entries "promoted". A
 * warm gateway has started when its channels are active: "channels-ready". */
struct starts {
        usec_t when; /* of the latest, or of the drill that has failed since */
        bool drill_failed;
        usec_t took[STARTS_MAX];
        size_t n;
};

static const char *read_field(json_t *entry, const char *field) {
        return json_string_value(json_object_get(entry, field)) ?: "";
}

/* Asks journalctl(1) for them. 0, or its exit status and its words in *RET_ERROR, which the caller frees. */
static int read_starts(const struct checkup *c, struct starts *ret, char **ret_error) {
        bool warm = c->config->gateway.warm;
        const char *field = warm ? "FAILOVER_ACTIVE_USEC" : "FAILOVER_STARTING_USEC";
        const char *failed = event_message_id(EVENT_DRILL_FAILED);
        char unit[160], started[64], drill_failed[64];
        const char *const argv[] = { "journalctl", "-qr", "-n10", "-ojson", unit, started, drill_failed,
                NULL };
        _cleanup_free_ char *output = NULL;
        json_auto_t *lines = NULL;
        const json_t *line;
        size_t i;
        int r;

        (void) snprintf(unit, sizeof unit, "_SYSTEMD_UNIT=%s", c->instance->unit);
        (void) snprintf(started, sizeof started, "MESSAGE_ID=%s",
                event_message_id(warm ? EVENT_CHANNELS_READY : EVENT_PROMOTED));
        (void) snprintf(drill_failed, sizeof drill_failed, "MESSAGE_ID=%s", failed);
        r = program_run(argv, USEC_INFINITY, &output, ret_error);
        lines = json_lines(output ?: "");
        json_array_foreach (lines, i, line) {
                json_auto_t *entry = json_loads(json_string_value(line), 0, NULL);
                bool is_failed = strcmp(read_field(entry, "MESSAGE_ID"), failed) == 0;

                if (ret->when == 0) {
                        ret->drill_failed = is_failed;
                        ret->when = strtoull(read_field(entry, "__REALTIME_TIMESTAMP"), NULL, 10);
                }
                if (!is_failed && ret->n < STARTS_MAX)
                        ret->took[ret->n++] = strtoull(read_field(entry, field), NULL, 10);
        }
        return r;
}

/* Whether the latest start took over twice as long as the slowest one before. */
static bool is_slower(const struct starts *s) {
        usec_t slowest = 0;

        for (size_t i = 1; i < s->n; i++)
                slowest = MAX(slowest, s->took[i]);
        return slowest > 0 && s->took[0] > 2 * slowest;
}

void look_drill(const struct checkup *c, struct finding *f) {
        const struct peer_config *p = &c->config->primary;
        usec_t now = now_usec(CLOCK_REALTIME);
        struct starts starts = {};
        struct status s = { .warm = c->config->gateway.warm };
        char ago[SPAN_MAX], span[SPAN_MAX], expect[SENTENCE_MAX];
        _cleanup_free_ char *error = NULL;
        int r = read_starts(c, &starts, &error);

        status_set_detection(
                &s, p->check_interval, p->retry_interval, p->timeout, p->silent_timeout, p->fail_threshold);
        s.start_took = starts.n > 0 ? starts.took[0] : 0;
        (void) status_expectation(&s, expect);
        if (r != 0)
                finding_skip(f, "journalctl failed: %s", error ?: "no words");
        else if (starts.drill_failed)
                finding_warn(f, "the last drill has failed, %s ago: so would a failover",
                        format_span(ago, now - starts.when));
        else if (starts.n == 0)
                finding_warn(f, "%s; the gateway has never started here, as far as the journal goes back",
                        expect);
        else if (now - starts.when > TOO_LONG_AGO)
                finding_warn(f,
                        "the gateway last started here %s ago: a drill would show whether it still does",
                        format_span(ago, now - starts.when));
        else if (is_slower(&starts))
                finding_warn(f, "the gateway took %s to start the last time, over twice as long as before",
                        format_span(span, starts.took[0]));
        else
                finding_ok(f, "%s (%s ago)", expect, format_span(ago, now - starts.when));
        if (f->kind == FINDING_WARN)
                finding_fix(f, "sudo %s drill # the primary is not touched", c->instance->program);
}
