/* The secrets, copied by rsync; see secrets.h.
 *
 * A child watches over rsync, which has a process group of its own: rsync forks, and starts ssh. At the deadline the
 * group is killed, without asking it first: a promotion waits for this, and rsync sleeps for 0.4 s before it ends (sig_int()
 * in its rsync.c). What it leaves is removed here. */
#include "sync/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"

/* No ControlPath: a shared connection would outlive the deadline, or be a dead one. */
#define SSH                                                                                                 \
        "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=5 -oServerAliveInterval=3 "       \
        "-oServerAliveCountMax=3 -oControlPath=none -oClearAllForwardings=yes -oForwardAgent=no -oPermitLocalCommand=no -oUpdateHostKeys=no"
/* Where rsync writes before it renames; on the same file system, and ours to empty. */
#define TEMPORARY ".openclaw-failover"
/* A secret of this size is none. rsync cannot fill the disk with one file, whatever its sender says. */
#define FILE_SIZE_MAX ((rlim_t) 64 << 20)
#define GRACE (500 * USEC_PER_MSEC)
/* How much longer the child lives than rsync may run. */
#define CHILD_GRACE (2 * USEC_PER_SEC)

struct run {
        const struct secrets_config *config;
        const char *ssh;
        bool dry_run;
        struct sync_result *result;
        int target; /* directory, locked */
        pid_t pid;
        int out, err;
        usec_t deadline;
        bool line_begins; /* on OUT; so one byte of each line says what it is */
        unsigned files;
        char words[4096]; /* of ssh and rsync: to be judged, never to be printed, since they name files */
        size_t words_n;
};

static int _printf_(4, 5)
        say(struct sync_result *r, enum sync_part part, enum refusal_code code, const char *format, ...) {
        char text[2 * sizeof r->secrets_why.text];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        r->secrets = part;
        return refusal_set(&r->secrets_why, code, "%s", text);
}

static const char *own_name(void) {
        const struct passwd *pw = getpwuid(geteuid());

        return pw ? pw->pw_name : "openclaw";
}

static int make_target(const struct run *run) {
        const char *target = run->config->target;

        if (mkdir(target, 0700) == 0 || errno == EEXIST)
                return 0;
        if (errno == EROFS)
                return say(run->result, SYNC_REFUSED, REFUSAL_TARGET,
                               "%s is missing, and the unit may not make it", target),
                       refusal_set_command(
                               &run->result->secrets_why, "sudo -u %s mkdir -m 700 %s", own_name(), target);
        return say(
                run->result, SYNC_REFUSED, REFUSAL_TARGET, "%s cannot be made: %s", target, strerror(errno));
}

/* Of a link there is no command: root would give away what the link leads to. */
static int refuse_owner(const struct run *run) {
        _cleanup_free_ char *path = without_slash(run->config->target), *word = NULL, *link = NULL;

        word = path ? shell_quote(path) : NULL;
        link = path ? find_link(path) : NULL;
        if (!word)
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "out of memory");
        if (link)
                return say(run->result, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to somebody else: %s", path,
                        link);
        return say(run->result, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to somebody else", path),
               refusal_set_command(&run->result->secrets_why, "sudo chown -hR %s: %s", own_name(), word);
}

/* The target: a directory of ours, made if it is missing, and locked against another sync, for which we have as long as for
 * rsync. */
static int open_target(struct run *run) {
        const char *target = run->config->target;
        struct stat st;
        int r = run->dry_run ? 0 : make_target(run);

        if (r < 0)
                return r;
        run->target = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (run->target < 0 && errno == ENOTDIR)
                return say(run->result, SYNC_REFUSED, REFUSAL_TARGET,
                        "%s is a file; it must be a directory: move it away", target);
        if (run->target < 0 || fstat(run->target, &st) < 0)
                return say(run->result, SYNC_REFUSED, REFUSAL_UNWRITABLE, "%s: %s", target, strerror(errno));
        if (st.st_uid != geteuid())
                return refuse_owner(run);
        if (faccessat(run->target, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return say(run->result, SYNC_REFUSED, REFUSAL_UNWRITABLE, "%s cannot be written: %s%s",
                        target, strerror(errno),
                        errno == EROFS
                                ? ". Let the unit: systemctl edit openclaw-failover-sync, ReadWritePaths="
                                : "");
        if (!run->dry_run && lock_until(run->target, run->deadline) < 0)
                return say(run->result, SYNC_FAILED, REFUSAL_BUSY, "another sync is at work in %s", target);
        return 0;
}

/* Whether NAME is one of the names that the path BELOW, which begins with a slash, is made of. */
static bool has_part(const char *below, const char *name) {
        size_t n = strlen(name);

        for (const char *slash = strchr(below, '/'); slash; slash = strchr(slash + 1, '/'))
                if (strcspn(slash + 1, "/") == n && strncmp(slash + 1, name, n) == 0)
                        return true;
        return false;
}

/* What a killed rsync left: its own directories, in which nobody else keeps anything. The target itself may be a link to
 * them. Nothing here minds device numbers: on an overlay, files have others than their directories (Linux,
 * Documentation/filesystems/overlayfs.rst). */
static void remove_leftovers(const struct run *run) {
        char *const roots[] = { run->config->target, NULL };
        size_t root = strlen(run->config->target);
        FTS *fts;
        FTSENT *e;

        while (root > 1 && roots[0][root - 1] == '/')
                root--;
        fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
        while (fts && (e = fts_read(fts))) {
                const char *below = e->fts_path + root;

                if (e->fts_info != FTS_D && (has_part(below, ".~tmp~") || has_part(below, TEMPORARY)))
                        (void) (e->fts_info == FTS_DP ? rmdir(e->fts_path) : unlink(e->fts_path));
        }
        if (fts)
                (void) fts_close(fts);
}

static const char *env(const char *name, const char *fallback) {
        const char *value = getenv(name);

        return value && *value ? value : fallback;
}

/* rsync is not to see RSYNC_RSH and the like, nor to speak another language than we read. */
static void exec_rsync(const struct run *run) {
        static const char temporary[] = "--temp-dir=" TEMPORARY;
        char timeout[40], source[600], target[400], home[300], user[100], agent[300], path[300];
        const char *const argv[] = { "rsync", "-rtp", "--chmod=D0700,F0600", "--no-links", "--no-devices",
                "--no-specials", "--delay-updates", "--fsync", run->dry_run ? "--dry-run" : temporary,
                timeout, "--out-format=%i", "-e", run->ssh, "--", source, target, NULL };
        const char *const envp[] = { "LC_ALL=C", home, user, path, agent, NULL };
        const struct rlimit size = { FILE_SIZE_MAX, FILE_SIZE_MAX };

        (void) snprintf(timeout, sizeof timeout, "--timeout=%" PRIu64,
                (run->config->timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
        (void) snprintf(source, sizeof source, "%s:%s", run->config->host, run->config->source);
        (void) snprintf(target, sizeof target, "%s/", run->config->target);
        (void) snprintf(home, sizeof home, "HOME=%s", env("HOME", "/"));
        (void) snprintf(user, sizeof user, "USER=%s", own_name());
        (void) snprintf(path, sizeof path, "PATH=%s", env("PATH", "/usr/local/bin:/usr/bin:/bin"));
        (void) snprintf(agent, sizeof agent, "SSH_AUTH_SOCK=%s", env("SSH_AUTH_SOCK", ""));
        if (!getenv("SSH_AUTH_SOCK"))
                agent[0] = '\0';
        (void) setrlimit(RLIMIT_FSIZE, &size);
        (void) signal(SIGXFSZ, SIG_IGN); /* then write(2) fails, and rsync says so */
        (void) execvpe(argv[0], (char *const *) argv, (char *const *) envp);
        (void) fprintf(stderr, "exec: %s\n", strerror(errno));
        _exit(127);
}

static int start_rsync(struct run *run) {
        int out[2], err[2];
        pid_t parent = getpid();

        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "rsync cannot be started: %s",
                        strerror(errno));
        run->pid = fork();
        if (run->pid < 0)
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "rsync cannot be started: %s",
                        strerror(errno));
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

/* Counts the lines of --out-format=%i that begin with '>': a file was received (rsync(1), --itemize-changes). */
static void count_lines(struct run *run, const char *text, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (run->line_begins && text[i] == '>')
                        run->files++;
                run->line_begins = text[i] == '\n';
        }
}

/* False at the end of the pipe. */
static bool read_pipe(struct run *run, int fd) {
        char buf[4096];
        ssize_t n = read(fd, buf, sizeof buf);

        if (n < 0 && errno == EINTR)
                return true;
        if (n <= 0)
                return false;
        if (fd == run->out)
                count_lines(run, buf, (size_t) n);
        else { /* the first words say why; what a hostile host adds is dropped */
                size_t take = MIN((size_t) n, sizeof run->words - 1 - run->words_n);

                (void) memcpy(run->words + run->words_n, buf, take);
                run->words_n += take;
        }
        return true;
}

/* Until rsync and all it started have closed both pipes. 0 or -ETIMEDOUT. */
static int follow_rsync(struct run *run) {
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
static void await_end(const struct run *run, usec_t patience) {
        usec_t until = now_usec(CLOCK_BOOTTIME) + patience;
        siginfo_t info = { 0 };

        while (waitid(P_PID, (id_t) run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0 &&
                now_usec(CLOCK_BOOTTIME) < until)
                (void) usleep(5000);
}

/* Ends whatever of the group still lives, and waits for all of it, so that none writes any more. An rsync that has said all
 * it had to say gets a moment to end by itself. */
static void end_rsync(const struct run *run, int followed, int *status) {
        pid_t pid;
        int s;

        if (followed == 0)
                await_end(run, GRACE);
        (void) kill(-run->pid, SIGKILL);
        while ((pid = waitpid(-run->pid, &s, 0)) > 0 || errno == EINTR)
                if (pid == run->pid)
                        *status = s;
}

/* What ssh says, and what it means. */
static int judge_ssh(const struct run *run) {
        static const struct {
                const char *said, *means;
        } words[] = {
                { "Permission denied (",
                        "takes no key of ours: put our public key into its ~/.ssh/authorized_keys" },
                { "Connection refused", "refuses the connection: is sshd running there?" },
                { "timed out", "does not answer" },
                { "Timeout", "stopped answering" },
                { "No route to host", "cannot be reached: no route" },
                { "Network is unreachable", "cannot be reached: no network" },
                { "Could not resolve hostname", "is a name that does not resolve" },
                { "Too many authentication failures",
                        "was offered too many keys: name one in ~/.ssh/config" },
                { "UNPROTECTED PRIVATE KEY FILE",
                        "is not tried: our private key is readable by others: chmod 600" },
                { "command not found", "has no rsync: install it there" },
        };
        const char *host = run->config->host;
        _cleanup_free_ char *login = without_brackets(host);

        if (!login)
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "out of memory");
        if (strstr(run->words, "Host key verification failed") || strstr(run->words, "host key is known"))
                return say(run->result, SYNC_REFUSED, REFUSAL_SSH,
                               "the host key of %s is unknown, or has changed: check it", host),
                       refusal_set_command(
                               &run->result->secrets_why, "sudo -u %s ssh %s", own_name(), login);
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strstr(run->words, words[i].said))
                        return say(run->result, SYNC_FAILED, REFUSAL_SSH, "%s %s", host, words[i].means);
        return 0;
}

/* rrsync(1) takes every path for one below its directory, and nobody expands a "~" then. Some say that the path is not
 * there themselves, others leave it to rsync. */
static bool is_restricted(const struct run *run) {
        return !begins_with(run->config->source, "./") &&
                (strstr(run->words, "rrsync error") || strstr(run->words, "/~/"));
}

/* rsync's exit codes that a person can do something about (rsync(1), EXIT VALUES). */
static int judge_rsync(const struct run *run, int code) {
        const char *host = run->config->host, *source = run->config->source;

        if (code == 127)
                return say(run->result, SYNC_REFUSED, REFUSAL_NO_RSYNC_HERE,
                        "rsync cannot be run here: apt install rsync");
        if (strstr(run->words, "File too large"))
                return say(run->result, SYNC_FAILED, REFUSAL_TOO_LARGE,
                        "%s sends a file over 64 MiB, which is no secret", host);
        if (strstr(run->words, "unsafe pathname from sender") ||
                strstr(run->words, "unrequested file-list name"))
                return say(run->result, SYNC_REFUSED, REFUSAL_CONTENT,
                        "%s sends names that it was not asked for, and nothing was taken: who is that?",
                        host);
        if (strstr(run->words, "No space left on device"))
                return say(run->result, SYNC_FAILED, REFUSAL_DISK, "the disk of %s is full",
                        run->config->target);
        if (is_restricted(run))
                return say(run->result, SYNC_FAILED, REFUSAL_RESTRICTED,
                        "%s lets our key read one directory only (rrsync), without %s: set source = ./",
                        host, source);
        if (code == 23 && strstr(run->words, "link_stat") && strstr(run->words, "No such file"))
                return say(run->result, SYNC_FAILED, REFUSAL_NO_SOURCE, "%s has no %s", host, source);
        if (code == 23 && strstr(run->words, "change_dir") && strstr(run->words, "No such file"))
                return say(run->result, SYNC_FAILED, REFUSAL_NO_SOURCE, "%s has no %s", host, source);
        if (code == 23)
                return say(run->result, SYNC_FAILED, REFUSAL_INCOMPLETE,
                        "%s could not send all of %s: are some files not readable there?", host, source);
        if (code == 30 || code == 35)
                return say(run->result, SYNC_FAILED, REFUSAL_TIMEOUT, "%s stopped answering", host);
        if (code == 12 || code == 2)
                return say(run->result, SYNC_FAILED, REFUSAL_NO_RSYNC,
                        "%s speaks no rsync: is it installed there, and the key allowed to run it?", host);
        return say(run->result, SYNC_FAILED, REFUSAL_ERROR,
                "rsync from %s failed with exit code %d (man rsync, EXIT VALUES)", host, code);
}

static void judge(const struct run *run, int followed, int status) {
        char span[SPAN_MAX];

        run->result->files = run->files;
        if (followed == -ETIMEDOUT) {
                if (judge_ssh(run) == 0)
                        (void) say(run->result, SYNC_FAILED, REFUSAL_TIMEOUT, "%s was not done in %s",
                                run->config->host, format_span(span, run->config->timeout));
                return;
        }
        /* 24: a file vanished while it was read; what is there now was copied. */
        if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 24)) {
                run->result->secrets = run->files > 0 ? SYNC_UPDATED : SYNC_UNCHANGED;
                return;
        }
        if (judge_ssh(run) < 0)
                return;
        if (WIFEXITED(status))
                (void) judge_rsync(run, WEXITSTATUS(status));
        else
                (void) say(run->result, SYNC_FAILED, REFUSAL_ERROR, "rsync was killed (signal %d)",
                        WTERMSIG(status));
}

static void secrets_child(const void *userdata, void *ret) {
        const struct secrets_task *task = userdata;
        struct run run = { .config = task->config,
                .ssh = task->ssh ? task->ssh : SSH,
                .dry_run = task->dry_run,
                .result = ret,
                .target = -1,
                .line_begins = true,
                .deadline = now_usec(CLOCK_BOOTTIME) + task->config->timeout - task->late };
        int status = 0, followed;

        (void) umask(077);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* for those that rsync leaves behind */
        if (open_target(&run) < 0)
                return;
        if (!run.dry_run) {
                remove_leftovers(&run);
                if (mkdirat(run.target, TEMPORARY, 0700) < 0) {
                        (void) say(run.result, SYNC_FAILED, REFUSAL_ERROR, "%s: %s", task->config->target,
                                strerror(errno));
                        return;
                }
        }
        if (start_rsync(&run) < 0)
                return;
        followed = follow_rsync(&run);
        end_rsync(&run, followed, &status);
        if (!run.dry_run)
                remove_leftovers(&run);
        judge(&run, followed, status);
}

int secrets_start(const struct secrets_task *task, struct child *c, struct sync_result *r) {
        int k = child_start(
                c, secrets_child, task, sizeof *r, task->config->timeout - task->late + CHILD_GRACE);

        return k < 0 ? say(r, SYNC_FAILED, REFUSAL_ERROR, "rsync cannot be started: %s", strerror(-k)) : 0;
}

void secrets_finish(const struct secrets_task *task, struct child *c, struct sync_result *r) {
        struct sync_result answer;
        int k = child_finish(c, &answer, sizeof answer);

        if (k < 0) {
                (void) say(r, SYNC_FAILED, REFUSAL_ERROR, "rsync from %s did not end", task->config->host);
                return;
        }
        r->secrets = answer.secrets;
        r->files = answer.files;
        r->secrets_why = answer.secrets_why;
}
