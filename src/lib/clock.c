/* Reads the clocks, and converts between CLOCK_BOOTTIME and CLOCK_REALTIME; see clock.h. */
#include "lib/clock.h"

usec_t now_usec(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

usec_t to_realtime(usec_t boottime) {
        if (boottime == 0 || boottime == USEC_INFINITY)
                return boottime;
        return now_usec(CLOCK_REALTIME) - now_usec(CLOCK_BOOTTIME) + boottime;
}

usec_t to_boottime(usec_t realtime) {
        usec_t real = now_usec(CLOCK_REALTIME);

        if (realtime == 0 || realtime == USEC_INFINITY)
                return realtime;
        return realtime > real ? now_usec(CLOCK_BOOTTIME) + (realtime - real) : 1;
}
