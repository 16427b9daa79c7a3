/* What killed syncs and power cuts leave in .git; see crash_cleanup.h. */
#include "sync/crash_cleanup.h"

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

int cleanup_set_intent(const struct repo *repo, const struct intent *intent) {
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1], text[INTENT_MAX];
        _cleanup_free_ char *path = intent_path(repo);
        int r;

        if (!path)
                return -ENOMEM;
        if (intent)
                (void) snprintf(text, sizeof text, "from %s\nto %s\nbranch %s\n",
                        git_oid_tostr(from, sizeof from, &intent->from),
                        git_oid_tostr(to, sizeof to, &intent->to), intent->branch);
        r = write_file_atomic(path, intent ? text : NULL, 0600);
        return r < 0 ? r : fsync(repo->dir_fd) < 0 ? -errno : 0;
}

/* Removes what IS_STALE says of the files in .git and below its directory SUB. Returns how many. */
static unsigned remove_stale(const struct repo *repo, const char *sub,
        bool (*is_stale)(const FTSENT *e, void *userdata), void *userdata) {
        char *const roots[] = { repo->dir, NULL };
        _cleanup_(fts_closep) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        unsigned n = 0;
        FTSENT *e;

        while (fts && (e = fts_read(fts)))
                if (e->fts_info == FTS_D && e->fts_level == 1 && strcmp(e->fts_name, sub) != 0)
                        (void) fts_set(fts, e, FTS_SKIP);
                else if (e->fts_info == FTS_F && is_stale(e, userdata) && unlink(e->fts_path) == 0)
                        n++;
        return n;
}

/* libgit2's temporary files of half-received packs and half-written objects. Also an empty object, whose
 * content a power cut kept from the disk; an object's name is the rest of its hash. */
static bool is_half(const FTSENT *e, void *userdata _unused_) {
        return strstr(e->fts_name, "_git2_") ||
                (e->fts_namelen == GIT_OID_HEXSZ - 2 && e->fts_statp->st_size == 0);
}

void cleanup_objects(const struct repo *repo) {
        unsigned n = remove_stale(repo, "objects", is_half, NULL);

        if (n > 0)
                log_info("%s: removed %u half-written file%s from .git/objects", repo->config->path, n,
                        n == 1 ? "" : "s");
}

struct locks {
        time_t now, killed;
        char name[100]; /* of a lock that stays; "": none */
};

/* Whether a lock is over an hour old, or a killed sync of ours left it. The worker cannot see whether another
 * user's git still runs. */
static bool is_stale_lock(const FTSENT *e, void *userdata) {
        struct locks *l = userdata;
        const struct stat *st = e->fts_statp;

        if (e->fts_namelen <= 5 || strcmp(e->fts_name + e->fts_namelen - 5, ".lock") != 0)
                return false;
        if (st->st_mtim.tv_sec + LOCK_SECONDS < l->now ||
                (l->killed && st->st_uid == geteuid() && st->st_ctim.tv_sec >= l->killed &&
                        st->st_ctim.tv_sec <= l->killed + OURS_SECONDS))
                return true;
        safe_text(l->name, sizeof l->name, e->fts_name);
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
                unsigned n = remove_stale(repo, "refs", is_stale_lock, &l);

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
