/* What `history` prints; see history_print.h. */
#include "cli/history_print.h"

#include <string.h>

#include "cli/status_print.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/text.h"

#define WHY_MAX 34

static const char *span_text(char buf[static SPAN_MAX], usec_t span) {
        return span == USEC_INFINITY ? "-" : format_span(buf, span);
}

static void print_why(FILE *out, const struct failover *f) {
        char why[160];

        if (f->kind != KIND_FAILOVER)
                (void) safe_text(why, WHY_MAX, failover_kind_name(f->kind));
        else
                (void) safe_text(why, WHY_MAX, *f->reason ? f->reason : "unknown");
        (void) fprintf(out, "%-*s", WHY_MAX, why);
}

/* How long, and how it ended if not by a failback. */
static void print_end(FILE *out, const struct failover *f, usec_t now) {
        char span[SPAN_MAX];

        if (f->end == END_OPEN && f->promoted == 0)
                (void) fprintf(out, "not yet: the gateway has not answered");
        else if (f->end == END_OPEN)
                (void) fprintf(
                        out, "%s, and still is", span_text(span, now > f->promoted ? now - f->promoted : 0));
        else if (f->end == END_REBOOT)
                (void) fprintf(out, "until a reboot");
        else if (f->end == END_UNKNOWN)
                (void) fprintf(out, "unknown");
        else if (f->lasted == USEC_INFINITY)
                (void) fprintf(out, "%s",
                        f->begun > 0 && f->promoted == 0 ? "never: it did not answer" : "unknown");
        else
                (void) fprintf(out, "%s%s", span_text(span, f->lasted),
                        f->end == END_STOPPED           ? ", until somebody stopped it"
                                : f->end == END_FOREIGN ? ", until somebody started it anew"
                                                        : "");
        (void) fprintf(out, "%s\n", f->trouble ? " (with trouble)" : "");
}

static void print_when(FILE *out, const struct failover *f) {
        usec_t when = f->begun ? f->begun : f->promoted ? f->promoted : f->ended;
        char text[WHEN_MAX];

        /* "Now" of long ago makes it say the day always. */
        (void) fprintf(out, "%-21s", show_when(text, when, 0));
}

static void print_row(FILE *out, const struct failover *f, usec_t now) {
        char blackout[SPAN_MAX], counting[SPAN_MAX], syncing[SPAN_MAX], booting[SPAN_MAX];

        print_when(out, f);
        print_why(out, f);
        (void) fprintf(out, "%-12s%-12s%-12s%-12s", span_text(blackout, f->blackout),
                span_text(counting, f->counting), span_text(syncing, f->syncing),
                span_text(booting, f->booting));
        print_end(out, f, now);
}

static void print_sums(FILE *out, const struct history *c, usec_t since, usec_t now) {
        struct history_sums sums = history_sums(c, now);
        char promoted[SPAN_MAX], blackout[SPAN_MAX], when[WHEN_MAX];

        (void) fprintf(out, "%zu failover%s", sums.failovers, sums.failovers == 1 ? "" : "s");
        if (since > 0)
                (void) fprintf(out, " since %s", show_when(when, since, 0));
        if (c->n > sums.failovers)
                (void) fprintf(out, " (and %zu by hand or as a drill)", c->n - sums.failovers);
        if (sums.failovers > 0)
                (void) fprintf(out, ", promoted for %s in all, median blackout %s",
                        span_text(promoted, sums.promoted),
                        sums.blackout == USEC_INFINITY ? "unknown" : span_text(blackout, sums.blackout));
        (void) fprintf(out, ".\n");
}

void history_table(FILE *out, const struct history *c, usec_t since, usec_t now) {
        if (c->n > 0)
                (void) fprintf(out, "%-21s%-*s%-12s%-12s%-12s%-12s%s\n", "WHEN", WHY_MAX, "WHY", "BLACKOUT",
                        "= COUNTING", "+ SYNC", "+ START", "PROMOTED FOR");
        for (size_t i = 0; i < c->n; i++)
                print_row(out, &c->failovers[i], now);
        if (c->n > 0)
                (void) fprintf(out, "\n");
        print_sums(out, c, since, now);
}

static json_t *row_json(const struct failover *f) {
        return json_pack("{s:s, s:o, s:o, s:o, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:b}", "kind",
                failover_kind_name(f->kind), "began", json_time(f->begun), "answered",
                json_time(f->promoted), "ended", json_time(f->ended), "end", failover_end_name(f->end),
                "reason", *f->reason ? f->reason : NULL, "promoted_seconds", json_span(f->lasted),
                "blackout_seconds", json_span(f->blackout), "counting_seconds", json_span(f->counting),
                "sync_seconds", json_span(f->syncing), "start_seconds", json_span(f->booting), "trouble",
                (int) f->trouble);
}

char *history_json(const struct history *c, const char *instance, usec_t since, usec_t now) {
        struct history_sums sums = history_sums(c, now);
        json_auto_t *j = NULL;
        json_t *rows = json_array();

        for (size_t i = 0; rows && i < c->n; i++)
                if (json_array_append_new(rows, row_json(&c->failovers[i])) < 0) {
                        json_decref(rows);
                        return NULL;
                }
        if (!rows)
                return NULL;
        j = json_pack("{s:i, s:s, s:o, s:o, s:I, s:o, s:o}", "schema", HISTORY_SCHEMA, "instance", instance,
                "since", json_time(since), "failovers", rows, "count", (json_int_t) sums.failovers,
                "promoted_seconds", json_span(sums.promoted), "median_blackout_seconds",
                json_span(sums.blackout));
        return j ? json_dumps(j, JSON_INDENT(2) | JSON_DIGITS) : NULL;
}
