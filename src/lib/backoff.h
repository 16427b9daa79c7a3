/* Waits that double from attempt to attempt. */
#pragma once

#include "lib/util.h"

/* How long to wait after ATTEMPTS failures in a row (from 1): FIRST, then twice that, at most LONGEST. */
static inline usec_t back_off(unsigned attempts, usec_t first, usec_t longest) {
        usec_t wait = first;

        for (unsigned i = 1; i < attempts && wait < longest; i++)
                wait *= 2;
        return MIN(wait, longest);
}
