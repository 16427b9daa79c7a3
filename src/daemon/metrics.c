/* Writes the daemon's metrics for Prometheus; see metrics.h.
 *
 * Format and names: https://prometheus.io/docs/instrumenting/exposition_formats/, …/docs/practices/naming/
 * https://github.com/prometheus/node_exporter#textfile-collector reads the file. It requires the same HELP
 * for a name in all files, and no timestamps. */
#include "daemon/metrics.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/kept_file.h"
#include "lib/log.h"

#define WRITE_INTERVAL (15 * USEC_PER_SEC)

struct metrics {
        struct kept_file file; /* .path NULL: none */
        const char *instance;
        uint64_t checks[_VERDICT_MAX];
        usec_t took;    /* the sum of all checks */
        usec_t written; /* CLOCK_BOOTTIME; 0: not yet */
};

void metrics_check(struct metrics *m, const struct check *check) {
        m->checks[check->verdict]++;
        m->took += check->took;
}

/* The text. */

#define SECONDS(usec) ((double) (usec) / USEC_PER_SEC)

/* NAME comes without the prefix that all names share. */
static void head(FILE *f, const char *name, const char *type, const char *help) {
        (void) fprintf(f, "# HELP openclaw_failover_%s %s\n# TYPE openclaw_failover_%s %s\n", name, help,
                name, type);
}

/* A label names the instance; the default instance has none. The name needs no escaping (instance.h). */
static void sample(FILE *f, const struct metrics *m, const char *name, const char *label, const char *value,
        double number) {
        const char *instance = m->instance;

        (void) fprintf(f, "openclaw_failover_%s", name);
        if (*instance || label)
                (void) fprintf(f, "{%s%s%s%s", *instance ? "name=\"" : "", instance, *instance ? "\"" : "",
                        *instance && label ? "," : "");
        if (label)
                (void) fprintf(f, "%s=\"%s\"", label, value);
        (void) fprintf(f, "%s %.15g\n", *instance || label ? "}" : "", number);
}

/* Writes a series for each name: 1 for the current one, 0 for the others. */
static void put_states(FILE *f, const struct metrics *m, const char *name, const char *help,
        const char *const names[], int count, int current) {
        head(f, name, "gauge", help);
        for (int i = 0; i < count; i++)
                sample(f, m, name, name, names[i], i == current);
}

/* Writes each metric whose number is known. S is all zero when the daemon ends. */
static void put_numbers(FILE *f, const struct metrics *m, const struct status *s, bool up, usec_t now) {
        static const char key_expiry[] = "tailscale_key_expiry_timestamp_seconds";
        const struct {
                const char *name, *type, *help;
                bool known;
                double value;
                const char *label, *label_value;
        } rows[] = {
                { "up", "gauge", "Whether the daemon runs: 0 after it was stopped.", true, up },
                { "written_timestamp_seconds", "gauge",
                        "When this file was written; an old one means a daemon that died.", true,
                        SECONDS(now) },
                { "build_info", "gauge", "The version, as a label.", true, 1, "version", VERSION },
                { "primary_up", "gauge", "Whether the primary, or a senior standby, is up.", up,
                        s->health == HEALTH_UP },
                { "role_seconds", "gauge", "For how long it has had this role.", up,
                        now > s->since ? SECONDS(now - s->since) : 0 },
                { "failovers_total", "counter", "Promotions since the daemon started.", up,
                        (double) s->promotions },
                { "last_outage_seconds", "gauge",
                        "How long nobody could be reached at the last promotion, at most.",
                        s->promoted_at > 0 && s->outage != USEC_INFINITY, SECONDS(s->outage) },
                { "last_promotion_timestamp_seconds", "gauge", "When it was last promoted.",
                        s->promoted_at > 0, SECONDS(s->promoted_at) },
                { "last_sync_success_timestamp_seconds", "gauge",
                        "When a sync of workspace and secrets last did all there was to do.",
                        s->sync_succeeded > 0, SECONDS(s->sync_succeeded) },
                { key_expiry, "gauge", "When a Tailscale key expires.", s->key_expires > 0,
                        SECONDS(s->key_expires), "node", "standby" },
                { key_expiry, "gauge", "When a Tailscale key expires.", s->primary_key_expires > 0,
                        SECONDS(s->primary_key_expires), "node", "primary" },
        };
        const char *last = NULL;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!rows[i].known)
                        continue;
                if (rows[i].name != last)
                        head(f, rows[i].name, rows[i].type, rows[i].help);
                sample(f, m, rows[i].name, rows[i].label, rows[i].label_value, rows[i].value);
                last = rows[i].name;
        }
}

static void put_role(FILE *f, const struct metrics *m, const struct status *s) {
        bool paused = s->paused_until > 0;

        put_states(f, m, "role", "What this machine is.", role_state_names, _ROLE_MAX, (int) s->state);
        put_states(f, m, "mode", "What the role follows: auto is the primary.", role_mode_names, _MODE_MAX,
                paused ? _MODE_MAX : (int) s->mode);
        sample(f, m, "mode", "mode", "paused", paused);
}

static void put_checks(FILE *f, const struct metrics *m) {
        uint64_t sum = 0;

        head(f, "checks_total", "counter", "Checks of the primary, by what they found.");
        for (int i = 0; i < _VERDICT_MAX; i++) {
                sample(f, m, "checks_total", "verdict", verdict_name((enum verdict) i),
                        (double) m->checks[i]);
                sum += m->checks[i];
        }
        head(f, "check_duration_seconds", "summary", "How long the checks of the primary took.");
        sample(f, m, "check_duration_seconds_sum", NULL, NULL, SECONDS(m->took));
        sample(f, m, "check_duration_seconds_count", NULL, NULL, (double) sum);
}

char *metrics_text(const struct metrics *m, const struct status *s, usec_t now) {
        static const struct status none;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        put_numbers(f, m, s ?: &none, s != NULL, now);
        if (s)
                put_role(f, m, s);
        put_checks(f, m);
        if (fclose(f) == EOF) {
                free(text);
                return NULL;
        }
        return text;
}

/* The file. */

static void write_now(struct metrics *m, const struct status *s) {
        _cleanup_free_ char *text = metrics_text(m, s, now_usec(CLOCK_REALTIME));

        if (text)
                kept_file_write(&m->file, text);
        m->written = now_usec(CLOCK_BOOTTIME);
}

void metrics_write(struct metrics *m, const struct status *s) {
        if (m->file.path && (m->written == 0 || now_usec(CLOCK_BOOTTIME) >= m->written + WRITE_INTERVAL))
                write_now(m, s);
}

int metrics_new(const struct instance *n, const struct config *c, struct metrics **ret) {
        _cleanup_(metrics_freep) struct metrics *m = calloc(1, sizeof *m);
        const char *path = c->metrics_textfile;

        if (!m)
                return -ENOMEM;
        m->instance = n->name;
        m->file.advice =
                "Its directory must be writable for the daemon's user, and in the unit's ReadWritePaths=. See "
                "PROMETHEUS in openclaw-failover-guide(7).";
        if (path && *path)
                m->file.path = strdup(path);
        if (path && *path && !m->file.path)
                return -ENOMEM;
        *ret = TAKE(m);
        return 0;
}

struct metrics *metrics_free(struct metrics *m) {
        if (!m)
                return NULL;
        if (m->file.path && m->written > 0 && !m->file.unwritten)
                write_now(m, NULL);
        free(m->file.path);
        free(m);
        return NULL;
}
