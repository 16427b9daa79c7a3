/* What `status` prints; see status_print.h. */
#include "cli/status_print.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "status_properties.h"

#define RED "\033[1;31m"
#define GREEN "\033[1;32m"
#define YELLOW "\033[1;33m"
#define PLAIN "\033[0m"

static const char *show_when(char buf[static TIME_MAX], usec_t realtime) {
        return format_time(buf, "%Y-%m-%d %H:%M:%S", realtime);
}

/* "4.2 s ago", "3 min 5 s ago"; "never" for 0. Returns BUF. */
static char *show_ago(char buf[static TIME_MAX], usec_t realtime, usec_t now) {
        char text[SPAN_MAX];

        if (realtime == 0)
                return strcpy(buf, "never");
        (void) snprintf(buf, TIME_MAX, "%s ago", format_span(text, now > realtime ? now - realtime : 0));
        return buf;
}

/* Green: nothing to do. Yellow: worth a look. Red: nobody can be reached. */
static const char *colour_of(const struct status *s) {
        enum status_level level = status_level(s);

        if (level == STATUS_UNREACHABLE)
                return RED;
        return level == STATUS_DEGRADED || s->failures > 0 || s->waits_until > 0 || *s->unmerged ? YELLOW
                                                                                                 : GREEN;
}

static void show_primary(FILE *out, const struct status *s, usec_t now) {
        char since[TIME_MAX], ago[TIME_MAX], took[SPAN_MAX];

        (void) fprintf(out, "  primary  %s", s->primary);
        if (s->health_since > 0)
                (void) fprintf(out, " %s since %s", health_level_name(s->health),
                        show_when(since, s->health_since));
        (void) fprintf(out, "; last check %s", show_ago(ago, s->checked, now));
        if (s->failures > 0)
                (void) fprintf(out, ": %s (%u failed)", s->reason, s->failures);
        else if (s->checked > 0)
                (void) fprintf(out, ": %s, answered in %s", status_is_not_ready(s) ? s->reason : s->verdict,
                        format_span(took, s->took));
        (void) fprintf(out, "\n");
}

static void show_gateway(FILE *out, const struct status *s) {
        if (s->warm)
                (void) fprintf(out, "  gateway  warm: it runs here all the time, and %s\n",
                        s->answers ? "answers" : "does not answer");
}

static void show_sync(FILE *out, const struct status *s, usec_t now) {
        char ago[TIME_MAX];

        if (s->synced == 0) {
                (void) fprintf(out, "  sync     none since the daemon started\n");
                return;
        }
        (void) fprintf(out, "  sync     %s: %s", show_ago(ago, s->synced, now), s->sync);
        if (!s->sync_ok)
                (void) fprintf(out, "; last good one %s", show_ago(ago, s->sync_succeeded, now));
        (void) fprintf(out, "\n");
}

static void show_last(FILE *out, const struct status *s) {
        char when[TIME_MAX], span[SPAN_MAX];

        if (s->promoted_at == 0)
                return;
        (void) fprintf(out, "  last     promoted %s", show_when(when, s->promoted_at));
        if (s->demoted_at > s->promoted_at)
                (void) fprintf(out, " for %s", format_span(span, s->demoted_at - s->promoted_at));
        if (s->outage != USEC_INFINITY)
                (void) fprintf(out, ", after an outage of %s", format_span(span, s->outage));
        (void) fprintf(out, "%s%s\n", *s->cause ? ": " : "", s->cause);
}

/* The commands name the branches. */
static void show_unmerged(FILE *out, const struct status *s) {
        if (*s->unmerged)
                (void) fprintf(
                        out, "  unmerged the primary lacks work. To merge it, type there, as its user:\n");
        for (const char *c = s->merge; *c; c += strcspn(c, "\n"), c += *c == '\n')
                (void) fprintf(out, "           %.*s\n", (int) strcspn(c, "\n"), c);
}

void show_status(FILE *out, const struct status *s, const char *why, usec_t now, bool colour) {
        char sentence[SENTENCE_MAX], text[SENTENCE_MAX];
        size_t word;

        if (!s) {
                (void) fprintf(out, "%s%s%s\n", colour ? RED : "", why, colour ? PLAIN : "");
                return;
        }
        status_sentence(s, sentence);
        word = strcspn(sentence, ":");
        (void) fprintf(out, "%s%.*s%s%s\n", colour ? colour_of(s) : "", (int) word, sentence,
                colour ? PLAIN : "", sentence + word);
        show_primary(out, s, now);
        show_gateway(out, s);
        show_sync(out, s, now);
        show_last(out, s);
        (void) fprintf(out, "  next     %s\n", status_next(s, now, text));
        (void) fprintf(out, "  expect   %s\n", status_expectation(s, text));
        if (*s->alert_error)
                (void) fprintf(out, "  alerts   %u not delivered: %s\n", s->undelivered, s->alert_error);
        if (*s->heartbeat_error)
                (void) fprintf(out, "  pings    fail: %s\n", s->heartbeat_error);
        show_unmerged(out, s);
}

/* Sets KEY; "a.b" is b within the object a. Takes ownership of VALUE. */
static int set(json_t *j, const char *key, json_t *value) {
        const char *dot = strchr(key, '.');
        json_auto_t *part = dot ? json_pack("{s%:{s:o}}", key, (size_t) (dot - key), dot + 1, value)
                                : json_pack("{s:o}", key, value);

        return json_object_update_recursive(j, part);
}

json_t *status_json(const struct status *s, const char *why, const struct instance *n, usec_t now) {
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        const struct property *p;
        json_auto_t *j = NULL;
        size_t n_properties;

        j = json_pack("{s:i, s:s, s:b, s:s, s:s, s:s*}", "version", STATUS_VERSION, "instance", n->name,
                "running", s != NULL, "level", s ? status_level_name(status_level(s)) : "not running",
                "summary", s ? status_sentence(s, sentence) : why, "next",
                s ? status_next(s, now, next) : NULL);
        p = properties(&n_properties);
        for (size_t i = 0; s && i < n_properties; i++)
                if (set(j, p[i].key, property_json(&p[i], s)) < 0)
                        return NULL;
        return TAKE(j);
}
