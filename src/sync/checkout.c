/* Moves the tree and the branch from one commit to another; see checkout.h. */
#include "sync/checkout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/file.h"
#include "lib/strv.h"
#include "sync/crash_cleanup.h"
#include "sync/seen.h"

/* Room for more than the files: for the index, the refs, the gateway's first minutes. */
#define ROOM_LEFT ((uint64_t) 32 << 20)
#define INODES_LEFT 256

int checkout_check(const struct repo *repo, size_t files, uint64_t bytes, struct sync_result *r) {
        uint64_t room;
        struct statvfs fs;

        if (statvfs(repo->config->path, &fs) < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->config->path, strerror(errno));
        room = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (room < bytes + ROOM_LEFT)
                return sync_refuse(r, REFUSAL_DISK,
                        "the disk of %s is full: %" PRIu64 " MiB are free, %" PRIu64 " needed",
                        repo->config->path, room >> 20, (bytes + ROOM_LEFT) >> 20);
        if (fs.f_files > 0 && fs.f_favail < files + INODES_LEFT) /* btrfs counts no inodes */
                return sync_refuse(
                        r, REFUSAL_DISK, "the file system of %s has no inodes left", repo->config->path);
        return 0;
}

/* What may be removed, and where. */
struct clearing {
        struct repo *repo;
        const struct paths *paths;
        git_commit *target;
        git_tree *tree;
        git_index *saved, *files; /* .files: the target's; a file that .saved or .files has may go */
        bool looking;             /* checks only, removes nothing */
        struct changes *found;    /* gets files that are saved nowhere; NULL: they are an error */
        struct sync_result *result;
};

static int clear_entry(struct clearing *c, int fd, const char *name, const char *path);

/* Empties and closes the directory FD. */
static int clear_inside(struct clearing *c, int fd, const char *directory) {
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *e;
        int k = 0;

        if (!d)
                return -errno;
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

/* Refuses to empty the directory NAME of FD if it is a git repository or mounted, or the worker may not. */
static int check_directory(struct clearing *c, int fd, const char *name, const char *path, uid_t owner) {
        _cleanup_free_ char *git = NULL;
        struct statx x;

        if (statx(fd, name, 0, 0, &x) == 0 && x.stx_attributes & STATX_ATTR_MOUNT_ROOT)
                return sync_refuse(
                        c->result, REFUSAL_IN_THE_WAY, "%s is in the way, and mounted: unmount it", path);
        if (asprintf(&git, "%s/.git", name) < 0)
                return -ENOMEM;
        if (faccessat(fd, git, F_OK, 0) == 0)
                return sync_refuse(c->result, REFUSAL_IN_THE_WAY,
                        "%s is in the way, and a git repository of its own: move it away", path);
        return faccessat(fd, name, R_OK | W_OK | X_OK, 0) == 0
                ? 0
                : repo_refuse_unwritable(c->repo, path, errno, owner, c->result);
}

static int check_file(struct clearing *c, const char *path, const struct stat *st) {
        struct changes *found = c->found;

        if (blob_is_same(c->repo, find_file(c->saved, path), path, st) ||
                blob_is_same(c->repo, find_file(c->files, path), path, st))
                return 0;
        if (!found)
                return -ESTALE;
        if (found->n > 0 && strcmp(found->items[found->n - 1].path, path) == 0)
                return 0; /* added already: the file is in the way of each path below it */
        return changes_add(c->repo, path, st, found, c->result);
}

/* Removes NAME in the directory FD, PATH in the work tree, with all its content. 0 or a negative errno;
 * -ESTALE: a file is saved nowhere; -ECANCELED: the reason is in the result. */
static int clear_entry(struct clearing *c, int fd, const char *name, const char *path) {
        struct stat st;
        int k;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                k = check_file(c, path, &st);
        else if ((k = c->looking ? check_directory(c, fd, name, path, st.st_uid) : 0) == 0)
                k = clear_inside(c, openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path);
        if (k < 0 || c->looking)
                return k;
        return unlinkat(fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

/* Removes the directories above FULL that are empty now, as git does. */
static void remove_empty_parents(const struct repo *repo, char *full) {
        size_t root = strlen(repo->config->path);

        for (;;) {
                *strrchr(full, '/') = '\0';
                if (strlen(full) <= root || rmdir(full) < 0)
                        return;
        }
}

/* Refuses if the worker may not write in the directory where PATH, FULL, is or comes. */
static int check_parent(struct clearing *c, const char *full, const char *path) {
        _cleanup_free_ char *parent = strndup(full, (size_t) (strrchr(full, '/') - full));
        struct stat st;

        if (!parent)
                return -ENOMEM;
        if (stat(parent, &st) < 0 || access(parent, W_OK | X_OK) == 0)
                return 0;
        return repo_refuse_unwritable(c->repo, path, errno, st.st_uid, c->result);
}

/* Makes room for PATH and its directories if PATH IS_WANTED; else only removes the file PATH. */
static int clear_path(struct clearing *c, const char *path, bool is_wanted) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(c->repo->config->path) + 1;
        struct stat st;
        char *slash;
        int k = 0;

        if (asprintf(&full, "%s/%s", c->repo->config->path, path) < 0)
                return -ENOMEM;
        for (slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0'; /* FULL is the first on the way that is no directory, if there is one */
                if (lstat(full, &st) < 0 || !S_ISDIR(st.st_mode))
                        break;
                *slash = '/';
        }
        if (c->looking)
                k = check_parent(c, full, path);
        if (k < 0 || (!is_wanted && (slash || (lstat(full, &st) == 0 && S_ISDIR(st.st_mode)))))
                return k;
        k = clear_entry(c, AT_FDCWD, full, full + root);
        if (k == 0 && !c->looking)
                remove_empty_parents(c->repo, full);
        return k;
}

static int check_time(const struct clearing *c) {
        return repo_check_time(c->repo, "making room in", c->result);
}

/* Removes what is at the paths or, if .looking, only checks that it may. */
static int clear_all(struct clearing *c) {
        for (size_t i = 0; i < c->paths->n; i++) {
                const char *path = c->paths->items[i];
                int k = c->looking ? check_time(c) : 0;

                if (k == 0)
                        k = clear_path(c, path, find_file(c->files, path));
                if (k == -ESTALE)
                        return sync_fail(
                                c->result, REFUSAL_CHANGED, "%s changed while it was being saved", path);
                if (k < 0 && k != -ECANCELED)
                        return sync_fail(c->result, REFUSAL_ERROR, "%s: %s", path, strerror(-k));
                if (k < 0)
                        return k;
        }
        return 0;
}

/* A file that appears after clear_all() stops the checkout: GIT_CHECKOUT_SAFE does not overwrite it. */
static int write_files(const struct clearing *c) {
        git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
        int k = git_index_new(&options.baseline_index); /* nothing is at the paths any more */

        options.checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_RECREATE_MISSING |
                GIT_CHECKOUT_DONT_OVERWRITE_IGNORED | GIT_CHECKOUT_DISABLE_PATHSPEC_MATCH;
        options.paths = (git_strarray){ c->paths->items, c->paths->n };
        if (k == 0 && c->paths->n > 0)
                k = git_checkout_tree(c->repo->git, (const git_object *) c->tree, &options);
        git_index_free(options.baseline_index);
        return k < 0 ? sync_fail_git(c->result, "checking out") : 0;
}

/* Sets the index to TREE. libgit2 keeps the stat data of entries that stay the same. */
static int set_index(const struct repo *repo, git_tree *tree, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *index = NULL;

        if (git_repository_index(&index, repo->git) < 0 || git_index_read_tree(index, tree) < 0 ||
                git_index_write(index) < 0)
                return sync_fail_git(r, "index");
        return 0;
}

static int move_refs(const struct clearing *c) {
        _cleanup_(git_reference_freep) git_reference *branch = NULL;
        const git_oid *to = git_commit_id(c->target);
        char name[REPO_BRANCH_MAX + 20];

        (void) snprintf(name, sizeof name, "refs/heads/%s", c->repo->branch);
        if (git_reference_create_matching(
                    &branch, c->repo->git, name, to, true, &c->repo->head, "failover: sync") < 0)
                return sync_fail_git(c->result, name);
        git_oid_cpy(&c->repo->head, to);
        return 0;
}

static int fail_errno(const struct clearing *c, int error) {
        return sync_fail(c->result, REFUSAL_ERROR, "%s: %s", c->repo->dir, strerror(-error));
}

static int move(struct clearing *c) {
        int k = clear_all(c);

        if (k < 0)
                return k;
        /* The index first: libgit2 writes into no submodule of it. The tree gets its files in any case. */
        k = set_index(c->repo, c->tree, c->result);
        if (write_files(c) < 0 || k < 0)
                return -ECANCELED;
        k = repo_flush(c->repo);
        if (k < 0)
                return fail_errno(c, k);
        k = move_refs(c);
        if (k < 0)
                return k;
        k = cleanup_set_intent(c->repo, NULL);
        return k < 0 ? fail_errno(c, k) : 0;
}

static int begin(struct clearing *c) {
        struct intent intent = { .from = c->repo->head, .to = *git_commit_id(c->target) };
        int k = clear_all(c);

        if (k < 0)
                return k;
        (void) strcpy(intent.branch, c->repo->branch);
        k = repo_flush(c->repo); /* flushes what was saved, before the tree loses it */
        if (k == 0 && check_time(c) < 0)
                return -ECANCELED;
        if (k == 0)
                k = cleanup_set_intent(c->repo, &intent);
        c->looking = false;
        return k < 0 ? fail_errno(c, k) : 0;
}

static int open_clearing(struct clearing *c, const struct changes *saved) {
        if (changes_files(c->repo, saved, NULL, &c->saved) < 0)
                return sync_fail_git(c->result, "HEAD");
        if (git_commit_tree(&c->tree, c->target) < 0 || tree_files(c->tree, &c->files) < 0)
                return sync_fail_git(c->result, "the remote's tree");
        return 0;
}

static void close_clearing(struct clearing *c) {
        git_index_free(c->saved);
        git_index_free(c->files);
        git_tree_free(c->tree);
}

int checkout_find(struct repo *repo, git_commit *target, const struct paths *paths, struct changes *work,
        struct sync_result *r) {
        struct clearing c = { repo, paths, target, .looking = true, .found = work, .result = r };
        int k = open_clearing(&c, work);

        if (k == 0)
                k = clear_all(&c);
        close_clearing(&c);
        return k;
}

int checkout_to(struct repo *repo, git_commit *target, const struct paths *paths,
        const struct changes *saved, struct sync_result *r) {
        struct clearing c = { repo, paths, target, .looking = true, .result = r };
        int k = open_clearing(&c, saved);

        if (k == 0)
                k = begin(&c);
        if (k == 0 && (k = move(&c)) < 0)
                (void) sync_fail(r, REFUSAL_HALF,
                        "the tree is half old, half new until the next sync finishes it: %s",
                        r->workspace_why.text);
        close_clearing(&c);
        return k;
}
