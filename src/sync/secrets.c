/* The secrets, copied by rsync; see secrets.h. */
#include "sync/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/program.h"
#include "lib/text.h"
#include "sync/secrets_rsync.h"
#include "sync/ssh_transport.h"

/* More than that here are no secrets any more. */
#define TOTAL_MAX ((int64_t) 256 << 20)
/* How much longer the child lives than rsync may run. */
#define CHILD_GRACE (2 * USEC_PER_SEC)

/* rsync's exit codes that are looked at (rsync(1), EXIT VALUES). */
enum {
        RSYNC_PROTOCOL = 2, /* the other end does not speak it: a shell that prints, most likely */
        RSYNC_STREAM = 12,  /* the other end went away */
        RSYNC_PARTIAL = 23, /* some files could not be read there, or written here */
        RSYNC_VANISHED = 24,
        RSYNC_SSH = 255, /* ssh itself failed */
};

/* Those that need no look. */
static const struct {
        int code;
        enum sync_part part;
        enum refusal_code why;
        const char *text; /* after the host's name */
} failures[] = {
        { 4, SYNC_REFUSED, REFUSAL_CONTENT,
                "sends names that it was not asked for, and nothing was copied" },
        { 30, SYNC_FAILED, REFUSAL_TIMEOUT, "stopped answering" },
        { 35, SYNC_FAILED, REFUSAL_TIMEOUT, "stopped answering" },
        { 127, SYNC_FAILED, REFUSAL_NO_RSYNC, "has no rsync" },
        { PROGRAM_ABSENT, SYNC_REFUSED, REFUSAL_NO_RSYNC_HERE,
                "cannot be asked: rsync is not installed here" },
};

struct copy {
        const struct secrets_config *config;
        struct sync_result *result;
        struct rsync_run run;
};

static int _printf_(4, 5)
        fail(struct copy *c, enum sync_part part, enum refusal_code code, const char *format, ...) {
        char text[2 * sizeof c->result->secrets_why.text];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        c->result->secrets = part;
        return refusal_set(&c->result->secrets_why, code, "%s", text);
}

static const char *our_name(void) {
        const struct passwd *pw = getpwuid(geteuid());

        return pw ? pw->pw_name : "openclaw";
}

/* Of a link there is no command: root would give away what the link leads to. */
static int refuse_owner(struct copy *c, const char *path) {
        _cleanup_free_ char *word = shell_quote(path), *link = find_link(path);

        (void) fail(c, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to another user%s%s", path, link ? ": " : "",
                link ? link : "");
        return link || !word
                ? -ECANCELED
                : refusal_set_command(&c->result->secrets_why, "sudo chown -hR %s: %s", our_name(), word);
}

/* COMMAND of the agent's user on the target may help. */
static int refuse_target(struct copy *c, const char *path, enum refusal_code code, const char *command) {
        _cleanup_free_ char *word = shell_quote(path);

        (void) fail(c, SYNC_REFUSED, code, "%s: %s%s", path, strerror(errno),
                errno == EROFS ? ". Let the unit: systemctl edit openclaw-failover-sync, ReadWritePaths="
                               : "");
        return word
                ? refusal_set_command(&c->result->secrets_why, "sudo -u %s %s %s", our_name(), command, word)
                : -ECANCELED;
}

/* The target: a directory of ours, locked against another sync, for which we have as long as for rsync. */
static int open_target(struct copy *c, bool dry_run) {
        _cleanup_free_ char *path = without_slash(c->config->target);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (stat(path, &st) < 0 && errno == ENOENT && dry_run)
                return 0; /* it will be made */
        if (stat(path, &st) < 0)
                return refuse_target(c, path, REFUSAL_TARGET, "mkdir -m 700");
        if (st.st_uid != geteuid())
                return refuse_owner(c, path);
        c->run.target = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->run.target < 0 && errno == ENOTDIR)
                return refuse_target(c, path, REFUSAL_TARGET, "mv -t /var/tmp");
        if (c->run.target < 0 || access(path, W_OK | X_OK) < 0)
                return refuse_target(c, path, REFUSAL_UNWRITABLE, "chmod u+rwx");
        if (!dry_run && lock_until(c->run.target, c->run.deadline) < 0)
                return fail(c, SYNC_FAILED, REFUSAL_BUSY, "another sync is at work in %s", path);
        return 0;
}

/* All files in the target, in bytes. */
static int64_t target_size(const struct copy *c) {
        char *const roots[] = { c->config->target, NULL };
        FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
        int64_t bytes = 0;
        FTSENT *e;

        while (fts && (e = fts_read(fts)))
                bytes += e->fts_info == FTS_F ? e->fts_statp->st_size : 0;
        if (fts)
                (void) fts_close(fts);
        return bytes;
}

/* Where rsync writes: a directory without others in it, which a killed one may have left. */
static void remove_temporary(const struct copy *c) {
        char path[40], *const roots[] = { path, NULL };
        FTSENT *e;
        FTS *fts;

        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/" RSYNC_TEMPORARY, c->run.target);
        fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        while (fts && (e = fts_read(fts)))
                if (e->fts_info != FTS_D)
                        (void) remove(e->fts_path);
        if (fts)
                (void) fts_close(fts);
}

/* Whether a key that does not read the source reads one directory only, as rrsync(1) has it: then "./" is something, and
 * not a home. */
static bool is_restricted(struct copy *c) {
        struct comparison found;

        if (strcmp(c->config->source, "./") == 0 || rsync_list(&c->run, "./") != 0)
                return false;
        rsync_compare(&c->run, &found);
        return !found.is_home;
}

/* What ssh does without rsync: its exit code, and in *RET whether the login shell there prints something of itself, which spoils
 * every protocol. rsync itself may end before it knows that ssh failed. */
static int probe_ssh(const struct copy *c, bool *ret) {
        _cleanup_free_ char *login = without_brackets(c->config->host), *out = NULL, *errors = NULL;
        int code = program_run(
                (const char *const[]){ "sh", "-c", "exec $0 \"$1\" true", c->run.ssh, login, NULL },
                c->run.deadline, &out, &errors);

        *ret = out && *out;
        return code;
}

/* The other end runs, and does not do what it is asked. */
static int judge_protocol(struct copy *c, int code, const char *words) {
        const char *host = c->config->host, *source = c->config->source;
        bool noisy = false;
        int status = code == RSYNC_PARTIAL ? 0 : probe_ssh(c, &noisy);

        if (status == RSYNC_SSH)
                return fail(c, SYNC_FAILED, REFUSAL_SSH, "ssh to %s failed: %s", host, words);
        if (noisy)
                return fail(c, SYNC_FAILED, REFUSAL_NOISY,
                        "the login shell of %s prints something before any command, and rsync cannot work over it",
                        host);
        if (code != RSYNC_PROTOCOL && is_restricted(c))
                return fail(c, SYNC_FAILED, REFUSAL_RESTRICTED,
                        "%s lets the key read one directory only (rrsync), without %s: set source = ./",
                        host, source);
        if (code == RSYNC_PARTIAL)
                return fail(
                        c, SYNC_FAILED, REFUSAL_NO_SOURCE, "%s has no %s that can be read", host, source);
        return fail(c, SYNC_FAILED, REFUSAL_NO_RSYNC, "%s does not speak rsync (exit code %d)%s%s", host,
                code, *words ? ": " : "", words);
}

static int find_failure(struct copy *c, int code) {
        const char *host = c->config->host;
        char words[200], span[SPAN_MAX];

        (void) ssh_last_words(c->run.errors ? c->run.errors : "", words, sizeof words);
        for (size_t i = 0; i < ELEMENTSOF(failures); i++)
                if (failures[i].code == code)
                        return fail(c, failures[i].part, failures[i].why, "%s %s", host, failures[i].text);
        if (code == -ETIMEDOUT)
                return fail(c, SYNC_FAILED, REFUSAL_TIMEOUT, "%s did not finish in %s", host,
                        format_span(span, c->config->timeout));
        if (code == RSYNC_SSH)
                return fail(c, SYNC_FAILED, REFUSAL_SSH, "ssh to %s failed: %s", host, words);
        if (code == RSYNC_PROTOCOL || code == RSYNC_STREAM || code == RSYNC_PARTIAL)
                return judge_protocol(c, code, words);
        return fail(c, SYNC_FAILED, REFUSAL_ERROR, "rsync from %s failed (exit code %d)", host, code);
}

/* The reason, with what a person can type to see more. */
static int judge_failure(struct copy *c, int code) {
        _cleanup_free_ char *login = without_brackets(c->config->host);

        (void) find_failure(c, code);
        return refusal_set_command(
                &c->result->secrets_why, "sudo -u %s ssh %s true", our_name(), login ? login : "");
}

/* Refuses to copy what is no set of secrets. */
static int check_listing(struct copy *c) {
        int code = rsync_list(&c->run, c->config->source);
        struct comparison found;

        rsync_compare(&c->run, &found);
        if (strcmp(c->config->source, "./") == 0 && found.is_home)
                return fail(c, SYNC_REFUSED, REFUSAL_UNRESTRICTED,
                        "the key may read the whole home directory of %s, and source = ./ would copy it: restrict the key (rrsync)",
                        c->config->host);
        if (code != 0 && code != RSYNC_VANISHED &&
                !(code == RSYNC_PARTIAL && found.n > 1)) /* something below is closed */
                return judge_failure(c, code);
        if (found.is_cut || found.there + (c->config->delete ? 0 : target_size(c) - found.here) > TOTAL_MAX)
                return fail(c, SYNC_REFUSED, REFUSAL_TOO_LARGE,
                        "the secrets of %s would take more than %" PRId64 " MiB here", c->config->host,
                        TOTAL_MAX >> 20);
        return 0;
}

/* What does not come costs itself alone, and is named. */
static void copy(struct copy *c) {
        struct comparison found;
        int code;

        remove_temporary(c);
        if (mkdirat(c->run.target, RSYNC_TEMPORARY, 0700) < 0) {
                (void) fail(c, SYNC_FAILED, REFUSAL_ERROR, "%s: %s", c->config->target, strerror(errno));
                return;
        }
        code = rsync_copy(&c->run, &c->result->files);
        remove_temporary(c);
        rsync_compare(&c->run, &found);
        if (code != 0 && code != RSYNC_PARTIAL && code != RSYNC_VANISHED)
                (void) judge_failure(c, code);
        else if (found.missing > 0 || code == RSYNC_PARTIAL)
                (void) fail(c, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE, "some files of %s were not copied%s%s",
                        c->config->host, found.missing > 0 ? ": " : "", found.names);
        else
                c->result->secrets = c->result->files > 0 ? SYNC_UPDATED : SYNC_UNCHANGED;
}

static void secrets_child(const void *userdata, void *ret) {
        const struct secrets_task *task = userdata;
        struct copy c = { .config = task->config,
                .result = ret,
                .run = { .config = task->config,
                        .target = -1,
                        .ssh = task->ssh ? task->ssh : ssh_command,
                        .deadline = now_usec(CLOCK_BOOTTIME) + task->config->timeout - task->late } };

        (void) umask(077);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* for those that rsync leaves behind */
        (void) setrlimit(RLIMIT_FSIZE, &(const struct rlimit){ SECRET_MAX, SECRET_MAX });
        (void) signal(SIGXFSZ, SIG_IGN); /* then write(2) fails, and rsync says so */
        if (open_target(&c, task->dry_run) == 0 && check_listing(&c) == 0) {
                c.result->secrets = SYNC_UNCHANGED;
                if (!task->dry_run)
                        copy(&c);
        }
        rsync_free(&c.run);
}

int secrets_start(const struct secrets_task *task, struct child *c, struct sync_result *r) {
        int k = child_start(
                c, secrets_child, task, sizeof *r, task->config->timeout - task->late + CHILD_GRACE);

        if (k == 0)
                return 0;
        r->secrets = SYNC_FAILED;
        return refusal_set(&r->secrets_why, REFUSAL_ERROR, "rsync cannot be started: %s", strerror(-k));
}

void secrets_finish(const struct secrets_task *task, struct child *c, struct sync_result *r) {
        struct sync_result answer;

        r->secrets = SYNC_FAILED;
        if (child_finish(c, &answer, sizeof answer) < 0) {
                (void) refusal_set(
                        &r->secrets_why, REFUSAL_ERROR, "rsync from %s did not end", task->config->host);
                return;
        }
        r->secrets = answer.secrets;
        r->files = answer.files;
        r->secrets_why = answer.secrets_why;
}
