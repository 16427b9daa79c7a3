/* Would polkit let the daemon work? doctor asks polkit the very questions that systemd asks. */
#include <string.h>

#include "doctor/look.h"
#include "lib/program.h"

#define MANAGE_UNITS "org.freedesktop.systemd1.manage-units"

/* Asks polkit, as systemd does, whether the daemon may do VERB to UNIT ("unit" and "verb" are systemd's
 * details: bus_unit_method_start_generic()). Returns pkcheck(1)'s exit status, 0 for yes and 1 to 3 for no,
 * or a negative errno. The caller frees *RET_WORDS. */
static int ask(const struct checkup *c, const char *unit, const char *verb, char **ret_words) {
        char process[24];
        const char *const argv[] = { "pkcheck", "--action-id", MANAGE_UNITS, "--process", process,
                "--detail", "unit", unit, "--detail", "verb", verb, NULL };

        (void) snprintf(process, sizeof process, "%" PRIu64, unit_number(&c->daemon, "MainPID"));
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
        /* polkit watches its directories, but was seen to miss a file that was replaced. */
        finding_fix(f, "sudo systemctl restart polkit");
}

void look_polkit(const struct checkup *c, struct finding *f) {
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
        size_t i;
        int r = 0;

        if (!unit_is_loaded(&c->gateway)) {
                finding_skip(f, "not looked at before there is a gateway unit");
                return;
        }
        for (i = 0; r == 0 && i < ELEMENTSOF(questions); i++) {
                free(TAKE(words));
                r = ask(c, questions[i].unit, questions[i].verb, &words);
        }
        if (r == 0)
                finding_ok(f, "polkit lets user %s start and stop %s and %s", checkup_daemon_user(c),
                        c->config->gateway.unit, c->sync.name);
        else if (r >= 1 && r <= 3) {
                finding_fail(f, "polkit does not let user %s do “%s” to %s", checkup_daemon_user(c),
                        questions[i - 1].verb, questions[i - 1].unit);
                add_fix(c, f);
        } else {
                finding_fail(f, "polkit cannot be asked: %s", r < 0 ? strerror(-r) : words);
                finding_fix(f, "sudo apt-get install polkitd && sudo systemctl restart polkit");
        }
}
