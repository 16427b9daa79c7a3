/* Alerts that wait; see alert_queue.h. */
#include "alert/alert_queue.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "lib/file.h"
#include "lib/file_writer.h"
#include "lib/log.h"
#include "lib/text.h"

#define FILE_MAX ((size_t) 512 * 1024)
#define MODE_PRIVATE 0600 /* not every user needs to know that much of the primary */

/* What waits is kept as it stands in the file: JSON, each with a number of its own. */
struct alert_queue {
        char *path;
        json_t *alerts;
        struct alert_message first; /* as it was looked at last */
        json_int_t last_id;
        unsigned dropped;
        pid_t writer;
        bool dirty;
        bool unwritable; /* and the journal has that */
};

static json_t *safe_json(const char *text, size_t max) {
        char safe[ALERT_TEXT_MAX];

        return json_string(safe_text(safe, MIN(max, sizeof safe), text ? text : ""));
}

/* USEC_INFINITY becomes -1. */
static json_t *to_json(const struct alert_message *m, json_int_t id) {
        return json_pack("{s:I, s:o, s:i, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "id", id,
                "event", safe_json(m->event, 64), "level", m->level, "title", safe_json(m->title, 128),
                "text", safe_json(m->text, ALERT_TEXT_MAX), "commands", m->commands ? m->commands : "",
                "primary", safe_json(m->primary, 300), "reason", safe_json(m->reason, 256), "time",
                (json_int_t) m->time, "since", (json_int_t) m->since, "hold", (json_int_t) m->hold, "outage",
                (json_int_t) m->outage, "lasted", (json_int_t) m->lasted);
}

static int from_json(json_t *j, struct alert_message *ret) {
        json_int_t time, since = 0, hold = 0, outage = -1, lasted = -1;
        struct alert_message m = {};

        if (json_unpack(j, "{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:I, s?I, s?I, s?I, s?I}", "event", &m.event,
                    "level", &m.level, "title", &m.title, "text", &m.text, "commands", &m.commands,
                    "primary", &m.primary, "reason", &m.reason, "time", &time, "since", &since, "hold",
                    &hold, "outage", &outage, "lasted", &lasted) < 0 ||
                m.level < LOG_EMERG || m.level > LOG_DEBUG)
                return -EINVAL;
        m.time = (usec_t) MAX(time, 0);
        m.since = (usec_t) MAX(since, 0);
        m.hold = (usec_t) MAX(hold, 0);
        m.outage = outage < 0 ? USEC_INFINITY : (usec_t) outage;
        m.lasted = lasted < 0 ? USEC_INFINITY : (usec_t) lasted;
        *ret = m;
        return 0;
}

static json_t *item(const struct alert_queue *q, size_t i) {
        return json_array_get(q->alerts, i);
}

static json_int_t number(json_t *j, const char *name) {
        return json_integer_value(json_object_get(j, name));
}

static void remove_at(struct alert_queue *q, size_t i) {
        (void) json_array_remove(q->alerts, i);
        q->dirty = true;
}

int alert_queue_push(struct alert_queue *q, const struct alert_message *m) {
        if (json_array_append_new(q->alerts, to_json(m, ++q->last_id)) < 0)
                return -ENOMEM;
        if (alert_queue_length(q) > ALERTS_MAX) {
                log_error(
                        "%d alerts wait to be delivered, as many as the daemon keeps: the oldest, \"%s\", is lost.",
                        ALERTS_MAX, json_string_value(json_object_get(item(q, 0), "event")));
                remove_at(q, 0);
                q->dropped++;
        }
        q->dirty = true;
        return 0;
}

const struct alert_message *alert_queue_first(struct alert_queue *q, uint64_t *ret_id) {
        if (from_json(item(q, 0), &q->first) < 0)
                return NULL;
        *ret_id = (uint64_t) number(item(q, 0), "id");
        return &q->first;
}

void alert_queue_remove(struct alert_queue *q, uint64_t id) {
        for (size_t i = 0; i < alert_queue_length(q); i++)
                if ((uint64_t) number(item(q, i), "id") == id) {
                        remove_at(q, i);
                        return;
                }
}

unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now) {
        unsigned withdrawn = 0;

        for (size_t i = alert_queue_length(q); i > 0; i--)
                if (number(item(q, i - 1), "hold") > (json_int_t) now) {
                        remove_at(q, i - 1);
                        withdrawn++;
                }
        return withdrawn;
}

size_t alert_queue_length(const struct alert_queue *q) {
        return json_array_size(q->alerts);
}

unsigned alert_queue_dropped(const struct alert_queue *q) {
        return q->dropped;
}

void alert_queue_count_dropped(struct alert_queue *q) {
        q->dropped++;
        q->dirty = true;
}

void alert_queue_mentioned_dropped(struct alert_queue *q, unsigned n) {
        q->dropped -= MIN(n, q->dropped);
        q->dirty = q->dirty || n > 0;
}

/* --- the file --------------------------------------------------------------------------------------------- */

static int from_text(struct alert_queue *q, const char *text) {
        json_auto_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        int version, dropped, r = 0;
        struct alert_message m;
        json_t *alerts, *alert;
        size_t i;

        if (!j ||
                json_unpack(j, "{s:i, s:i, s:o}", "version", &version, "dropped", &dropped, "alerts",
                        &alerts) < 0 ||
                version != 1 || dropped < 0 || !json_is_array(alerts))
                return -EINVAL;
        q->dropped = (unsigned) dropped;
        json_array_foreach (alerts, i, alert) {
                r = from_json(alert, &m);
                if (r >= 0)
                        r = alert_queue_push(q, &m);
                if (r < 0)
                        break;
        }
        return r;
}

int alert_queue_new(const char *path, struct alert_queue **ret) {
        _cleanup_(alert_queue_freep) struct alert_queue *q = calloc(1, sizeof *q);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!q)
                return -ENOMEM;
        q->path = strdup(path);
        q->alerts = json_array();
        if (!q->path || !q->alerts)
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
        json_decref(q->alerts);
        free(q->path);
        free(q);
        return NULL;
}

void alert_queue_save(struct alert_queue *q) {
        _cleanup_free_ char *text = NULL;
        json_auto_t *j = NULL;
        int r;

        if (!q->dirty)
                return;
        if (alert_queue_length(q) == 0 && q->dropped == 0)
                r = write_file_aside(&q->writer, q->path, NULL, 0);
        else {
                j = json_pack("{s:i, s:I, s:O}", "version", 1, "dropped", (json_int_t) q->dropped, "alerts",
                        q->alerts);
                text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
                r = text ? write_file_aside(&q->writer, q->path, text, MODE_PRIVATE) : -ENOMEM;
        }
        if (r < 0 && !q->unwritable)
                log_error(
                        "%s cannot be written: %s. Alerts that are not delivered yet are lost if this daemon stops.",
                        q->path, writer_error(r));
        q->unwritable = r < 0;
        q->dirty = r < 0;
}

void alert_queue_clear(struct alert_queue *q) {
        (void) json_array_clear(q->alerts);
        q->dropped = 0;
        q->dirty = true;
        alert_queue_save(q);
}
