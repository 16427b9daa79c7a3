/* What `history` prints; see history_print.h. */
#include "cli/history_print.h"

#include <errno.h>
#include <string.h>

#include "events.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/text.h"

/* 100 columns at most: print_row() cuts what may be longer than its column. */
#define ROW "%-17s%-12s%-31s%-20s%s%s\n"
#define PARTS_MAX 31
#define END_MAX 20
#define WHY_MAX 19

static const char *span_text(char buf[static SPAN_MAX], usec_t span) {
        return span == USEC_INFINITY ? "-" : format_span(buf, span);
}

/* A part of an outage, if it was long enough to matter. */
static const char *part_text(char buf[static SPAN_MAX], usec_t part) {
        return part < OUTAGE_PART_MIN ? "-" : span_text(buf, part);
}

/* With the day, and to the minute: of an old failover, the seconds do not matter. */
#define WHEN "%Y-%m-%d %H:%M"

/* How long the failover lasted, and how it ended if not by a failback. */
static void end_text(char buf[static END_MAX], const struct failover *f, usec_t now) {
        usec_t span = f->end != END_OPEN ? f->lasted : now > f->promoted ? now - f->promoted : 0;
        const char *words = f->end == END_REBOOT         ? "until a reboot"
                : f->end == END_OPEN && f->promoted == 0 ? "not started yet"
                : span != USEC_INFINITY                  ? NULL
                : f->begun > 0 && f->promoted == 0       ? "never"
                                                         : "unknown";
        char text[SPAN_MAX];

        if (words)
                (void) strcpy(buf, words);
        else
                (void) snprintf(buf, END_MAX, "%s%s", format_span(text, span),
                        f->end == END_OPEN              ? " so far"
                                : f->end == END_STOPPED ? " stopped"
                                                        : "");
}

static void print_row(FILE *out, const struct failover *f, usec_t now) {
        char when[TIME_MAX], why[WHY_MAX], outage[SPAN_MAX], parts[PARTS_MAX] = "-", end[END_MAX];
        char detecting[SPAN_MAX], syncing[SPAN_MAX], starting[SPAN_MAX];

        (void) safe_text(why, sizeof why,
                f->kind != KIND_FAILOVER ? failover_kind_names[f->kind]
                        : *f->reason     ? f->reason
                                         : "unknown");
        if (f->detecting != USEC_INFINITY || f->syncing != USEC_INFINITY || f->starting != USEC_INFINITY)
                (void) snprintf(parts, sizeof parts, "%s + %s + %s", part_text(detecting, f->detecting),
                        part_text(syncing, f->syncing), part_text(starting, f->starting));
        end_text(end, f, now);
        (void) fprintf(out, ROW,
                format_time(when, WHEN,
                        f->begun              ? f->begun
                                : f->promoted ? f->promoted
                                              : f->ended),
                span_text(outage, f->outage), parts, end, f->trouble ? "! " : "", why);
}

void history_table(FILE *out, const struct history *c, usec_t since, usec_t now) {
        char when[TIME_MAX];
        bool trouble = false;

        if (c->n == 0)
                (void) fprintf(out, "No failover%s%s.\n", since > 0 ? " since " : "",
                        since > 0 ? format_time(when, WHEN, since) : "");
        else
                (void) fprintf(out, ROW, "WHEN", "OUTAGE =", "DETECTING + SYNCING + STARTING",
                        "PROMOTED FOR", "WHY", "");
        for (size_t i = 0; i < c->n; i++) {
                print_row(out, &c->failovers[i], now);
                trouble = trouble || c->failovers[i].trouble;
        }
        if (trouble)
                (void) fprintf(out,
                        "! The gateway failed to start, was lost or hung, or its channels did not work.\n");
        if (c->first_entry > since)
                (void) fprintf(out, "The journal begins at %s: earlier ones are not in it.\n",
                        format_time(when, WHEN, c->first_entry));
}

static json_t *row_json(const struct failover *f) {
        usec_t began = f->promoted > 0 && f->outage < f->promoted ? f->promoted - f->outage : f->begun;

        return json_pack("{s:s, s:o, s:o, s:o, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:b}", "kind",
                failover_kind_names[f->kind], "began", json_time(began), "started", json_time(f->promoted),
                "ended", json_time(f->ended), "end", failover_end_names[f->end], "reason",
                *f->reason ? f->reason : NULL, "promoted_seconds", json_span(f->lasted), "outage_seconds",
                json_span(f->outage), "detecting_seconds", json_span(f->detecting), "syncing_seconds",
                json_span(f->syncing), "starting_seconds", json_span(f->starting), "trouble",
                (int) f->trouble);
}

int history_json(FILE *out, const struct history *c, const char *instance, usec_t since) {
        json_auto_t *j = NULL;
        json_t *rows = json_array();

        for (size_t i = 0; i < c->n; i++)
                (void) json_array_append_new(rows, row_json(&c->failovers[i]));
        j = json_pack("{s:i, s:s, s:o, s:o, s:o}", "version", HISTORY_VERSION, "instance", instance, "since",
                json_time(since), "journal_since", json_time(c->first_entry), "failovers", rows);
        return json_dumpf(j, out, JSON_INDENT(2) | JSON_DIGITS) < 0 || fputc('\n', out) < 0 ? -EIO : 0;
}
