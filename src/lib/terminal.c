/* What standard output is shown on; see terminal.h. */
#include "lib/terminal.h"

#include <string.h>

bool terminal_has_colour(void) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}
