/* A point in time as a user types it; see parse_since.h. */
#include "cli/parse_since.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* "7d", "-7d", "7d ago": so long before NOW. */
static int parse_ago(const char *text, usec_t now, usec_t *ret) {
        static const struct {
                char suffix[4];
                usec_t factor;
        } units[] = { { "s", USEC_PER_SEC }, { "m", USEC_PER_MINUTE }, { "min", USEC_PER_MINUTE },
                { "h", USEC_PER_HOUR }, { "d", USEC_PER_DAY }, { "w", 7 * USEC_PER_DAY } };
        char suffix[4] = "";
        unsigned n;
        int end = 0;

        text += *text == '-';
        if (!isdigit((unsigned char) *text) || sscanf(text, "%9u%3[a-z]%n", &n, suffix, &end) != 2 ||
                (text[end] && strcmp(text + end, " ago") != 0))
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(units[i].suffix, suffix) == 0) {
                        *ret = n < now / units[i].factor ? now - n * units[i].factor : 0;
                        return 0;
                }
        return -EINVAL;
}

/* Local time; what a format leaves out is that of TODAY, at midnight. mktime(3) finds out whether it is summer. */
static int parse_date(const char *text, struct tm today, usec_t *ret) {
        static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%H:%M",
                "%H:%M:%S" };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm tm = today, real;
                const char *end = strptime(text, formats[i], &tm);
                time_t t;

                if (!end || *end)
                        continue;
                real = tm;
                real.tm_isdst = -1;
                t = mktime(&real);
                if (t < 0 || real.tm_mday != tm.tm_mday) /* the 30th of February */
                        return -EINVAL;
                *ret = (usec_t) t * USEC_PER_SEC;
                return 0;
        }
        return -EINVAL;
}

int parse_since(const char *text, usec_t now, usec_t *ret) {
        time_t t = (time_t) (now / USEC_PER_SEC);
        struct tm today;

        if (!localtime_r(&t, &today))
                return -EINVAL;
        today.tm_hour = today.tm_min = today.tm_sec = 0;
        if (strcmp(text, "yesterday") == 0) {
                today.tm_mday--; /* mktime(3) makes a date of it */
                today.tm_isdst = -1;
                (void) mktime(&today);
        }
        if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
                today.tm_isdst = -1;
                *ret = (usec_t) mktime(&today) * USEC_PER_SEC;
                return 0;
        }
        return parse_ago(text, now, ret) == 0 ? 0 : parse_date(text, today, ret);
}
