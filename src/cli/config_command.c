/* The command `config`; see config_command.h. */
#include "cli/config_command.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "config/config_keys.h"
#include "lib/log.h"

/* Like a compiler's, so that editors find the place; log_error() would put the program's name before it. */
static void print_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        const char *priority = log_is_journal() ? "<3>" : "";

        if (line > 0)
                (void) fprintf(stderr, "%s%s:%u: %s\n", priority, path, line, what);
        else
                (void) fprintf(stderr, "%s%s: %s\n", priority, path, what);
}

static void print_key(const struct config_key *k) {
        const char *fallback = !k->fallback ? "required" : *k->fallback ? k->fallback : "none";

        (void) printf("%s\t%s\t%s\t%s\t%s\n", k->section, k->name, fallback, k->allowed, k->help);
}

/* Section by section: the table has each key of [primary] beside the same one of [senior]. */
static int print_keys(void) {
        for (enum section_kind kind = 0; kind < _SECTION_MAX; kind++)
                for (size_t i = 0; i < n_config_keys; i++)
                        if (key_is_of(&config_keys[i], kind))
                                print_key(&config_keys[i]);
        return fflush(stdout) == EOF || ferror(stdout) ? -EIO : 0;
}

int cmd_config(const struct instance *instance, enum config_view view) {
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        if (view != CONFIG_KEYS && config_load(instance->config, print_error, NULL, &c) < 0)
                return EX_CONFIG;
        r = view == CONFIG_KEYS ? print_keys() : view == CONFIG_CHECK ? 0 : config_print(c, stdout);
        if (r < 0) {
                log_error("standard output cannot be written: %s", strerror(-r));
                return EX_IOERR;
        }
        return EX_OK;
}
