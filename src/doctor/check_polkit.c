/* Would polkit let the daemon do its work? It is asked the very questions that systemd asks it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "doctor/look.h"

#define POLKIT "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

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

/* Asks whether process PID of user UID may do VERB to UNIT, as systemd does (polkit(8); the details "unit" and "verb"
 * are systemd's, bus_unit_method_start_generic()). 1: yes, 0: no, or a negative errno. */
static int ask(sd_bus *bus, pid_t pid, uid_t uid, const char *unit, const char *verb) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int allowed, challenge, r;

        r = sd_bus_message_new_method_call(
                bus, &call, POLKIT, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
        if (r >= 0)
                /* A start time of 0 has polkit look it up. */
                r = sd_bus_message_append(call, "(sa{sv})sa{ss}us", "unix-process", 3, "pid", "u",
                        (uint32_t) pid, "start-time", "t", (uint64_t) 0, "uid", "i", (int32_t) uid,
                        MANAGE_UNITS, 2, "unit", unit, "verb", verb, (uint32_t) 0, "");
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(reply, "bb", &allowed, &challenge);
        return r < 0 ? r : allowed;
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
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        pid_t pid = stand_in(user);
        int r = pid < 0 ? pid : sd_bus_open_system(&bus);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(questions); i++) {
                r = ask(bus, pid, user->pw_uid, questions[i].unit, questions[i].verb);
                if (r == 0) {
                        finding_fail(f, "polkit does not let user %s do “%s” to %s", user->pw_name,
                                questions[i].verb, questions[i].unit);
                        add_fix(c, f);
                        break;
                }
        }
        if (r > 0)
                finding_ok(f, "polkit lets user %s start and stop %s and %s", user->pw_name,
                        c->config->gateway.unit, c->sync.name);
        else if (r < 0) {
                finding_fail(f, "polkit cannot be asked: %s", strerror(-r));
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
