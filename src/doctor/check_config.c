/* Is the configuration one, and can those read it who need it? */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

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

/* The first directory on the way to PATH that this user may not enter, for the caller to free; NULL: there is none. */
static char *find_closed(const char *path) {
        for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
                _cleanup_free_ char *directory = strndup(path, (size_t) (s - path));

                if (directory && access(directory, X_OK) < 0)
                        return TAKE(directory);
        }
        return NULL;
}

void look_config_readable(const struct checkup *c, struct finding *f) {
        _cleanup_free_ char *closed = NULL;
        int error = access(c->instance->config, R_OK) < 0 ? errno : 0;

        if (error == 0)
                finding_ok(f, "user %s can read the configuration", checkup_daemon_user(c));
        else if (error == ENOENT)
                finding_skip(f, "there is no %s", c->instance->config);
        else if ((closed = find_closed(c->instance->config))) {
                finding_fail(f,
                        "user %s, as which the daemon runs, cannot read %s: it is in %s, which is closed to it",
                        checkup_daemon_user(c), c->instance->config, closed);
                finding_fix_path(f, "sudo chmod a+rx", closed, "");
        } else {
                finding_fail(f, "user %s, as which the daemon runs, cannot read %s: %s",
                        checkup_daemon_user(c), c->instance->config, strerror(error));
                finding_fix(f, "sudo chmod a+r %s", c->instance->config);
        }
}

/* Everything else here looks at what the file says, and the daemon goes by what it has read. By the time of change, not of
 * modification: a file that is moved here keeps the latter. */
void look_config_in_force(const struct checkup *c, struct finding *f) {
        struct stat st;

        if (!c->config || stat(c->instance->config, &st) < 0)
                f->kind = FINDING_SKIPPED; /* what is wrong with it is said above */
        else if ((usec_t) st.st_ctim.tv_sec * USEC_PER_SEC + (usec_t) st.st_ctim.tv_nsec / 1000 >
                unit_number(&c->daemon, "StateChangeTimestamp")) {
                finding_fail(f, "%s has changed since the daemon read it", c->instance->config);
                finding_fix(f, "sudo systemctl reload %s", c->instance->unit);
        } else
                finding_ok(f, "the daemon has read the configuration as it is");
}
