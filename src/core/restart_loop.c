/* A gateway that fails again and again; see restart_loop.h. */
#include "core/restart_loop.h"

bool restart_loop_goes_on(const struct restart_loop *l, usec_t now) {
        return l->goes_on &&
                now - l->failed[(l->next + LOOP_FAILURES - 1) % LOOP_FAILURES] <
                LOOP_MINUTES * USEC_PER_MINUTE;
}

void restart_loop_count(struct restart_loop *l, usec_t now) {
        usec_t first;

        l->goes_on = restart_loop_goes_on(l, now);
        l->failed[l->next] = now;
        l->next = (l->next + 1) % LOOP_FAILURES;
        first = l->failed[l->next];
        if (first > 0 && now - first <= LOOP_MINUTES * USEC_PER_MINUTE)
                l->goes_on = true;
}
