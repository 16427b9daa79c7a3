/* A command line becomes a command. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <sysexits.h>

#include "cli/alert_command.h"
#include "cli/config_command.h"
#include "cli/history_command.h"
#include "cli/status_command.h"
#include "config/instance.h"
#include "daemon/daemon.h"
#include "doctor/doctor.h"
#include "lib/log.h"
#include "lib/suggest.h"
#include "lib/text.h"
#include "sync/sync.h"

/* What follows the command's word. */
struct arguments {
        const struct instance *instance;
        bool named; /* the user said which instance */
        int n;
        char **words;
        bool check;
        bool keys;
        bool json;
        bool watch;
        bool quiet;
        const char *since;
        const char *count;
};

static int run(const struct arguments *a) {
        return cmd_run(a->instance);
}

static int config(const struct arguments *a) {
        return cmd_config(a->instance, a->check ? CONFIG_CHECK : a->keys ? CONFIG_KEYS : CONFIG_EFFECTIVE);
}

/* The configuration's errors name the file and the line already. */
static void config_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        if (line > 0)
                log_error("%s:%u: %s", path, line, what);
        else
                log_error("%s: %s", path, what);
}

static int sync_once(const struct arguments *a) {
        _cleanup_(config_freep) struct config *c = NULL;

        return config_load(a->instance->config, config_error, NULL, &c) < 0 ? EX_CONFIG
                                                                            : cmd_sync(a->instance, c);
}

static int status(const struct arguments *a) {
        return (a->named ? cmd_status : cmd_status_all)(a->instance, a->json, a->watch);
}

static int promote(const struct arguments *a) {
        return cmd_command(a->instance, COMMAND_PROMOTE);
}

static int demote(const struct arguments *a) {
        return cmd_command(a->instance, COMMAND_DEMOTE);
}

static int automatic(const struct arguments *a) {
        return cmd_command(a->instance, COMMAND_AUTO);
}

static int resume(const struct arguments *a) {
        return cmd_command(a->instance, COMMAND_RESUME);
}

static int pause_(const struct arguments *a) {
        return cmd_pause(a->instance, a->n > 0 ? a->words[0] : NULL);
}

static int drill(const struct arguments *a) {
        return cmd_drill(a->instance);
}

static int history(const struct arguments *a) {
        return cmd_history(a->instance, a->since, a->count, a->json);
}

static int doctor(const struct arguments *a) {
        return cmd_doctor(a->instance, a->quiet, a->json);
}

static int alert_test(const struct arguments *a) {
        return cmd_alert_test(a->instance);
}

static int alert_failed(const struct arguments *a) {
        const char *unit = getenv("MONITOR_UNIT"); /* systemd.exec(5) */

        return cmd_alert_failed(a->instance, unit ? unit : a->instance->unit);
}

enum { OPT_CHECK = 0x100, OPT_KEYS, OPT_JSON, OPT_WATCH, OPT_SINCE };

static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "quiet", no_argument, NULL, 'q' },
        { "lines", required_argument, NULL, 'n' },
        { "instance", required_argument, NULL, 'i' },
        { "check", no_argument, NULL, OPT_CHECK },
        { "keys", no_argument, NULL, OPT_KEYS },
        { "json", no_argument, NULL, OPT_JSON },
        { "watch", no_argument, NULL, OPT_WATCH },
        { "since", required_argument, NULL, OPT_SINCE },
        {},
};

static const struct command {
        const char *word;
        const char *takes; /* options and arguments, as the help shows them */
        const char *help;
        int words_max;
        const int *options; /* those of its own, ended by 0; NULL: none */
        int (*call)(const struct arguments *a);
} commands[] = {
        { "status", "[--json] [--watch]", "whether anybody can be reached, and what happens next", 0,
                (const int[]){ OPT_JSON, OPT_WATCH, 0 }, status },
        { "doctor", "[-q] [--json]", "everything that would fail tonight, found today", 0,
                (const int[]){ 'q', OPT_JSON, 0 }, doctor },
        { "history", "[-n N] [--since TIME] [--json]", "every failover that is in the journal", 0,
                (const int[]){ 'n', OPT_SINCE, OPT_JSON, 0 }, history },
        { "drill", "",
                "start the gateway here, wait until it has started, stop it; the primary is not touched", 0,
                NULL, drill },
        { "promote", "", "start the gateway here and keep it, whatever the primary does", 0, NULL, promote },
        { "demote", "", "stop the gateway here, and stay on standby until the primary has been up", 0, NULL,
                demote },
        { "auto", "", "follow the primary again", 0, NULL, automatic },
        { "pause", "[TIME]", "neither promote nor demote for TIME (30m, infinity; default 1h)", 1, NULL,
                pause_ },
        { "resume", "", "end the pause", 0, NULL, resume },
        { "config", "[--check | --keys]", "the configuration in force, or what is wrong with it", 0,
                (const int[]){ OPT_CHECK, OPT_KEYS, 0 }, config },
        { "alert-test", "", "send a test alert", 0, NULL, alert_test },
        { "run", "", "the daemon: what openclaw-failover.service runs", 0, NULL, run },
        { "sync", "", "sync workspace and secrets once: what openclaw-failover-sync.service runs", 0, NULL,
                sync_once },
        { "alert-failed", "",
                "send an alert that the daemon failed: what openclaw-failover-alert.service runs", 0, NULL,
                alert_failed },
};

static int help(void) {
        printf("openclaw-failover: keeps a self-hosted assistant reachable when its server dies.\n\n"
               "Usage: openclaw-failover [-i NAME] COMMAND\n\nCommands:\n");
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                char usage[48];

                (void) snprintf(usage, sizeof usage, "%s %s", commands[i].word, commands[i].takes);
                printf("  %-32s %s\n", usage, commands[i].help);
        }
        printf("\nOptions:\n"
               "  -i, --instance NAME              one of several: /etc/openclaw-failover/NAME.ini\n"
               "  -h, --help                       this text\n"
               "  -V, --version                    the version\n\n"
               "Manual: openclaw-failover(8), openclaw-failover.ini(5), openclaw-failover-guide(7)\n");
        return ferror(stdout) ? EX_IOERR : EX_OK;
}

static int version(void) {
        printf("openclaw-failover " VERSION "\n");
        return ferror(stdout) ? EX_IOERR : EX_OK;
}

static int usage(const char *format, ...) _printf_(1, 2);
static int usage(const char *format, ...) {
        va_list ap;

        (void) fputs("openclaw-failover: ", stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputs(" See `openclaw-failover --help`.\n", stderr);
        return EX_USAGE;
}

static const struct command *find(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (strcmp(commands[i].word, word) == 0)
                        return &commands[i];
        return NULL;
}

static int unknown(const char *word) {
        struct suggestion hint = {};
        char safe[64];

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                suggest_try(&hint, word, commands[i].word);
        safe_text(safe, sizeof safe, word);
        if (hint.name)
                return usage("There is no command '%s'. Did you mean '%s'?", safe, hint.name);
        return usage("There is no command '%s'.", safe);
}

static bool belongs_to(const struct command *c, int option) {
        for (const int *o = c->options; o && *o; o++)
                if (*o == option)
                        return true;
        return false;
}

/* Takes an option of OPTIONS that belongs to a command. */
static void take(struct arguments *a, int option) {
        switch (option) {
        case OPT_CHECK:
                a->check = true;
                break;
        case OPT_KEYS:
                a->keys = true;
                break;
        case OPT_JSON:
                a->json = true;
                break;
        case OPT_WATCH:
                a->watch = true;
                break;
        case OPT_SINCE:
                a->since = optarg;
                break;
        case 'q':
                a->quiet = true;
                break;
        case 'n':
                a->count = optarg;
                break;
        }
}

static int call(const struct command *command, struct arguments *a, const char *name) {
        _cleanup_(instance_freep) struct instance *instance = NULL;
        char safe[64];
        int r;

        r = instance_new(name, &instance);
        if (r == -EINVAL)
                return usage(
                        "'%s' cannot be an instance. Allowed: 1 to 32 letters, digits and _, a letter first.",
                        safe_text(safe, sizeof safe, name));
        if (r < 0) {
                log_error("Cannot start: %s.", strerror(-r));
                return EX_OSERR;
        }
        a->instance = instance;
        a->named = name != NULL;
        return command->call(a);
}

/* For what getopt_long(3) refuses; WORD is how it was typed. */
static int refuse_option(int option, const char *word) {
        char safe[64];

        (void) safe_text(safe, sizeof safe, word);
        return option == ':' ? usage("'%s' needs a value.", safe) : usage("'%s' is not an option.", safe);
}

static int check_words(
        const struct command *command, const struct arguments *a, const int *given, int n_given) {
        char safe[64];

        if (a->n > command->words_max)
                return usage("'%s' takes %s, and not '%s'.", command->word,
                        command->words_max ? "one argument" : "no argument",
                        safe_text(safe, sizeof safe, a->words[command->words_max]));
        for (int i = 0; i < n_given; i++)
                if (!belongs_to(command, given[i]))
                        return usage("'%s' does not take that option. It takes: %s.", command->word,
                                command->options ? command->takes : "none");
        return EX_OK;
}

int main(int argc, char **argv) {
        const char *instance = NULL;
        const struct command *command;
        struct arguments a = {};
        int given[ELEMENTSOF(options)], n_given = 0, option, r;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":hVi:qn:", options, NULL)) != -1)
                if (option == 'h')
                        return help();
                else if (option == 'V')
                        return version();
                else if (option == '?' || option == ':')
                        return refuse_option(option, argv[optind - 1]);
                else if (option == 'i')
                        instance = optarg;
                else {
                        take(&a, option);
                        if (n_given < (int) ELEMENTSOF(given))
                                given[n_given++] = option;
                }
        if (optind == argc)
                return usage("A command is missing: status, doctor, history …");
        if (strcmp(argv[optind], "help") == 0)
                return help();
        command = find(argv[optind]);
        if (!command)
                return unknown(argv[optind]);
        a.n = argc - optind - 1;
        a.words = argv + optind + 1;
        r = check_words(command, &a, given, n_given);
        return r == EX_OK ? call(command, &a, instance) : r;
}
