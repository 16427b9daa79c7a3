/* Moves the tree and the branch from one commit to another; see checkout.h. */
#include "sync/checkout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/strv.h"

#define BASE_REF "refs/failover/base"
/* Besides the files themselves: index, refs, the gateway's own first minutes. */
#define ROOM_LEFT ((uint64_t) 32 << 20)
#define INODES_LEFT 256
#define INTENT_MAX (REPO_BRANCH_MAX + 200)

static char *intent_path(const struct repo *repo) {
        char *path;

        return asprintf(&path, "%s/failover-intent", repo->dir) < 0 ? NULL : path;
}

int checkout_unfinished(const struct repo *repo, struct intent *ret) {
        _cleanup_free_ char *path = intent_path(repo), *text = NULL;
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1];

        *ret = (struct intent){ 0 };
        if (!path || read_file(path, INTENT_MAX, &text) < 0 ||
                sscanf(text, "from %40s\nto %40s\nbranch %199s\n", from, to, ret->branch) < 2 ||
                git_oid_fromstr(&ret->from, from) < 0 || git_oid_fromstr(&ret->to, to) < 0)
                return -ENOENT;
        return 0;
}

static int write_intent(const struct repo *repo, const struct intent *intent) {
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

static int remove_intent(const struct repo *repo) {
        _cleanup_free_ char *path = intent_path(repo);

        if (!path || (unlink(path) < 0 && errno != ENOENT) || fsync(repo->dir_fd) < 0)
                return path ? -errno : -ENOMEM;
        return 0;
}

int checkout_base(const struct repo *repo, git_oid *ret) {
        return git_reference_name_to_id(ret, repo->git, BASE_REF) < 0 ? -ENOENT : 0;
}

void checkout_note_base(const struct repo *repo, const git_oid *commit) {
        _cleanup_(git_reference_freep) git_reference *base = NULL;

        if (commit)
                (void) git_reference_create(&base, repo->git, BASE_REF, commit, true, NULL);
        else
                (void) git_reference_remove(repo->git, BASE_REF);
}

/* The deepest directory of PATH that is there must let us write. */
static int check_writable(const struct repo *repo, const char *path, struct sync_result *r) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(repo->config->path);
        struct stat st;

        if (asprintf(&full, "%s/%s", repo->config->path, path) < 0)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        do
                *strrchr(full, '/') = '\0';
        while (strlen(full) > root && (lstat(full, &st) < 0 || !S_ISDIR(st.st_mode)));
        if (access(full, W_OK | X_OK) < 0) {
                int error = errno;

                return repo_refuse_unwritable(
                        repo, path, error, stat(full, &st) < 0 ? geteuid() : st.st_uid, r);
        }
        return 0;
}

int checkout_check(
        const struct repo *repo, const struct paths *paths, uint64_t bytes, struct sync_result *r) {
        for (size_t i = 0; i < paths->n; i++) {
                int k = check_writable(repo, paths->items[i], r);

                if (k < 0)
                        return k;
        }
        return checkout_check_room(repo, paths->n, bytes, r);
}

int checkout_check_room(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r) {
        uint64_t room;
        struct statvfs fs;

        if (statvfs(repo->config->path, &fs) < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->config->path, strerror(errno));
        room = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (room < bytes + ROOM_LEFT)
                return sync_refuse(r, REFUSAL_DISK,
                        "the disk of %s is full: %" PRIu64 " MiB are free, %" PRIu64 " needed",
                        repo->config->path, room >> 20, (bytes + ROOM_LEFT) >> 20);
        if (fs.f_files > 0 && fs.f_favail < files + INODES_LEFT) /* btrfs has no such number */
                return sync_refuse(
                        r, REFUSAL_DISK, "the file system of %s has no inodes left", repo->config->path);
        return 0;
}

/* What may be removed, and where. */
struct clearing {
        const struct repo *repo;
        usec_t looked;   /* when it was begun to find what is there */
        git_index *full; /* what was there then, with all that was saved */
        git_index *tree; /* what the checkout writes */
        bool back;
};

/* Whether it was made or changed after we looked. Times that are still to come, as when the clock was ahead once, say
 * nothing. */
static bool is_late(const struct clearing *c, const struct stat *st) {
        usec_t changed = (usec_t) st->st_ctim.tv_sec * USEC_PER_SEC + (usec_t) st->st_ctim.tv_nsec / 1000;

        return changed > c->looked && changed <= now_usec(CLOCK_REALTIME);
}

/* Whether what is at PATH is lost nowhere if it goes: it was looked at and saved, or its bytes are kept all the same. On
 * the way back, when the checkout has written too, only the bytes say so. */
static bool may_go(const struct clearing *c, const char *path, const struct stat *st) {
        if (!c->back && !is_late(c, st))
                return true;
        if (S_ISDIR(st->st_mode))
                return c->back;
        return changes_is_in(c->repo, c->full, path, st) || changes_is_in(c->repo, c->tree, path, st);
}

static int remove_inside(const struct clearing *c, int fd, dev_t device, const char *path);

/* Removes NAME in the directory FD, which is PATH in the work tree, with all that is in it. 0 or a negative errno; -ESTALE:
 * it changed. */
static int remove_all(const struct clearing *c, int fd, dev_t device, const char *name, const char *path) {
        struct stat st;
        int below, k;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!may_go(c, path, &st))
                return -ESTALE;
        if (!S_ISDIR(st.st_mode))
                return unlinkat(fd, name, 0) < 0 ? -errno : 0;
        below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0)
                return -errno;
        k = remove_inside(c, below, device, path);
        return k < 0 ? k : unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_entry(
        const struct clearing *c, int fd, dev_t device, const char *name, const char *directory) {
        _cleanup_free_ char *path = NULL;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        return remove_all(c, fd, device, name, path);
}

/* Empties the directory FD, which it closes. What is mounted in it stays, and fails the whole: nobody means that to go. It
 * is recognised by directories alone, since the files of an overlay have other device numbers than its directories (Linux,
 * Documentation/filesystems/overlayfs.rst): nftw(3) with FTW_MOUNT takes them all for another file system. */
static int remove_inside(const struct clearing *c, int fd, dev_t device, const char *path) {
        DIR *d = fdopendir(fd);
        const struct dirent *e;
        struct stat st;
        int k;

        if (!d) {
                k = -errno;
                (void) close(fd);
                return k;
        }
        k = fstat(fd, &st) < 0 ? -errno : st.st_dev != device ? -EXDEV : 0;
        while (k == 0 && (e = readdir(d)))
                k = remove_entry(c, fd, device, e->d_name, path);
        (void) closedir(d);
        return k;
}

/* Removes the directories above PATH that are empty now, as git does. */
static void remove_empty_parents(const struct repo *repo, char *full) {
        size_t root = strlen(repo->config->path);

        for (;;) {
                *strrchr(full, '/') = '\0';
                if (strlen(full) <= root || rmdir(full) < 0)
                        return;
        }
}

/* Makes room for PATH, and for its directories, if it IS_WANTED; else only removes the file. 0 or a negative errno, as
 * remove_all(). */
static int clear_path(const struct clearing *c, const char *path, bool is_wanted) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(c->repo->config->path) + 1;
        struct stat st;
        int k;

        if (asprintf(&full, "%s/%s", c->repo->config->path, path) < 0)
                return -ENOMEM;
        for (char *slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (lstat(full, &st) < 0)
                        return errno == ENOENT ? 0 : -errno;
                if (!S_ISDIR(st.st_mode))
                        return is_wanted ? remove_all(c, AT_FDCWD, 0, full, full + root) : 0;
                *slash = '/';
        }
        if (lstat(full, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode) && !is_wanted)
                return 0;
        k = remove_all(c, AT_FDCWD, st.st_dev, full, path);
        if (k == 0)
                remove_empty_parents(c->repo, full);
        return k;
}

/* One move: of the paths, from HEAD with all that was in the tree, which is FULL, to TREE. */
struct move {
        struct repo *repo;
        const struct paths *paths;
        git_tree *head, *full, *tree;
        usec_t looked;
};

/* Turns HEAD into TREE at the paths, or BACK into FULL. A path that neither has is a file that was only staged: it stays.
 * Going back, a path that cannot be cleared is left: it is what stopped the way there, and must not stop the way back for
 * the others. */
static int put(const struct move *m, bool back, struct sync_result *r) {
        git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
        _cleanup_(git_index_freep) git_index *baseline = NULL, *head = NULL, *full = NULL, *tree = NULL;
        git_tree *then = back ? m->full : m->tree;
        struct clearing c;

        if (tree_files(back ? m->full : m->head, &baseline) < 0 || tree_files(m->head, &head) < 0 ||
                tree_files(m->full, &full) < 0 || tree_files(m->tree, &tree) < 0)
                return sync_fail_git(r, "checking out");
        c = (struct clearing){ m->repo, m->looked, full, tree, back };
        for (size_t i = 0; i < m->paths->n; i++) {
                const char *path = m->paths->items[i];
                bool wanted = find_file(back ? full : tree, path);
                int k = wanted || find_file(back ? tree : head, path) ? clear_path(&c, path, wanted) : 0;

                if (k < 0 && back)
                        continue;
                if (k == -ESTALE)
                        return sync_fail(r, REFUSAL_CHANGED, "%s changed while it was being saved", path);
                if (k < 0)
                        return sync_fail(r, REFUSAL_ERROR, "%s: %s", path, strerror(-k));
                (void) git_index_remove(baseline, path, 0);
                (void) git_index_remove_directory(baseline, path, 0);
        }
        options.checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_RECREATE_MISSING |
                GIT_CHECKOUT_DONT_OVERWRITE_IGNORED | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH |
                (back ? GIT_CHECKOUT_ALLOW_CONFLICTS : 0);
        options.baseline_index = baseline;
        options.paths = (git_strarray){ m->paths->items, m->paths->n };
        if (m->paths->n > 0 && git_checkout_tree(m->repo->git, (const git_object *) then, &options) < 0)
                return sync_fail_git(r, "checking out");
        return 0;
}

/* Makes the index say TREE; what it knows of files that are the same stays. */
static int set_index(const struct repo *repo, git_tree *tree, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *index = NULL;

        if (git_repository_index(&index, repo->git) < 0 || git_index_read_tree(index, tree) < 0 ||
                git_index_write(index) < 0)
                return sync_fail_git(r, "index");
        return 0;
}

static int move_refs(struct repo *repo, git_commit *target, struct sync_result *r) {
        _cleanup_(git_reference_freep) git_reference *branch = NULL, *base = NULL;
        char name[REPO_BRANCH_MAX + 20];

        (void) snprintf(name, sizeof name, "refs/heads/%s", repo->branch);
        /* The branch last: after it, there is no way back. */
        if (git_reference_create(&base, repo->git, BASE_REF, git_commit_id(target), true, NULL) < 0 ||
                git_reference_create_matching(&branch, repo->git, name, git_commit_id(target), true,
                        &repo->head, "failover: sync") < 0)
                return sync_fail_git(r, name);
        git_oid_cpy(&repo->head, git_commit_id(target));
        return 0;
}

static int try_move(const struct move *m, git_commit *target, struct sync_result *r) {
        int k = put(m, false, r);

        if (k == 0)
                k = set_index(m->repo, m->tree, r);
        if (k == 0 && repo_settle(m->repo) < 0)
                k = sync_fail(r, REFUSAL_ERROR, "%s: %s", m->repo->config->path, strerror(errno));
        if (k == 0)
                k = move_refs(m->repo, target, r);
        return k;
}

/* Puts back what was there; R keeps the reason why. If not even that works, the intent stays for the next run. */
static int roll_back(const struct move *m, struct sync_result *r) {
        struct sync_result again = { 0 };
        char why[sizeof r->workspace_why.text];

        if (put(m, true, &again) == 0 && set_index(m->repo, m->head, &again) == 0 &&
                repo_settle(m->repo) == 0 && remove_intent(m->repo) == 0)
                return -ECANCELED;
        (void) strcpy(why, r->workspace_why.text);
        return sync_fail(
                r, REFUSAL_HALF, "the tree is half old, half new until the next sync finishes it: %s", why);
}

int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths, git_tree *full,
        usec_t looked, struct sync_result *r) {
        struct intent intent = { .from = repo->head, .to = *git_commit_id(target) };
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        _cleanup_(git_tree_freep) git_tree *head = NULL, *tree = NULL;
        struct move m;
        int k;

        if (git_commit_lookup(&commit, repo->git, &repo->head) < 0 || git_commit_tree(&head, commit) < 0)
                return sync_fail_git(r, "HEAD");
        if (git_commit_tree(&tree, target) < 0)
                return sync_fail_git(r, "the remote's tree");
        (void) strcpy(intent.branch, repo->branch);
        k = repo_settle(repo); /* what was saved, before the tree loses it */
        if (k == 0)
                k = write_intent(repo, &intent);
        if (k < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->dir, strerror(-k));
        m = (struct move){ repo, paths, head, full, tree, looked };
        k = try_move(&m, target, r);
        if (k < 0)
                return roll_back(&m, r);
        k = repo_settle(repo);
        if (k == 0)
                k = remove_intent(repo);
        return k < 0 ? sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->dir, strerror(-k)) : 0;
}
