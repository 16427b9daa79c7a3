/* When did a gateway last start here, and how long did it take? */
#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "doctor/look.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/text.h"

#define TOO_LONG_AGO (40 * USEC_PER_DAY)

/* The last "promoted" of the daemon's in the journal. 1, 0 if there is none, or a negative errno. */
static int find_last(const struct checkup *c, usec_t *ret_when, usec_t *ret_took) {
        static const char field[] = "FAILOVER_STARTING_USEC=";
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        char unit[160], id[64], text[32];
        const void *data;
        size_t size;
        int r;

        (void) snprintf(unit, sizeof unit, "_SYSTEMD_UNIT=%s", c->names->unit);
        (void) snprintf(id, sizeof id, "MESSAGE_ID=%s", event_message_id(EVENT_PROMOTED));
        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = sd_journal_add_match(j, unit, 0);
        if (r >= 0)
                r = sd_journal_add_match(j, id, 0);
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        if (r >= 0)
                r = sd_journal_previous(j);
        if (r <= 0)
                return r;
        r = sd_journal_get_realtime_usec(j, ret_when);
        *ret_took = USEC_INFINITY;
        if (r >= 0 && sd_journal_get_data(j, "FAILOVER_STARTING_USEC", &data, &size) >= 0) {
                (void) snprintf(text, sizeof text, "%.*s", (int) (size - strlen(field)),
                        (const char *) data + strlen(field));
                *ret_took = strtoull(text, NULL, 10);
        }
        return r < 0 ? r : 1;
}

void look_drill(const struct checkup *c, struct finding *f) {
        usec_t now = now_usec(CLOCK_REALTIME), when = 0, took;
        char ago[SPAN_MAX], span[SPAN_MAX];
        int r = find_last(c, &when, &took);

        if (r < 0)
                finding_skip(f, "the journal cannot be read: %s", strerror(-r));
        else if (r == 0)
                finding_warn(f, "the gateway has never started here, as far as the journal goes back");
        else if (now - when > TOO_LONG_AGO)
                finding_warn(f, "the gateway last started here %s ago", format_span(ago, now - when));
        else if (took == USEC_INFINITY)
                finding_ok(f, "the gateway started here %s ago", format_span(ago, now - when));
        else
                finding_ok(f, "the gateway started here %s ago, within %s", format_span(ago, now - when),
                        format_span(span, took));
        if (f->kind == FINDING_WARN)
                finding_fix(f, "sudo %s drill # the primary is not touched", c->names->program);
}
