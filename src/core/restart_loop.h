/* Does a gateway fail again and again, each time for too short to be an outage that counts?
 *
 * Pure, and decides nothing: people are told. Times are CLOCK_BOOTTIME in microseconds. */
#pragma once

#include "lib/util.h"

#define LOOP_FAILURES 4                    /* so many … */
#define LOOP_WITHIN (10 * USEC_PER_MINUTE) /* … within this are a loop, until for this long there is none */

struct restart_loop {
        usec_t failed[LOOP_FAILURES]; /* the last times, a ring; 0: none */
        unsigned next;
        bool goes_on; /* or did, when it last failed */
};

/* It has failed at NOW, for a short time. */
void restart_loop_count(struct restart_loop *l, usec_t now);
bool restart_loop_goes_on(const struct restart_loop *l, usec_t now);
