/* What standard output is shown on. */
#pragma once

#include "lib/util.h"

/* Whether it is a terminal on which the cursor can be moved: TERM=dumb says no. */
bool terminal_can_draw(void);
/* Whether it wants colour, too: NO_COLOR says no (https://no-color.org). */
bool terminal_has_colour(void);
