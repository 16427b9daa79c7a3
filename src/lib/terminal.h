/* What standard output is shown on. */
#pragma once

#include "lib/util.h"

/* Whether it is a terminal that wants colour: NO_COLOR (https://no-color.org) and TERM=dumb say no. */
bool terminal_has_colour(void);
