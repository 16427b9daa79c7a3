/* A point in time as a person writes it; see parse_since.h. */
#include "cli/parse_since.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* The local time TM, which must be a real one: mktime(3) would make the 1st of March of the 30th of February. */
static int to_usec(struct tm tm, usec_t *ret) {
        struct tm real = tm;
        time_t t;

        real.tm_isdst = -1;
        t = mktime(&real);
        if (t < 0 || real.tm_mday != tm.tm_mday || real.tm_mon != tm.tm_mon)
                return -EINVAL;
        *ret = (usec_t) t * USEC_PER_SEC;
        return 0;
}

static int today(usec_t now, struct tm *ret) {
        time_t t = (time_t) (now / USEC_PER_SEC);

        if (!localtime_r(&t, ret))
                return -EINVAL;
        ret->tm_hour = ret->tm_min = ret->tm_sec = 0;
        return 0;
}

static int parse_word(const char *text, usec_t now, usec_t *ret) {
        struct tm tm;

        if (strcmp(text, "now") == 0) {
                *ret = now;
                return 0;
        }
        if (today(now, &tm) < 0 || (strcmp(text, "today") != 0 && strcmp(text, "yesterday") != 0))
                return -EINVAL;
        if (strcmp(text, "yesterday") == 0) {
                /* Noon of today less a day is yesterday, also when the clock is changed in between. */
                tm.tm_hour = 12;
                if (to_usec(tm, ret) < 0)
                        return -EINVAL;
                return today(*ret - USEC_PER_DAY, &tm) < 0 ? -EINVAL : to_usec(tm, ret);
        }
        return to_usec(tm, ret);
}

/* A whole TEXT in one of the formats of strptime(3), which takes fewer digits and more blanks than we do. */
static int parse_date(const char *text, usec_t now, usec_t *ret) {
        static const struct {
                const char *shape; /* 0 stands for a digit */
                const char *format;
        } formats[] = {
                { "0000-00-00", "%Y-%m-%d" },
                { "0000-00-00 00:00", "%Y-%m-%d %H:%M" },
                { "0000-00-00 00:00:00", "%Y-%m-%d %H:%M:%S" },
                { "00:00", "%H:%M" },
                { "00:00:00", "%H:%M:%S" },
        };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                const char *shape = formats[i].shape, *t = text;
                struct tm tm;

                for (; *shape && *t && (*shape == '0' ? isdigit((unsigned char) *t) != 0 : *t == *shape);
                        t++)
                        shape++;
                if (*shape || *t || today(now, &tm) < 0)
                        continue;
                /* "03:60" is "03:6" to it, with a rest. */
                t = strptime(text, formats[i].format, &tm);
                if (t && !*t)
                        return to_usec(tm, ret);
        }
        return -EINVAL;
}

static int parse_ago(const char *text, usec_t now, usec_t *ret) {
        static const struct {
                const char *suffix;
                usec_t factor;
        } units[] = {
                { "s", USEC_PER_SEC },
                { "m", USEC_PER_MINUTE },
                { "min", USEC_PER_MINUTE },
                { "h", USEC_PER_HOUR },
                { "d", USEC_PER_DAY },
                { "w", 7 * USEC_PER_DAY },
        };
        size_t length = strlen(text), digits;
        unsigned long long n;

        if (*text == '-')
                text++, length--;
        else if (length > 4 && strcmp(text + length - 4, " ago") == 0)
                length -= 4;
        digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 9)
                return -EINVAL;
        n = strtoull(text, NULL, 10);
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].suffix) == length - digits &&
                        strncmp(text + digits, units[i].suffix, length - digits) == 0) {
                        *ret = n * units[i].factor < now ? now - n * units[i].factor : 0;
                        return 0;
                }
        return -EINVAL;
}

int parse_since(const char *text, usec_t now, usec_t *ret) {
        usec_t t;

        if (parse_word(text, now, &t) < 0 && parse_date(text, now, &t) < 0 && parse_ago(text, now, &t) < 0)
                return -EINVAL;
        *ret = t;
        return 0;
}
