/* What killed gits, syncs and power cuts leave in .git; see crash_cleanup.h. */
#include "sync/crash_cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

#define LOCK_SECONDS (60 * 60)

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether the directory FD, which it closes, is ROOT or lies within it. Not by its path: to another mount namespace, such as
 * our unit's, /proc may show another one. */
static bool is_within(int fd, const struct stat *root) {
        struct stat st, above = { 0 };
        bool found = false, at_top = false;

        while (fd >= 0 && !found && !at_top && fstat(fd, &st) == 0) {
                int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

                found = is_same(&st, root);
                at_top = up < 0 || fstat(up, &above) < 0 || is_same(&st, &above);
                (void) close(fd);
                fd = up;
        }
        if (fd >= 0)
                (void) close(fd);
        return found;
}

/* Whether the process PID, of whose directory in /proc the name is given, is a git program of ours in the directory ROOT.
 * `git -C` and git's own children work there; one at work elsewhere takes no lock here. */
static bool is_git_here(const struct stat *root, const char *pid) {
        _cleanup_free_ char *name = NULL;
        char path[300];

        (void) snprintf(path, sizeof path, "/proc/%s/comm", pid);
        if (read_file(path, 64, &name) < 0 || (strcmp(name, "git\n") != 0 && strncmp(name, "git-", 4) != 0))
                return false;
        (void) snprintf(path, sizeof path, "/proc/%s/cwd", pid);
        return is_within(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), root);
}

void cleanup_look_for_git(const struct workspace_config *c, struct git_seen *ret) {
        struct stat root;
        DIR *d = stat(c->path, &root) == 0 ? opendir("/proc") : NULL;
        struct dirent *e;

        *ret = (struct git_seen){ 0 };
        (void) clock_gettime(CLOCK_REALTIME_COARSE, &ret->at); /* the clock of a file's times */
        while (d && !ret->pid && (e = readdir(d)))
                if (strspn(e->d_name, "0123456789") == strlen(e->d_name) && is_git_here(&root, e->d_name))
                        ret->pid = (pid_t) atoi(e->d_name);
        if (d)
                (void) closedir(d);
}

/* Whether NAME in the directory FD is to be counted, after what is done about it. */
typedef bool (*visit_t)(int fd, const char *name, const void *userdata);

/* Counts the files in the directory SUB of .git that VISIT is true of, and if DEEP those below it. */
static unsigned each_file(
        const struct repo *repo, const char *sub, bool deep, visit_t visit, const void *userdata) {
        int fd = openat(repo->dir_fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;
        unsigned n = 0;

        if (!d) {
                if (fd >= 0)
                        (void) close(fd);
                return 0;
        }
        while ((e = readdir(d))) {
                _cleanup_free_ char *below = NULL;

                if (e->d_name[0] == '.')
                        continue;
                if (e->d_type == DT_DIR && deep && asprintf(&below, "%s/%s", sub, e->d_name) > 0)
                        n += each_file(repo, below, deep, visit, userdata);
                else if (e->d_type == DT_REG && visit(fd, e->d_name, userdata))
                        n++;
        }
        (void) closedir(d);
        return n;
}

/* libgit2's, of half-received packs and half-written objects. */
static bool remove_temporary(int fd, const char *name, const void *userdata _unused_) {
        return strstr(name, "_git2_") && unlinkat(fd, name, 0) == 0;
}

static bool is_lock(const char *name) {
        size_t n = strlen(name);

        return n > 5 && strcmp(name + n - 5, ".lock") == 0;
}

/* What a power cut made of a file that was not on disk yet. Locks and what git is about to rename may be empty. */
static bool remove_empty(int fd, const char *name, const void *userdata _unused_) {
        struct stat st;

        return !is_lock(name) && strncmp(name, "tmp_", 4) != 0 &&
                fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0 &&
                unlinkat(fd, name, 0) == 0;
}

static unsigned remove_all_empty(const struct repo *repo) {
        unsigned n = 0;

        for (unsigned i = 0; i <= 0xff; i++) {
                char sub[16];

                (void) snprintf(sub, sizeof sub, "objects/%02x", i);
                n += each_file(repo, sub, false, remove_empty, NULL);
        }
        /* Not the agent's own branches: of those, git's log has what they were. */
        n += each_file(repo, "refs/remotes", true, remove_empty, NULL);
        n += each_file(repo, "refs/heads/failover", true, remove_empty, NULL);
        n += each_file(repo, "refs/failover", true, remove_empty, NULL);
        return n;
}

void cleanup_leftovers(const struct repo *repo) {
        unsigned n;

        (void) each_file(repo, "objects", false, remove_temporary, NULL);
        (void) each_file(repo, "objects/pack", false, remove_temporary, NULL);
        n = remove_all_empty(repo);
        if (n > 0)
                log_info("%s: removed %u empty file%s that a power cut left in .git", repo->config->path, n,
                        n == 1 ? "" : "s");
}

/* What a power cut made of the index: empty, or zeros. */
static bool is_cut(const struct repo *repo) {
        static const char signature[] = { 'D', 'I', 'R', 'C' }; /* gitformat-index(5) */
        char begin[sizeof signature];
        _cleanup_close_ int fd = openat(repo->dir_fd, "index", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n = fd < 0 ? -1 : read(fd, begin, sizeof begin);

        return n >= 0 && (n < (ssize_t) sizeof begin || memcmp(begin, signature, sizeof begin) != 0);
}

void cleanup_index(const struct repo *repo) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        _cleanup_(git_tree_freep) git_tree *tree = NULL;
        _cleanup_free_ char *file = NULL;
        git_object *object = NULL;

        if (!is_cut(repo) || git_revparse_single(&object, repo->git, "HEAD^{tree}") < 0)
                return;
        tree = (git_tree *) object;
        if (asprintf(&file, "%s/index-failover", repo->dir) < 0)
                return;
        (void) unlinkat(repo->dir_fd, "index-failover", 0);
        if (git_index_open(&index, file) < 0 || git_index_read_tree(index, tree) < 0 ||
                git_index_write(index) < 0 ||
                renameat(repo->dir_fd, "index-failover", repo->dir_fd, "index") < 0)
                return;
        log_info("%s: rebuilt its index: a power cut had left nothing of it", repo->config->path);
}

#define BUSY "failover-busy"

/* What a lock is judged by. */
struct locks {
        time_t now;
        struct timespec seen;   /* when no git program was there */
        struct timespec killed; /* when a sync was begun that did not end; zero: none was */
        bool is_git;            /* one is at work */
        char name[100];         /* of one that stays */
};

static bool is_before(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* A lock goes if its owner is gone: it is over an hour old, or of a sync of ours that was killed. Whether another user's git
 * lives nobody here can see. */
static bool remove_lock(int fd, const char *name, const void *userdata) {
        struct locks *l = (struct locks *) userdata;
        struct stat st;
        bool stale;

        if (!is_lock(name) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        stale = st.st_mtim.tv_sec + LOCK_SECONDS < l->now ||
                (l->killed.tv_sec && st.st_uid == geteuid() && !is_before(&st.st_ctim, &l->killed) &&
                        is_before(&st.st_ctim, &l->seen));
        if (stale && !l->is_git && unlinkat(fd, name, 0) == 0)
                return true;
        safe_text(l->name, sizeof l->name, name);
        return false;
}

static unsigned each_lock(const struct repo *repo, visit_t visit, const void *userdata) {
        return each_file(repo, ".", false, visit, userdata) + each_file(repo, "refs", true, visit, userdata);
}

void cleanup_begin(const struct repo *repo, struct git_seen *git) {
        struct stat st;
        int fd;

        if (fstatat(repo->dir_fd, BUSY, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                git->killed = st.st_ctim;
                return;
        }
        fd = openat(repo->dir_fd, BUSY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
                (void) close(fd);
}

void cleanup_end(const struct repo *repo) {
        (void) unlinkat(repo->dir_fd, BUSY, 0);
}

int cleanup_locks(const struct repo *repo, const struct git_seen *git, struct sync_result *r) {
        struct locks l = {
                .now = time(NULL), .seen = git->at, .killed = git->killed, .is_git = git->pid > 0
        };
        unsigned n;

        n = each_lock(repo, remove_lock, &l);
        if (n > 0)
                log_info("%s: removed %u lock%s that a killed git left behind", repo->config->path, n,
                        n == 1 ? "" : "s");
        while (l.name[0] && !repo_is_over(repo)) {
                (void) usleep(100000);
                l.name[0] = '\0';
                (void) each_lock(repo, remove_lock, &l);
        }
        if (!l.name[0])
                return 0;
        return sync_refuse(r, REFUSAL_LOCKED,
                       "git is at work in %s, or was killed there: %s is younger than an hour",
                       repo->config->path, l.name),
               sync_command(r, "ps -C git -o user,pid,lstart,args");
}
