/* Do two standbys on this machine get in each other's way? */
#include <string.h>

#include "config/instance.h"
#include "doctor/look.h"

static bool same(const char *a, const char *b) {
        return a && b ? *a && strcmp(a, b) == 0 : a == b;
}

/* What A and B both have, though each needs its own: in words, and in *RET its name. NULL: nothing. */
static const char *shared(const struct config *a, const struct config *b, const char **ret) {
        *ret = a->gateway.unit;
        if (same(a->gateway.unit, b->gateway.unit))
                return "starts and stops";
        *ret = a->gateway.url ? a->gateway.url : "port 18789";
        if (same(a->gateway.url, b->gateway.url))
                return "has its gateway answer at";
        *ret = a->workspace.path;
        if (same(a->workspace.path, b->workspace.path))
                return "keeps its workspace in";
        *ret = a->secrets.target;
        if (a->secrets.host && b->secrets.host && same(a->secrets.target, b->secrets.target))
                return "keeps its secrets in";
        return NULL;
}

/* Who has no name was there first: the other one is to be changed. */
static void add_fix(const struct instance *this, const struct instance *other, struct finding *f) {
        const struct instance *n = *this->name ? this : other;

        finding_fix(f,
                "sudo ${EDITOR:-vi} %s  # a unit, url, path and target of its own: openclaw-failover(8), INSTANCES",
                n->config);
        finding_fix(f, "sudo systemctl try-reload-or-restart %s", n->unit);
}

void look_instances(const struct checkup *c, struct finding *f) {
        _cleanup_(instances_freep) struct instance **all = NULL;
        const char *words, *what;
        unsigned others = 0;

        (void) instances_list(NULL, &all);
        for (struct instance **n = all; n && *n; n++) {
                _cleanup_(config_freep) struct config *other = NULL;

                if (strcmp((*n)->name, c->instance->name) == 0 ||
                        config_load((*n)->config, NULL, NULL, &other) < 0)
                        continue;
                others++;
                words = shared(c->config, other, &what);
                if (words) {
                        finding_fail(f, "%s %s %s, as this one does", (*n)->unit, words, what);
                        add_fix(c->instance, *n, f);
                        return;
                }
        }
        if (others > 0)
                finding_ok(f, "%u more standby%s on this machine, each with a gateway and places of its own",
                        others, others == 1 ? "" : "s");
        else
                finding_off(f, "this machine is the standby of one primary only");
}
