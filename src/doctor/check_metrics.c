/* Could the metrics be written? The look is the daemon's user's, and its sandbox is asked for in systemd. */
#include <errno.h>
#include <string.h>

#include "config/validate.h"
#include "doctor/look.h"
#include "lib/text.h"

/* What its ProtectHome= and PrivateTmp= have the daemon not see, or see alone. */
static bool is_hidden(const char *path) {
        static const char *const places[] = { "/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (strncmp(path, places[i], strlen(places[i])) == 0)
                        return true;
        return false;
}

/* Its own directories are, without being named. */
static bool is_open_to_daemon(const struct checkup *c, const char *directory) {
        return c->bus_error || path_is_within(directory, c->names->state_dir) ||
                path_is_within(directory, c->names->runtime_dir) || unit_may_write(&c->daemon, directory);
}

static void fix_directory(const struct checkup *c, const char *directory, int error, struct finding *f) {
        _cleanup_free_ char *quoted = shell_quote(directory);
        const char *user = checkup_daemon_user(c);

        if (!quoted || finding_by_link(f, directory))
                return;
        if (error == ENOENT)
                finding_fix(f, "sudo install -d -m 0775 -g %s %s", user, quoted);
        else
                finding_fix(f, "sudo chgrp -h %s %s && sudo chmod g+rwx %s", user, quoted, quoted);
}

void look_metrics(const struct checkup *c, struct finding *f) {
        const char *file = c->config->metrics_textfile;
        _cleanup_free_ char *directory = NULL, *line = NULL;

        if (!file) {
                finding_off(f, "none are written ([metrics] textfile is not set)");
                return;
        }
        directory = strndup(file, (size_t) MAX(strrchr(file, '/') - file, 1));
        if (!directory || asprintf(&line, "ReadWritePaths=%s", directory) < 0)
                return;
        if (is_hidden(file)) {
                _cleanup_free_ char *config = shell_quote(c->names->config);

                finding_fail(f, "%s is in a place that the daemon's sandbox hides: choose another", file);
                if (config)
                        finding_fix(f, "sudo ${EDITOR:-vi} %s  # [metrics] textfile", config);
        } else if (access(directory, W_OK | X_OK) < 0) {
                int error = errno;

                finding_fail(f, "user %s cannot write to %s: %s", checkup_daemon_user(c), directory,
                        strerror(error));
                fix_directory(c, directory, error, f);
        } else if (!is_open_to_daemon(c, directory)) {
                finding_fail(f, "%s may not write to %s, which the ini names", c->names->unit, directory);
                finding_fix_drop_in(f, c->names->unit, "metrics", "Service", line);
                finding_fix(f, "sudo systemctl restart %s", c->names->unit);
        } else
                finding_ok(f, "the daemon may write %s", file);
}
