/* The status as JSON; see status_json.h. */
#include "cli/status_json.h"

#include <string.h>

#include "cli/daemon_client.h"
#include "status_properties.h"

int status_exit(const struct status *s) {
        _Static_assert((int) STATUS_WELL == EXIT_WELL && (int) STATUS_DEGRADED == EXIT_DEGRADED &&
                        (int) STATUS_UNREACHABLE == EXIT_UNREACHABLE,
                "an exit status is a level");

        return (int) status_level(s);
}

/* Sets KEY; "a.b" is b within the object a. Takes VALUE over. */
static int set(json_t *j, const char *key, json_t *value) {
        const char *dot = strchr(key, '.');
        char outer[64];

        if (!dot)
                return json_object_set_new(j, key, value);
        (void) snprintf(outer, sizeof outer, "%.*s", (int) (dot - key), key);
        if (!json_object_get(j, outer))
                (void) json_object_set_new(j, outer, json_object());
        return json_object_set_new(json_object_get(j, outer), dot + 1, value);
}

json_t *status_json(const struct status *s, const char *why, const struct instance *n, usec_t now) {
        char sentence[SENTENCE_MAX], next[SENTENCE_MAX];
        const struct property *p;
        json_auto_t *j = NULL;
        size_t n_properties;

        j = json_pack("{s:i, s:s, s:b, s:s, s:s}", "version", STATUS_VERSION, "instance", n->name, "running",
                s != NULL, "level", s ? status_level_name(status_level(s)) : "not running", "summary",
                s ? status_sentence(s, sentence) : why);
        if (j && s && set(j, "next", json_string(status_next(s, now, next))) < 0)
                return NULL;
        p = properties(&n_properties);
        for (size_t i = 0; j && s && i < n_properties; i++)
                if (set(j, p[i].key, property_json(&p[i], s)) < 0)
                        return NULL;
        return TAKE(j);
}
