/* The queue of alerts that wait, kept on disk; see alert_queue.h. */
#include "alert/alert_queue.h"

#include <errno.h>
#include <string.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"

#define FILE_MAX ((size_t) 512 * 1024)

static json_t *to_json(const struct alert_message *m) {
        return json_pack("{s:o, s:i, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "event",
                json_text(m->event), "level", m->level, "title", json_text(m->title), "text",
                json_text(m->text), "commands", m->commands ? m->commands : "", "primary",
                json_text(m->primary), "reason", json_text(m->reason), "time", (json_int_t) m->time, "since",
                (json_int_t) m->since, "hold", (json_int_t) m->hold, "outage", (json_int_t) m->outage,
                "lasted", (json_int_t) m->lasted);
}

int alert_queue_read(json_t *alert, struct alert_message *ret) {
        json_int_t time, since = 0, hold = 0, outage = 0, lasted = 0;
        struct alert_message m = {};

        if (json_unpack(alert, "{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:I, s?I, s?I, s?I, s?I}", "event",
                    &m.event, "level", &m.level, "title", &m.title, "text", &m.text, "commands", &m.commands,
                    "primary", &m.primary, "reason", &m.reason, "time", &time, "since", &since, "hold",
                    &hold, "outage", &outage, "lasted", &lasted) < 0 ||
                m.level < LOG_EMERG || m.level > LOG_DEBUG)
                return -EINVAL;
        m.time = (usec_t) MAX(time, 0);
        m.since = (usec_t) MAX(since, 0);
        m.hold = (usec_t) MAX(hold, 0);
        m.outage = (usec_t) MAX(outage, 0);
        m.lasted = (usec_t) MAX(lasted, 0);
        *ret = m;
        return 0;
}

void alert_queue_change(json_t *alert, const struct alert_message *m) {
        json_auto_t *j = to_json(m);

        if (j)
                (void) json_object_update(alert, j);
}

json_t *alert_queue_push(struct alert_queue *q, const struct alert_message *m) {
        json_t *j = to_json(m);

        if (json_array_append_new(q->alerts, j) < 0)
                return NULL;
        if (json_array_size(q->alerts) > ALERTS_MAX) {
                log_error(
                        "%d alerts wait to be delivered, as many as the daemon keeps: the oldest, \"%s\", is lost.",
                        ALERTS_MAX,
                        json_string_value(json_object_get(json_array_get(q->alerts, 0), "event")));
                (void) json_array_remove(q->alerts, 0);
                q->dropped++;
        }
        return j;
}

json_t *alert_queue_first(const struct alert_queue *q, struct alert_message *ret) {
        json_t *first = json_array_get(q->alerts, 0);

        return alert_queue_read(first, ret) < 0 ? NULL : first;
}

void alert_queue_remove(struct alert_queue *q, const json_t *alert) {
        if (json_array_get(q->alerts, 0) == alert)
                (void) json_array_remove(q->alerts, 0);
}

unsigned alert_queue_withdraw(struct alert_queue *q, usec_t now) {
        size_t before = json_array_size(q->alerts);
        struct alert_message m;

        for (size_t i = before; i-- > 0;)
                if (alert_queue_read(json_array_get(q->alerts, i), &m) >= 0 && m.hold > now)
                        (void) json_array_remove(q->alerts, i);
        return (unsigned) (before - json_array_size(q->alerts));
}

/* --- the file ------------------------------------------------------------------------------------------ */

static bool from_text(struct alert_queue *q, const char *text) {
        json_auto_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        int version, dropped;
        struct alert_message m;
        json_t *alerts, *alert;
        size_t i;

        if (!j ||
                json_unpack(j, "{s:i, s:i, s:o}", "version", &version, "dropped", &dropped, "alerts",
                        &alerts) < 0 ||
                version != 1 || dropped < 0 || !json_is_array(alerts))
                return false;
        q->dropped = (unsigned) dropped;
        json_array_foreach (alerts, i, alert)
                if (alert_queue_read(alert, &m) < 0 || !alert_queue_push(q, &m))
                        return false;
        return true;
}

int alert_queue_load(struct alert_queue *q, const char *directory) {
        int r;

        q->file.secret = true; /* alerts say much about the primary */
        q->file.meaning = "Alerts that are not delivered yet are lost if this daemon stops.";
        q->alerts = json_array();
        if (!q->alerts || asprintf(&q->file.path, "%s/alerts.json", directory) < 0)
                return -ENOMEM;
        r = read_file(q->file.path, FILE_MAX, &q->saved);
        if ((r < 0 && r != -ENOENT) || (r >= 0 && !from_text(q, q->saved)))
                log_warning(
                        "%s cannot be read (%s): alerts in it that were not delivered before may be lost.",
                        q->file.path, r < 0 ? strerror(-r) : "its content is broken");
        return 0;
}

void alert_queue_clear(struct alert_queue *q) {
        json_decref(q->alerts);
        free(q->file.path);
        free(q->saved);
}

bool alert_queue_save(struct alert_queue *q) {
        _cleanup_free_ char *text = NULL;
        json_auto_t *j = NULL;

        if (json_array_size(q->alerts) > 0 || q->dropped > 0) {
                j = json_pack("{s:i, s:I, s:O}", "version", 1, "dropped", (json_int_t) q->dropped, "alerts",
                        q->alerts);
                text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
                if (!text)
                        return false;
        }
        if (!q->file.unwritten && (text && q->saved ? strcmp(text, q->saved) == 0 : text == q->saved))
                return true;
        kept_file_write(&q->file, text);
        free(q->saved);
        q->saved = q->file.unwritten ? NULL : TAKE(text);
        return !q->file.unwritten;
}
