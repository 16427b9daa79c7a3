/* Moves the tree and the branch from one commit to another; see move.h. */
#include "move.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "log.h"

#define BASE_REF "refs/failover/base"
/* Besides the files themselves: index, refs, the gateway's own first minutes. */
#define ROOM_LEFT ((uint64_t) 32 << 20)
#define INODES_LEFT 256

static char *intent_path(const struct repo *repo) {
        char *path;

        return asprintf(&path, "%s/failover-intent", repo->dir) < 0 ? NULL : path;
}

int move_unfinished(const struct repo *repo, struct intent *ret) {
        _cleanup_free_ char *path = intent_path(repo), *text = NULL;
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1];

        if (!path || read_file(path, 200, &text) < 0 ||
                sscanf(text, "from %40s\nto %40s\n", from, to) != 2 ||
                git_oid_fromstr(&ret->from, from) < 0 || git_oid_fromstr(&ret->to, to) < 0)
                return -ENOENT;
        return 0;
}

static int write_intent(const struct repo *repo, const struct intent *intent) {
        char from[GIT_OID_HEXSZ + 1], to[GIT_OID_HEXSZ + 1], text[200];
        _cleanup_free_ char *path = intent_path(repo);
        int r;

        if (!path)
                return -ENOMEM;
        (void) snprintf(text, sizeof text, "from %s\nto %s\n",
                git_oid_tostr(from, sizeof from, &intent->from), git_oid_tostr(to, sizeof to, &intent->to));
        r = write_file_atomic(path, text, 0600);
        return r < 0 ? r : fsync(repo->dir_fd) < 0 ? -errno : 0;
}

static int remove_intent(const struct repo *repo) {
        _cleanup_free_ char *path = intent_path(repo);

        if (!path || (unlink(path) < 0 && errno != ENOENT) || fsync(repo->dir_fd) < 0)
                return path ? -errno : -ENOMEM;
        return 0;
}

int move_base(const struct repo *repo, git_oid *ret) {
        return git_reference_name_to_id(ret, repo->git, BASE_REF) < 0 ? -ENOENT : 0;
}

void move_note_base(const struct repo *repo, const git_oid *commit) {
        _cleanup_(git_reference_freep) git_reference *base = NULL;

        (void) git_reference_create(&base, repo->git, BASE_REF, commit, true, NULL);
}

/* The deepest directory of PATH that is there must let us write. */
static int check_writable(const struct repo *repo, const char *path, struct sync_result *r) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(repo->config->path);
        struct stat st;

        if (asprintf(&full, "%s/%s", repo->config->path, path) < 0)
                return sync_fail(r, "out of memory");
        do
                *strrchr(full, '/') = '\0';
        while (strlen(full) > root && (lstat(full, &st) < 0 || !S_ISDIR(st.st_mode)));
        if (access(full, W_OK | X_OK) < 0)
                return repo_refuse_unwritable(repo, path, errno, r);
        return 0;
}

int move_check(const struct repo *repo, const struct paths *paths, uint64_t bytes, struct sync_result *r) {
        uint64_t room;
        struct statvfs fs;

        for (size_t i = 0; i < paths->n; i++) {
                int k = check_writable(repo, paths->items[i], r);

                if (k < 0)
                        return k;
        }
        if (statvfs(repo->config->path, &fs) < 0)
                return sync_fail(r, "%s: %s", repo->config->path, strerror(errno));
        room = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (room < bytes + ROOM_LEFT)
                return sync_refuse(r, "the disk of %s is full: %" PRIu64 " MiB are free, %" PRIu64 " needed",
                        repo->config->path, room >> 20, (bytes + ROOM_LEFT) >> 20);
        if (fs.f_files > 0 && fs.f_favail < paths->n + INODES_LEFT) /* btrfs has no such number */
                return sync_refuse(r, "the file system of %s has no inodes left", repo->config->path);
        return 0;
}

static int remove_inside(int fd, dev_t device);

/* Removes NAME in the directory FD, with all that is in it. 0 or a negative errno. */
static int remove_all(int fd, dev_t device, const char *name) {
        int below, k;

        if (unlinkat(fd, name, 0) == 0)
                return 0;
        if (errno != EISDIR)
                return -errno;
        below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0)
                return -errno;
        k = remove_inside(below, device);
        return k < 0 ? k : unlinkat(fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Empties the directory FD, which it closes. What is mounted in it stays, and fails the whole: nobody means that to go. It
 * is told by directories alone, since the files of an overlay have other device numbers than its directories (Linux,
 * Documentation/filesystems/overlayfs.rst): nftw(3) with FTW_MOUNT takes them all for somebody else's. */
static int remove_inside(int fd, dev_t device) {
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
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        k = remove_all(fd, device, e->d_name);
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

/* Makes room for PATH, and for its directories, if it IS_WANTED; else only removes the file. 0 or a negative errno. */
static int clear_path(const struct repo *repo, const char *path, bool is_wanted) {
        _cleanup_free_ char *full = NULL;
        size_t root = strlen(repo->config->path) + 1;
        struct stat st;

        if (asprintf(&full, "%s/%s", repo->config->path, path) < 0)
                return -ENOMEM;
        for (char *slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (lstat(full, &st) < 0)
                        return errno == ENOENT ? 0 : -errno;
                if (!S_ISDIR(st.st_mode))
                        return is_wanted && unlink(full) < 0 ? -errno : 0;
                *slash = '/';
        }
        if (lstat(full, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode)) {
                if (unlink(full) < 0)
                        return -errno;
                remove_empty_parents(repo, full);
                return 0;
        }
        return is_wanted ? remove_all(AT_FDCWD, st.st_dev, full) : 0;
}

/* Turns NOW into THEN at PATHS; everywhere else the tree holds REST. A path that neither has is a file that was only
 * staged: it stays. Going BACK, a path that cannot be cleared is left: it is what stopped the way there, and must not stop
 * the way back for the others. */
static int put(const struct repo *repo, git_tree *now, git_tree *then, git_tree *rest,
        const struct paths *paths, bool back, struct sync_result *r) {
        git_checkout_options options = GIT_CHECKOUT_OPTIONS_INIT;
        _cleanup_(git_index_freep) git_index *baseline = NULL, *has = NULL, *wants = NULL;

        if (tree_files(rest, &baseline) < 0 || tree_files(now, &has) < 0 || tree_files(then, &wants) < 0)
                return sync_fail_git(r, "checking out");
        for (size_t i = 0; i < paths->n; i++) {
                const char *path = paths->items[i];
                bool wanted = find_file(wants, path);
                int k = wanted || find_file(has, path) ? clear_path(repo, path, wanted) : 0;

                if (k < 0 && back)
                        continue;
                if (k < 0)
                        return sync_fail(r, "%s: %s", path, strerror(-k));
                (void) git_index_remove(baseline, path, 0);
                (void) git_index_remove_directory(baseline, path, 0);
        }
        options.checkout_strategy = GIT_CHECKOUT_SAFE | GIT_CHECKOUT_RECREATE_MISSING |
                GIT_CHECKOUT_DONT_OVERWRITE_IGNORED | (back ? GIT_CHECKOUT_ALLOW_CONFLICTS : 0);
        options.baseline_index = baseline;
        if (git_checkout_tree(repo->git, (const git_object *) then, &options) < 0)
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

static int try_move(struct repo *repo, git_commit *target, git_tree *head, git_tree *tree,
        const struct paths *paths, struct sync_result *r) {
        int k = put(repo, head, tree, head, paths, false, r);

        if (k == 0)
                k = set_index(repo, tree, r);
        if (k == 0 && repo_settle(repo) < 0)
                k = sync_fail(r, "%s: %s", repo->config->path, strerror(errno));
        if (k == 0)
                k = move_refs(repo, target, r);
        return k;
}

/* Puts back what was there; R keeps the reason why. If not even that works, the intent stays for the next run. */
static int roll_back(const struct repo *repo, git_tree *head, git_tree *tree, git_tree *full,
        const struct paths *paths, struct sync_result *r) {
        struct sync_result again = { 0 };
        char why[sizeof r->workspace_why];

        if (put(repo, tree, full, full, paths, true, &again) == 0 && set_index(repo, head, &again) == 0 &&
                repo_settle(repo) == 0 && remove_intent(repo) == 0)
                return -ECANCELED;
        (void) strcpy(why, r->workspace_why);
        return sync_fail(r, "the tree is half old, half new until the next sync mends it: %s", why);
}

int move_to(struct repo *repo, git_commit *target, const struct paths *paths, git_tree *full,
        struct sync_result *r) {
        struct intent intent = { .from = repo->head, .to = *git_commit_id(target) };
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        _cleanup_(git_tree_freep) git_tree *head = NULL, *tree = NULL;
        int k;

        if (git_commit_lookup(&commit, repo->git, &repo->head) < 0 || git_commit_tree(&head, commit) < 0)
                return sync_fail_git(r, "HEAD");
        if (git_commit_tree(&tree, target) < 0)
                return sync_fail_git(r, "the remote's tree");
        k = repo_settle(repo); /* what was saved, before the tree loses it */
        if (k == 0)
                k = write_intent(repo, &intent);
        if (k < 0)
                return sync_fail(r, "%s: %s", repo->dir, strerror(-k));
        k = try_move(repo, target, head, tree, paths, r);
        if (k < 0)
                return roll_back(repo, head, tree, full, paths, r);
        k = repo_settle(repo);
        if (k == 0)
                k = remove_intent(repo);
        return k < 0 ? sync_fail(r, "%s: %s", repo->dir, strerror(-k)) : 0;
}
