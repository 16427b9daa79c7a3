/* A command line becomes a command. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <sysexits.h>

#include "cmd_config.h"
#include "daemon.h"
#include "hint.h"
#include "log.h"
#include "names.h"

/* What follows the command's word. */
struct arguments {
        const struct names *names;
        int n;
        char **words;
        bool check;
        bool keys;
};

static int run(const struct arguments *a) {
        return cmd_run(a->names);
}

static int config(const struct arguments *a) {
        return cmd_config(a->names, a->check ? CONFIG_CHECK : a->keys ? CONFIG_KEYS : CONFIG_EFFECTIVE);
}

enum { OPT_CHECK = 0x100, OPT_KEYS };

static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "instance", required_argument, NULL, 'i' },
        { "check", no_argument, NULL, OPT_CHECK },
        { "keys", no_argument, NULL, OPT_KEYS },
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
        { "run", "", "watch the primary, and take over when it is down (what the service does)", 0, NULL,
                run },
        { "config", "[--check | --keys]", "print the effective configuration, or what is wrong with it", 0,
                (const int[]){ OPT_CHECK, OPT_KEYS, 0 }, config },
};

static int help(void) {
        printf("openclaw-failover: keeps a self-hosted assistant reachable when its server dies.\n\n"
               "Usage: openclaw-failover [-i NAME] COMMAND\n\nCommands:\n");
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                char usage[48];

                (void) snprintf(usage, sizeof usage, "%s %s", commands[i].word, commands[i].takes);
                printf("  %-26s %s\n", usage, commands[i].help);
        }
        printf("\nOptions:\n"
               "  -i, --instance NAME        of several: /etc/openclaw-failover/NAME.ini instead of openclaw-failover.ini\n"
               "  -h, --help                 this text\n"
               "      --version              the version\n\n"
               "Manual: openclaw-failover(8), openclaw-failover.ini(5)\n");
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
        struct hint hint = {};
        char safe[64];

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                hint_try(&hint, word, commands[i].word);
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

int main(int argc, char **argv) {
        _cleanup_(names_freep) struct names *names = NULL;
        const char *instance = NULL;
        const struct command *command;
        struct arguments a = {};
        int given[8], n_given = 0, option, r;

        while ((option = getopt_long(argc, argv, "hi:", options, NULL)) != -1) {
                if (option == 'h')
                        return help();
                if (option == 'V') {
                        printf("openclaw-failover " VERSION "\n");
                        return EX_OK;
                }
                if (option == '?')
                        return usage("That is not a command line I understand.");
                if (option == 'i')
                        instance = optarg;
                else if (n_given < (int) ELEMENTSOF(given))
                        given[n_given++] = option;
                a.check = a.check || option == OPT_CHECK;
                a.keys = a.keys || option == OPT_KEYS;
        }
        if (optind == argc)
                return usage("Which command?");
        command = find(argv[optind]);
        if (!command)
                return unknown(argv[optind]);
        a.n = argc - optind - 1;
        a.words = argv + optind + 1;
        if (a.n > command->words_max)
                return usage("'%s' takes %s.", command->word,
                        command->words_max ? "one word at most" : "no words");
        for (int i = 0; i < n_given; i++)
                if (!belongs_to(command, given[i]))
                        return usage("'%s' does not take that option.", command->word);

        r = names_new(instance, &names);
        if (r == -EINVAL)
                return usage("An instance is named by 1 to 32 letters, digits and _, a letter first.");
        if (r < 0) {
                log_error("Cannot begin: %s.", strerror(-r));
                return EX_OSERR;
        }
        a.names = names;
        return command->call(&a);
}
