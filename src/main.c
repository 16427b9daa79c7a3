/* Parses the command line and runs the command. Where the rest is:
 *
 *   cli/     what a user types: status_*, history*, alert_command; drill.c follows a drill;
 *            daemon_client asks the daemon, and listens to it
 *   daemon/  `run`: daemon.c has the loop, peers checks, units and sync_unit start; tailnet asks tailscaled,
 *            and warns before a key expires
 *   sync/    `sync`: workspace.c calls changes (finds what is to be saved, and what is too large), save,
 *            remote and checkout; secret_names.c has what is never pushed, ssh_transport.c the ssh options
 *   doctor/  doctor.c has the table of rows, look.h their functions, check_*.c one subject each:
 *            check_system.c clock, journal and powers, check_workspace.c the disk
 *   core/    pure: verdict, health, role (what to do when; role_memory.c: how long to wait before a retry),
 *            events (what is reported), status
 *   config/  the ini: config_keys.c has keys and defaults, config.h their members and words (a new key needs
 *            both), validate.c checks values, instance.c has paths
 *   probe/   one check of one gateway: judge.c has the verdicts
 *   alert/   alerts and heartbeat: conditions.c has trouble that lasts, alert_format.c each service's format
 *   lib/     knows nothing of failover
 *
 * include/ has what other programs may rely on: events.h, status.h, the names on D-Bus. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <sysexits.h>

#include "cli/alert_command.h"
#include "cli/history_command.h"
#include "cli/status_command.h"
#include "config/instance.h"
#include "daemon/daemon.h"
#include "doctor/doctor.h"
#include "lib/log.h"
#include "lib/text.h"
#include "sync/sync.h"

/* A command with its options and its argument. */
struct arguments {
        const struct command *command;
        const struct instance *instance;
        const char *word;           /* the command's argument; NULL: none */
        const char *given['z' + 1]; /* each option's value by its letter; "": takes none; NULL: not given */
};

static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "instance", required_argument, NULL, 'i' },
        { "quiet", no_argument, NULL, 'q' },
        { "lines", required_argument, NULL, 'n' },
        /* These letters are internal: a user types the word. */
        { "check", no_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        { "since", required_argument, NULL, 's' },
        { "watch", no_argument, NULL, 'w' },
        {},
};
#define LETTERS ":hVi:qn:"

typedef int command_t(const struct arguments *a);
static command_t status, doctor, history, pause_, config, sync_once, send_command;

static const struct command {
        const char *word;
        const char *takes; /* options and argument, as the help shows them */
        const char *help;
        command_t *call;
        const char *options; /* the letters of its own options; NULL: none */
        bool has_argument;
        const char *send; /* for send_command(): a method of the daemon */
        int (*call_plainly)(const struct instance *instance); /* in place of .call, without arguments */
} commands[] = {
        { "status", "[--json] [--watch]", "whether anybody can be reached, and what happens next", status,
                "jw" },
        { "doctor", "[-q] [--json]", "everything that would fail tonight, found today", doctor, "qj" },
        { "history", "[-n N] [--since TIME] [--json]", "every failover that is in the journal", history,
                "nsj" },
        { "drill", "",
                "start the gateway here, wait until it has started, stop it; the primary is not touched",
                .call_plainly = cmd_drill },
        { "promote", "", "start the gateway here and keep it, whatever the primary does", send_command,
                .send = "Promote" },
        { "demote", "", "stop the gateway here, and stay on standby until the primary has been up",
                send_command, .send = "Demote" },
        { "auto", "", "follow the primary again", send_command, .send = "Auto" },
        { "pause", "[TIME]", "neither promote nor demote for TIME (30m, infinity; default 1h)", pause_,
                .has_argument = true },
        { "resume", "", "end the pause", send_command, .send = "Resume" },
        { "config", "[--check]", "the configuration in force, or what is wrong with it", config, "c" },
        { "alert-test", "", "send a test alert", .call_plainly = cmd_alert_test },
        { "run", "", "the daemon: what openclaw-failover.service runs", .call_plainly = cmd_run },
        { "sync", "", "sync workspace and secrets once: what openclaw-failover-sync.service runs",
                sync_once },
        { "alert-failed", "",
                "send an alert that the daemon failed: what openclaw-failover-alert.service runs",
                .call_plainly = cmd_alert_failed },
};

static int status(const struct arguments *a) {
        return cmd_status(a->instance, !a->given['i'], a->given['j'], a->given['w']);
}

static int doctor(const struct arguments *a) {
        return cmd_doctor(a->instance, a->given['q'], a->given['j']);
}

static int history(const struct arguments *a) {
        return cmd_history(a->instance, a->given['s'], a->given['n'], a->given['j']);
}

static int send_command(const struct arguments *a) {
        return cmd_command(a->instance, a->command->send, 0);
}

static int pause_(const struct arguments *a) {
        return cmd_pause(a->instance, a->word);
}

static int config(const struct arguments *a) {
        _cleanup_(config_freep) struct config *c = NULL;

        if (config_load(a->instance->config, config_log_error, NULL, &c) < 0)
                return EX_CONFIG;
        if (!a->given['c'])
                config_print(c, stdout);
        return EX_OK;
}

static int sync_once(const struct arguments *a) {
        _cleanup_(config_freep) struct config *c = NULL;

        return config_load(a->instance->config, config_log_error, NULL, &c) < 0 ? EX_CONFIG
                                                                                : cmd_sync(a->instance, c);
}

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
        return EX_OK;
}

static int version(void) {
        printf("openclaw-failover " VERSION "\n");
        return EX_OK;
}

static _printf_(1, 2) int usage(const char *format, ...) {
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
        char safe[64], known[256] = "";

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                (void) appendf(known, sizeof known, "%s%s", i > 0 ? ", " : "", commands[i].word);
        return usage("There is no command '%s'. Allowed: %s.", safe_text(safe, sizeof safe, word), known);
}

/* Runs A's command on the instance NAME; NULL: the plain one. */
static int call(struct arguments *a, const char *name) {
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
        return a->command->call_plainly ? a->command->call_plainly(instance) : a->command->call(a);
}

/* Sets A's command and argument from WORDS. EX_OK, or an exit status if the options do not fit them. */
static int read_words(char **words, struct arguments *a) {
        const struct command *c;
        char safe[64];

        if (!*words)
                return usage("A command is missing: status, doctor, history …");
        c = a->command = find(*words);
        if (!c)
                return unknown(*words);
        a->word = c->has_argument ? *++words : NULL;
        if (*words && words[1])
                return usage("'%s' takes %s, and not '%s'.", c->word,
                        c->has_argument ? "one argument" : "no argument",
                        safe_text(safe, sizeof safe, words[1]));
        for (const struct option *o = options; o->name; o++)
                if (a->given[o->val] && o->val != 'i' && !(c->options && strchr(c->options, o->val)))
                        return usage("'%s' does not take --%s. It takes: %s.", c->word, o->name,
                                c->options ? c->takes : "none");
        return EX_OK;
}

/* Returns R, unless a write to standard output has failed anywhere in the program. */
static int finish(int r) {
        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return r;
        /* The errno of an earlier write is lost. */
        log_error("Standard output cannot be written%s%s.", errno > 0 ? ": " : "",
                errno > 0 ? strerror(errno) : "");
        return EX_IOERR;
}

static int run(int argc, char **argv) {
        struct arguments a = {};
        char safe[64];
        int letter, r;

        opterr = 0;
        while ((letter = getopt_long(argc, argv, LETTERS, options, NULL)) != -1) {
                if (letter == ':')
                        return usage("'%s' needs a value.", safe_text(safe, sizeof safe, argv[optind - 1]));
                if (letter == '?') { /* within "-xq", optind has not passed the word yet */
                        const char *word = argv[optind - 1], one[] = { '-', (char) optopt, '\0' };

                        return usage("'%s' is not an option.",
                                safe_text(safe, sizeof safe, begins_with(word, "--") ? word : one));
                }
                if (letter == 'h')
                        return help();
                if (letter == 'V')
                        return version();
                a.given[letter] = optarg ? optarg : "";
        }
        if (argv[optind] && strcmp(argv[optind], "help") == 0)
                return help();
        r = read_words(argv + optind, &a);
        return a.command && r == EX_OK ? call(&a, a.given['i']) : r;
}

int main(int argc, char **argv) {
        return finish(run(argc, argv));
}
