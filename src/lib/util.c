/* Small things that every file may use; see util.h. */
#include "lib/util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

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

usec_t monotonic_to_boottime(usec_t monotonic) {
        return monotonic == 0 ? 0 : now_usec(CLOCK_BOOTTIME) - (now_usec(CLOCK_MONOTONIC) - monotonic);
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
        const unsigned char *s = (const unsigned char *) text;
        size_t used = 0, cut_at = 0;
        bool blank = false;

        if (size == 0)
                return buf;
        while (*s) {
                size_t n = utf8_length(s);
                const char *from = (const char *) s;
                size_t take = n;

                if (*s < 0x80 && isspace(*s)) {
                        s++;
                        if (blank)
                                continue;
                        blank = true;
                        from = " ";
                        take = 1;
                } else {
                        blank = false;
                        if (n == 0 || is_control(s)) {
                                from = "?";
                                take = 1;
                        }
                        s += n ? n : 1;
                }
                if (used + take >= size) {
                        if (size > strlen(ellipsis)) {
                                (void) strcpy(buf + cut_at, ellipsis);
                                return buf;
                        }
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

char *without_slash(const char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
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

char *find_link(const char *path) {
        _cleanup_free_ char *part = without_slash(path);
        bool roots_own = true; /* all directories so far */

        for (char *end = part; end && *end;) {
                char to[PATH_MAX], *text, rest;
                struct stat st;
                ssize_t n;

                end += strspn(end, "/");
                end += strcspn(end, "/");
                rest = *end;
                *end = '\0';
                n = readlink(part, to, sizeof to);
                if (n >= 0 && !(rest && roots_own))
                        return asprintf(&text, "%s is a symbolic link to %.*s", part, (int) n, to) < 0
                                ? NULL
                                : text;
                roots_own = roots_own && stat(part, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
                *end = rest;
        }
        return NULL;
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

int lock_until(int fd, usec_t until) {
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EINTR && (errno != EWOULDBLOCK || now_usec(CLOCK_BOOTTIME) >= until))
                        return -errno;
                (void) usleep(50 * USEC_PER_MSEC);
        }
        return 0;
}

bool begins_with(const char *text, const char *prefix) {
        return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Takes what is left of a character that was cut off the end of TEXT: sd-bus, jansson and systemd refuse broken UTF-8. */
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

int read_file(const char *path, size_t max, char **ret) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        size_t used = 0;
        struct stat st;

        /* O_NONBLOCK: a FIFO in the file's place must not block the loop. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if ((uintmax_t) st.st_size > max)
                return -EFBIG;

        text = malloc(max + 2);
        if (!text)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(fd, text + used, max + 1 - used);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                used += (size_t) n;
                if (used > max)
                        return -EFBIG;
        }
        text[used] = '\0';
        if (strlen(text) != used)
                return -EINVAL;
        *ret = TAKE(text);
        return 0;
}

static int write_all(int fd, const char *text) {
        for (size_t left = strlen(text); left > 0;) {
                ssize_t n = write(fd, text, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                left -= (size_t) n;
        }
        return 0;
}

static int replace_file(const char *path, const char *text, mode_t mode, bool durable) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        /* One process writes each of our files, so what a crash left under this name is ours to replace. */
        if (unlink(temporary) < 0 && errno != ENOENT)
                return -errno;
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text);
        if (r >= 0 && durable && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

int write_file_atomic(const char *path, const char *text, mode_t mode) {
        return replace_file(path, text, mode, true);
}

int write_file_quick(const char *path, const char *text, mode_t mode) {
        return replace_file(path, text, mode, false);
}

void strv_free(char **list) {
        for (char **s = list; s && *s; s++)
                free(*s);
        free(list);
}

bool strv_contains(char *const *list, const char *text) {
        for (char *const *s = list; s && *s; s++)
                if (strcmp(*s, text) == 0)
                        return true;
        return false;
}
