/* Is the configuration valid, can the daemon's user read it, and do two instances here conflict? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "config/instance.h"
#include "doctor/look.h"

void look_config(const struct checkup *c, struct finding *f) {
        if (c->config)
                finding_ok(f, "%s", c->instance->config);
        else if (access(c->instance->config, R_OK) < 0 && errno == EACCES && !c->root)
                finding_skip(f, "%s may not be read by you: sudo %s doctor", c->instance->config,
                        c->instance->program);
        else {
                finding_fail(f, "%s", c->config_error ? c->config_error : "out of memory");
                finding_fix(
                        f, "sudo ${EDITOR:-vi} %s && %s config", c->instance->config, c->instance->program);
        }
}

void look_config_readable(const struct checkup *c, struct finding *f) {
        const char *config = c->instance->config;
        int error = access(config, R_OK) < 0 ? errno : 0;
        struct stat st;

        if (error == 0 && stat(config, &st) >= 0 && (st.st_uid != 0 || (st.st_mode & 022))) {
                finding_warn(f, "others than root may change %s: it says what the daemon starts, and when",
                        config);
                finding_fix(f, "sudo chown -h root:%s %s && sudo chmod g=r,o-w %s", checkup_daemon_user(c),
                        config, config); /* so that the daemon can read it still */
        } else if (error == 0)
                finding_ok(f, "user %s can read the configuration", checkup_daemon_user(c));
        else {
                finding_fail(f, "user %s, as which the daemon runs, cannot read %s: %s",
                        checkup_daemon_user(c), config, strerror(error));
                finding_fix(f, "sudo chmod a+rX %s%s",
                        *c->instance->name ? DEFAULT_SYSCONFDIR "/openclaw-failover " : "", config);
        }
}

/* All other looks read the file, but the daemon uses what it has read. */
void look_config_in_force(const struct checkup *c, struct finding *f) {
        if (!c->config)
                f->kind = FINDING_SKIPPED; /* another row says why */
        else if (checkup_changed_since(c, "StateChangeTimestamp", c->instance->config)) {
                finding_fail(f, "%s has changed since the daemon read it", c->instance->config);
                finding_fix(f, "sudo systemctl reload %s", c->instance->unit);
        } else
                finding_ok(f, "the daemon has read the configuration as it is");
}

/* What A and B share though each needs its own: words for it, and its name in *RET. NULL: nothing. */
static const char *shared(const struct config *a, const struct config *b, const char **ret) {
        const struct {
                const char *words, *a, *b;
        } places[] = {
                { "starts and stops", a->gateway.unit, b->gateway.unit },
                { "has its gateway answer at", a->gateway.url ?: "port 18789",
                        b->gateway.url ?: "port 18789" },
                { "keeps its workspace in", a->workspace.path, b->workspace.path },
                { "keeps its secrets in", a->secrets.host ? a->secrets.target : "",
                        b->secrets.host ? b->secrets.target : "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                *ret = places[i].a;
                if (**ret && strcmp(*ret, places[i].b) == 0)
                        return places[i].words;
        }
        return NULL;
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
                        /* The instance without a name was there first: the user changes the other one. */
                        const struct instance *later = *c->instance->name ? c->instance : *n;

                        finding_fail(f, "%s %s %s, as this one does", (*n)->unit, words, what);
                        finding_fix(f,
                                "sudo ${EDITOR:-vi} %s  # a unit, url, path and target of its own: openclaw-failover(8), INSTANCES",
                                later->config);
                        finding_fix(f, "sudo systemctl try-reload-or-restart %s", later->unit);
                        return;
                }
        }
        if (others > 0)
                finding_ok(f, "%u more standby%s on this machine, each with a gateway and places of its own",
                        others, others == 1 ? "" : "s");
        else
                finding_off(f, "this machine is the standby of one primary only");
}
