/* What kind of terminal standard output is; see terminal.h. */
#include "lib/terminal.h"

#include <string.h>

bool terminal_can_draw(void) {
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

bool terminal_has_colour(void) {
        const char *no_color = getenv("NO_COLOR");

        return terminal_can_draw() && !(no_color && *no_color);
}
