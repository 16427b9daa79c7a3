/* Could the secrets be copied tonight? The sync worker's own rsync is run, as its user, without copying anything. */
#include <errno.h>
#include <string.h>

#include "doctor/look.h"
#include "lib/file.h"
#include "lib/text.h"
#include "sync/secrets.h"

/* "host" of "user@host". */
static const char *host_of(const char *login) {
        const char *at = strrchr(login, '@');

        return at ? at + 1 : login;
}

/* What is wrong with the target, here. The agent may have chosen what a link leads to: then there is no command. */
static void fix_target(const struct checkup *c, enum refusal_code code, struct finding *f) {
        const char *user = checkup_sync_user(c);
        _cleanup_free_ char *path = without_slash(c->config->secrets.target), *quoted = NULL, *link = NULL;

        quoted = path ? shell_quote(path) : NULL;
        link = path ? find_link(path) : NULL;
        f->fix[0] = '\0';
        if (!quoted)
                return;
        if (code == REFUSAL_TARGET)
                finding_fix(f, "sudo mv -T %s %s.old && sudo mkdir -m 0700 %s && sudo chown -h %s: %s",
                        quoted, quoted, quoted, user, quoted);
        else if (!link)
                finding_fix(
                        f, "sudo chown -hR %s: %s && sudo -u %s chmod u+rwx %s", user, quoted, user, quoted);
}

/* Also where the ini has no such line. */
static void fix_source(const struct checkup *c, struct finding *f) {
        _cleanup_free_ char *config = shell_quote(c->instance->config);

        if (!config)
                return;
        finding_fix(f,
                "sudo sed -i -e '/^\\[secrets\\]/,/^\\[/{/^source *=/d}' -e '/^\\[secrets\\]/a source = ./' %s",
                config);
        finding_fix(f, "sudo systemctl try-reload-or-restart %s", c->instance->unit);
}

/* What the host says. */
static void fix_host(const struct checkup *c, enum refusal_code code, struct finding *f) {
        const struct secrets_config *s = &c->config->secrets;
        _cleanup_free_ char *login = without_brackets(s->host);
        const char *user = checkup_sync_user(c), *host = login ? host_of(login) : NULL;

        if (!login)
                return;
        if (code == REFUSAL_RESTRICTED)
                fix_source(c, f);
        else if (code == REFUSAL_NO_RSYNC)
                finding_fix(f, "sudo apt-get install rsync # on %s", host);
        else if (code == REFUSAL_NO_SOURCE)
                finding_fix(f, "sudo install -d -m 0700 -o %.*s %s # on %s", (int) strcspn(s->host, "@"),
                        s->host, s->source, host);
        else if (code == REFUSAL_SSH) {
                f->fix[0] = '\0';
                finding_fix(f,
                        "sudo -u %s sh -c 'ssh-keygen -R %s; ssh-keyscan %s >>~/.ssh/known_hosts' # if you trust the way there",
                        user, host, host);
                finding_fix(f, "sudo -u %s ssh-copy-id %s", user, login);
        } else if (!*f->fix)
                finding_fix(f, "sudo -u %s ssh -o BatchMode=yes %s true", user, login);
}

/* Whether the key that reads the secrets runs any program at their host. */
static bool key_opens_a_shell(const struct secrets_config *s) {
        _cleanup_free_ char *login = without_brackets(s->host), *output = NULL;
        const char *const argv[] = { "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", login, "true",
                NULL };

        return login && run_program(argv, &output) == 0;
}

static void warn_unrestricted(const struct secrets_config *s, struct finding *f) {
        finding_warn(f,
                "%s sends %s, but the key that reads it may run any program there: restrict it with rrsync",
                s->host, s->source);
        finding_fix(f,
                "editor ~/.ssh/authorized_keys # at %s, before the key: restrict,command=\"/usr/bin/rrsync -ro %s\"",
                s->host, s->source);
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
        if (r.secrets < SYNC_INCOMPLETE && key_opens_a_shell(s))
                warn_unrestricted(s, f);
        else if (r.secrets < SYNC_INCOMPLETE)
                finding_ok(f, "%s sends %s", s->host, s->source);
        else {
                enum refusal_code code = r.secrets_why.code;

                finding_refuse(f, &r.secrets_why);
                if (code == REFUSAL_TARGET || code == REFUSAL_OWNER || code == REFUSAL_UNWRITABLE)
                        fix_target(c, code, f);
                else
                        fix_host(c, code, f);
        }
}
