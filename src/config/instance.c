/* Every path, unit and bus name of one instance; see instance.h. */
#include "config/instance.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "config/config.h"

#define INSTANCE_MAX 32

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
        { offsetof(struct instance, bus_name), "org.openclaw.Failover1", ".", "" },
};

static char **part_of(struct instance *n, size_t i) {
        return (char **) ((char *) n + parts[i].offset);
}

int instance_new(const char *name, struct instance **ret) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        _cleanup_(instance_freep) struct instance *n = NULL;

        name = name ?: "";
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

struct instance **instances_free(struct instance **list) {
        for (struct instance **n = list; n && *n; n++)
                instance_free(*n);
        free(list);
        return NULL;
}

/* The shipped ini names no primary. A user who has only named instances leaves it so. An ini with any other
 * error belongs to an instance that should run. */
int instances_list(struct instance ***ret) {
        _cleanup_(instances_freep) struct instance **list = NULL;
        _cleanup_(globfree) glob_t found = {};
        int r = 0, n = 0;

        (void) glob(INI_DIRECTORY "/?*" INI_SUFFIX, 0, NULL, &found);
        list = calloc(found.gl_pathc + 2, sizeof *list);
        if (!list)
                return -ENOMEM;
        if (!config_is_unused(INI_DIRECTORY INI_SUFFIX))
                r = instance_new("", &list[n++]);
        for (size_t i = 0; r != -ENOMEM && i < found.gl_pathc; i++) {
                char *name = found.gl_pathv[i] + strlen(INI_DIRECTORY "/");

                name[strlen(name) - strlen(INI_SUFFIX)] = '\0';
                r = instance_new(name, &list[n]);
                n += r >= 0;
        }
        if (r == -ENOMEM)
                return r;
        *ret = TAKE(list);
        return n;
}
