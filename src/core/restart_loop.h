/* Does a gateway fail again and again, each time too briefly to count as down?
 *
 * Pure. The result is only reported, and decides nothing. Times are CLOCK_BOOTTIME in microseconds. */
#pragma once

#include "lib/util.h"

/* So many failures within so many minutes are a loop, until there is none for as long. */
#define LOOP_FAILURES 4
#define LOOP_MINUTES 10

struct restart_loop {
        usec_t failed[LOOP_FAILURES]; /* when the gateway last failed, a ring; 0: unused */
        unsigned next;
        bool goes_on; /* the last failure was part of a loop */
};

/* Counts a short failure at NOW. */
void restart_loop_count(struct restart_loop *l, usec_t now);
bool restart_loop_goes_on(const struct restart_loop *l, usec_t now);
