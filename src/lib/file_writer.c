/* Files that a child writes; see file_writer.h. */
#include "lib/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"

#define WAIT_MSEC 100

static int end_of(pid_t *child, int options) {
        int status = 0;

        if (*child > 0 && waitpid(*child, &status, options) == 0)
                return -EINPROGRESS;
        *child = 0;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

const char *writer_error(int r) {
        return r == -EINPROGRESS ? "the disk has not answered yet" : strerror(-r);
}

int writer_result(pid_t *child) {
        return end_of(child, WNOHANG);
}

_Noreturn static void write_in_child(int fd, const char *path, const char *text, mode_t mode, bool durable) {
        (void) dup2(fd, STDIN_FILENO);
        (void) close_range(STDERR_FILENO + 1, UINT_MAX, 0);
        (void) dprintf(STDIN_FILENO, ".");
        _exit(-replace_file(path, text, mode, durable));
}

/* Waits until the child has closed what it inherited: otherwise a socket that libcurl closes meanwhile stays open in the child,
 * and with it in the loop's epoll(7), whose event then names a source that is gone. Then for at most WAIT_MSEC. */
int write_file_aside(pid_t *child, const char *path, const char *text, mode_t mode, bool durable) {
        struct pollfd end = { .events = POLLIN };
        int fds[2], r = 0;
        char c;

        if (writer_result(child) == -EINPROGRESS)
                return -EINPROGRESS;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *child = fork();
        if (*child == 0)
                write_in_child(fds[1], path, text, mode, durable);
        if (*child < 0)
                r = -errno;
        (void) close(fds[1]);
        while (read(fds[0], &c, 1) < 0 && errno == EINTR)
                ;
        end.fd = fds[0];
        if (r >= 0)
                r = poll(&end, 1, WAIT_MSEC) > 0 ? end_of(child, 0) : -EINPROGRESS;
        (void) close(fds[0]);
        return r;
}
