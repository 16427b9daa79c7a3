/* Times and spans in JSON; see json.h. */
#include "lib/json.h"

#include "lib/text.h"

json_t *json_time(usec_t realtime) {
        time_t seconds = (time_t) (realtime / USEC_PER_SEC);
        char text[64], whole[80];
        struct tm tm;

        if (realtime == 0)
                return json_null();
        if (realtime == USEC_INFINITY)
                return json_string("infinity");
        if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return json_null();
        (void) snprintf(whole, sizeof whole, "%s.%06uZ", text, (unsigned) (realtime % USEC_PER_SEC));
        return json_string(whole);
}

json_t *json_span(usec_t span) {
        return span == USEC_INFINITY ? json_null() : json_real((double) span / USEC_PER_SEC);
}

json_t *json_text(const char *text) {
        char safe[1024];

        return json_string(safe_text(safe, sizeof safe, text ? text : ""));
}

json_t *json_lines(const char *text) {
        json_t *array = json_array();

        for (size_t n; *text; text += n + (text[n] == '\n')) {
                n = strcspn(text, "\n");
                (void) json_array_append_new(array, json_stringn(text, n));
        }
        return array;
}

void json_join(const json_t *list, const char *between, char *buf, size_t size) {
        const json_t *item;
        char raw[256] = "";
        size_t i;

        json_array_foreach (list, i, item)
                (void) appendf(
                        raw, sizeof raw, "%s%s", i > 0 ? between : "", json_string_value(item) ?: "?");
        (void) safe_text(buf, size, raw);
}
