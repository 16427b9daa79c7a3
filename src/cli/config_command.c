/* The command `config`; see config_command.h. */
#include "cli/config_command.h"

#include <string.h>
#include <sysexits.h>

#include "config/config.h"
#include "lib/log.h"

/* Like a compiler's, so that editors find the place; log_error() would put the program's name before it. */
static void print_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        const char *priority = log_is_journal() ? "<3>" : "";

        if (line > 0)
                (void) fprintf(stderr, "%s%s:%u: %s\n", priority, path, line, what);
        else
                (void) fprintf(stderr, "%s%s: %s\n", priority, path, what);
}

int cmd_config(const struct instance *instance, bool check) {
        _cleanup_(config_freep) struct config *c = NULL;

        if (config_load(instance->config, print_error, NULL, &c) < 0)
                return EX_CONFIG;
        if (!check)
                config_print(c, stdout);
        return EX_OK;
}
