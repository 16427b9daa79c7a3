/* Sends the events of events.h to the journal; see journal.h. */
#include "daemon/journal.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* users ask what happened, not in which line of C */
#include <systemd/sd-journal.h>

#include "lib/log.h"

struct digits {
        char text[24];
};

/* A span in microseconds; "": unknown. */
static struct digits print_digits(usec_t span) {
        struct digits d = {};

        if (span != USEC_INFINITY)
                (void) snprintf(d.text, sizeof d.text, "%" PRIu64, span);
        return d;
}

/* clang-format off */
void journal_send_event(
        const struct instance *n, enum role_event event, const struct story *s, const char *message) {
        int level = event_level(event);

        if (!log_is_journal() || log_is_stuck() || sd_journal_send(
                    "MESSAGE=%s", message,
                    "MESSAGE_ID=%s", event_message_id(event),
                    "PRIORITY=%d", level,
                    "SYSLOG_IDENTIFIER=openclaw-failover",
                    "FAILOVER_INSTANCE=%s", n->name,
                    "FAILOVER_EVENT=%s", event_name(event),
                    "FAILOVER_FROM=%s", role_state_name(s->from),
                    "FAILOVER_TO=%s", role_state_name(s->to),
                    "FAILOVER_MODE=%s", role_mode_name(s->mode),
                    "FAILOVER_REASON=%s", s->reason,
                    "FAILOVER_PRIMARY=%s", s->primary,
                    "FAILOVER_UNIT=%s", s->unit,
                    "FAILOVER_OUTAGE_USEC=%s", print_digits(s->outage).text,
                    "FAILOVER_DETECTING_USEC=%s", print_digits(s->detecting).text,
                    "FAILOVER_SYNCING_USEC=%s", print_digits(s->syncing).text,
                    "FAILOVER_STARTING_USEC=%s", print_digits(s->starting).text,
                    "FAILOVER_READY_USEC=%s", print_digits(s->ready).text,
                    "FAILOVER_ACTIVE_USEC=%s", print_digits(s->active).text,
                    "FAILOVER_PROMOTED_USEC=%s", print_digits(s->promoted).text,
                    NULL) < 0)
                log_line(level, "%s", message);
}
/* clang-format on */
