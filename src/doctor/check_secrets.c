/* Could the secrets be copied tonight? The sync worker's own rsync is run, as its user, without copying anything. */
#include <errno.h>
#include <string.h>

#include "doctor/checkup.h"
#include "lib/file.h"
#include "lib/text.h"
#include "sync/secrets.h"

/* "host" of "user@host". */
static const char *host_of(const char *login) {
        const char *at = strrchr(login, '@');

        return at ? at + 1 : login;
}

/* What is wrong with the target, here; false if it is something else. */
static bool mend_target(const struct checkup *c, const char *why, struct finding *f) {
        const char *user = checkup_sync_user(c);
        _cleanup_free_ char *path = without_slash(c->config->secrets.target), *quoted = NULL, *link = NULL;

        quoted = path ? shell_quote(path) : NULL;
        if (!quoted || !begins_with(why, path))
                return false;
        f->mend[0] = '\0'; /* the agent may have chosen what a link leads to, and so the words after it */
        link = find_link(path);
        if (strstr(why, " is a file"))
                finding_mend(f, "sudo mv -T %s %s.old && sudo mkdir -m 0700 %s && sudo chown -h %s: %s",
                        quoted, quoted, quoted, user, quoted);
        else if (!link)
                finding_mend(
                        f, "sudo chown -hR %s: %s && sudo -u %s chmod u+rwx %s", user, quoted, user, quoted);
        return true;
}

/* Also where the ini has no such line. */
static void mend_source(const struct checkup *c, struct finding *f) {
        _cleanup_free_ char *config = shell_quote(c->names->config);

        if (!config)
                return;
        finding_mend(f,
                "sudo sed -i -e '/^\\[secrets\\]/,/^\\[/{/^source *=/d}' -e '/^\\[secrets\\]/a source = ./' %s",
                config);
        finding_mend(f, "sudo systemctl try-reload-or-restart %s", c->names->unit);
}

/* What the host says. The worker's own words have a person look at a new host key; so does ssh. */
static void mend_host(const struct checkup *c, const char *why, struct finding *f) {
        const struct secrets_config *s = &c->config->secrets;
        _cleanup_free_ char *login = without_brackets(s->host);
        const char *user = checkup_sync_user(c), *host = login ? host_of(login) : NULL;

        if (!login)
                return;
        if (strstr(why, "host key of")) {
                f->mend[0] = '\0';
                if (strstr(why, "another than"))
                        finding_mend(f, "sudo -u %s ssh-keygen -R %s", user, host);
                finding_mend(f,
                        "sudo -u %s sh -c 'ssh-keyscan %s >>~/.ssh/known_hosts' # if you trust the way there",
                        user, host);
        } else if (strstr(why, "takes no key"))
                finding_mend(f, "sudo -u %s ssh-copy-id %s", user, login);
        else if (strstr(why, "(rrsync)"))
                mend_source(c, f);
        else if (strstr(why, "has no rsync") || strstr(why, "speaks no rsync"))
                finding_mend(f, "sudo apt-get install rsync # on %s", host);
        else if (strstr(why, " has no "))
                finding_mend(f, "sudo install -d -m 0700 -o %.*s %s # on %s", (int) strcspn(s->host, "@"),
                        s->host, s->source, host);
        else if (!*f->mend)
                finding_mend(f, "sudo -u %s ssh -o BatchMode=yes %s true", user, login);
}

void look_secrets(const struct checkup *c, struct finding *f) {
        const struct secrets_config *s = &c->config->secrets;
        const struct secrets_task task = { .config = s, .dry_run = true };
        struct sync_result r = { 0 };
        struct child child;

        if (!s->host) {
                finding_off(f, "none are synced ([secrets] host is not set)");
                return;
        }
        checkup_take_agent(c);
        if (secrets_start(&task, &child, &r) == 0)
                secrets_finish(&task, &child, &r);
        if (r.secrets < SYNC_REFUSED)
                finding_ok(f, "%s sends %s", s->host, s->source);
        else {
                const char *command =
                        strstr(r.secrets_why, "sudo "); /* these words hold names of the ini's alone */

                finding_refuse(f, r.secrets_why, command ? (size_t) (command - r.secrets_why) : 0, "");
                if (!mend_target(c, r.secrets_why, f))
                        mend_host(c, r.secrets_why, f);
        }
}
