/* A function in a child process, killed at a deadline; see child.h. */
#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/clock.h"

volatile sig_atomic_t child_stop;

/* How soon a signal is seen that came just before poll(2). */
#define SLICE ((usec_t) 100 * USEC_PER_MSEC)

static void child_main(int fd, pid_t parent, child_function_t function, const void *task, void *answer,
        size_t answer_size) {
        sigset_t none;
        ssize_t n;

        (void) setsid();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it died before the line above */
                _exit(EXIT_FAILURE);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) sigemptyset(&none); /* what the parent blocks for its own sake */
        (void) sigprocmask(SIG_SETMASK, &none, NULL);

        function(task, answer);

        /* Answers are smaller than PIPE_BUF: they go through whole or not at all (pipe(7)). */
        n = write(fd, answer, answer_size);
        _exit(n == (ssize_t) answer_size ? EXIT_SUCCESS : EXIT_FAILURE);
}

int child_start(
        struct child *c, child_function_t function, const void *task, size_t answer_size, usec_t timeout) {
        _cleanup_free_ void *answer = calloc(1, answer_size);
        pid_t parent = getpid(), pid;
        int fds[2];

        if (!answer)
                return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                (void) close(fds[0]);
                (void) close(fds[1]);
                return r;
        }
        if (pid == 0)
                child_main(fds[1], parent, function, task, answer, answer_size);
        (void) close(fds[1]);
        *c = (struct child){
                .pid = pid, .fd = fds[0], .timeout = timeout, .deadline = now_usec(CLOCK_BOOTTIME) + timeout
        };
        return 0;
}

/* Waits until the pipe has an answer or its end. One that is there already counts, however late we come for it. */
static int wait_for_answer(const struct child *c) {
        for (;;) {
                struct pollfd p = { .fd = c->fd, .events = POLLIN };
                usec_t now = now_usec(CLOCK_BOOTTIME), left = now < c->deadline ? c->deadline - now : 0;
                int n;

                n = poll(&p, 1, (int) ((MIN(left, SLICE) + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (child_stop || (n == 0 && left == 0))
                        return -ETIMEDOUT;
        }
}

int child_finish(struct child *c, void *answer, size_t answer_size) {
        int r = wait_for_answer(c), status;

        if (r == 0 && read(c->fd, answer, answer_size) != (ssize_t) answer_size)
                r = -EPIPE;
        /* It has nothing more to say, whatever it still does. */
        (void) kill(-c->pid, SIGKILL);
        (void) kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
                ;
        (void) close(c->fd);
        c->fd = -1;
        return r;
}
