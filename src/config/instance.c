/* Every path, unit and bus name of one instance; see instance.h. */
#include "config/instance.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "lib/strv.h"
#include "lib/text.h"

#define INSTANCE_MAX 32

bool instance_name_is_valid(const char *s) {
        if (!isalpha((unsigned char) *s) || strlen(s) > INSTANCE_MAX)
                return false;
        for (; *s; s++)
                if (!isascii((unsigned char) *s) || (!isalnum((unsigned char) *s) && *s != '_'))
                        return false;
        return true;
}

/* BASE SUFFIX for the plain instance, BASE SEPARATOR NAME SUFFIX for a named one. */
static char *compose(const char *base, const char *separator, const char *name, const char *suffix) {
        char *s;

        if (asprintf(&s, "%s%s%s%s", base, *name ? separator : "", name, suffix) < 0)
                return NULL;
        return s;
}

int instance_new(const char *name, struct instance **ret) {
        _cleanup_(instance_freep) struct instance *n = NULL;

        if (!name)
                name = "";
        if (*name && !instance_name_is_valid(name))
                return -EINVAL;

        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        n->name = strdup(name);
        n->program = compose("openclaw-failover", " -i ", name, "");
        n->config = compose(DEFAULT_SYSCONFDIR "/openclaw-failover", "/", name, ".ini");
        n->unit = compose("openclaw-failover", "@", name, ".service");
        n->sync_unit = compose("openclaw-failover-sync", "@", name, ".service");
        n->runtime_dir = compose("/run/openclaw-failover", "@", name, "");
        n->state_dir = compose("/var/lib/openclaw-failover", "@", name, "");
        n->sync_state_dir = compose("/var/lib/openclaw-failover-sync", "@", name, "");
        n->bus_name = compose("org.openclaw.Failover1", ".", name, "");
        if (!n->name || !n->program || !n->config || !n->unit || !n->sync_unit || !n->runtime_dir ||
                !n->state_dir || !n->sync_state_dir || !n->bus_name)
                return -ENOMEM;

        *ret = TAKE(n);
        return 0;
}

struct instance *instance_free(struct instance *n) {
        if (!n)
                return NULL;
        free(n->name);
        free(n->program);
        free(n->config);
        free(n->unit);
        free(n->sync_unit);
        free(n->runtime_dir);
        free(n->state_dir);
        free(n->sync_state_dir);
        free(n->bus_name);
        free(n);
        return NULL;
}

#define BUS_PREFIX "org.openclaw.Failover1"
#define INI_DIRECTORY DEFAULT_SYSCONFDIR "/openclaw-failover"
#define INI_SUFFIX ".ini"

DEFINE_CLEANUP(DIR *, closedir)

struct list {
        struct instance **items;
        size_t n;
};

/* Adds NAME, unless it is there or can be no instance's name. 0 or -ENOMEM. */
static int add(struct list *l, const char *name) {
        _cleanup_(instance_freep) struct instance *n = NULL;
        struct instance **more;
        int r;

        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->items[i]->name, name) == 0)
                        return 0;
        r = instance_new(name, &n);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        more = reallocarray(l->items, l->n + 2, sizeof *more);
        if (!more)
                return -ENOMEM;
        l->items = more;
        more[l->n++] = TAKE(n);
        more[l->n] = NULL;
        return 0;
}

static int add_running(struct list *l, sd_bus *bus) {
        _cleanup_strv_ char **on_bus = NULL;
        int r;

        r = sd_bus_list_names(bus, &on_bus, NULL);
        for (char **s = on_bus; r >= 0 && s && *s; s++)
                if (strcmp(*s, BUS_PREFIX) == 0)
                        r = add(l, "");
                else if (begins_with(*s, BUS_PREFIX "."))
                        r = add(l, *s + strlen(BUS_PREFIX "."));
        return MIN(r, 0);
}

/* The ini as it is shipped names no primary: who has instances alone leaves it at that. With any other fault it is the ini
 * of one that should run, and does not. */
static int add_plain(struct list *l) {
        _cleanup_(instance_freep) struct instance *n = NULL;
        int r;

        r = instance_new("", &n);
        if (r >= 0 && !config_is_unused(n->config))
                r = add(l, "");
        return r;
}

static int add_configured(struct list *l) {
        _cleanup_(closedirp) DIR *d = opendir(INI_DIRECTORY);
        const struct dirent *e;
        int r = 0;

        while (d && r >= 0 && (e = readdir(d))) {
                size_t length = strlen(e->d_name);
                _cleanup_free_ char *name = NULL;

                if (length <= strlen(INI_SUFFIX) ||
                        strcmp(e->d_name + length - strlen(INI_SUFFIX), INI_SUFFIX) != 0)
                        continue;
                name = strndup(e->d_name, length - strlen(INI_SUFFIX));
                r = name ? add(l, name) : -ENOMEM;
        }
        return r;
}

static int by_name(const void *a, const void *b) {
        return strcmp((*(struct instance *const *) a)->name, (*(struct instance *const *) b)->name);
}

struct instance **instances_free(struct instance **list) {
        for (struct instance **n = list; n && *n; n++)
                instance_free(*n);
        free(list);
        return NULL;
}

int instances_list(sd_bus *bus, struct instance ***ret) {
        _cleanup_(instances_freep) struct instance **items = NULL;
        struct list l = {};
        int r;

        r = bus ? add_running(&l, bus) : 0;
        if (r >= 0)
                r = add_plain(&l);
        if (r >= 0)
                r = add_configured(&l);
        items = l.items;
        if (r < 0)
                return r;
        if (l.n > 0)
                qsort(items, l.n, sizeof *items, by_name);
        *ret = TAKE(items);
        return (int) l.n;
}
