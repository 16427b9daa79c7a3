/* Alerts that wait; see alert_queue.h. */
#include "alert/alert_queue.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

#define FILE_MAX ((size_t) 512 * 1024)
#define MODE_PRIVATE 0600 /* not every user needs to know that much of the primary */

struct entry {
        uint64_t id;
        struct alert_message m;
        char event[64], title[128], text[ALERT_TEXT_MAX], primary[300], reason[256];
        char commands[1024]; /* made safe line by line when they are shown */
};

struct alert_queue {
        char *path;
        struct entry *entries[ALERTS_MAX];
        size_t n;
        uint64_t last_id;
        unsigned dropped;
        bool dirty;
        bool unwritable; /* and the journal has that */
};

static struct entry *entry_new(const struct alert_message *m) {
        struct entry *e = calloc(1, sizeof *e);

        if (!e)
                return NULL;
        e->m = *m;
        e->m.event = safe_text(e->event, sizeof e->event, m->event ? m->event : "");
        e->m.title = safe_text(e->title, sizeof e->title, m->title ? m->title : "");
        e->m.text = safe_text(e->text, sizeof e->text, m->text ? m->text : "");
        (void) snprintf(e->commands, sizeof e->commands, "%s", m->commands ? m->commands : "");
        e->m.commands = e->commands;
        e->m.primary = safe_text(e->primary, sizeof e->primary, m->primary ? m->primary : "");
        e->m.reason = safe_text(e->reason, sizeof e->reason, m->reason ? m->reason : "");
        return e;
}

static void remove_at(struct alert_queue *q, size_t i) {
        free(q->entries[i]);
        q->n--;
        (void) memmove(&q->entries[i], &q->entries[i + 1], (q->n - i) * sizeof q->entries[0]);
        q->dirty = true;
}

int alert_queue_push(struct alert_queue *q, const struct alert_message *m) {
        struct entry *e = entry_new(m);

        if (!e)
                return -ENOMEM;
        if (q->n == ALERTS_MAX) {
                log_error(
                        "%d alerts wait to be delivered, as many as the daemon keeps: the oldest, \"%s\", is lost.",
                        ALERTS_MAX, q->entries[0]->event);
                remove_at(q, 0);
                q->dropped++;
        }
        e->id = ++q->last_id;
        q->entries[q->n++] = e;
        q->dirty = true;
        return 0;
}

const struct alert_message *alert_queue_first(const struct alert_queue *q, uint64_t *ret_id) {
        if (q->n == 0)
                return NULL;
        *ret_id = q->entries[0]->id;
        return &q->entries[0]->m;
}

void alert_queue_remove(struct alert_queue *q, uint64_t id) {
        for (size_t i = 0; i < q->n; i++)
                if (q->entries[i]->id == id) {
                        remove_at(q, i);
                        return;
                }
}

unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now) {
        unsigned withdrawn = 0;

        for (size_t i = q->n; i > 0; i--)
                if (q->entries[i - 1]->m.hold > now) {
                        remove_at(q, i - 1);
                        withdrawn++;
                }
        return withdrawn;
}

size_t alert_queue_length(const struct alert_queue *q) {
        return q->n;
}

unsigned alert_queue_dropped(const struct alert_queue *q) {
        return q->dropped;
}

void alert_queue_count_dropped(struct alert_queue *q) {
        q->dropped++;
        q->dirty = true;
}

void alert_queue_told_dropped(struct alert_queue *q, unsigned n) {
        if (n == 0)
                return;
        q->dropped -= MIN(n, q->dropped);
        q->dirty = true;
}

/* --- the file --------------------------------------------------------------------------------------------- */

/* A span or time that is not known is not written. */
static int add_usec(json_t *j, const char *name, usec_t value, usec_t unknown) {
        return value == unknown ? 0 : json_object_set_new(j, name, json_integer((json_int_t) value));
}

static json_t *entry_json(const struct entry *e) {
        json_t *j = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:I}", "event", e->event, "level",
                e->m.level, "title", e->title, "text", e->text, "commands", e->commands, "primary",
                e->primary, "reason", e->reason, "time", (json_int_t) e->m.time);

        if (j &&
                (add_usec(j, "since", e->m.since, 0) < 0 || add_usec(j, "hold", e->m.hold, 0) < 0 ||
                        add_usec(j, "outage", e->m.outage, USEC_INFINITY) < 0 ||
                        add_usec(j, "lasted", e->m.lasted, USEC_INFINITY) < 0)) {
                json_decref(j);
                return NULL;
        }
        return j;
}

static char *to_text(const struct alert_queue *q) {
        json_auto_t *j = NULL;
        json_t *alerts = json_array();

        for (size_t i = 0; i < q->n; i++)
                if (json_array_append_new(alerts, entry_json(q->entries[i])) < 0) {
                        json_decref(alerts);
                        return NULL;
                }
        j = json_pack("{s:i, s:I, s:o}", "version", 1, "dropped", (json_int_t) q->dropped, "alerts", alerts);
        return j ? json_dumps(j, JSON_INDENT(1)) : NULL;
}

static usec_t get_usec(json_t *j, const char *name, usec_t unknown) {
        json_t *value = json_object_get(j, name);

        return json_is_integer(value) && json_integer_value(value) >= 0 ? (usec_t) json_integer_value(value)
                                                                        : unknown;
}

static int load_entry(struct alert_queue *q, json_t *j) {
        struct alert_message m = {
                .time = get_usec(j, "time", 0),
                .since = get_usec(j, "since", 0),
                .hold = get_usec(j, "hold", 0),
                .outage = get_usec(j, "outage", USEC_INFINITY),
                .lasted = get_usec(j, "lasted", USEC_INFINITY),
        };

        if (json_unpack(j, "{s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "event", &m.event, "level", &m.level,
                    "title", &m.title, "text", &m.text, "commands", &m.commands, "primary", &m.primary,
                    "reason", &m.reason) < 0)
                return -EINVAL;
        return alert_queue_push(q, &m);
}

static int from_text(struct alert_queue *q, const char *text) {
        json_auto_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        json_t *alerts, *alert;
        int version, dropped;
        size_t i;

        if (!j ||
                json_unpack(j, "{s:i, s:i, s:o}", "version", &version, "dropped", &dropped, "alerts",
                        &alerts) < 0 ||
                version != 1 || dropped < 0 || !json_is_array(alerts))
                return -EINVAL;
        q->dropped = (unsigned) dropped;
        json_array_foreach (alerts, i, alert) {
                int r = load_entry(q, alert);

                if (r < 0)
                        return r;
        }
        return 0;
}

int alert_queue_new(const char *path, struct alert_queue **ret) {
        _cleanup_(alert_queue_freep) struct alert_queue *q = calloc(1, sizeof *q);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!q)
                return -ENOMEM;
        q->path = strdup(path);
        if (!q->path)
                return -ENOMEM;
        r = read_file(path, FILE_MAX, &text);
        if (r >= 0)
                r = from_text(q, text);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                log_warning(
                        "%s cannot be read (%s): alerts in it that were not delivered before may be lost.",
                        path, r == -EINVAL ? "its content is broken" : strerror(-r));
        q->dirty = false;
        *ret = TAKE(q);
        return 0;
}

struct alert_queue *alert_queue_free(struct alert_queue *q) {
        if (!q)
                return NULL;
        for (size_t i = 0; i < q->n; i++)
                free(q->entries[i]);
        free(q->path);
        free(q);
        return NULL;
}

void alert_queue_save(struct alert_queue *q) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (!q->dirty)
                return;
        if (q->n == 0 && q->dropped == 0)
                r = unlink(q->path) < 0 && errno != ENOENT ? -errno : 0;
        else {
                text = to_text(q);
                r = text ? write_file_quick(q->path, text, MODE_PRIVATE) : -ENOMEM;
        }
        if (r < 0 && !q->unwritable)
                log_error(
                        "%s cannot be written: %s. Alerts that are not delivered yet are lost if this daemon stops.",
                        q->path, strerror(-r));
        q->unwritable = r < 0;
        q->dirty = r < 0;
}

void alert_queue_clear(struct alert_queue *q) {
        while (q->n > 0)
                remove_at(q, q->n - 1);
        q->dropped = 0;
        q->dirty = true;
        alert_queue_save(q);
}
