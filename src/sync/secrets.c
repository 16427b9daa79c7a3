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
#include "sync/secrets_listing.h"
#include "sync/ssh_transport.h"

/* Where rsync writes before it renames; on the same file system, and ours to empty. */
#define TEMPORARY ".openclaw-failover"
/* Many secrets, and more here than there, are no secrets any more. */
#define TOTAL_MAX ((uint64_t) 256 << 20)
/* rsync cannot fill the disk with one file, whatever its sender says. */
#define FILE_SIZE_MAX ((rlim_t) LISTING_FILE_MAX)
#define GRACE (500 * USEC_PER_MSEC)
/* How much longer the child lives than rsync may run. */
#define CHILD_GRACE (2 * USEC_PER_SEC)

/* rsync's exit codes that a person can do something about (rsync(1), EXIT VALUES). */
enum {
        RSYNC_PROTOCOL = 2,    /* the other end does not speak it: a shell that prints, most likely */
        RSYNC_UNSUPPORTED = 4, /* it sends what nobody asked for */
        RSYNC_STREAM = 12,     /* the other end went away */
        RSYNC_PARTIAL = 23,    /* some files could not be read there, or written here */
        RSYNC_VANISHED = 24,
        RSYNC_TIMEOUT = 30,
        RSYNC_CONNECT_TIMEOUT = 35,
        RSYNC_ABSENT = 127,      /* the shell there has no such program */
        RSYNC_ABSENT_HERE = 200, /* ours */
        RSYNC_SSH = 255,         /* ssh itself failed */
};

struct run {
        const struct secrets_config *config;
        const char *ssh;
        const char *source; /* the configured one, or "./" to find out what the key may read */
        bool copies;        /* else it lists */
        struct sync_result *result;
        int target; /* directory, locked */
        pid_t pid;
        int out, err;
        usec_t deadline;
        char line[4200]; /* of OUT */
        size_t line_n;
        struct listing listing;
        unsigned files;
        char words[4096]; /* of ssh and rsync */
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
static int open_target(struct run *run, bool dry_run) {
        const char *target = run->config->target;
        struct stat st;
        int r = dry_run ? 0 : make_target(run);

        if (r < 0)
                return r;
        run->target = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (run->target < 0 && errno == ENOTDIR)
                return say(run->result, SYNC_REFUSED, REFUSAL_TARGET,
                        "%s is a file; it must be a directory: move it away", target);
        if (run->target < 0 && errno == ENOENT && dry_run)
                return 0; /* it will be made */
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
        if (!dry_run && lock_until(run->target, run->deadline) < 0)
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

/* rsync is not to see RSYNC_RSH and the like, nor to speak another language than we read. A listing is a plain one: sizes in
 * bytes, names as they are. */
static void exec_rsync(const struct run *run) {
        static const char *const listing[] = { "--list-only", "--no-human-readable", NULL };
        static const char *const copying[] = { "-tp", "--chmod=D0700,Fgo=,Fu+rw", "--checksum", "--force",
                "--safe-links", "--no-devices", "--no-specials", "--delay-updates", "--fsync",
                "--temp-dir=" TEMPORARY, "--filter=P " TEMPORARY, "--out-format=%i", "--max-size=64m",
                NULL };
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
        (void) snprintf(user, sizeof user, "USER=%s", own_name());
        (void) snprintf(path, sizeof path, "PATH=%s", env("PATH", "/usr/local/bin:/usr/bin:/bin"));
        (void) snprintf(agent, sizeof agent, "SSH_AUTH_SOCK=%s", env("SSH_AUTH_SOCK", ""));
        if (!getenv("SSH_AUTH_SOCK"))
                agent[0] = '\0';
        (void) setrlimit(RLIMIT_FSIZE, &size);
        (void) signal(SIGXFSZ, SIG_IGN); /* then write(2) fails, and rsync says so */
        (void) execvpe(argv[0], (char *const *) argv, (char *const *) envp);
        _exit(RSYNC_ABSENT_HERE);
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

/* A line of a listing, or of --out-format=%i, where '>' begins a file that was received and "cL" a link that was made
 * (rsync(1), --itemize-changes). False: enough was seen. */
static bool take_line(struct run *run) {
        run->line[run->line_n] = '\0';
        run->line_n = 0;
        if (!run->copies)
                return listing_add(&run->listing, run->line) == 0 &&
                        !(strcmp(run->source, "./") == 0 && run->listing.is_home);
        run->files += run->line[0] == '>' || begins_with(run->line, "cL");
        return true;
}

/* False at the end of the pipe, or when enough was read. */
static bool read_pipe(struct run *run, int fd) {
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

/* One run of rsync, listing or copying: its exit code, 0 for a listing that was stopped since it had said enough, -ETIMEDOUT or
 * another negative errno. */
static int run_rsync(struct run *run, const char *source, bool copies) {
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

/* Whether a key that does not read the source reads one directory only, as rrsync(1) has it: then "./" is something, and
 * not a home. */
static bool is_restricted(struct run *run) {
        return strcmp(run->config->source, "./") != 0 && run_rsync(run, "./", false) == 0 &&
                !run->listing.is_home;
}

/* What ssh does without rsync: its exit code, and in *RET whether the login shell there prints something of itself, which spoils
 * every protocol. rsync itself may end before it knows that ssh failed. */
static int probe_ssh(const struct run *run, bool *ret) {
        _cleanup_free_ char *login = without_brackets(run->config->host),
                            *word = login ? shell_quote(login) : NULL, *command = NULL;
        FILE *f;
        int status;

        *ret = false;
        if (!word || asprintf(&command, "%s %s true 2>/dev/null </dev/null", run->ssh, word) < 0)
                return -ENOMEM;
        f = popen(command, "re");
        if (!f)
                return -errno;
        *ret = fgetc(f) != EOF;
        status = pclose(f);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static int judge_ssh(const struct run *run, const char *words) {
        _cleanup_free_ char *login = without_brackets(run->config->host);

        (void) say(run->result, SYNC_FAILED, REFUSAL_SSH, "ssh to %s failed: %s", run->config->host, words);
        return login
                ? refusal_set_command(&run->result->secrets_why,
                          "sudo -u %s ssh -o StrictHostKeyChecking=accept-new %s true", own_name(), login)
                : -ECANCELED;
}

/* The other end runs, and does not do what it is asked. */
static int judge_protocol(struct run *run, int code, const char *words) {
        const char *host = run->config->host, *source = run->config->source;
        bool noisy = false;
        int status = code == RSYNC_PARTIAL ? 0 : probe_ssh(run, &noisy);

        if (status == RSYNC_SSH)
                return judge_ssh(run, words);
        if (noisy)
                return say(run->result, SYNC_FAILED, REFUSAL_NOISY,
                        "the login shell of %s prints something before any command, and rsync cannot work over it",
                        host);
        if (code != RSYNC_PROTOCOL && is_restricted(run))
                return say(run->result, SYNC_FAILED, REFUSAL_RESTRICTED,
                        "%s lets the key read one directory only (rrsync), without %s: set source = ./",
                        host, source);
        if (code == RSYNC_PARTIAL)
                return say(run->result, SYNC_FAILED, REFUSAL_NO_SOURCE, "%s has no %s that can be read",
                        host, source);
        return say(run->result, SYNC_FAILED, REFUSAL_NO_RSYNC, "%s does not speak rsync (exit code %d)%s%s",
                host, code, *words ? ": " : "", words);
}

static int judge_failure(struct run *run, int code) {
        const char *host = run->config->host;
        char words[200], span[SPAN_MAX];

        (void) ssh_last_words(run->words, words, sizeof words);
        switch (code) {
        case -ETIMEDOUT:
                return say(run->result, SYNC_FAILED, REFUSAL_TIMEOUT, "%s did not finish in %s", host,
                        format_span(span, run->config->timeout));
        case RSYNC_TIMEOUT:
        case RSYNC_CONNECT_TIMEOUT:
                return say(run->result, SYNC_FAILED, REFUSAL_TIMEOUT, "%s stopped answering", host);
        case RSYNC_SSH:
                return judge_ssh(run, words);
        case RSYNC_ABSENT_HERE:
                return say(run->result, SYNC_REFUSED, REFUSAL_NO_RSYNC_HERE, "rsync is not installed here");
        case RSYNC_UNSUPPORTED:
                return say(run->result, SYNC_REFUSED, REFUSAL_CONTENT,
                        "%s sends names that it was not asked for, and nothing was copied", host);
        case RSYNC_ABSENT:
                return say(run->result, SYNC_FAILED, REFUSAL_NO_RSYNC, "%s has no rsync", host);
        case RSYNC_PROTOCOL:
        case RSYNC_STREAM:
        case RSYNC_PARTIAL:
                return judge_protocol(run, code, words);
        default:
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "rsync from %s failed (exit code %d)",
                        host, code);
        }
}

/* Refuses to copy what is no set of secrets. */
static int check_listing(struct run *run) {
        const struct secrets_config *c = run->config;
        uint64_t others =
                !c->delete &&run->target >= 0 ? listing_size_of_others(&run->listing, run->target) : 0;

        if (strcmp(c->source, "./") == 0 && run->listing.is_home)
                return say(run->result, SYNC_REFUSED, REFUSAL_UNRESTRICTED,
                        "the key may read the whole home directory of %s, and source = ./ would copy it: restrict the key (rrsync)",
                        c->host);
        if (run->listing.is_too_long || run->listing.bytes + others > TOTAL_MAX)
                return say(run->result, SYNC_REFUSED, REFUSAL_TOO_LARGE,
                        "the secrets of %s would take more than %" PRIu64 " MiB or %d files here", c->host,
                        TOTAL_MAX >> 20, LISTING_MAX);
        return 0;
}

/* What did not come costs itself alone, and is named. */
static void judge_copy(struct run *run, int code) {
        char names[160];
        unsigned n;

        run->result->files = run->files;
        if (code != 0 && code != RSYNC_PARTIAL && code != RSYNC_VANISHED) {
                (void) judge_failure(run, code);
                return;
        }
        n = listing_name_missing(&run->listing, run->target, names, sizeof names);
        if (n > 0 || code == RSYNC_PARTIAL)
                (void) say(run->result, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE,
                        "some files of %s were not copied%s%s", run->config->host, n > 0 ? ": " : "", names);
        else
                run->result->secrets = run->files > 0 ? SYNC_UPDATED : SYNC_UNCHANGED;
}

static void copy(struct run *run) {
        remove_leftovers(run);
        if (mkdirat(run->target, TEMPORARY, 0700) < 0)
                (void) say(run->result, SYNC_FAILED, REFUSAL_ERROR, "%s: %s", run->config->target,
                        strerror(errno));
        else
                judge_copy(run, run_rsync(run, run->config->source, true));
        remove_leftovers(run);
}

static void secrets_child(const void *userdata, void *ret) {
        const struct secrets_task *task = userdata;
        struct run run = { .config = task->config,
                .ssh = task->ssh ? task->ssh : ssh_command,
                .result = ret,
                .target = -1,
                .deadline = now_usec(CLOCK_BOOTTIME) + task->config->timeout - task->late };
        int code;

        (void) umask(077);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* for those that rsync leaves behind */
        if (open_target(&run, task->dry_run) < 0)
                return;
        code = run_rsync(&run, task->config->source, false);
        if (code == RSYNC_PARTIAL && run.listing.n > 1)
                code = 0; /* something below is closed there */
        if (code != 0 && code != RSYNC_VANISHED)
                (void) judge_failure(&run, code);
        else if (check_listing(&run) == 0) {
                if (task->dry_run)
                        run.result->secrets = SYNC_UNCHANGED;
                else
                        copy(&run);
        }
        listing_free(&run.listing);
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
