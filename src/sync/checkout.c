/* Moves the tree and the branch from one commit to another; see checkout.h. */
#include "sync/checkout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/file.h"
#include "lib/strv.h"
#include "sync/seen.h"

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

int checkout_note_base(const struct repo *repo, const git_oid *commit) {
        _cleanup_(git_reference_freep) git_reference *base = NULL;

        return git_reference_create(&base, repo->git, BASE_REF, commit, true, NULL);
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
        git_index *saved, *tree; /* a file that either has may go */
        dev_t device;            /* of the directory that is emptied */
        bool looking;            /* nothing goes yet */
};

static int clear_entry(struct clearing *c, int fd, const char *name, const char *path);

/* Empties the directory FD, which it closes. What is mounted in it stays, and fails the whole: nobody means that to go. It
 * is recognised by directories alone, since the files of an overlay have other device numbers than its directories (Linux,
 * Documentation/filesystems/overlayfs.rst): nftw(3) with FTW_MOUNT takes them all for another file system. */
static int clear_inside(struct clearing *c, int fd, const char *directory) {
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *e;
        struct stat st;
        int k = 0;

        if (!d)
                return -errno;
        if (fstat(fd, &st) == 0 && c->device && st.st_dev != c->device)
                k = -EXDEV;
        c->device = st.st_dev;
        while (k == 0 && (e = readdir(d))) {
                _cleanup_free_ char *path = NULL;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                k = asprintf(&path, "%s/%s", directory, e->d_name) < 0 ? -ENOMEM
                                                                       : clear_entry(c, fd, e->d_name, path);
        }
        (void) closedir(d);
        return k;
}

/* Removes NAME in the directory FD, which is PATH in the work tree, with all that is in it. 0 or a negative errno; -ESTALE: it
 * is saved nowhere. */
static int clear_entry(struct clearing *c, int fd, const char *name, const char *path) {
        struct stat st;
        int k;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode) && !blob_is_same(c->repo, find_file(c->saved, path), path) &&
                !blob_is_same(c->repo, find_file(c->tree, path), path))
                return -ESTALE;
        k = S_ISDIR(st.st_mode)
                ? clear_inside(c, openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
                : 0;
        if (k < 0 || c->looking)
                return k;
        return unlinkat(fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
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

/* Makes room for PATH, and for its directories, if it IS_WANTED; else only removes the file. */
static int clear_path(struct clearing *c, const char *path, bool is_wanted) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(c->repo->config->path) + 1;
        struct stat st;
        int k;

        c->device = 0;
        if (asprintf(&full, "%s/%s", c->repo->config->path, path) < 0)
                return -ENOMEM;
        for (char *slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (lstat(full, &st) < 0)
                        return errno == ENOENT ? 0 : -errno;
                if (!S_ISDIR(st.st_mode))
                        return is_wanted ? clear_entry(c, AT_FDCWD, full, full + root) : 0;
                *slash = '/';
        }
        if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode) && !is_wanted)
                return 0;
        k = clear_entry(c, AT_FDCWD, full, path);
        if (k == 0 && !c->looking)
                remove_empty_parents(c->repo, full);
        return k;
}

/* One move: of the paths, from HEAD with all that was saved, to TREE. */
struct move {
        struct repo *repo;
        const struct paths *paths;
        git_tree *tree;
        git_index *head, *saved, *files; /* .files: the tree's */
};

/* Removes what is at the paths; if only LOOKING, finds out whether it may. A path that neither HEAD nor the tree has is a file
 * that was only staged: it stays. */
static int clear_all(const struct move *m, bool looking, struct sync_result *r) {
        struct clearing c = { .repo = m->repo, .saved = m->saved, .tree = m->files, .looking = looking };

        for (size_t i = 0; i < m->paths->n; i++) {
                const char *path = m->paths->items[i];
                bool wanted = find_file(m->files, path);
                int k;

                if (looking && repo_is_over(m->repo))
                        return sync_fail(r, REFUSAL_TIMEOUT, "making room in %s was not done in time",
                                m->repo->config->path);
                k = wanted || find_file(m->head, path) ? clear_path(&c, path, wanted) : 0;
                if (k == -ESTALE)
                        return sync_fail(r, REFUSAL_CHANGED, "%s changed while it was being saved", path);
                if (k < 0)
                        return sync_fail(r, REFUSAL_ERROR, "%s: %s", path, strerror(-k));
        }
        return 0;
}

/* Whatever is at the paths now came in the last milliseconds, and stops a checkout that is safe. */
static int write_all(const struct move *m, struct sync_result *r) {
        git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;

        for (size_t i = 0; i < m->paths->n; i++) {
                (void) git_index_remove(m->head, m->paths->items[i], 0);
                (void) git_index_remove_directory(m->head, m->paths->items[i], 0);
        }
        options.checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_RECREATE_MISSING |
                GIT_CHECKOUT_DONT_OVERWRITE_IGNORED | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH;
        options.baseline_index = m->head;
        options.paths = (git_strarray){ m->paths->items, m->paths->n };
        if (m->paths->n > 0 && git_checkout_tree(m->repo->git, (const git_object *) m->tree, &options) < 0)
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
        _cleanup_(git_reference_freep) git_reference *branch = NULL;
        char name[REPO_BRANCH_MAX + 20];

        (void) snprintf(name, sizeof name, "refs/heads/%s", repo->branch);
        if (checkout_note_base(repo, git_commit_id(target)) < 0 ||
                git_reference_create_matching(&branch, repo->git, name, git_commit_id(target), true,
                        &repo->head, "failover: sync") < 0)
                return sync_fail_git(r, name);
        git_oid_cpy(&repo->head, git_commit_id(target));
        return 0;
}

static int fail_errno(const struct repo *repo, int error, struct sync_result *r) {
        return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->dir, strerror(-error));
}

static int move(const struct move *m, git_commit *target, struct sync_result *r) {
        int k = clear_all(m, false, r);

        if (k == 0)
                k = write_all(m, r);
        if (k == 0)
                k = set_index(m->repo, m->tree, r);
        if (k < 0)
                return k;
        k = repo_settle(m->repo);
        if (k < 0)
                return fail_errno(m->repo, k, r);
        k = move_refs(m->repo, target, r);
        if (k < 0)
                return k;
        k = remove_intent(m->repo);
        return k < 0 ? fail_errno(m->repo, k, r) : 0;
}

static int begin(const struct move *m, git_commit *target, struct sync_result *r) {
        struct intent intent = { .from = m->repo->head, .to = *git_commit_id(target) };
        int k = clear_all(m, true, r);

        if (k < 0)
                return k;
        (void) strcpy(intent.branch, m->repo->branch);
        k = repo_settle(m->repo); /* what was saved, before the tree loses it */
        if (k == 0)
                k = write_intent(m->repo, &intent);
        return k < 0 ? fail_errno(m->repo, k, r) : 0;
}

int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths, git_index *saved,
        struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *head = NULL, *files = NULL;
        _cleanup_(git_tree_freep) git_tree *tree = NULL;
        char why[sizeof r->workspace_why.text];
        struct move m;
        int k;

        if (commit_files(repo->git, &repo->head, &head) < 0)
                return sync_fail_git(r, "HEAD");
        if (git_commit_tree(&tree, target) < 0 || tree_files(tree, &files) < 0)
                return sync_fail_git(r, "the remote's tree");
        m = (struct move){ repo, paths, tree, head, saved, files };
        k = begin(&m, target, r);
        if (k < 0)
                return k;
        k = move(&m, target, r);
        if (k == 0)
                return 0;
        (void) strcpy(why, r->workspace_why.text);
        return sync_fail(
                r, REFUSAL_HALF, "the tree is half old, half new until the next sync finishes it: %s", why);
}
