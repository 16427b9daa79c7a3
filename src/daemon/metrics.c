/* A Prometheus text file; see metrics.h.
 *
 * The format: https://prometheus.io/docs/instrumenting/exposition_formats/; the names: …/docs/practices/naming/; one file is
 * read by https://github.com/prometheus/node_exporter#textfile-collector, which wants the same HELP for a name in all files
 * and no timestamps. */
#include "daemon/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/file_writer.h"
#include "lib/log.h"

#define WRITE_INTERVAL (15 * USEC_PER_SEC)

/* Upper bounds of the histogram: from a good link within one city to the longest default timeout. */
static const usec_t bounds[] = { 1 * USEC_PER_MSEC, 2500, 5 * USEC_PER_MSEC, 10 * USEC_PER_MSEC,
        25 * USEC_PER_MSEC, 50 * USEC_PER_MSEC, 100 * USEC_PER_MSEC, 250 * USEC_PER_MSEC,
        500 * USEC_PER_MSEC, 1 * USEC_PER_SEC, 2500 * USEC_PER_MSEC, 5 * USEC_PER_SEC };

struct metrics {
        pid_t writer; /* of .path */
        const struct instance *instance;
        char *path;
        uint64_t checks[_VERDICT_MAX];
        uint64_t buckets[ELEMENTSOF(bounds) + 1]; /* not cumulated; the last one: longer */
        usec_t took;                              /* all of them together */

        usec_t written;      /* CLOCK_BOOTTIME; 0: not yet */
        bool unwritable;     /* and the journal has that */
        struct status shown; /* of which only what makes a difference is looked at */
};

void metrics_check(struct metrics *m, const struct check *check) {
        size_t i = 0;

        m->checks[check->verdict]++;
        while (i < ELEMENTSOF(bounds) && check->took > bounds[i])
                i++;
        m->buckets[i]++;
        m->took += check->took;
}

/* --- the text --------------------------------------------------------------------------------------------- */

#define SECONDS(usec) ((double) (usec) / USEC_PER_SEC)

/* Its NAME without the prefix that all have. */
static void head(FILE *f, const char *name, const char *type, const char *help) {
        (void) fprintf(f, "# HELP openclaw_failover_%s %s\n# TYPE openclaw_failover_%s %s\n", name, help,
                name, type);
}

/* Instances that share a machine differ by a label; the plain one has none. An instance name needs no escaping (instance.h). */
static void sample(FILE *f, const struct metrics *m, const char *name, const char *label, const char *value,
        double number) {
        const char *instance = m->instance->name;

        (void) fprintf(f, "openclaw_failover_%s", name);
        if (*instance || label)
                (void) fprintf(f, "{%s%s%s%s", *instance ? "name=\"" : "", instance, *instance ? "\"" : "",
                        *instance && label ? "," : "");
        if (label)
                (void) fprintf(f, "%s=\"%s\"", label, value);
        (void) fprintf(f, "%s %.15g\n", *instance || label ? "}" : "", number);
}

static void put(FILE *f, const struct metrics *m, const char *name, const char *type, const char *help,
        double number) {
        head(f, name, type, help);
        sample(f, m, name, NULL, NULL, number);
}

/* As a gauge, if it is known. */
static void put_known(
        FILE *f, const struct metrics *m, const char *name, const char *help, usec_t when, usec_t value) {
        if (when > 0 && value != USEC_INFINITY)
                put(f, m, name, "gauge", help, SECONDS(value));
}

/* One series for each of the names, 1 for the one that is. */
static void states(FILE *f, const struct metrics *m, const char *name, const char *help,
        const char *const names[], int count, int current) {
        head(f, name, "gauge", help);
        for (int i = 0; i < count; i++)
                sample(f, m, name, name, names[i], i == current);
}

static void put_role(FILE *f, const struct metrics *m, const struct status *s, usec_t now) {
        bool paused = s->paused_until > 0;

        states(f, m, "role", "What this machine is.", role_state_names, _ROLE_MAX, (int) s->state);
        states(f, m, "mode", "What the role follows: auto is the primary.", role_mode_names, _MODE_MAX,
                paused ? _MODE_MAX : (int) s->mode);
        sample(f, m, "mode", "mode", "paused", paused);
        put(f, m, "role_seconds", "gauge", "For how long it has had this role.",
                now > s->since ? SECONDS(now - s->since) : 0);
        put(f, m, "failovers_total", "counter", "Promotions since the daemon started.",
                (double) s->promotions);
        put_known(f, m, "last_outage_seconds",
                "How long nobody could be reached at the last promotion, at most.", s->promoted_at,
                s->outage);
        put_known(f, m, "last_promotion_timestamp_seconds", "When it was last promoted.", s->promoted_at,
                s->promoted_at);
        put_known(f, m, "last_sync_success_timestamp_seconds",
                "When a sync of workspace and secrets last did all there was to do.", s->sync_succeeded,
                s->sync_succeeded);
}

static void put_keys(FILE *f, const struct metrics *m, const struct status *s) {
        static const char name[] = "tailscale_key_expiry_timestamp_seconds";

        if (s->key_expires == 0 && s->primary_key_expires == 0)
                return;
        head(f, name, "gauge", "When a Tailscale key expires.");
        if (s->key_expires > 0)
                sample(f, m, name, "node", "standby", SECONDS(s->key_expires));
        if (s->primary_key_expires > 0)
                sample(f, m, name, "node", "primary", SECONDS(s->primary_key_expires));
}

static void put_checks(FILE *f, const struct metrics *m) {
        static const char histogram[] = "check_duration_seconds";
        uint64_t sum = 0;
        char bound[32];

        head(f, "checks_total", "counter", "Checks of the primary, by what they found.");
        for (int i = 0; i < _VERDICT_MAX; i++)
                sample(f, m, "checks_total", "verdict", verdict_name((enum verdict) i),
                        (double) m->checks[i]);
        head(f, histogram, "histogram", "How long the checks of the primary took.");
        for (size_t i = 0; i < ELEMENTSOF(bounds); i++) {
                sum += m->buckets[i];
                (void) snprintf(bound, sizeof bound, "%g", SECONDS(bounds[i]));
                sample(f, m, "check_duration_seconds_bucket", "le", bound, (double) sum);
        }
        sum += m->buckets[ELEMENTSOF(bounds)];
        sample(f, m, "check_duration_seconds_bucket", "le", "+Inf", (double) sum);
        sample(f, m, "check_duration_seconds_sum", NULL, NULL, SECONDS(m->took));
        sample(f, m, "check_duration_seconds_count", NULL, NULL, (double) sum);
}

char *metrics_text(const struct metrics *m, const struct status *s, usec_t now) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        put(f, m, "up", "gauge", "Whether the daemon runs: 0 after it was stopped.", s != NULL);
        put(f, m, "written_timestamp_seconds", "gauge",
                "When this file was written; an old one means a daemon that died.", SECONDS(now));
        head(f, "build_info", "gauge", "The version, as a label.");
        sample(f, m, "build_info", "version", VERSION, 1);
        if (s) {
                put(f, m, "primary_up", "gauge", "Whether the primary, or a senior standby, is up.",
                        s->health == HEALTH_UP);
                put_role(f, m, s, now);
                put_keys(f, m, s);
        }
        put_checks(f, m);
        if (fclose(f) == EOF) {
                free(text);
                return NULL;
        }
        return text;
}

/* --- the file --------------------------------------------------------------------------------------------- */

static void explain(const struct metrics *m, int r) {
        if (r == -EROFS || r == -EACCES || r == -EPERM)
                log_error(
                        "Metrics cannot be written to %s: %s. The daemon's user must be allowed to write there, and "
                        "so must the unit: `systemctl edit %s`, add the two lines [Service] and ReadWritePaths= with the "
                        "directory, then restart it.",
                        m->path, strerror(-r), m->instance->unit);
        else
                log_error("Metrics cannot be written to %s: %s.", m->path, writer_error(r));
}

static void write_now(struct metrics *m, const struct status *s) {
        _cleanup_free_ char *text = metrics_text(m, s, now_usec(CLOCK_REALTIME));
        /* Another user reads it. No fsync(2): it is worth nothing after a power cut. */
        int r = text ? write_file_aside(&m->writer, m->path, text, 0644) : -ENOMEM;

        if (r < 0 && !m->unwritable)
                explain(m, r);
        else if (r >= 0 && m->unwritable)
                log_notice("Metrics can be written to %s again.", m->path);
        m->unwritable = r < 0;
        m->written = now_usec(CLOCK_BOOTTIME);
}

void metrics_write(struct metrics *m, const struct status *s) {
        const struct status *old = &m->shown;
        bool same = m->written > 0 && s->state == old->state && s->health == old->health &&
                s->mode == old->mode && (s->paused_until > 0) == (old->paused_until > 0) &&
                s->promotions == old->promotions;

        if (!m->path || (same && now_usec(CLOCK_BOOTTIME) < m->written + WRITE_INTERVAL))
                return;
        m->shown = *s;
        write_now(m, s);
}

void metrics_configure(struct metrics *m, const struct config *c) {
        const char *path = c->metrics_textfile && *c->metrics_textfile ? c->metrics_textfile : NULL;

        if (m->path && path && strcmp(m->path, path) == 0)
                return;
        /* What is elsewhere now would be stale for ever here. */
        if (m->path && m->written > 0)
                (void) unlink(m->path);
        free(TAKE(m->path));
        m->path = path ? strdup(path) : NULL;
        if (path && !m->path)
                log_error("Out of memory: no metrics are written.");
        m->written = 0;
        m->unwritable = false;
}

int metrics_new(const struct instance *n, const struct config *c, struct metrics **ret) {
        struct metrics *m = calloc(1, sizeof *m);

        if (!m)
                return -ENOMEM;
        m->instance = n;
        metrics_configure(m, c);
        *ret = m;
        return 0;
}

struct metrics *metrics_free(struct metrics *m) {
        if (!m)
                return NULL;
        if (m->path && m->written > 0 && !m->unwritable)
                write_now(m, NULL);
        free(m->path);
        free(m);
        return NULL;
}
