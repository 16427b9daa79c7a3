/* Would polkit let the daemon do its work? It is asked the very questions that systemd asks it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "doctor/look.h"
#include "lib/program.h"

#define MANAGE_UNITS "org.freedesktop.systemd1.manage-units"

/* A process of USER's that does nothing, for polkit to be asked about; it ends with this one. Its pid, or a negative
 * errno. */
static pid_t stand_in(const struct passwd *user) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                if (become(user) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                        _exit(EXIT_FAILURE);
                for (;;)
                        (void) raise(SIGSTOP);
        }
        if (pid < 0)
                return -errno;
        return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) ? pid : -EPERM;
}

/* Asks whether process PID may do VERB to UNIT, as systemd does (the details "unit" and "verb" are systemd's,
 * bus_unit_method_start_generic()). pkcheck(1)'s exit status: 0 is yes, 1 to 3 are no; or a negative errno. *RET_WORDS is for the
 * caller to free. */
static int ask(pid_t pid, const char *unit, const char *verb, char **ret_words) {
        char process[16];
        const char *const argv[] = { "pkcheck", "--action-id", MANAGE_UNITS, "--process", process,
                "--detail", "unit", unit, "--detail", "verb", verb, NULL };

        (void) snprintf(process, sizeof process, "%d", pid);
        return program_run(argv, USEC_INFINITY, ret_words, NULL);
}

static void add_fix(const struct checkup *c, struct finding *f) {
        char path[128], rule[1024];

        (void) snprintf(path, sizeof path, "/etc/polkit-1/rules.d/10-%s.rules", c->instance->bus_name);
        (void) snprintf(rule, sizeof rule,
                "polkit.addRule(function(action, subject) {\n"
                "if (action.id == \"" MANAGE_UNITS "\" && subject.user == \"%s\" &&\n"
                "[\"%s\", \"%s\"].indexOf(action.lookup(\"unit\")) >= 0 &&\n"
                "[\"start\", \"stop\", \"kill\", \"reset-failed\"].indexOf(action.lookup(\"verb\")) >= 0)\n"
                "return polkit.Result.YES;\n"
                "});",
                checkup_daemon_user(c), c->config->gateway.unit, c->sync.name);
        finding_fix_file(f, path, rule);
        /* It watches its directories, but was seen to miss a file that was replaced. */
        finding_fix(f, "sudo systemctl restart polkit");
}

/* Asks for all that the daemon does, as USER, until polkit refuses. */
static void ask_polkit(const struct checkup *c, const struct passwd *user, struct finding *f) {
        const struct {
                const char *unit, *verb;
        } questions[] = {
                { c->config->gateway.unit, "start" },
                { c->config->gateway.unit, "stop" },
                { c->config->gateway.unit, "kill" },
                { c->config->gateway.unit, "reset-failed" },
                { c->sync.name, "start" },
                { c->sync.name, "stop" },
                { c->sync.name, "reset-failed" },
        };
        _cleanup_free_ char *words = NULL;
        pid_t pid = stand_in(user);
        int r = MIN(pid, 0);
        size_t i;

        for (i = 0; r == 0 && i < ELEMENTSOF(questions); i++) {
                free(TAKE(words));
                r = ask(pid, questions[i].unit, questions[i].verb, &words);
        }
        if (r == 0)
                finding_ok(f, "polkit lets user %s start and stop %s and %s", user->pw_name,
                        c->config->gateway.unit, c->sync.name);
        else if (r >= 1 && r <= 3) {
                finding_fail(f, "polkit does not let user %s do “%s” to %s", user->pw_name,
                        questions[i - 1].verb, questions[i - 1].unit);
                add_fix(c, f);
        } else {
                finding_fail(f, "polkit cannot be asked: %s", r < 0 ? strerror(-r) : words);
                finding_fix(f, "sudo apt-get install polkitd && sudo systemctl restart polkit");
        }
        if (pid > 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
}

void look_polkit(const struct checkup *c, struct finding *f) {
        const struct passwd *user = getpwnam(checkup_daemon_user(c));

        if (c->bus_error)
                finding_skip(f, "%s", c->bus_error);
        else if (!unit_is_loaded(&c->gateway))
                finding_skip(f, "not looked at before there is a gateway unit");
        else if (user)
                ask_polkit(c, user, f);
        else {
                finding_fail(
                        f, "there is no user %s, as which the daemon is to run", checkup_daemon_user(c));
                finding_fix(f, "sudo systemd-sysusers");
        }
}
