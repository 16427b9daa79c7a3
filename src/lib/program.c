/* Runs another program until a deadline; see program.h. */
#include "lib/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/clock.h"

/* A signal that comes just before poll(2) is noticed after this. */
#define SLICE ((usec_t) 100 * USEC_PER_MSEC)

volatile sig_atomic_t child_stop;

pid_t program_start(const char *const argv[], int in, int out, int err) {
        pid_t parent = getpid(), pid = fork();

        if (pid < 0)
                return -errno;
        (void) setpgid(pid, pid); /* both processes do: either may run first */
        if (pid > 0)
                return pid;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setenv("LC_ALL", "C", true);
        if (getppid() == parent && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
                dup2(err, STDERR_FILENO) >= 0) {
                (void) execvp(argv[0], (char *const *) argv);
                (void) dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
        }
        _exit(PROGRAM_ABSENT);
}

int program_end(pid_t pid, usec_t until, int *ret_left) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int status = 0, left_status = 0, n;
        usec_t left;

        do {
                usec_t now = now_usec(CLOCK_BOOTTIME);

                left = until > now ? until - now : 0;
                n = poll(&p, 1, (int) ((MIN(left, SLICE) + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
        } while (n <= 0 && left > 0 && !child_stop);
        (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL); /* PID may not lead its group yet */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (ret_left)
                *ret_left = 0;
        while (waitpid(-pid, &left_status, 0) > 0 || errno == EINTR)
                if (ret_left && WIFEXITED(left_status))
                        *ret_left = MAX(*ret_left, WEXITSTATUS(left_status));
        return n <= 0 ? -ETIMEDOUT : WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int program_memory(void) {
        int fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        if (ftruncate(fd, (off_t) PROGRAM_OUTPUT_MAX) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0) {
                (void) close(fd);
                return -EIO;
        }
        return fd;
}

/* The offset is the length: all writers share it with us. */
char *program_text(int memory) {
        off_t n = lseek(memory, 0, SEEK_CUR);
        char *text = n < 0 ? NULL : calloc(1, (size_t) n + 1);

        if (text && pread(memory, text, (size_t) n, 0) < 0)
                n = 0;
        for (off_t i = 0; text && i < n; i++)
                text[i] = text[i] ? text[i] : '?';
        return text;
}

int program_run_group(
        const char *const argv[], usec_t until, char **ret_out, char **ret_err, int *ret_left) {
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC), out = program_memory(),
                            err = ret_err ? program_memory() : -1;
        pid_t pid;
        int status;

        if (null < 0 || out < 0 || (ret_err && err < 0))
                return -EIO;
        pid = program_start(argv, null, out, ret_err ? err : out);
        if (pid < 0)
                return pid;
        status = program_end(pid, until, ret_left);
        *ret_out = program_text(out);
        if (ret_err)
                *ret_err = program_text(err);
        return *ret_out && (!ret_err || *ret_err) ? status : -ENOMEM;
}

int program_run(const char *const argv[], usec_t until, char **ret_out, char **ret_err) {
        return program_run_group(argv, until, ret_out, ret_err, NULL);
}
