/* The command `history`; see history_command.h. Reads the journal with sd-journal(3).
 *
 * Any program can log our MESSAGE_IDs. So only entries of the daemon's own unit count: journald itself sets
 * that field (_SYSTEMD_UNIT, systemd.journal-fields(7)). */
#include "cli/history_command.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-journal.h>

#include "cli/daemon_client.h"
#include "cli/history.h"
#include "cli/history_print.h"
#include "events.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/program.h"
#include "lib/text.h"

static int add_matches(sd_journal *j, const struct instance *n) {
        char match[160];
        int r;

        (void) snprintf(match, sizeof match, "_SYSTEMD_UNIT=%s", n->unit);
        r = sd_journal_add_match(j, match, 0);
        for (int e = EVENT_NONE + 1; e < _EVENT_MAX && r >= 0; e++) {
                (void) snprintf(match, sizeof match, "MESSAGE_ID=%s", event_message_id((enum role_event) e));
                r = sd_journal_add_match(j, match, 0);
        }
        return r;
}

/* The field NAME of the current entry, or "". Made safe: a unit's journal may hold anything. */
static char *field(sd_journal *j, const char *name, char *buf, size_t size) {
        size_t length, prefix = strlen(name) + 1;
        char raw[256] = "";
        const void *data;

        if (sd_journal_get_data(j, name, &data, &length) >= 0 && length > prefix)
                (void) snprintf(
                        raw, sizeof raw, "%.*s", (int) (length - prefix), (const char *) data + prefix);
        return safe_text(buf, size, raw);
}

static usec_t span_field(sd_journal *j, const char *name) {
        unsigned long long span;
        char text[32], *end;

        (void) field(j, name, text, sizeof text);
        errno = 0;
        span = strtoull(text, &end, 10);
        return errno || end == text || *end || *text == '-' ? USEC_INFINITY : span;
}

static enum role_event event_of(sd_journal *j) {
        char id[40];

        (void) field(j, "MESSAGE_ID", id, sizeof id);
        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++)
                if (strcmp(id, event_message_id((enum role_event) e)) == 0)
                        return (enum role_event) e;
        return EVENT_NONE;
}

static int add_entry(sd_journal *j, struct history *c) {
        char mode[16], from[16], reason[160];
        struct record r = {
                .event = event_of(j),
                .mode = field(j, "FAILOVER_MODE", mode, sizeof mode),
                .from = field(j, "FAILOVER_FROM", from, sizeof from),
                .reason = field(j, "FAILOVER_REASON", reason, sizeof reason),
                .outage = span_field(j, "FAILOVER_OUTAGE_USEC"),
                .detecting = span_field(j, "FAILOVER_DETECTING_USEC"),
                .syncing = span_field(j, "FAILOVER_SYNCING_USEC"),
                .starting = span_field(j, "FAILOVER_STARTING_USEC"),
                .promoted = span_field(j, "FAILOVER_PROMOTED_USEC"),
        };
        uint64_t monotonic;
        int k;

        k = sd_journal_get_realtime_usec(j, &r.time);
        if (k >= 0)
                k = sd_journal_get_monotonic_usec(j, &monotonic, &r.boot);
        /* A crash may leave an entry half written: it does not count. */
        return k < 0 ? 0 : history_add(c, &r);
}

/* Reads from the head, whatever SINCE is: only a failover's beginning says of what kind it is. */
static int read_journal(const struct instance *n, usec_t since, size_t count, struct history *c) {
        _cleanup_(sd_journal_closep) sd_journal *j = NULL;
        sd_id128_t boot = SD_ID128_NULL;
        int r;

        r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        /* sd_journal_open() succeeds even if this user may read no file. */
        if (r >= 0 && sd_journal_has_persistent_files(j) <= 0 && sd_journal_has_runtime_files(j) <= 0)
                return geteuid() == 0 ? -ENOENT : -EACCES;
        if (r >= 0)
                r = add_matches(j, n);
        if (r >= 0)
                r = sd_journal_seek_head(j);
        while (r >= 0 && (r = sd_journal_next(j)) > 0)
                r = add_entry(j, c);
        if (r >= 0)
                (void) sd_journal_get_cutoff_realtime_usec(j, &c->first_entry, NULL);
        (void) sd_id128_get_boot(&boot);
        history_close(c, boot);
        history_select(c, since, count);
        return r;
}

static int explain(int r) {
        if (r == -EACCES)
                log_error(
                        "This user may not read the journal. Use sudo, or join the group systemd-journal: `sudo usermod -aG "
                        "systemd-journal NAME`, then log in again.");
        else
                log_error("The journal cannot be read: %s.", strerror(-r));
        return r == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Parses a time of systemd.time(7), or a bare span such as "7d" for so long ago. 0 or -EINVAL. */
static int parse_since(const char *text, usec_t *ret) {
        static const char label[] = "UNIX seconds: @";
        _cleanup_free_ char *ago = NULL, *output = NULL;
        const char *argv[] = { "systemd-analyze", "timestamp", "--", text, NULL, NULL }, *seconds;

        /* systemd-analyze continues after what is no time. A number without a unit is no span. */
        if (text[strspn(text, "0123456789. ")])
                argv[4] = asprintf(&ago, "-%s", text) < 0 ? NULL : ago;
        (void) program_run(argv, USEC_INFINITY, &output, NULL);
        seconds = output ? strstr(output, label) : NULL;
        if (!seconds)
                return -EINVAL;
        *ret = (usec_t) (strtod(seconds + strlen(label), NULL) * (double) USEC_PER_SEC);
        return 0;
}

#define SINCE_HELP "2026-11-01, \"2026-11-01 03:00\", 03:00, today, yesterday, 7d, 12h, 30min"

/* 0, or -EINVAL if TEXT is not a number of failovers. */
static int parse_count(const char *text, size_t *ret) {
        char *end;

        *ret = strtoul(text, &end, 10);
        return isdigit((unsigned char) *text) && !*end && *ret > 0 ? 0 : -EINVAL;
}

int cmd_history(const struct instance *n, const char *since_text, const char *count_text, bool json) {
        _cleanup_(history_done) struct history c = {};
        usec_t since = 0;
        size_t count = SIZE_MAX;
        char safe[64], why[CLIENT_WHY_MAX];
        int r;

        if (since_text && parse_since(since_text, &since) < 0) {
                log_error("--since %s: that is not a time. Allowed: " SINCE_HELP ".",
                        safe_text(safe, sizeof safe, since_text));
                return EX_USAGE;
        }
        if (count_text && parse_count(count_text, &count) < 0) {
                log_error("-n %s: that is not a number of failovers. Allowed: 1, 2, 3 …",
                        safe_text(safe, sizeof safe, count_text));
                return EX_USAGE;
        }
        r = read_journal(n, since, count, &c);
        if (r < 0)
                return explain(r);
        /* A removed instance still has its history. */
        if (c.n == 0 && client_is_unknown(n, why)) {
                log_error("%s", why);
                return EX_USAGE;
        }
        if (json)
                return history_json(stdout, &c, n->name, since) < 0 ? EX_OSERR : EX_OK;
        history_table(stdout, &c, since, now_usec(CLOCK_REALTIME));
        return EX_OK;
}
