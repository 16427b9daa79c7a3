/* The command `config`; see cmd_config.h. */
#include "cmd_config.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "log.h"

/* Like a compiler's, so that editors find the place; log_error() would put the program's name before it. */
static void print_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        const char *priority = log_is_journal() ? "<3>" : "";

        if (line > 0)
                (void) fprintf(stderr, "%s%s:%u: %s\n", priority, path, line, what);
        else
                (void) fprintf(stderr, "%s%s: %s\n", priority, path, what);
}

static int print_keys(void) {
        size_t n;
        const struct config_key *keys = config_keys(&n);

        for (size_t i = 0; i < n; i++) {
                const struct config_key *k = &keys[i];

                (void) printf("%s\t%s\t%s\t%s\t%s\n", k->section, k->name,
                        !k->fallback           ? "required"
                                : *k->fallback ? k->fallback
                                               : "none",
                        k->allowed, k->help);
        }
        return fflush(stdout) == EOF || ferror(stdout) ? -EIO : 0;
}

int cmd_config(const struct names *names, enum config_view view) {
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        if (view == CONFIG_KEYS)
                r = print_keys();
        else {
                r = config_load(names->config, print_error, NULL, &c);
                if (r == -ENOMEM)
                        print_error(names->config, 0, "cannot be read: out of memory", NULL);
                if (r < 0)
                        return EX_CONFIG;
                r = view == CONFIG_CHECK ? 0 : config_print(c, stdout);
        }
        if (r < 0) {
                log_error("standard output cannot be written: %s", strerror(-r));
                return EX_IOERR;
        }
        return EX_OK;
}
