/* Text that is safe to print and to paste; times and spans for users; see text.h. */
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* The length of the UTF-8 sequence at S (RFC 3629), or 0 if there is none. */
static size_t utf8_length(const unsigned char *s) {
        size_t n = s[0] < 0x80                ? 1
                : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                              : 0;

        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
                (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
                return 0;
        return n;
}

/* C0, DEL, and C1 (U+0080 to U+009F), some of which a terminal obeys. */
static bool is_control(const unsigned char *s) {
        return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *safe_text(char *buf, size_t size, const char *text) {
        static const char ellipsis[] = "…";
        size_t used = 0, cut_at = 0; /* where the ellipsis goes, if not all fits */

        if (size == 0)
                return buf;
        for (const unsigned char *s = (const unsigned char *) text; *s;) {
                const char *from = (const char *) s;
                size_t n = utf8_length(s), take = n;

                s += n ? n : 1;
                if (isspace((unsigned char) *from)) {
                        from = " ";
                        while (isspace(*s))
                                s++;
                } else if (n == 0 || is_control((const unsigned char *) from)) {
                        from = "?";
                        take = 1;
                }
                if (used + take >= size) {
                        if (size > strlen(ellipsis))
                                return strcpy(buf + cut_at, ellipsis) - cut_at;
                        break;
                }
                (void) memcpy(buf + used, from, take);
                used += take;
                if (used + strlen(ellipsis) < size)
                        cut_at = used;
        }
        buf[used] = '\0';
        return buf;
}

static bool is_plain(char c) {
        return isalnum((unsigned char) c) || strchr("@%+=:,./_-~", c);
}

char *without_brackets(const char *login) {
        const char *at = strrchr(login, '@'), *host = at ? at + 1 : login;
        size_t n = strlen(host);
        char *bare;

        if (n < 3 || host[0] != '[' || host[n - 1] != ']')
                return strdup(login);
        if (asprintf(&bare, "%.*s%.*s", (int) (host - login), login, (int) (n - 2), host + 1) < 0)
                return NULL;
        return bare;
}

char *shell_quote(const char *text) {
        size_t size = 3;
        bool plain = *text && *text != '~';
        char *word, *to;

        for (const char *c = text; *c; c++) {
                plain = plain && is_plain(*c);
                size += *c == '\'' ? 4 : 1;
        }
        if (plain)
                return strdup(text);
        to = word = malloc(size);
        if (!word)
                return NULL;
        *to++ = '\'';
        for (const char *c = text; *c; c++)
                if (*c == '\'')
                        to = stpcpy(to, "'\\''");
                else
                        *to++ = (unsigned char) *c < 0x20 || *c == 0x7f ? '?' : *c;
        *to++ = '\'';
        *to = '\0';
        return word;
}

bool begins_with(const char *text, const char *prefix) {
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

int find_name(const char *name, const char *const names[], int n) {
        int i = 0;

        while (i < n && strcmp(name, names[i]) != 0)
                i++;
        return i;
}

/* Removes a cut character from the end of TEXT: sd-bus, jansson and systemd refuse broken UTF-8. */
static void drop_half(char *text) {
        size_t n = strlen(text), k = 1;

        while (k < 4 && k < n && (text[n - k] & 0xc0) == 0x80)
                k++;
        if (n > 0 && utf8_length((const unsigned char *) text + n - k) == 0)
                text[n - k] = '\0';
}

char *appendf(char *buf, size_t size, const char *format, ...) {
        size_t used = strnlen(buf, size);
        va_list ap;

        va_start(ap, format);
        if (used < size && vsnprintf(buf + used, size - used, format, ap) >= (int) (size - used))
                drop_half(buf + used);
        va_end(ap);
        return buf;
}

/* The compiler checks FORMAT at each call. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
char *format_time(char buf[static TIME_MAX], const char *format, usec_t realtime) {
        time_t t = (time_t) (realtime / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(buf, TIME_MAX, format, &tm) == 0)
                *buf = '\0';
        return buf;
}
#pragma GCC diagnostic pop

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

static const struct {
        const char *suffix;
        usec_t factor;
} units[] = {
        { "h", USEC_PER_HOUR },
        { "m", USEC_PER_MINUTE },
        { "s", USEC_PER_SEC },
        { "ms", USEC_PER_MSEC },
        { "", USEC_PER_SEC },
};

int parse_span(const char *text, usec_t *ret) {
        unsigned long long n;
        char *end;

        if (!isdigit((unsigned char) *text)) /* strtoull() would take blanks and signs */
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(end, units[i].suffix) == 0) {
                        if (errno || n > (USEC_INFINITY - 1) / units[i].factor)
                                return -ERANGE;
                        *ret = n * units[i].factor;
                        return 0;
                }
        return errno ? -ERANGE : -EINVAL;
}

char *print_span(char buf[static SPAN_MAX], usec_t span) {
        size_t i = 0;

        while (span % units[i].factor != 0 && i < ELEMENTSOF(units) - 2)
                i++;
        (void) snprintf(
                buf, SPAN_MAX, "%" PRIu64 "%s", span / units[i].factor, span > 0 ? units[i].suffix : "");
        return buf;
}
