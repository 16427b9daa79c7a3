/* Could the secrets be copied tonight? doctor runs the worker's rsync, as its user, and copies nothing. */
#include <errno.h>
#include <string.h>

#include "doctor/look.h"
#include "lib/program.h"
#include "lib/text.h"
#include "sync/secrets.h"
#include "sync/ssh_transport.h"

static void fix_key(const struct secrets_config *s, struct finding *f) {
        finding_fix(f,
                "editor ~/.ssh/authorized_keys # at %s, before the key: restrict,command=\"/usr/bin/rrsync -ro %s\"",
                s->host, strcmp(s->source, "./") == 0 ? "DIRECTORY" : s->source);
}

/* Adds what to do at the host. For all else, the refusal has the command. */
static void fix_refusal(const struct secrets_config *s, const struct refusal *why, struct finding *f) {
        finding_fail(f, "%s", why->text);
        if (why->code == REFUSAL_UNRESTRICTED)
                fix_key(s, f);
        else if (why->code == REFUSAL_NO_RSYNC)
                finding_fix(f, "sudo apt-get install rsync # at %s", s->host);
        else if (why->code == REFUSAL_NO_SOURCE)
                finding_fix(f, "mkdir -p -m 700 %s # at %s, as that user", s->source, s->host);
        else if (*why->command)
                finding_fix(f, "%s", why->command);
}

/* Whether the key may run any program at the secrets' host: rrsync lets only rsync and `true` run. */
static bool key_opens_a_shell(const struct secrets_config *s) {
        _cleanup_free_ char *login = without_brackets(s->host), *output = NULL;
        const char *const argv[] = { "sh", "-c", "exec $0 \"$1\" :", ssh_command, login, NULL };

        return login && program_run(argv, USEC_INFINITY, &output, NULL) == 0;
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
        if (r.secrets >= SYNC_INCOMPLETE)
                fix_refusal(s, &r.secrets_why, f);
        else if (key_opens_a_shell(s)) {
                finding_warn(f,
                        "%s sends %s, but the key that reads it may run any program there: restrict it with rrsync",
                        s->host, s->source);
                fix_key(s, f);
        } else
                finding_ok(f, "%s sends %s", s->host, s->source);
}
