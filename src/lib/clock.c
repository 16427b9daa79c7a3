/* Points and spans of time; see clock.h. */
#include "lib/clock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

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

char *format_span(char buf[static SPAN_MAX], usec_t span) {
        uint64_t s;

        if (span >= 59950 * USEC_PER_MSEC && span < USEC_PER_MINUTE)
                span = USEC_PER_MINUTE; /* or it would be "60.0 s" */
        s = span / USEC_PER_SEC;

        if (span < 995 * USEC_PER_MSEC)
                (void) snprintf(buf, SPAN_MAX, "%" PRIu64 " ms", (span + 500) / USEC_PER_MSEC);
        else if (s < 60)
                (void) snprintf(buf, SPAN_MAX, "%.1f s", (double) span / USEC_PER_SEC);
        else if (s < 3600)
                (void) snprintf(buf, SPAN_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
        else if (s < 24 * 3600)
                (void) snprintf(buf, SPAN_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
        else
                (void) snprintf(buf, SPAN_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
        return buf;
}

int parse_span(const char *text, usec_t *ret) {
        static const struct {
                const char *suffix;
                usec_t factor;
        } units[] = {
                { "", USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "ms", USEC_PER_MSEC },
                { "m", USEC_PER_MINUTE },
                { "h", USEC_PER_HOUR },
        };
        unsigned long long n;
        char *end;

        if (!isdigit((unsigned char) *text)) /* strtoull() would take blanks and signs */
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno)
                return -ERANGE;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(end, units[i].suffix) == 0) {
                        if (n > (USEC_INFINITY - 1) / units[i].factor)
                                return -ERANGE;
                        *ret = n * units[i].factor;
                        return 0;
                }
        return -EINVAL;
}
