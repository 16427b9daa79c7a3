/* A unit's properties, for the looks of doctor; see unit_facts.h. */
#include "doctor/unit_facts.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "config/validate.h"
#include "lib/clock.h"
#include "lib/program.h"
#include "lib/text.h"

#define DEADLINE (5 * USEC_PER_SEC)

int properties_ask(
        const char *name, const char *bus_name, const char *path, struct unit_facts *ret, char **ret_error) {
        const char *const argv[] = { "busctl", "--json=short", "call", bus_name, path,
                "org.freedesktop.DBus.Properties", "GetAll", "s", "", NULL };
        _cleanup_free_ char *output = NULL, *errors = NULL;
        json_auto_t *answer = NULL;
        const char *property;
        json_t *variant;
        int r;

        *ret = (struct unit_facts){ .name = strdup(name), .properties = json_object() };
        r = program_run(argv, now_usec(CLOCK_BOOTTIME) + DEADLINE, &output, &errors);
        if (r != 0) {
                *ret_error = r > 0 ? strndup(errors, strcspn(errors, "\n")) : strdup(strerror(-r));
                return -EIO;
        }
        /* Infinity is larger than jansson's integers. */
        answer = json_loads(output, JSON_DECODE_INT_AS_REAL, NULL);
        json_object_foreach (json_array_get(json_object_get(answer, "data"), 0), property, variant)
                (void) json_object_set(ret->properties, property, json_object_get(variant, "data"));
        return 0;
}

int unit_facts_ask(const char *unit, struct unit_facts *ret, char **ret_error) {
        _cleanup_free_ char *path = NULL;
        int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);

        return r < 0 ? r : properties_ask(unit, "org.freedesktop.systemd1", path, ret, ret_error);
}

void unit_facts_clear(struct unit_facts *u) {
        free(u->name);
        json_decref(u->properties);
        *u = (struct unit_facts){ 0 };
}

const char *unit_text(const struct unit_facts *u, const char *property) {
        const char *text = json_string_value(json_object_get(u->properties, property));

        return text && *text ? text : NULL;
}

bool unit_is(const struct unit_facts *u, const char *property, const char *text) {
        const char *value = unit_text(u, property);

        return value && strcmp(value, text) == 0;
}

usec_t unit_number(const struct unit_facts *u, const char *property) {
        const json_t *value = json_object_get(u->properties, property);
        double number = json_number_value(value);

        return json_is_true(value) ? 1 : number < (double) USEC_INFINITY ? (usec_t) number : USEC_INFINITY;
}

json_t *unit_list(const struct unit_facts *u, const char *property) {
        return json_object_get(u->properties, property);
}

bool unit_is_loaded(const struct unit_facts *u) {
        return unit_is(u, "LoadState", "loaded");
}

/* ExecStart is a(sasbttttuii): path, words, and how the last run went. */
const char *unit_program(const struct unit_facts *u) {
        return json_string_value(json_array_get(json_array_get(unit_list(u, "ExecStart"), 0), 0));
}

json_t *unit_words(const struct unit_facts *u) {
        return json_array_get(json_array_get(unit_list(u, "ExecStart"), 0), 1);
}

/* The length of the longest of PATHS that PATH is within: the longest one counts (systemd.exec(5)). */
static size_t longest_above(const json_t *paths, const char *path) {
        const json_t *item;
        size_t i, n = 0;

        json_array_foreach (paths, i, item) {
                const char *above = json_string_value(item);

                above += strspn(above, "-+");
                if (path_is_within(path, above))
                        n = MAX(n, strlen(above));
        }
        return n;
}

bool unit_may_write(const struct unit_facts *u, const char *path) {
        return longest_above(unit_list(u, "ReadWritePaths"), path) >
                longest_above(unit_list(u, "ReadOnlyPaths"), path);
}

const char *unit_environment(const struct unit_facts *u, const char *name) {
        const char *value = NULL;
        size_t i, n = strlen(name);
        const json_t *item;

        json_array_foreach (unit_list(u, "Environment"), i, item) {
                const char *s = json_string_value(item);

                if (begins_with(s, name) && s[n] == '=')
                        value = s + n + 1; /* the last one counts */
        }
        return value;
}
