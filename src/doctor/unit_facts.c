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

/* What of systemd's goes where: an empty string becomes NULL. */
static const struct fact {
        const char *property;
        bool of_service; /* a unit that is not loaded has none of these */
        char type;       /* of D-Bus; 'L': a list of strings */
        size_t offset;
} facts[] = {
#define FACT(property, of_service, type, member)                                                            \
        { property, of_service, type, offsetof(struct unit_facts, member) }
        FACT("LoadState", false, 's', load_state),
        FACT("Id", false, 's', id),
        FACT("ActiveState", false, 's', active_state),
        FACT("UnitFileState", false, 's', file_state),
        FACT("FragmentPath", false, 's', fragment),
        FACT("After", false, 'L', after),
        FACT("NeedDaemonReload", false, 'b', need_reload),
        FACT("StateChangeTimestamp", false, 't', changed),
        FACT("User", true, 's', user),
        FACT("Type", true, 's', type),
        FACT("Restart", true, 's', restart),
        FACT("ExecMainStatus", true, 'i', exec_status),
        FACT("TimeoutStopUSec", true, 't', timeout_stop),
        FACT("Environment", true, 'L', environment),
        FACT("ExecSearchPath", true, 'L', search_path),
        FACT("ReadWritePaths", true, 'L', writable),
        FACT("ReadOnlyPaths", true, 'L', closed),
#undef FACT
};

void unit_facts_clear(struct unit_facts *u) {
        for (size_t i = 0; i < ELEMENTSOF(facts); i++) {
                void **member = (void **) ((char *) u + facts[i].offset);

                if (facts[i].type == 's')
                        free(*member);
                else if (facts[i].type == 'L')
                        strv_free(*member);
        }
        free(u->name);
        free(u->program);
        strv_free(u->argv);
        paths_free(&u->credentials);
        *u = (struct unit_facts){ 0 };
}

/* The length of the longest of PATHS that PATH is within: of several, that one counts (systemd.exec(5)). */
static size_t longest_above(char *const *paths, const char *path) {
        size_t n = 0;

        for (; paths && *paths; paths++) {
                const char *above = *paths + strspn(*paths, "-+");

                if (path_is_within(path, above))
                        n = MAX(n, strlen(above));
        }
        return n;
}

bool unit_may_write(const struct unit_facts *u, const char *path) {
        return longest_above(u->writable, path) > longest_above(u->closed, path);
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

static int ask_fact(sd_bus *bus, const char *path, const struct fact *f, struct unit_facts *u) {
        const char *interface = f->of_service ? SERVICE_INTERFACE : UNIT_INTERFACE;
        void *member = (char *) u + f->offset;
        _cleanup_free_ char *text = NULL;
        int r;

        if (f->type == 'L')
                return sd_bus_get_property_strv(bus, SYSTEMD, path, interface, f->property, NULL, member);
        if (f->type != 's')
                return sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, interface, f->property, NULL, f->type, member);
        r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, f->property, NULL, &text);
        if (r >= 0 && *text)
                *(char **) member = TAKE(text);
        return r;
}

/* ExecStart is a(sasbttttuii): path, arguments, and how its last run went. Only the first command matters. */
static int ask_command(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *program;
        int r;

        r = sd_bus_get_property(
                bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecStart", NULL, &m, "a(sasbttttuii)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        if (r >= 0)
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
static int ask_credentials(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name, *file;
        int r;

        r = sd_bus_get_property(bus, SYSTEMD, path, SERVICE_INTERFACE, "LoadCredential", NULL, &m, "a(ss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &name, &file)) > 0) {
                _cleanup_free_ char *entry = NULL;

                r = asprintf(&entry, "%s:%s", name, file) < 0 ? -ENOMEM : paths_add(&u->credentials, entry);
        }
        return r;
}

int unit_facts_ask(sd_bus *bus, const char *name, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int r;

        u->name = strdup(name);
        if (!u->name)
                return -ENOMEM;
        r = sd_bus_call_method(
                bus, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE, "LoadUnit", NULL, &reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(facts); i++)
                if (!facts[i].of_service || unit_is_loaded(u))
                        r = ask_fact(bus, path, &facts[i], u);
        if (r >= 0 && unit_is_loaded(u))
                r = ask_command(bus, path, u);
        if (r >= 0 && unit_is_loaded(u))
                r = ask_credentials(bus, path, u);
        return r;
}
