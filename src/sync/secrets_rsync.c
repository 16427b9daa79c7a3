/* One run of rsync; see secrets_rsync.h. */
#include "sync/secrets_rsync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/text.h"

/* rsync cannot fill the disk with one file, whatever its sender says. */
#define FILE_SIZE_MAX ((rlim_t) LISTING_FILE_MAX)
#define GRACE (500 * USEC_PER_MSEC)

const char *rsync_user(void) {
        const struct passwd *pw = getpwuid(geteuid());

        return pw ? pw->pw_name : "openclaw";
}

static const char *env(const char *name, const char *fallback) {
        const char *value = getenv(name);

        return value && *value ? value : fallback;
}

/* rsync is not to see RSYNC_RSH and the like, nor to speak another language than we read. A listing is a plain one: sizes in
 * bytes, names as they are. */
static void exec_rsync(const struct rsync_run *run) {
        static const char *const listing[] = { "--list-only", "--no-human-readable", NULL };
        static const char *const copying[] = { "-tp", "--chmod=D0700,Fgo=,Fu+rw", "--checksum", "--force",
                "--safe-links", "--no-devices", "--no-specials", "--delay-updates", "--fsync",
                "--temp-dir=" RSYNC_TEMPORARY, "--filter=P " RSYNC_TEMPORARY, "--out-format=%i",
                "--max-size=64m", NULL };
        char timeout[40], source[600], target[400], home[300], user[100], agent[300], path[300];
        const char *argv[40] = { "rsync", "-rl", timeout, "-e", run->ssh };
        const char *const envp[] = { "LC_ALL=C", home, user, path, agent, NULL };
        const struct rlimit size = { FILE_SIZE_MAX, FILE_SIZE_MAX };
        size_t n = 5;

        for (const char *const *o = run->copies ? copying : listing; *o; o++)
                argv[n++] = *o;
        if (run->copies && run->config->delete)
                argv[n++] = "--delete";
        argv[n++] = "--";
        argv[n++] = source;
        if (run->copies)
                argv[n++] = target;
        argv[n] = NULL;
        (void) snprintf(timeout, sizeof timeout, "--timeout=%" PRIu64,
                (run->config->timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
        (void) snprintf(source, sizeof source, "%s:%s", run->config->host, run->source);
        (void) snprintf(target, sizeof target, "%s/", run->config->target);
        (void) snprintf(home, sizeof home, "HOME=%s", env("HOME", "/"));
        (void) snprintf(user, sizeof user, "USER=%s", rsync_user());
        (void) snprintf(path, sizeof path, "PATH=%s", env("PATH", "/usr/local/bin:/usr/bin:/bin"));
        (void) snprintf(agent, sizeof agent, "SSH_AUTH_SOCK=%s", env("SSH_AUTH_SOCK", ""));
        if (!getenv("SSH_AUTH_SOCK"))
                agent[0] = '\0';
        (void) setrlimit(RLIMIT_FSIZE, &size);
        (void) signal(SIGXFSZ, SIG_IGN); /* then write(2) fails, and rsync says so */
        (void) execvpe(argv[0], (char *const *) argv, (char *const *) envp);
        _exit(RSYNC_ABSENT_HERE);
}

static int start_rsync(struct rsync_run *run) {
        int out[2], err[2];
        pid_t parent = getpid();

        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                return -errno;
        run->pid = fork();
        if (run->pid < 0)
                return -errno;
        if (run->pid == 0) {
                int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

                (void) setpgid(0, 0);
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent || dup2(null, STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 ||
                        dup2(err[1], STDERR_FILENO) < 0)
                        _exit(127);
                exec_rsync(run);
        }
        (void) setpgid(run->pid, run->pid); /* in both, since either may come first */
        (void) close(out[1]);
        (void) close(err[1]);
        run->out = out[0];
        run->err = err[0];
        return 0;
}

/* A line of a listing, or of --out-format=%i, where '>' begins a file that was received and "cL" a link that was made
 * (rsync(1), --itemize-changes). False: enough was seen. */
static bool take_line(struct rsync_run *run) {
        run->line[run->line_n] = '\0';
        run->line_n = 0;
        if (!run->copies)
                return listing_add(&run->listing, run->line) == 0 &&
                        !(strcmp(run->source, "./") == 0 && run->listing.is_home);
        run->files += run->line[0] == '>' || begins_with(run->line, "cL");
        return true;
}

/* False at the end of the pipe, or when enough was read. */
static bool read_pipe(struct rsync_run *run, int fd) {
        char buf[4096];
        ssize_t n = read(fd, buf, sizeof buf);

        if (n < 0 && errno == EINTR)
                return true;
        if (n <= 0)
                return false;
        if (fd == run->err) { /* the first words say why; what a hostile host adds is dropped */
                size_t take = MIN((size_t) n, sizeof run->words - 1 - run->words_n);

                (void) memcpy(run->words + run->words_n, buf, take);
                run->words_n += take;
                return true;
        }
        for (ssize_t i = 0; i < n; i++)
                if (buf[i] != '\n' && run->line_n < sizeof run->line - 1)
                        run->line[run->line_n++] = buf[i];
                else if (buf[i] == '\n' && !take_line(run)) {
                        (void) kill(-run->pid, SIGKILL);
                        return false;
                }
        return true;
}

/* Until rsync and all it started have closed both pipes. 0 or -ETIMEDOUT. */
static int follow_rsync(struct rsync_run *run) {
        struct pollfd fds[] = { { .fd = run->out, .events = POLLIN }, { .fd = run->err, .events = POLLIN } };

        while (fds[0].fd >= 0 || fds[1].fd >= 0) {
                usec_t now = now_usec(CLOCK_BOOTTIME);

                if (now >= run->deadline)
                        return -ETIMEDOUT;
                if (poll(fds, ELEMENTSOF(fds), (int) ((run->deadline - now) / USEC_PER_MSEC + 1)) < 0 &&
                        errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                        if (fds[i].fd >= 0 && fds[i].revents && !read_pipe(run, fds[i].fd))
                                fds[i].fd = -1;
        }
        return 0;
}

/* Until rsync has ended, or PATIENCE; it is left to be reaped, so that its number is not another's yet. */
static void await_end(const struct rsync_run *run, usec_t patience) {
        usec_t until = now_usec(CLOCK_BOOTTIME) + patience;
        siginfo_t info = { 0 };

        while (waitid(P_PID, (id_t) run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0 &&
                now_usec(CLOCK_BOOTTIME) < until)
                (void) usleep(5000);
}

/* Ends whatever of the group still lives, and waits for all of it, so that none writes any more. An rsync that has said all
 * it had to say gets a moment to end by itself. */
static void end_rsync(const struct rsync_run *run, int followed, int *status) {
        pid_t pid;
        int s;

        if (followed == 0)
                await_end(run, GRACE);
        (void) kill(-run->pid, SIGKILL);
        while ((pid = waitpid(-run->pid, &s, 0)) > 0 || errno == EINTR)
                if (pid == run->pid)
                        *status = s;
}

int rsync_run(struct rsync_run *run, const char *source, bool copies) {
        int status = 0, followed;

        run->source = source;
        run->copies = copies;
        run->words_n = run->line_n = 0;
        if (!copies)
                listing_free(&run->listing);
        if (start_rsync(run) < 0)
                return -EIO;
        followed = follow_rsync(run);
        end_rsync(run, followed, &status);
        (void) close(run->out);
        (void) close(run->err);
        run->words[run->words_n] = '\0';
        if (followed < 0)
                return followed;
        if (!copies && ((strcmp(source, "./") == 0 && run->listing.is_home) || run->listing.is_too_long))
                return 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}
