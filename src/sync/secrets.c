/* The secrets, copied by rsync; see secrets.h.
 *
 * A child watches over rsync, which has a process group of its own: rsync forks, and starts ssh. At the deadline the
 * group is killed, without asking it first: a promotion waits for this, and rsync sleeps for 0.4 s before it ends (sig_int()
 * in its rsync.c). What it leaves is removed here. */
#include "sync/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"
#include "sync/secrets_rsync.h"
#include "sync/ssh_transport.h"

/* Many secrets, and more here than there, are no secrets any more. */
#define TOTAL_MAX ((uint64_t) 256 << 20)
/* How much longer the child lives than rsync may run. */
#define CHILD_GRACE (2 * USEC_PER_SEC)

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

static int make_target(const struct rsync_run *run) {
        const char *target = run->config->target;

        if (mkdir(target, 0700) == 0 || errno == EEXIST)
                return 0;
        if (errno == EROFS)
                return say(run->result, SYNC_REFUSED, REFUSAL_TARGET,
                               "%s is missing, and the unit may not make it", target),
                       refusal_set_command(&run->result->secrets_why, "sudo -u %s mkdir -m 700 %s",
                               rsync_user(), target);
        return say(
                run->result, SYNC_REFUSED, REFUSAL_TARGET, "%s cannot be made: %s", target, strerror(errno));
}

/* Of a link there is no command: root would give away what the link leads to. */
static int refuse_owner(const struct rsync_run *run) {
        _cleanup_free_ char *path = without_slash(run->config->target), *word = NULL, *link = NULL;

        word = path ? shell_quote(path) : NULL;
        link = path ? find_link(path) : NULL;
        if (!word)
                return say(run->result, SYNC_FAILED, REFUSAL_ERROR, "out of memory");
        if (link)
                return say(run->result, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to another user: %s", path,
                        link);
        return say(run->result, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to another user", path),
               refusal_set_command(&run->result->secrets_why, "sudo chown -hR %s: %s", rsync_user(), word);
}

/* The target: a directory of ours, made if it is missing, and locked against another sync, for which we have as long as for
 * rsync. */
static int open_target(struct rsync_run *run, bool dry_run) {
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
static void remove_leftovers(const struct rsync_run *run) {
        char *const roots[] = { run->config->target, NULL };
        size_t root = strlen(run->config->target);
        FTS *fts;
        FTSENT *e;

        while (root > 1 && roots[0][root - 1] == '/')
                root--;
        fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
        while (fts && (e = fts_read(fts))) {
                const char *below = e->fts_path + root;

                if (e->fts_info != FTS_D && (has_part(below, ".~tmp~") || has_part(below, RSYNC_TEMPORARY)))
                        (void) (e->fts_info == FTS_DP ? rmdir(e->fts_path) : unlink(e->fts_path));
        }
        if (fts)
                (void) fts_close(fts);
}

/* Whether a key that does not read the source reads one directory only, as rrsync(1) has it: then "./" is something, and
 * not a home. */
static bool is_restricted(struct rsync_run *run) {
        return strcmp(run->config->source, "./") != 0 && rsync_run(run, "./", false) == 0 &&
                !run->listing.is_home;
}

/* What ssh does without rsync: its exit code, and in *RET whether the login shell there prints something of itself, which spoils
 * every protocol. rsync itself may end before it knows that ssh failed. */
static int probe_ssh(const struct rsync_run *run, bool *ret) {
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

static int judge_ssh(const struct rsync_run *run, const char *words) {
        _cleanup_free_ char *login = without_brackets(run->config->host);

        (void) say(run->result, SYNC_FAILED, REFUSAL_SSH, "ssh to %s failed: %s", run->config->host, words);
        return login
                ? refusal_set_command(&run->result->secrets_why,
                          "sudo -u %s ssh -o StrictHostKeyChecking=accept-new %s true", rsync_user(), login)
                : -ECANCELED;
}

/* The other end runs, and does not do what it is asked. */
static int judge_protocol(struct rsync_run *run, int code, const char *words) {
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

static int judge_failure(struct rsync_run *run, int code) {
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
static int check_listing(struct rsync_run *run) {
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
static void judge_copy(struct rsync_run *run, int code) {
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

static void copy(struct rsync_run *run) {
        remove_leftovers(run);
        if (mkdirat(run->target, RSYNC_TEMPORARY, 0700) < 0)
                (void) say(run->result, SYNC_FAILED, REFUSAL_ERROR, "%s: %s", run->config->target,
                        strerror(errno));
        else
                judge_copy(run, rsync_run(run, run->config->source, true));
        remove_leftovers(run);
}

static void secrets_child(const void *userdata, void *ret) {
        const struct secrets_task *task = userdata;
        struct rsync_run run = { .config = task->config,
                .ssh = task->ssh ? task->ssh : ssh_command,
                .result = ret,
                .target = -1,
                .deadline = now_usec(CLOCK_BOOTTIME) + task->config->timeout - task->late };
        int code;

        (void) umask(077);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* for those that rsync leaves behind */
        if (open_target(&run, task->dry_run) < 0)
                return;
        code = rsync_run(&run, task->config->source, false);
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
