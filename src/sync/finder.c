/* What one file adds to the changes; see finder.h. */
#include "sync/finder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/text.h"

#define BLOB_MAX ((size_t) 256 << 20)

int finder_add(struct finder *f, enum change_kind kind, const char *path, uint16_t mode, const git_oid *id,
        uint64_t size, bool untracked) {
        struct changes *w = f->work;

        if (w->n == w->room) {
                size_t room = w->room ? 2 * w->room : 32;
                struct change *items = reallocarray(w->items, room, sizeof *items);

                if (!items)
                        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                w->items = items;
                w->room = room;
        }
        w->items[w->n] =
                (struct change){ .kind = kind, .untracked = untracked, .path = strdup(path), .mode = mode };
        if (!w->items[w->n].path)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (id)
                git_oid_cpy(&w->items[w->n].id, id);
        w->n++;
        w->bytes += size;
        return 0;
}

bool finder_same_mode(const struct finder *f, unsigned a, unsigned b) {
        return (a & S_IFMT) == (b & S_IFMT) && (!S_ISREG(a) || !f->filemode || !((a ^ b) & S_IXUSR));
}

bool finder_is_known(const struct finder *f, const char *path, uint16_t mode, const git_oid *id) {
        for (size_t i = 0; i < f->n_known; i++) {
                const git_index_entry *e = find_file(f->known[i], path);

                if (e && finder_same_mode(f, e->mode, mode) && git_oid_equal(&e->id, id))
                        return true;
        }
        return false;
}

static int hash_link(const char *full, const struct stat *st, git_oid *ret) {
        size_t size = (size_t) st->st_size + 1;
        _cleanup_free_ char *to = malloc(size);
        ssize_t n = to ? readlink(full, to, size) : -1;

        return n < 0 ? -1 : git_odb_hash(ret, to, (size_t) n, GIT_OBJECT_BLOB);
}

/* Whether the file FULL holds the bytes of the blob ID, or the beginning of them. */
static bool is_beginning(const struct repo *repo, const git_oid *id, const char *full) {
        _cleanup_(git_blob_freep) git_blob *blob = NULL;
        _cleanup_close_ int fd = -1;
        const char *rest;
        char buf[16384];
        size_t left;
        ssize_t n;

        if (git_blob_lookup(&blob, repo->git, id) < 0)
                return false;
        fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return false;
        rest = git_blob_rawcontent(blob);
        left = (size_t) git_blob_rawsize(blob);
        while ((n = read(fd, buf, sizeof buf)) > 0) {
                if ((size_t) n > left || memcmp(buf, rest, (size_t) n) != 0)
                        return false;
                rest += n;
                left -= (size_t) n;
        }
        return n == 0;
}

/* Whether the file holds the beginning of what the interrupted checkout was writing: libgit2 writes in place. */
static bool is_half_written(const struct finder *f, const char *path, const char *full) {
        const git_index_entry *e = find_file(f->half, path);

        return e && is_beginning(f->repo, &e->id, full);
}

bool changes_is_in(const struct repo *repo, git_index *files, const char *path, const struct stat *st) {
        const git_index_entry *e = find_file(files, path);
        _cleanup_free_ char *full = NULL;
        git_oid id;

        if (!e || asprintf(&full, "%s/%s", repo->config->path, path) < 0)
                return false;
        if (S_ISLNK(st->st_mode))
                return hash_link(full, st, &id) == 0 && git_oid_equal(&id, &e->id);
        return S_ISREG(st->st_mode) &&
                (is_beginning(repo, &e->id, full) ||
                        (git_repository_hashfile(&id, repo->git, full, GIT_OBJECT_BLOB, path) == 0 &&
                                git_oid_equal(&id, &e->id)));
}

/* A file with line endings that git would change is always "modified"; if its bytes are the blob's, it is not work. What
 * no tree has is not read again for that: it may be large, and stays from sync to sync. */
static bool is_known_raw(const struct finder *f, const char *path, uint16_t mode, const char *full) {
        bool has_path = false;
        git_oid raw;

        for (size_t i = 0; i < f->n_known; i++)
                has_path = has_path || find_file(f->known[i], path);
        return has_path && git_odb_hashfile(&raw, full, GIT_OBJECT_BLOB) == 0 &&
                finder_is_known(f, path, mode, &raw);
}

static char *full_path(const struct finder *f, const char *path) {
        char *full;

        return asprintf(&full, "%s/%s", f->repo->config->path, path) < 0 ? NULL : full;
}

/* lstat() that follows no symbolic link in the middle either: what is behind one is not ours to look at.
 * 0, -ENOENT, or a negative errno. BLOCKER, if not NULL: the length of the part of PATH that is no directory, or 0. */
static int look(const struct finder *f, const char *path, struct stat *st, size_t *blocker) {
        _cleanup_free_ char *full = full_path(f, path);
        size_t root = strlen(f->repo->config->path) + 1;

        if (blocker)
                *blocker = 0;
        if (!full)
                return -ENOMEM;
        for (char *slash = strchr(full + root, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (lstat(full, st) < 0)
                        return -errno;
                if (!S_ISDIR(st->st_mode)) {
                        if (blocker)
                                *blocker = (size_t) (slash - full) - root;
                        return -ENOENT;
                }
                *slash = '/';
        }
        return lstat(full, st) < 0 ? -errno : 0;
}

/* A file of ours is opened with chmod; who owns another's may have meant it. */
static void set_open_command(const struct finder *f, struct refusal *why, const char *full) {
        _cleanup_free_ char *word = shell_quote(full);
        struct stat st;

        if (word && lstat(full, &st) == 0 && st.st_uid == geteuid())
                (void) refusal_set_command(why, "sudo -u %s chmod u+rwX %s", f->repo->user, word);
        else
                (void) refusal_set_command(why, "sudo chown -hR %s: %s", f->repo->user, f->repo->word);
}

void finder_leave_out(struct finder *f, enum refusal_code code, const char *path, const char *why) {
        bool is_long = strlen(path) > 80;

        if (f->left++ < 3)
                sync_remark(f->result, code, "%.*s%s %s", is_long ? 60 : 80, path, is_long ? "…" : "", why);
}

void finder_leave_closed(struct finder *f, const char *path, const char *full) {
        bool first = !f->result->workspace_why.code;

        finder_leave_out(f, REFUSAL_UNREADABLE, path, "cannot be read, and is not saved");
        if (first)
                set_open_command(f, &f->result->workspace_why, full);
}

bool changes_is_beyond(const struct repo *repo, const git_index_entry *e) {
        _cleanup_(git_odb_freep) git_odb *odb = NULL;
        git_object_t type;
        size_t size = 0;
        int depth = 0;

        for (const char *c = e->path; *c; c++)
                depth += *c == '/';
        if (e->mode == GIT_FILEMODE_COMMIT || depth > CHANGE_DEPTH_MAX || repo_is_filtered(repo, e->path))
                return true;
        return git_repository_odb(&odb, repo->git) == 0 &&
                git_odb_read_header(&size, &type, odb, &e->id) == 0 && size > BLOB_MAX;
}

bool finder_same_stat(const git_index_entry *e, const struct stat *st) {
        return e && e->mtime.seconds == (int32_t) st->st_mtim.tv_sec &&
                e->mtime.nanoseconds == (uint32_t) st->st_mtim.tv_nsec &&
                e->ctime.seconds == (int32_t) st->st_ctim.tv_sec &&
                e->ctime.nanoseconds == (uint32_t) st->st_ctim.tv_nsec && e->ino == (uint32_t) st->st_ino &&
                e->file_size == (uint32_t) st->st_size;
}

/* Remembers what the file PATH is, unless it may change yet without a new time. */
static void remember(
        struct finder *f, const char *path, const struct stat *st, uint16_t mode, const git_oid *id) {
        git_index_entry e = { .path = path, .mode = mode, .id = *id };

        if ((usec_t) st->st_ctim.tv_sec * USEC_PER_SEC + (usec_t) st->st_ctim.tv_nsec / 1000 >=
                f->work->looked)
                return;
        e.mtime.seconds = (int32_t) st->st_mtim.tv_sec;
        e.mtime.nanoseconds = (uint32_t) st->st_mtim.tv_nsec;
        e.ctime.seconds = (int32_t) st->st_ctim.tv_sec;
        e.ctime.nanoseconds = (uint32_t) st->st_ctim.tv_nsec;
        e.ino = (uint32_t) st->st_ino;
        e.file_size = (uint32_t) st->st_size;
        (void) git_index_add(f->seen, &e);
}

int finder_identify(struct finder *f, const char *path, const char *full, const struct stat *st,
        uint16_t mode, git_oid *ret) {
        const git_index_entry *tracked = f->index ? find_file(f->index, path) : NULL,
                              *seen = find_file(f->seen, path);
        int k;

        if (tracked && finder_same_stat(tracked, st) && st->st_mtim.tv_sec < f->index_time &&
                tracked->mode != GIT_FILEMODE_COMMIT && S_ISLNK(tracked->mode) == S_ISLNK(mode)) {
                git_oid_cpy(ret, &tracked->id);
                if (repo_is_filtered(f->repo, path))
                        remember(f, path, st, mode, ret);
                return 0;
        }
        if (finder_same_stat(seen, st) && S_ISLNK(seen->mode) == S_ISLNK(mode)) {
                git_oid_cpy(ret, &seen->id);
                return 0;
        }
        if (S_ISLNK(mode))
                k = hash_link(full, st, ret);
        else if (
                !f->index) /* attributes cannot be read then, and libgit2 1.5 leaks the path when it fails */
                k = -1;
        else
                k = git_repository_hashfile(ret, f->repo->git, full, GIT_OBJECT_BLOB, path);
        if (k < 0) /* core.safecrlf may forbid the file as it is; then its bytes are what is saved */
                k = git_odb_hashfile(ret, full, GIT_OBJECT_BLOB);
        if (k == 0)
                remember(f, path, st, mode, ret);
        return k;
}

int finder_add_file(
        struct finder *f, const char *path, const char *full, const struct stat *st, bool untracked) {
        uint16_t mode = S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK
                : st->st_mode & S_IXUSR      ? GIT_FILEMODE_BLOB_EXECUTABLE
                                             : GIT_FILEMODE_BLOB;
        bool filtered = repo_is_filtered(f->repo, path);
        bool public = !filtered && changes_is_public(path, (uint64_t) st->st_size);
        git_oid id;

        /* What a filter stores in another form differs always: once it was looked at, only a new time makes it work. */
        if (filtered && finder_same_stat(find_file(f->seen, path), st))
                return 0;
        if (finder_identify(f, path, full, st, mode, &id) < 0)
                return sync_fail_git(f->result, path);
        if (finder_is_known(f, path, mode, &id))
                return 0;
        if (S_ISREG(st->st_mode) &&
                (is_known_raw(f, path, mode, full) || (f->half && is_half_written(f, path, full))))
                return 0;
        return finder_add(
                f, public ? WORK_PUBLIC : WORK_PRIVATE, path, mode, &id, (uint64_t) st->st_size, untracked);
}

/* The same of what must go to make room: what cannot be saved stays, and the sync is refused. */
static int add_obstacle(struct finder *f, const char *path, const char *full, const struct stat *st) {
        if (S_ISREG(st->st_mode) && (uint64_t) st->st_size > CHANGE_SIZE_MAX)
                return sync_refuse(f->result, REFUSAL_IN_THE_WAY,
                        "%s is in the way, and too large to be saved: move it away", path);
        if (S_ISREG(st->st_mode) && faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) < 0) {
                (void) sync_refuse(
                        f->result, REFUSAL_UNREADABLE, "%s is in the way, and cannot be read", path);
                set_open_command(f, &f->result->workspace_why, full);
                return -ECANCELED;
        }
        return finder_add_file(f, path, full, st, !find_file(f->head, path));
}

static int add_in_the_way(struct finder *f, const char *path);

/* Everything in a directory that must go, also what git ignores. */
static int add_directory(struct finder *f, const char *path, const char *full) {
        struct dirent **entries;
        int n = scandir(full, &entries, NULL, alphasort),
            r = 0; /* sorted: the digest is to be the same each time */

        if (n < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "%s: %s", path, strerror(errno));
        if (n > 2 && access(full, W_OK | X_OK) < 0) /* more than "." and ".." */
                r = sync_refuse(f->result, REFUSAL_IN_THE_WAY,
                        "%s is in the way, and cannot be emptied: %s. Move it away", path, strerror(errno));
        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;
                _cleanup_free_ char *below = NULL;

                if (r < 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                        ;
                else if (strcmp(name, ".git") == 0)
                        r = sync_refuse(f->result, REFUSAL_IN_THE_WAY,
                                "%s is a git repository of its own, and in the way: move it away", path);
                else if (asprintf(&below, "%s/%s", path, name) < 0)
                        r = sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                else
                        r = add_in_the_way(f, below);
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* What is at PATH itself, whatever it is. */
static int add_in_the_way(struct finder *f, const char *path) {
        _cleanup_free_ char *full = full_path(f, path);
        struct stat st;
        int k;

        if (!full)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        k = look(f, path, &st, NULL);
        if (k < 0)
                return k == -ENOENT ? 0 : sync_fail(f->result, REFUSAL_ERROR, "%s: %s", path, strerror(-k));
        if (S_ISDIR(st.st_mode))
                return add_directory(f, path, full);
        if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
                return add_obstacle(f, path, full, &st);
        return sync_refuse(f->result, REFUSAL_IN_THE_WAY,
                "%s is neither a file nor a directory, and in the way: move it away", path);
}

int finder_add_in_the_way(struct finder *f, const char *path) {
        _cleanup_free_ char *part = NULL;
        size_t blocker;
        struct stat st;
        int k;

        k = look(f, path, &st, &blocker);
        if (k == -ENOENT && blocker == 0)
                return 0;
        part = strndup(path, blocker > 0 ? blocker : strlen(path));
        return part ? add_in_the_way(f, part) : sync_fail(f->result, REFUSAL_ERROR, "out of memory");
}
