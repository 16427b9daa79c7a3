/* Another user's eyes; see as_user.h. */
#include "doctor/as_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define OUTPUT_MAX (64 * 1024)

int become(const struct passwd *user) {
        if (initgroups(user->pw_name, user->pw_gid) < 0)
                return -errno;
        if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
                return -errno;
        if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        /* What systemd sets for User= (systemd.exec(5)). */
        if (clearenv() != 0 || setenv("HOME", user->pw_dir, 1) < 0 || setenv("USER", user->pw_name, 1) < 0 ||
                setenv("LOGNAME", user->pw_name, 1) < 0 || setenv("SHELL", user->pw_shell, 1) < 0 ||
                setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
                return -ENOMEM;
        return chdir("/") < 0 ? -errno : 0;
}

/* All that comes out of FD until its end; what is over OUTPUT_MAX is read and thrown away. */
static char *read_output(int fd) {
        _cleanup_free_ char *text = malloc(OUTPUT_MAX + 1);
        char rest[4096];
        size_t used = 0;

        if (!text)
                return NULL;
        for (;;) {
                bool room = used < OUTPUT_MAX;
                ssize_t n = read(fd, room ? text + used : rest, room ? OUTPUT_MAX - used : sizeof rest);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                if (room)
                        used += (size_t) n;
        }
        text[used] = '\0';
        return TAKE(text);
}

int run_program(const char *const argv[], char **ret_output) {
        _cleanup_free_ char *output = NULL;
        int fds[2], status;
        pid_t child;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        child = fork();
        if (child == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) setenv("LC_ALL", "C", 1);
                (void) dup2(fds[1], STDOUT_FILENO);
                (void) dup2(fds[1], STDERR_FILENO);
                (void) execvp(argv[0], (char *const *) argv);
                _exit(127);
        }
        (void) close(fds[1]);
        if (child > 0)
                output = read_output(fds[0]);
        (void) close(fds[0]);
        if (child < 0)
                return -EAGAIN;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (!output)
                return -ENOMEM;
        *ret_output = TAKE(output);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
