/* What killed syncs and power cuts leave in .git; see crash_cleanup.h. */
#include "sync/crash_cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

#define LOCK_SECONDS (60 * 60)
/* A sync takes no lock later than this after its last repo_mark_busy(), even on a slow disk. */
#define OURS_SECONDS (5 * 60)

#define INTENT_MAX (REPO_BRANCH_MAX + 200)

static char *intent_path(const struct repo *repo) {
        char *path;

        return asprintf(&path, "%s/failover-intent", repo->dir) < 0 ? NULL : path;
}

int cleanup_find_intent(const struct repo *repo, struct intent *ret) {
        _cleanup_free_ char *path = intent_path(repo), *text = NULL;
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1];

        *ret = (struct intent){ 0 };
        if (!path || read_file(path, INTENT_MAX, &text) < 0 ||
                sscanf(text, "from %40s\nto %40s\nbranch %199s\n", from, to, ret->branch) < 2 ||
                git_oid_fromstr(&ret->from, from) < 0 || git_oid_fromstr(&ret->to, to) < 0)
                return -ENOENT;
        return 0;
}

int cleanup_write_intent(const struct repo *repo, const struct intent *intent) {
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1], text[INTENT_MAX];
        _cleanup_free_ char *path = intent_path(repo);
        int r;

        if (!path)
                return -ENOMEM;
        (void) snprintf(text, sizeof text, "from %s\nto %s\nbranch %s\n",
                git_oid_tostr(from, sizeof from, &intent->from), git_oid_tostr(to, sizeof to, &intent->to),
                intent->branch);
        r = write_file_atomic(path, text, 0600);
        return r < 0 ? r : fsync(repo->dir_fd) < 0 ? -errno : 0;
}

int cleanup_remove_intent(const struct repo *repo) {
        _cleanup_free_ char *path = intent_path(repo);

        if (!path || (unlink(path) < 0 && errno != ENOENT) || fsync(repo->dir_fd) < 0)
                return path ? -errno : -ENOMEM;
        return 0;
}

/* Looks at the file NAME in the directory FD. Returns whether it removed the file. */
typedef bool (*visit_t)(int fd, const char *name, void *userdata);

/* Visits the files in the directory SUB of .git and, if DEEP, below it. Returns how many VISIT removed. */
static unsigned each_file(
        const struct repo *repo, const char *sub, bool deep, visit_t visit, void *userdata) {
        int fd = openat(repo->dir_fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;
        unsigned n = 0;

        while (d && (e = readdir(d))) {
                _cleanup_free_ char *below = NULL;

                if (e->d_name[0] == '.')
                        continue;
                if (e->d_type == DT_DIR && deep && asprintf(&below, "%s/%s", sub, e->d_name) > 0)
                        n += each_file(repo, below, deep, visit, userdata);
                else if (e->d_type == DT_REG && visit(fd, e->d_name, userdata))
                        n++;
        }
        if (d)
                (void) closedir(d);
        return n;
}

/* Removes libgit2's temporary files of half-received packs and half-written objects. Also an empty object,
 * whose content a power cut kept from the disk; an object's name is the rest of its hash. */
static bool remove_half(int fd, const char *name, void *userdata _unused_) {
        struct stat st;
        bool empty = strlen(name) == GIT_OID_HEXSZ - 2 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_size == 0;

        return (empty || strstr(name, "_git2_")) && unlinkat(fd, name, 0) == 0;
}

void cleanup_objects(const struct repo *repo) {
        unsigned n = each_file(repo, "objects", true, remove_half, NULL);

        if (n > 0)
                log_info("%s: removed %u half-written file%s from .git/objects", repo->config->path, n,
                        n == 1 ? "" : "s");
}

struct locks {
        time_t now, killed;
        char name[100]; /* of a lock that stays; "": none */
};

/* Removes a lock that is over an hour old, or that a killed sync of ours left. The worker cannot see whether
 * another user's git still runs. */
static bool remove_lock(int fd, const char *name, void *userdata) {
        struct locks *l = userdata;
        size_t n = strlen(name);
        struct stat st;
        bool ours;

        if (n <= 5 || strcmp(name + n - 5, ".lock") != 0 || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        ours = l->killed && st.st_uid == geteuid() && st.st_ctim.tv_sec >= l->killed &&
                st.st_ctim.tv_sec <= l->killed + OURS_SECONDS;
        if ((ours || st.st_mtim.tv_sec + LOCK_SECONDS < l->now) && unlinkat(fd, name, 0) == 0)
                return true;
        safe_text(l->name, sizeof l->name, name);
        return false;
}

void cleanup_begin(struct repo *repo) {
        struct stat st;

        if (fstatat(repo->dir_fd, REPO_BUSY, &st, AT_SYMLINK_NOFOLLOW) == 0)
                repo->killed = st.st_mtim.tv_sec;
}

int cleanup_locks(const struct repo *repo, bool waits, struct sync_result *r) {
        for (;;) {
                struct locks l = { .now = time(NULL), .killed = repo->killed };
                unsigned n = each_file(repo, ".", false, remove_lock, &l) +
                        each_file(repo, "refs", true, remove_lock, &l);

                if (n > 0)
                        log_info("%s: removed %u lock%s that a killed git left behind", repo->config->path,
                                n, n == 1 ? "" : "s");
                if (!l.name[0] || !waits)
                        return 0;
                if (repo_is_over(repo))
                        return sync_refuse(r, REFUSAL_LOCKED,
                                       "git is at work in %s, or was killed there: %s is younger than an hour",
                                       repo->config->path, l.name),
                               sync_command(r, "ps -C git -o user,pid,lstart,args");
                (void) usleep(100000);
        }
}

void cleanup_end(const struct repo *repo, bool removed) {
        const struct timespec killed = { .tv_sec = repo->killed };

        if (repo->killed && !removed)
                (void) utimensat(repo->dir_fd, REPO_BUSY, (const struct timespec[]){ killed, killed },
                        AT_SYMLINK_NOFOLLOW);
        else
                (void) unlinkat(repo->dir_fd, REPO_BUSY, 0);
}
