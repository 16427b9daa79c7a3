/* Writes a small file from a child process; see kept_file.h. */
#include "lib/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/log.h"

/* Too short to make a check late. */
#define WAIT_MSEC 100

/* How the child ended: 0, also without a child, or a negative errno; -EINPROGRESS: it has not ended. */
static int end_of(struct kept_file *f, int options) {
        int status = 0;

        if (f->writer > 0 && waitpid(f->writer, &status, options) == 0)
                return -EINPROGRESS;
        f->writer = 0;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

_Noreturn static void write_in_child(int fd, const struct kept_file *f, const char *text, mode_t mode) {
        (void) dup2(fd, STDIN_FILENO);
        (void) close_range(STDERR_FILENO + 1, UINT_MAX, 0);
        (void) dprintf(STDIN_FILENO, ".");
        _exit(-replace_file(f->path, text, mode, f->durable));
}

/* Waits until the child has closed what it inherited, then for at most WAIT_MSEC. Otherwise a socket that
 * libcurl closes stays open in the child, and the loop's epoll(7) reports a source that is gone. */
static int write_aside(struct kept_file *f, const char *text, mode_t mode) {
        struct pollfd end = { .events = POLLIN };
        int fds[2], r = 0;
        char c;

        if (end_of(f, WNOHANG) == -EINPROGRESS)
                return -EINPROGRESS;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        f->writer = fork();
        if (f->writer == 0)
                write_in_child(fds[1], f, text, mode);
        if (f->writer < 0)
                r = -errno;
        (void) close(fds[1]);
        while (read(fds[0], &c, 1) < 0 && errno == EINTR)
                ;
        end.fd = fds[0];
        if (r >= 0)
                r = poll(&end, 1, WAIT_MSEC) > 0 ? end_of(f, 0) : -EINPROGRESS;
        (void) close(fds[0]);
        return r;
}

void kept_file_write(struct kept_file *f, const char *text) {
        mode_t mode = f->secret ? 0600 : 0644;
        int r = f->in_memory ? replace_file(f->path, text, mode, f->durable) : write_aside(f, text, mode);
        const char *more = r == -EROFS || r == -EACCES || r == -EPERM ? f->advice : NULL;

        if (r < 0 && !f->unwritten)
                log_error("%s cannot be written: %s.%s%s%s%s", f->path,
                        r == -EINPROGRESS ? "the disk has not answered yet" : strerror(-r), more ? " " : "",
                        more ?: "", f->meaning ? " " : "", f->meaning ?: "");
        else if (r >= 0 && f->unwritten)
                log_notice("%s %s.", f->path, text ? "can be written again" : "is no longer needed");
        f->unwritten = r < 0;
}

void kept_file_write_json(struct kept_file *f, json_t *j) {
        json_auto_t *owned _unused_ = j;
        _cleanup_free_ char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;

        if (text)
                kept_file_write(f, text);
}
