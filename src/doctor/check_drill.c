/* How long would a failover take, and when did the gateway last start here? */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "doctor/look.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/text.h"
#include "status.h"

#define TOO_LONG_AGO (40 * USEC_PER_DAY)

#define STARTS_MAX 5

/* The last starts of the gateway here, the latest first, from the daemon's journal entries "promoted". A
 * warm gateway has started when its channels are active: "channels-ready". */
struct starts {
        usec_t when; /* of the latest, or of the drill that has failed since */
        bool drill_failed;
        usec_t took[STARTS_MAX];
        size_t n;
};

static usec_t read_span(sd_journal *j, const char *field) {
        char text[32];
        const void *data;
        size_t size;

        if (sd_journal_get_data(j, field, &data, &size) < 0 || size <= strlen(field) + 1)
                return 0;
        (void) snprintf(text, sizeof text, "%.*s", (int) (size - strlen(field) - 1),
                (const char *) data + strlen(field) + 1);
        return strtoull(text, NULL, 10);
}

static int read_starts(const struct checkup *c, struct starts *ret) {
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        bool warm = c->config->gateway.warm;
        const void *data;
        size_t size;
        char unit[160], id[64], failed[64];
        int r;

        (void) snprintf(unit, sizeof unit, "_SYSTEMD_UNIT=%s", c->instance->unit);
        (void) snprintf(id, sizeof id, "MESSAGE_ID=%s",
                event_message_id(warm ? EVENT_CHANNELS_READY : EVENT_PROMOTED));
        (void) snprintf(failed, sizeof failed, "MESSAGE_ID=%s", event_message_id(EVENT_DRILL_FAILED));
        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = sd_journal_add_match(j, unit, 0);
        if (r >= 0)
                r = sd_journal_add_match(j, id, 0);
        if (r >= 0)
                r = sd_journal_add_match(j, failed, 0);
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        while (r >= 0 && ret->n < STARTS_MAX && (r = sd_journal_previous(j)) > 0) {
                bool is_failed = sd_journal_get_data(j, "MESSAGE_ID", &data, &size) >= 0 &&
                        size == strlen(failed) && memcmp(data, failed, size) == 0;

                if (ret->when == 0) {
                        ret->drill_failed = is_failed;
                        r = sd_journal_get_realtime_usec(j, &ret->when);
                }
                if (!is_failed)
                        ret->took[ret->n++] =
                                read_span(j, warm ? "FAILOVER_ACTIVE_USEC" : "FAILOVER_STARTING_USEC");
        }
        return MIN(r, 0);
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
        int r = read_starts(c, &starts);

        status_set_detection(
                &s, p->check_interval, p->retry_interval, p->timeout, p->silent_timeout, p->fail_threshold);
        s.start_took = starts.n > 0 ? starts.took[0] : 0;
        (void) status_expectation(&s, expect);
        if (r < 0)
                finding_skip(f, "the journal cannot be read: %s", strerror(-r));
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
