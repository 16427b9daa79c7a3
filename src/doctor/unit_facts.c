/* What systemd says of a unit; see unit_facts.h. */
#include "doctor/unit_facts.h"

#include <errno.h>
#include <string.h>

#include "config/validate.h"
#include "lib/strv.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"

#define CALL_TIMEOUT (5 * USEC_PER_SEC)

void unit_facts_clear(struct unit_facts *u) {
        char *strings[] = { u->name, u->id, u->load_state, u->active_state, u->result, u->restart,
                u->file_state, u->fragment, u->user, u->program };
        char **lists[] = { u->after, u->environment, u->search_path, u->argv, u->credentials, u->writable };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(strings[i]);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                strv_free(lists[i]);
        *u = (struct unit_facts){ 0 };
}

bool unit_may_write(const struct unit_facts *u, const char *path) {
        for (char **w = u->writable; w && *w; w++)
                if (path_is_within(path, *w + strspn(*w, "-+")))
                        return true;
        return false;
}

bool unit_is_loaded(const struct unit_facts *u) {
        return u->load_state && strcmp(u->load_state, "loaded") == 0;
}

const char *unit_environment(const struct unit_facts *u, const char *name) {
        size_t n = strlen(name);
        const char *value = NULL;

        for (char **s = u->environment; s && *s; s++)
                if (strncmp(*s, name, n) == 0 && (*s)[n] == '=')
                        value = *s + n + 1; /* the last one counts */
        return value;
}

/* The property NAME as a string; an empty one becomes NULL. */
static int get_string(sd_bus *bus, const char *path, const char *interface, const char *name, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, name, NULL, &text);
        if (r < 0)
                return r;
        *ret = *text ? TAKE(text) : NULL;
        return 0;
}

/* ExecStart is a(sasbttttuii): path, arguments, and how its last run went. Only the first command matters. */
static int get_command(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *program;
        int r;

        r = sd_bus_get_property(
                bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecStart", NULL, &m, "a(sasbttttuii)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'r', "sasbttttuii");
        if (r <= 0)
                return r; /* there is none */
        r = sd_bus_message_read(m, "s", &program);
        if (r < 0)
                return r;
        u->program = strdup(program);
        return u->program ? sd_bus_message_read_strv(m, &u->argv) : -ENOMEM;
}

/* LoadCredential is a(ss): name and path. */
static int get_credentials(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name, *file;
        size_t n = 0;
        int r;

        r = sd_bus_get_property(bus, SYSTEMD, path, SERVICE_INTERFACE, "LoadCredential", NULL, &m, "a(ss)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &name, &file)) > 0) {
                char **longer = reallocarray(u->credentials, n + 2, sizeof *longer);

                if (!longer)
                        return -ENOMEM;
                u->credentials = longer;
                longer[n] = longer[n + 1] = NULL;
                if (asprintf(&longer[n], "%s:%s", name, file) < 0) {
                        longer[n] = NULL;
                        return -ENOMEM;
                }
                n++;
        }
        return r;
}

/* What only a service has; a unit that is not loaded has none of it. */
static int ask_service(sd_bus *bus, const char *path, struct unit_facts *u) {
        int r;

        r = get_string(bus, path, SERVICE_INTERFACE, "User", &u->user);
        if (r >= 0)
                r = get_string(bus, path, SERVICE_INTERFACE, "Result", &u->result);
        if (r >= 0)
                r = get_string(bus, path, SERVICE_INTERFACE, "Restart", &u->restart);
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecMainStatus", NULL, 'i', &u->exec_status);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SERVICE_INTERFACE, "TimeoutStopUSec",
                        NULL, 't', &u->timeout_stop);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "Environment", NULL, &u->environment);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecSearchPath", NULL, &u->search_path);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ReadWritePaths", NULL, &u->writable);
        if (r >= 0)
                r = get_command(bus, path, u);
        if (r >= 0)
                r = get_credentials(bus, path, u);
        return r;
}

int unit_facts_ask(sd_bus *bus, const char *name, struct unit_facts *u) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int need_reload = 0, r;

        u->name = strdup(name);
        if (!u->name)
                return -ENOMEM;
        r = sd_bus_call_method(
                bus, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE, "LoadUnit", &error, &reply, "s", name);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "LoadState", &u->load_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "Id", &u->id);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "ActiveState", &u->active_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "UnitFileState", &u->file_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "FragmentPath", &u->fragment);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, SYSTEMD, path, UNIT_INTERFACE, "After", NULL, &u->after);
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, UNIT_INTERFACE, "NeedDaemonReload", NULL, 'b', &need_reload);
        u->need_reload = need_reload;
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, UNIT_INTERFACE, "StateChangeTimestamp", NULL, 't', &u->changed);
        return r >= 0 && unit_is_loaded(u) ? ask_service(bus, path, u) : r;
}
