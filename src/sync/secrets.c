/* The secrets, listed and copied by rsync; see secrets.h.
 *
 * At the deadline the worker kills rsync with SIGKILL: a promotion waits, and after a SIGTERM rsync sleeps
 * for 0.4 s (sig_int() in its rsync.c). */
#include "sync/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/program.h"
#include "lib/text.h"
#include "sync/repo.h"
#include "sync/ssh_transport.h"

/* In bytes. A larger file is no secret, and is not copied. More than the total is refused. */
#define SECRET_MAX ((uint64_t) 64 << 20)
#define TOTAL_MAX ((int64_t) 256 << 20)
/* In the target, so on its file system: rsync writes here before it renames, and we may empty it. */
#define TEMPORARY ".openclaw-failover"
/* How much longer the child lives than rsync may run. */
#define CHILD_GRACE (2 * USEC_PER_SEC)

/* The exit codes of rsync (rsync(1), EXIT VALUES) that decide something. */
enum {
        RSYNC_PROTOCOL = 2,  /* the other end does not speak rsync: most likely its shell prints */
        RSYNC_STREAM = 12,   /* the other end went away */
        RSYNC_MESSAGES = 13, /* … while it sent a message */
        RSYNC_PARTIAL = 23,  /* some files could not be read there, or written here */
        RSYNC_VANISHED = 24,
        RSYNC_ABSENT = 127,
        RSYNC_SSH = 255,       /* ssh itself failed */
        RSYNC_NOISY = -EPROTO, /* ours: the login shell there prints something by itself */
};

/* What each exit code means. */
static const struct {
        int code;
        enum sync_part part;
        enum refusal_code why;
        const char *text;    /* after the host's name */
        const char *command; /* NULL: ssh shows more; "": none helps */
} failures[] = {
        { RSYNC_SSH, SYNC_FAILED, REFUSAL_SSH, "cannot be reached by ssh", NULL },
        { RSYNC_NOISY, SYNC_FAILED, REFUSAL_NOISY,
                "has a login shell that prints something before any command: rsync cannot work over it",
                NULL },
        { RSYNC_ABSENT, SYNC_FAILED, REFUSAL_NO_RSYNC, "has no rsync", NULL },
        { RSYNC_PROTOCOL, SYNC_FAILED, REFUSAL_NO_RSYNC, "answers, but not as rsync does", NULL },
        { RSYNC_PARTIAL, SYNC_FAILED, REFUSAL_NO_SOURCE,
                "has no such source that can be read (if rrsync restricts the key: source = ./)", NULL },
        { -ETIMEDOUT, SYNC_FAILED, REFUSAL_TIMEOUT, "did not finish in time", NULL },
        { 4, SYNC_REFUSED, REFUSAL_CONTENT, "sends names that it was not asked for, and nothing was copied",
                NULL },
        { 11, SYNC_FAILED, REFUSAL_DISK, "sent files that cannot be written here: the disk may be full",
                "" },
        { PROGRAM_ABSENT, SYNC_REFUSED, REFUSAL_NO_RSYNC_HERE,
                "cannot be asked: rsync is not installed here", "sudo apt-get install rsync" },
        { 0, SYNC_FAILED, REFUSAL_ERROR, "did not send the secrets", NULL }, /* all others */
};

struct copy {
        const struct secrets_config *config;
        const char *ssh;
        struct sync_result *result;
        usec_t deadline;
        char user[64];          /* who runs this, for the commands */
        int target;             /* directory; -1: it is missing */
        char *listing, *errors; /* of the last run of rsync */
};

/* The listing, compared with the target. */
struct comparison {
        unsigned n, files;   /* items, and those that are no directories */
        unsigned home;       /* items at its top that a home directory has */
        bool is_cut;         /* the listing was too long */
        int64_t there, here; /* bytes of the files to copy, and of those here that have their names */
        unsigned missing;    /* items that are not here as they are there */
        char names[320];     /* of the first three missing; then rsync's reasons, if it gave any */
};

/* -ECANCELED */
#define fail(c, part, ...)                                                                                  \
        ((c)->result->secrets = (part), refusal_set(&(c)->result->secrets_why, __VA_ARGS__))

static int refuse_target(struct copy *c, const char *path) {
        return fail(c, SYNC_REFUSED, REFUSAL_TARGET, "%s: %s", path, strerror(errno));
}

/* Opens the target, a directory of ours, and locks it. Waits for another sync until the deadline. */
static int open_target(struct copy *c, bool dry_run) {
        _cleanup_free_ char *path = without_slash(c->config->target);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (stat(path, &st) < 0)
                return errno == ENOENT && dry_run ? 0 : refuse_target(c, path); /* a sync makes it */
        if (st.st_uid != geteuid())
                return fail(c, SYNC_REFUSED, REFUSAL_OWNER, "%s belongs to another user", path),
                       repo_refuse_owner(path, c->user, &c->result->secrets_why);
        c->target = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->target < 0 || access(path, W_OK | X_OK) < 0)
                return refuse_target(c, path);
        if (!dry_run && lock_until(c->target, c->deadline) < 0)
                return fail(c, SYNC_FAILED, REFUSAL_BUSY, "another sync is at work in %s", path);
        return 0;
}

/* Runs rsync. Returns its exit code, -ETIMEDOUT or another negative errno. *RET_OUT gets the output, or
 * NULL. A failing ssh closes its pipes before it exits, so rsync may end without ssh's exit code. */
static int run_rsync(
        struct copy *c, const char *const *options, const char *source, const char *target, char **ret_out) {
        _cleanup_free_ char *from = NULL;
        const char *argv[40] = { "rsync", "-rl", "-e", c->ssh };
        int code, left = 0;
        size_t n = 4;

        if (asprintf(&from, "%s:%s", c->config->host, source) < 0)
                return -ENOMEM;
        for (const char *const *o = options; *o; o++)
                argv[n++] = *o;
        argv[n++] = "--";
        argv[n++] = from;
        argv[n++] = target;
        free(c->errors);
        c->errors = *ret_out = NULL;
        code = program_run_group(argv, c->deadline, ret_out, &c->errors, &left);
        return code == RSYNC_STREAM && (left == RSYNC_SSH || left == RSYNC_ABSENT) ? left : code;
}

/* Lists SOURCE into .listing, with sizes in bytes. */
static int list(struct copy *c, const char *source) {
        static const char *const options[] = { "--list-only", "--no-human-readable", "-8", NULL };

        free(c->listing);
        c->listing = NULL;
        return run_rsync(c, options, source, NULL, &c->listing);
}

/* In --out-format=%i, '>' begins a received file, and "cL" a new link (rsync(1), --itemize-changes). */
static int copy_files(struct copy *c) {
        char max_size[40];
        const char *const options[] = { "-tp", "--chmod=D0700,Fgo=,Fu+rw", "--checksum", "--force",
                "--safe-links", "--no-devices", "--no-specials", "--delay-updates", "--fsync",
                "--temp-dir=" TEMPORARY, "--filter=P /" TEMPORARY, "--out-format=%i", max_size,
                c->config->delete ? "--delete" : NULL, NULL };
        _cleanup_free_ char *target = NULL, *out = NULL;
        int code = asprintf(&target, "%s/", c->config->target);

        (void) snprintf(max_size, sizeof max_size, "--max-size=%" PRIu64, SECRET_MAX);
        if (code >= 0)
                code = run_rsync(c, options, c->config->source, target, &out);
        for (const char *line = out; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
                c->result->files += *line == '>' || begins_with(line, "cL");
        return code;
}

/* The name in "-rw------- 12 2026/07/11 04:15:02 name", without a link's " -> target"; NULL: none. */
static char *parse_line(char *line, uint64_t *ret_size) {
        char *name, *arrow;
        int at = 0;

        if (sscanf(line, "%*s %" SCNu64 " %*u/%*u/%*u %*u:%*u:%*u%n", ret_size, &at) != 1 || line[at] != ' ')
                return NULL;
        name = line + at + 1;
        arrow = *line == 'l' ? strstr(name, " -> ") : NULL;
        if (arrow)
                *arrow = '\0';
        return name;
}

static void compare_item(
        const struct copy *copy, char type, uint64_t size, const char *name, struct comparison *c) {
        static const char *const home[] = { ".ssh", ".bashrc", ".profile", ".bash_logout", ".bash_history",
                ".bash_profile", ".zshrc", ".cache", ".local", ".npm" };
        struct stat st = { 0 };
        char safe[40];
        bool same;

        c->n++;
        c->files += type != 'd';
        for (size_t i = 0; i < ELEMENTSOF(home); i++)
                c->home += strcmp(name, home[i]) == 0;
        (void) fstatat(copy->target, name, &st, AT_SYMLINK_NOFOLLOW);
        if (type == '-' && size <= SECRET_MAX) {
                c->there += (int64_t) size;
                c->here += S_ISREG(st.st_mode) ? st.st_size : 0;
        }
        same = type == '-' ? S_ISREG(st.st_mode) && size <= SECRET_MAX
                           : type == 'd' || (type == 'l' && S_ISLNK(st.st_mode));
        if (!same && c->missing++ < 3)
                (void) appendf(c->names, sizeof c->names, "%s%s", c->missing > 1 ? ", " : "",
                        safe_text(safe, sizeof safe, name));
}

static void compare(const struct copy *c, struct comparison *ret) {
        _cleanup_free_ char *copy = strdup(c->listing ? c->listing : "");
        size_t n = copy ? strlen(copy) : 0;
        char *rest = copy, *line, *name;
        uint64_t size;

        *ret = (struct comparison){ .is_cut = n >= PROGRAM_OUTPUT_MAX || (n > 0 && copy[n - 1] != '\n') };
        while ((line = strsep(&rest, "\n")))
                if ((name = parse_line(line, &size)))
                        compare_item(c, *line, size, name, ret);
        if (ret->missing > 3)
                (void) appendf(ret->names, sizeof ret->names, " and %u more", ret->missing - 3);
}

/* Counts the bytes of all files below PATH. If REMOVES, also removes PATH and all below. */
static int64_t walk_files(char *path, bool removes) {
        _cleanup_(fts_closep) FTS *fts = fts_open((char *const[]){ path, NULL },
                FTS_PHYSICAL | FTS_NOCHDIR | (removes ? 0 : FTS_COMFOLLOW), NULL);
        int64_t bytes = 0;
        FTSENT *e;

        while (fts && (e = fts_read(fts))) {
                bytes += e->fts_info == FTS_F ? e->fts_statp->st_size : 0;
                if (removes && e->fts_info != FTS_D)
                        (void) remove(e->fts_path);
        }
        return bytes;
}

/* Removes the directory that rsync writes in: a killed rsync may have left one. */
static void remove_temporary(const struct copy *c) {
        char path[60];

        (void) snprintf(path, sizeof path, "/proc/self/fd/%d/" TEMPORARY, c->target);
        (void) walk_files(path, true);
}

/* Finds out by ssh alone why rsync failed with CODE. Returns a better code, or CODE. */
static int look_closer(const struct copy *c, int code) {
        _cleanup_free_ char *login = without_brackets(c->config->host), *out = NULL, *errors = NULL;
        const char *const argv[] = { "sh", "-c", "exec $0 \"$1\" true", c->ssh, login, NULL };
        int k = program_run(argv, c->deadline, &out, &errors);

        if (k == RSYNC_SSH || k == RSYNC_ABSENT)
                return k;
        return out && *out ? RSYNC_NOISY : code;
}

/* Reports why rsync failed with CODE, with a command that fixes it or shows more. */
static int judge_failure(struct copy *c, int code) {
        _cleanup_free_ char *login = without_brackets(c->config->host);
        struct refusal *why = &c->result->secrets_why;
        char words[200];
        bool quotes;
        size_t i = 0;

        (void) ssh_last_words(c->errors ? c->errors : "", words, sizeof words);
        if (code == RSYNC_PROTOCOL || code == RSYNC_STREAM || code == RSYNC_MESSAGES)
                code = look_closer(c, code);
        while (failures[i].code != 0 && failures[i].code != code)
                i++;
        if (failures[i].why == REFUSAL_ERROR && !*words)
                (void) snprintf(words, sizeof words, "rsync's exit code is %d", code);
        quotes = failures[i].why == REFUSAL_SSH || failures[i].why == REFUSAL_ERROR;
        (void) fail(c, failures[i].part, failures[i].why, "%s %s%s%s", c->config->host, failures[i].text,
                quotes ? ": " : "", quotes ? words : "");
        return failures[i].command
                ? refusal_set_command(why, "%s", failures[i].command)
                : refusal_set_command(why, "sudo -u %s ssh %s true", c->user, login ? login : "");
}

/* Whether SOURCE ("./", ".", "~/" …) is where a login begins, unless the key is restricted. */
static bool names_home(const char *source) {
        return source[strspn(source, "~./")] == '\0';
}

/* Refuses what is no set of secrets. A source that names no home may have one of a home's names. */
static int check_listing(struct copy *c) {
        int code = list(c, c->config->source);
        struct comparison found;

        compare(c, &found);
        if (found.home > (names_home(c->config->source) ? 0 : 1))
                return fail(c, SYNC_REFUSED, REFUSAL_UNRESTRICTED,
                        "the key may read the whole home directory of %s, and source = %s would copy it: restrict the key (rrsync)",
                        c->config->host, c->config->source);
        if (code != 0 && code != RSYNC_VANISHED &&
                !(code == RSYNC_PARTIAL && found.n > 1)) /* a file there is unreadable */
                return judge_failure(c, code);
        if (found.files == 0 && walk_files(c->config->target, false) > 0 && c->config->delete)
                return fail(c, SYNC_REFUSED, REFUSAL_NO_SOURCE,
                        "%s on %s is empty, and with delete = yes no secret would be left here",
                        c->config->source, c->config->host);
        if (found.is_cut ||
                found.there + (c->config->delete ? 0 : walk_files(c->config->target, false) - found.here) >
                        TOTAL_MAX)
                return fail(c, SYNC_REFUSED, REFUSAL_TOO_LARGE,
                        "the secrets of %s would take more than %" PRId64 " MiB here", c->config->host,
                        TOTAL_MAX >> 20);
        return 0;
}

/* Adds rsync's lines to the names of what is missing. Each names a file, whose old version may be here. */
static void add_reasons(const char *errors, struct comparison *found) {
        const char *line = find_rsync_lines(errors);

        line = *line ? line : errors;
        do {
                (void) appendf(found->names, sizeof found->names, "%s%.*s", *found->names ? "; " : "",
                        (int) strcspn(line, "\n"), line);
                line += strcspn(line, "\n");
                line += *line == '\n';
        } while (begins_with(line, "rsync: "));
}

/* A file that fails to come stops no other, and the result names it. */
static void copy(struct copy *c) {
        struct comparison found;
        int code;

        remove_temporary(c);
        if (mkdirat(c->target, TEMPORARY, 0700) < 0) {
                (void) fail(c, SYNC_FAILED, REFUSAL_ERROR, "%s: %s", c->config->target, strerror(errno));
                return;
        }
        code = copy_files(c);
        remove_temporary(c);
        compare(c, &found);
        if (code == RSYNC_PARTIAL)
                add_reasons(c->errors ?: "", &found);
        if (code != 0 && code != RSYNC_PARTIAL && code != RSYNC_VANISHED)
                (void) judge_failure(c, code);
        else if (found.missing > 0 || code == RSYNC_PARTIAL)
                (void) fail(c, SYNC_INCOMPLETE, REFUSAL_INCOMPLETE, "some files of %s were not copied: %s",
                        c->config->host, found.names);
        else
                c->result->secrets = c->result->files > 0 ? SYNC_UPDATED : SYNC_UNCHANGED;
}

static void secrets_child(const void *userdata, void *ret) {
        const struct secrets_task *task = userdata;
        struct copy c = { .config = task->config,
                .ssh = task->ssh ? task->ssh : ssh_command,
                .result = ret,
                .deadline = now_usec(CLOCK_BOOTTIME) + task->config->timeout - task->late,
                .target = -1 };

        name_user(geteuid(), c.user);
        (void) umask(077);
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1); /* adopts the ssh that rsync leaves behind */
        (void) setrlimit(RLIMIT_FSIZE, &(const struct rlimit){ SECRET_MAX, SECRET_MAX });
        (void) signal(SIGXFSZ, SIG_IGN); /* then write(2) fails, and rsync reports that */
        if (open_target(&c, task->dry_run) == 0 && check_listing(&c) == 0) {
                c.result->secrets = SYNC_UNCHANGED;
                if (!task->dry_run)
                        copy(&c);
        }
        free(c.listing);
        free(c.errors);
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
