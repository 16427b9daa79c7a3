/* Every path, unit and bus name of one instance; see instance.h. */
#include "config/instance.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "config/config.h"
#include "lib/strv.h"
#include "lib/text.h"

#define INSTANCE_MAX 32

#define BUS_PREFIX "org.openclaw.Failover1"
#define INI_DIRECTORY DEFAULT_SYSCONFDIR "/openclaw-failover"
#define INI_SUFFIX ".ini"

/* BASE SUFFIX for the plain instance, BASE SEPARATOR NAME SUFFIX for a named one. */
static const struct {
        size_t offset;
        const char *base, *separator, *suffix;
} parts[] = {
        { offsetof(struct instance, name), "", "", "" },
        { offsetof(struct instance, program), "openclaw-failover", " -i ", "" },
        { offsetof(struct instance, config), INI_DIRECTORY, "/", INI_SUFFIX },
        { offsetof(struct instance, unit), "openclaw-failover", "@", ".service" },
        { offsetof(struct instance, sync_unit), "openclaw-failover-sync", "@", ".service" },
        { offsetof(struct instance, alert_unit), "openclaw-failover-alert", "@", ".service" },
        { offsetof(struct instance, runtime_dir), "/run/openclaw-failover", "@", "" },
        { offsetof(struct instance, state_dir), "/var/lib/openclaw-failover", "@", "" },
        { offsetof(struct instance, sync_state_dir), "/var/lib/openclaw-failover-sync", "@", "" },
        { offsetof(struct instance, bus_name), BUS_PREFIX, ".", "" },
};

static char **part_of(struct instance *n, size_t i) {
        return (char **) ((char *) n + parts[i].offset);
}

int instance_new(const char *name, struct instance **ret) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        _cleanup_(instance_freep) struct instance *n = NULL;

        if (!name)
                name = "";
        if (*name &&
                (!isalpha((unsigned char) *name) || strlen(name) > INSTANCE_MAX ||
                        name[strspn(name, allowed)]))
                return -EINVAL;
        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (asprintf(part_of(n, i), "%s%s%s%s", parts[i].base, *name ? parts[i].separator : "", name,
                            parts[i].suffix) < 0)
                        return -ENOMEM;
        *ret = TAKE(n);
        return 0;
}

struct instance *instance_free(struct instance *n) {
        if (!n)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                free(*part_of(n, i));
        free(n);
        return NULL;
}

/* Adds the instances' names on the bus. Some names may be invalid. */
static int add_running(struct paths *names, sd_bus *bus) {
        _cleanup_strv_ char **on_bus = NULL;
        int r;

        r = sd_bus_list_names(bus, &on_bus, NULL);
        for (char **s = on_bus; r >= 0 && s && *s; s++)
                if (strcmp(*s, BUS_PREFIX) == 0)
                        r = paths_add(names, "");
                else if (begins_with(*s, BUS_PREFIX "."))
                        r = paths_add(names, *s + strlen(BUS_PREFIX "."));
        return MIN(r, 0);
}

/* The shipped ini names no primary. A user who has only named instances leaves it so. An ini with any other
 * error belongs to an instance that should run. */
static int add_configured(struct paths *names) {
        _cleanup_(globfree) glob_t found = {};
        int r = config_is_unused(INI_DIRECTORY INI_SUFFIX) ? 0 : paths_add(names, "");

        (void) glob(INI_DIRECTORY "/?*" INI_SUFFIX, GLOB_NOSORT, NULL, &found);
        for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++) {
                char *name = found.gl_pathv[i] + strlen(INI_DIRECTORY "/");

                name[strlen(name) - strlen(INI_SUFFIX)] = '\0';
                r = paths_add(names, name);
        }
        return r;
}

struct instance **instances_free(struct instance **list) {
        for (struct instance **n = list; n && *n; n++)
                instance_free(*n);
        free(list);
        return NULL;
}

int instances_list(sd_bus *bus, struct instance ***ret) {
        _cleanup_(instances_freep) struct instance **list = NULL;
        _cleanup_paths_ struct paths names = {};
        int r, n = 0;

        r = bus ? add_running(&names, bus) : 0;
        if (r >= 0)
                r = add_configured(&names);
        if (r < 0)
                return r;
        paths_sort(&names);
        list = calloc(names.n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < names.n; i++) {
                r = instance_new(names.items[i], &list[n]);
                if (r < 0 && r != -EINVAL)
                        return r;
                n += r >= 0;
        }
        *ret = TAKE(list);
        return n;
}
