/* Every path, unit and bus name of one instance; see names.h. */
#include "config/instance.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define INSTANCE_MAX 32

bool instance_name_is_valid(const char *s) {
        if (!isalpha((unsigned char) *s) || strlen(s) > INSTANCE_MAX)
                return false;
        for (; *s; s++)
                if (!isascii((unsigned char) *s) || (!isalnum((unsigned char) *s) && *s != '_'))
                        return false;
        return true;
}

/* BASE SUFFIX for the plain instance, BASE SEPARATOR INSTANCE SUFFIX for a named one. */
static char *compose(const char *base, const char *separator, const char *instance, const char *suffix) {
        char *s;

        if (asprintf(&s, "%s%s%s%s", base, *instance ? separator : "", instance, suffix) < 0)
                return NULL;
        return s;
}

int instance_new(const char *instance, struct instance **ret) {
        _cleanup_(instance_freep) struct instance *n = NULL;

        if (!instance)
                instance = "";
        if (*instance && !instance_name_is_valid(instance))
                return -EINVAL;

        n = calloc(1, sizeof *n);
        if (!n)
                return -ENOMEM;
        n->instance = strdup(instance);
        n->program = compose("openclaw-failover", " -i ", instance, "");
        n->config = compose(DEFAULT_SYSCONFDIR "/openclaw-failover", "/", instance, ".ini");
        n->unit = compose("openclaw-failover", "@", instance, ".service");
        n->sync_unit = compose("openclaw-failover-sync", "@", instance, ".service");
        n->runtime_dir = compose("/run/openclaw-failover", "@", instance, "");
        n->state_dir = compose("/var/lib/openclaw-failover", "@", instance, "");
        n->sync_state_dir = compose("/var/lib/openclaw-failover-sync", "@", instance, "");
        n->bus_name = compose("org.openclaw.Failover1", ".", instance, "");
        if (!n->instance || !n->program || !n->config || !n->unit || !n->sync_unit || !n->runtime_dir ||
                !n->state_dir || !n->sync_state_dir || !n->bus_name)
                return -ENOMEM;

        *ret = TAKE(n);
        return 0;
}

struct instance *instance_free(struct instance *n) {
        if (!n)
                return NULL;
        free(n->instance);
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
