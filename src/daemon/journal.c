/* Sends the events of events.h to the journal; see journal.h. */
#include "daemon/journal.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* users ask what happened, not in which line of C */
#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "lib/log.h"

/* The fields of one entry, collected for sd_journal_sendv(3). */
struct entry {
        struct iovec fields[24];
        char texts[24][MESSAGE_MAX + 64];
        int n;
};

static void add(struct entry *e, const char *format, ...) _printf_(2, 3);
static void add(struct entry *e, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(e->texts[e->n], sizeof e->texts[0], format, ap);
        va_end(ap);
        e->fields[e->n] = (struct iovec){ .iov_base = e->texts[e->n], .iov_len = strlen(e->texts[e->n]) };
        e->n++;
}

static void add_span(struct entry *e, const char *field, usec_t span) {
        if (span != USEC_INFINITY)
                add(e, "%s=%" PRIu64, field, span);
}

void journal_send_event(
        const struct instance *n, enum role_event event, const struct story *s, const char *message) {
        struct entry e = {};

        add(&e, "MESSAGE=%s", message);
        add(&e, "MESSAGE_ID=%s", event_message_id(event));
        add(&e, "PRIORITY=%d", event_level(event));
        add(&e, "SYSLOG_IDENTIFIER=openclaw-failover");
        add(&e, "FAILOVER_INSTANCE=%s", n->name);
        add(&e, "FAILOVER_EVENT=%s", event_name(event));
        add(&e, "FAILOVER_FROM=%s", role_state_name(s->from));
        add(&e, "FAILOVER_TO=%s", role_state_name(s->to));
        add(&e, "FAILOVER_MODE=%s", role_mode_name(s->mode));
        add(&e, "FAILOVER_REASON=%s", s->reason);
        add(&e, "FAILOVER_PRIMARY=%s", s->primary);
        add(&e, "FAILOVER_UNIT=%s", s->unit);
        if (event == EVENT_PROMOTED) {
                add_span(&e, "FAILOVER_OUTAGE_USEC", s->outage);
                add_span(&e, "FAILOVER_DETECTING_USEC", s->detecting);
                add_span(&e, "FAILOVER_SYNCING_USEC", s->syncing);
                add_span(&e, "FAILOVER_STARTING_USEC", s->starting);
        }
        if (event == EVENT_CHANNELS_READY) {
                add_span(&e, "FAILOVER_READY_USEC", s->ready);
                add_span(&e, "FAILOVER_ACTIVE_USEC", s->active);
        }
        if (event == EVENT_DEMOTED)
                add_span(&e, "FAILOVER_PROMOTED_USEC", s->promoted);

        if (!log_is_journal() || log_is_stuck() || sd_journal_sendv(e.fields, e.n) < 0)
                log_line(event_level(event), "%s", message);
}
