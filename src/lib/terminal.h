/* What kind of terminal standard output is. */
#pragma once

#include "lib/util.h"

/* Whether standard output is a terminal with a movable cursor. TERM=dumb says no. */
bool terminal_can_draw(void);
/* Whether that terminal also wants colour. NO_COLOR says no (https://no-color.org). */
bool terminal_has_colour(void);
