/* Files: read whole, written so that a crash leaves the old or the new one, locked; see file.h. */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/program.h"
#include "lib/text.h"

char *without_slash(const char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

bool is_roots_way(const char *path) {
        _cleanup_free_ char *part = without_slash(path);
        struct stat st;

        if (!part || (lstat(part, &st) >= 0 && S_ISLNK(st.st_mode)))
                return false;
        for (char *end; (end = strrchr(part, '/'));) {
                *end = '\0';
                /* Refuses a link, too: lstat(2) says that all may write to it. */
                if (lstat(*part ? part : "/", &st) < 0 ? errno != ENOENT
                                                       : st.st_uid != 0 || (st.st_mode & 022))
                        return false;
        }
        return true;
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

int lock_until(int fd, usec_t until) {
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EINTR &&
                        (errno != EWOULDBLOCK || child_stop || now_usec(CLOCK_BOOTTIME) >= until))
                        return -errno;
                (void) usleep(50 * USEC_PER_MSEC);
        }
        return 0;
}

int read_file(const char *path, size_t max, char **ret) {
        /* O_NONBLOCK: a FIFO in the file's place must not block the loop. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        size_t used = 0;
        struct stat st;
        ssize_t n = 1;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if ((uintmax_t) st.st_size > max)
                return -EFBIG;
        text = malloc(max + 2);
        if (!text)
                return -ENOMEM;
        for (; n > 0 && used <= max; used += (size_t) n) {
                n = TEMP_FAILURE_RETRY(read(fd, text + used, max + 1 - used));
                if (n < 0)
                        return -errno;
        }
        if (used > max)
                return -EFBIG;
        text[used] = '\0';
        if (strlen(text) != used)
                return -EINVAL;
        *ret = TAKE(text);
        return 0;
}

int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = TEMP_FAILURE_RETRY(write(fd, data, size));

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

int replace_file(const char *path, const char *text, mode_t mode, bool durable) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (!text)
                return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
        if (asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        /* Only one process writes each of our files, so a crash of ours left what is there. */
        if (unlink(temporary) < 0 && errno != ENOENT)
                return -errno;
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text, strlen(text));
        if (r >= 0 && durable && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}
