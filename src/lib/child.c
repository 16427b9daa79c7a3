/* A function in a child process, killed at a deadline; see child.h. */
#include "lib/child.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/clock.h"

_Noreturn static void child_main(pid_t parent, child_function_t function, const void *task, void *answer) {
        sigset_t none;

        (void) setsid();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* the parent died before that call */
                _exit(EXIT_FAILURE);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) sigemptyset(&none); /* the parent blocks signals for itself */
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        function(task, answer);
        _exit(EXIT_SUCCESS);
}

int child_start(
        struct child *c, child_function_t function, const void *task, size_t answer_size, usec_t timeout) {
        pid_t parent = getpid();

        *c = (struct child){ .timeout = timeout, .deadline = now_usec(CLOCK_BOOTTIME) + timeout };
        c->answer = mmap(NULL, answer_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (c->answer == MAP_FAILED)
                return -errno;
        c->pid = fork();
        if (c->pid == 0)
                child_main(parent, function, task, c->answer);
        if (c->pid < 0) {
                int r = -errno;

                (void) munmap(c->answer, answer_size);
                return r;
        }
        return 0;
}

int child_finish(struct child *c, void *answer, size_t answer_size) {
        int r = program_end(c->pid, c->deadline, NULL);

        if (r == EXIT_SUCCESS)
                (void) memcpy(answer, c->answer, answer_size);
        (void) munmap(c->answer, answer_size);
        return r == -ETIMEDOUT ? r : r == EXIT_SUCCESS ? 0 : -EPIPE;
}
