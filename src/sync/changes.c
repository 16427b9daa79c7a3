/* What the standby has that nobody else has; see changes.h. */
#include "sync/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/strv.h"
#include "lib/text.h"

#define BLOB_MAX ((size_t) 256 << 20)

struct finder {
        const struct repo *repo;
        struct changes *work;
        struct sync_result *result;
        struct paths *paths;
        git_index *index;    /* the repository's; NULL: it cannot be read */
        time_t index_time;   /* of its file: what has not a smaller time may have changed since */
        git_index *seen;     /* what was read before, with its stat data and the blob that it is */
        git_index *known[4]; /* the files of each known tree */
        size_t n_known;
        git_index *head,
                *target;  /* of .known; .target may be NULL, .head is empty where nothing is committed */
        git_index *empty; /* stands for HEAD where nothing is committed */
        git_index *half;  /* what a checkout that was cut short was writing; NULL: none was */
        bool *visited;    /* for each of HEAD's files: the tree has it, or it is left alone */
        bool filemode;    /* the executable bit counts */
        unsigned left;    /* how many are left out, and were not named any more */
};

bool changes_has_public(const struct changes *w) {
        return w->n_of[WORK_PUBLIC] > 0 || w->n_of[WORK_GONE] > 0 || w->unpushed;
}

bool changes_has_private(const struct changes *w) {
        return w->n_of[WORK_PRIVATE] > 0 || w->n_of[WORK_STAGED] > 0;
}

void changes_free(struct changes *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->items[i].path);
        free(w->items);
        *w = (struct changes){ 0 };
}

static int add(struct finder *f, enum change_kind kind, const char *path, uint16_t mode, const git_oid *id,
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

/* Of a file, git compares one bit alone, however other tools wrote the rest: 0100664 is 0100644. */
static bool same_mode(const struct finder *f, unsigned a, unsigned b) {
        return (a & S_IFMT) == (b & S_IFMT) && (!S_ISREG(a) || !f->filemode || !((a ^ b) & S_IXUSR));
}

static bool is_known(const struct finder *f, const char *path, uint16_t mode, const git_oid *id) {
        for (size_t i = 0; i < f->n_known; i++) {
                const git_index_entry *e = find_file(f->known[i], path);

                if (e && same_mode(f, e->mode, mode) && git_oid_equal(&e->id, id))
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
                is_known(f, path, mode, &raw);
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

/* Names what cannot be saved, three of them at most. */
static void leave_out(struct finder *f, enum refusal_code code, const char *path, const char *why) {
        bool is_long = strlen(path) > 80;

        if (f->left++ < 3)
                sync_remark(f->result, code, "%.*s%s %s", is_long ? 60 : 80, path, is_long ? "…" : "", why);
}

static void leave_closed(struct finder *f, const char *path, const char *full) {
        bool first = !f->result->workspace_why.code;

        leave_out(f, REFUSAL_UNREADABLE, path, "cannot be read, and is not saved");
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

/* What was found before of this very file: git_index keeps the lower half of each number (gitformat-index(5)). */
static bool same_stat(const git_index_entry *e, const struct stat *st) {
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

/* The blob that the file or link would be, read only if nothing is known of it. */
static int identify(struct finder *f, const char *path, const char *full, const struct stat *st,
        uint16_t mode, git_oid *ret) {
        const git_index_entry *tracked = f->index ? find_file(f->index, path) : NULL,
                              *seen = find_file(f->seen, path);
        int k;

        if (same_stat(tracked, st) && st->st_mtim.tv_sec < f->index_time &&
                tracked->mode != GIT_FILEMODE_COMMIT && S_ISLNK(tracked->mode) == S_ISLNK(mode)) {
                git_oid_cpy(ret, &tracked->id);
                if (repo_is_filtered(f->repo, path))
                        remember(f, path, st, mode, ret);
                return 0;
        }
        if (same_stat(seen, st) && S_ISLNK(seen->mode) == S_ISLNK(mode)) {
                git_oid_cpy(ret, &seen->id);
                return 0;
        }
        if (S_ISLNK(mode))
                k = hash_link(full, st, ret);
        else
                k = git_repository_hashfile(ret, f->repo->git, full, GIT_OBJECT_BLOB, path);
        if (k < 0) /* core.safecrlf may forbid the file as it is; then its bytes are what is saved */
                k = git_odb_hashfile(ret, full, GIT_OBJECT_BLOB);
        if (k == 0)
                remember(f, path, st, mode, ret);
        return k;
}

/* Adds what is at PATH in the work tree, unless it is known. */
static int add_file(
        struct finder *f, const char *path, const char *full, const struct stat *st, bool untracked) {
        uint16_t mode = S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK
                : st->st_mode & S_IXUSR      ? GIT_FILEMODE_BLOB_EXECUTABLE
                                             : GIT_FILEMODE_BLOB;
        bool filtered = repo_is_filtered(f->repo, path);
        bool public = !filtered && changes_is_public(path, (uint64_t) st->st_size);
        git_oid id;

        /* What a filter stores in another form differs always: once it was looked at, only a new time makes it work. */
        if (filtered && same_stat(find_file(f->seen, path), st))
                return 0;
        if (identify(f, path, full, st, mode, &id) < 0)
                return sync_fail_git(f->result, path);
        if (is_known(f, path, mode, &id))
                return 0;
        if (S_ISREG(st->st_mode) &&
                (is_known_raw(f, path, mode, full) || (f->half && is_half_written(f, path, full))))
                return 0;
        return add(
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
        return add_file(f, path, full, st, !find_file(f->head, path));
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

/* PATH is to be written: what is there, or a file or link where one of its directories must be. */
static int find_in_the_way(struct finder *f, const char *path) {
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

static bool git_takes(const char *path) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        const git_index_entry e = { .path = path, .mode = GIT_FILEMODE_BLOB };

        return git_index_new(&index) == 0 && git_index_add(index, &e) == 0;
}

/* Whether git has something at PATH, or with a slash at its end below it. */
static bool is_tracked(const struct finder *f, const char *path) {
        size_t at, n = strlen(path);

        if (path[n - 1] == '/')
                return git_index_find_prefix(&at, f->head, path) == 0 ||
                        (f->index && git_index_find_prefix(&at, f->index, path) == 0);
        return find_file(f->head, path) || (f->index && find_file(f->index, path));
}

static void visit(struct finder *f, const char *path) {
        size_t at;

        if (git_index_find(&at, f->head, path) == 0)
                f->visited[at] = true;
}

/* HEAD's files below the directory PATH, with a slash at its end, are left as they are. */
static void visit_all(struct finder *f, const char *path) {
        size_t at, n = git_index_entrycount(f->head);

        if (git_index_find_prefix(&at, f->head, path) == 0)
                for (; at < n && begins_with(git_index_get_byindex(f->head, at)->path, path); at++)
                        f->visited[at] = true;
}

static bool is_ignored(const struct finder *f, const char *path) {
        int ignored = 0;

        return git_ignore_path_is_ignored(&ignored, f->repo->git, path) == 0 && ignored;
}

static int find_file_changes(struct finder *f, const char *path, const char *full, const struct stat *st) {
        bool tracked = is_tracked(f, path);
        const git_index_entry *e;
        size_t n = f->work->n;
        git_oid id;
        int k;

        visit(f, path);
        if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
                return 0;
        if (!tracked && !same_stat(find_file(f->seen, path), st) && is_ignored(f, path))
                return 0;
        if (S_ISREG(st->st_mode) && (uint64_t) st->st_size > CHANGE_SIZE_MAX) {
                e = f->index ? find_file(f->index, path) : NULL;
                if (!same_stat(e, st))
                        leave_out(f, REFUSAL_LEFT_OUT, path, "is over 50 MB, and not saved");
                return 0;
        }
        if (!tracked && !git_takes(path)) {
                leave_out(f, REFUSAL_LEFT_OUT, path, "has a name that git does not take, and is not saved");
                return 0;
        }
        if (S_ISREG(st->st_mode) && faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) < 0) {
                leave_closed(f, path, full);
                return 0;
        }
        k = add_file(f, path, full, st, !tracked);
        if (k < 0 || !tracked)
                return k;
        e = find_file(f->head, path);
        f->work->tracked = f->work->tracked || f->work->n > n;
        if (repo_is_filtered(f->repo, path) ||
                identify(f, path, full, st,
                        (uint16_t) (S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK : GIT_FILEMODE_BLOB), &id) < 0)
                return 0;
        if (e && git_oid_equal(&e->id, &id) && same_mode(f, e->mode, st->st_mode))
                return 0;
        return paths_add(f->paths, path) < 0 ? sync_fail(f->result, REFUSAL_ERROR, "out of memory") : 0;
}

static int find_below(struct finder *f, const char *path, const char *full, int depth);

/* A directory: one that git ignores or that is a repository of its own is none of ours, and one that is too deep or closed
 * is left alone. */
static int find_directory(struct finder *f, const char *path, const char *full, int depth) {
        _cleanup_free_ char *below = NULL, *git = NULL;
        const git_index_entry *link = f->index ? find_file(f->index, path) : NULL;
        bool tracked;

        if (asprintf(&below, "%s/", path) < 0 || asprintf(&git, "%s/.git", full) < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        tracked = is_tracked(f, below);
        if ((link && link->mode == GIT_FILEMODE_COMMIT) ||
                (!tracked && (access(git, F_OK) == 0 || is_ignored(f, below))))
                return 0;
        if (depth > CHANGE_DEPTH_MAX) {
                leave_out(f, REFUSAL_LEFT_OUT, path, "is too deep, and not saved");
                visit_all(f, below);
                return 0;
        }
        return find_below(f, below, full, depth);
}

static int find_entry(
        struct finder *f, const char *prefix, const char *directory, const char *name, int depth) {
        _cleanup_free_ char *path = NULL, *full = NULL;
        struct stat st;

        if (asprintf(&path, "%s%s", prefix, name) < 0 || asprintf(&full, "%s/%s", directory, name) < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (repo_is_over(f->repo))
                return sync_fail(f->result, REFUSAL_TIMEOUT, "looking through %s was not done in time",
                        f->repo->config->path);
        if (lstat(full, &st) < 0)
                return 0; /* it went away, or its directory is not to be searched */
        return S_ISDIR(st.st_mode) ? find_directory(f, path, full, depth + 1)
                                   : find_file_changes(f, path, full, &st);
}

/* Everything in the directory FULL, whose files begin with PREFIX. */
static int find_below(struct finder *f, const char *prefix, const char *full, int depth) {
        DIR *d = access(full, R_OK | X_OK) == 0 ? opendir(full) : NULL;
        const struct dirent *e;
        int k = 0;

        if (!d) {
                leave_closed(f, prefix, full);
                visit_all(f, prefix);
                return 0;
        }
        while (k == 0 && (e = readdir(d)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                        strcmp(e->d_name, ".git") != 0)
                        k = find_entry(f, prefix, full, e->d_name, depth);
        (void) closedir(d);
        return k;
}

/* A tracked file that is no longer there: work, unless the remote deleted it too or a checkout was cut short. */
static int find_gone(struct finder *f) {
        for (size_t i = 0; i < git_index_entrycount(f->head); i++) {
                const git_index_entry *e = git_index_get_byindex(f->head, i);

                if (f->visited[i] || changes_is_beyond(f->repo, e))
                        continue;
                if (paths_add(f->paths, e->path) < 0)
                        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                if (f->half || (f->target && !find_file(f->target, e->path)))
                        continue;
                f->work->tracked = true;
                if (add(f, WORK_GONE, e->path, 0, NULL, 0, false) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* What was staged, if neither the tree nor anything known holds it: the index is its only home. */
static int find_staged(struct finder *f) {
        size_t found = f->work->n;

        for (size_t i = 0; f->index && i < git_index_entrycount(f->index); i++) {
                const git_index_entry *e = git_index_get_byindex(f->index, i),
                                      *old = find_file(f->head, e->path);
                bool saved = false;

                if (git_index_entry_stage(e) > 0 || (!S_ISREG(e->mode) && !S_ISLNK(e->mode)) ||
                        (old && git_oid_equal(&old->id, &e->id) && same_mode(f, old->mode, e->mode)))
                        continue;
                if (paths_add(f->paths, e->path) < 0)
                        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                for (size_t n = 0; !saved && n < found; n++)
                        saved = strcmp(f->work->items[n].path, e->path) == 0 &&
                                git_oid_equal(&f->work->items[n].id, &e->id);
                if (saved || is_known(f, e->path, (uint16_t) e->mode, &e->id) ||
                        repo_is_filtered(f->repo, e->path))
                        continue;
                f->work->tracked = true;
                if (add(f, WORK_STAGED, e->path, (uint16_t) e->mode, &e->id, 0, false) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* Whether HEAD has commits that were never at the remote, as far as anybody here knows. */
static int find_unpushed(struct finder *f, git_commit *target, const git_oid *base) {
        const struct repo *repo = f->repo;
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        _cleanup_free_ char *tracking = NULL, *branch = NULL;
        git_oid id;
        int k;

        if (asprintf(&tracking, "refs/remotes/%s/*", repo->config->remote) < 0 ||
                asprintf(&branch, "refs/remotes/%s/%s", repo->config->remote, repo->follow) < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (git_oid_is_zero(&repo->head) ||
                (!target && !base && git_reference_name_to_id(&id, repo->git, branch) < 0))
                return 0; /* never fetched: nothing is known of the remote, and nothing moves */
        if (repo->branch[0] && strcmp(repo->branch, repo->follow) != 0)
                return 0; /* another branch keeps its own commits, and does not move */
        k = git_revwalk_new(&walk, repo->git);
        if (k == 0)
                k = git_revwalk_push(walk, &repo->head);
        if (k == 0)
                k = git_revwalk_hide_glob(walk, tracking);
        if (k == 0 && !repo->branch[0])
                k = git_revwalk_hide_glob(walk, "refs/heads/*");
        if (k == 0 && base)
                k = git_revwalk_hide(walk, base);
        if (k == 0 && target)
                k = git_revwalk_hide(walk, git_commit_id(target));
        if (k == 0)
                k = git_revwalk_next(&id, walk);
        if (k < 0 && k != GIT_ITEROVER && git_repository_is_shallow(repo->git) != 1)
                return sync_fail_git(f->result, "the history of HEAD");
        f->work->unpushed = k == 0;
        return 0;
}

static int compare_items(const void *a, const void *b) {
        const struct change *x = a, *y = b;
        int c = strcmp(x->path, y->path);

        return c != 0 ? c : (int) x->kind - (int) y->kind;
}

/* Drops what was found twice: by git status, and in the way of something. */
static void sort_items(struct changes *w) {
        size_t kept = 0;

        qsort(w->items, w->n, sizeof *w->items, compare_items);
        for (size_t i = 0; i < w->n; i++)
                if (kept > 0 && compare_items(&w->items[i], &w->items[kept - 1]) == 0)
                        free(w->items[i].path);
                else {
                        w->items[kept++] = w->items[i];
                        w->n_of[w->items[i].kind]++;
                }
        w->n = kept;
}

/* -ENOENT: the ends of an old intent may be gone with a history that was rewritten and pruned. */
static int know(struct finder *f, git_index **ret, const git_oid *commit) {
        if (commit_files(f->repo->git, commit, &f->known[f->n_known]) < 0)
                return -ENOENT;
        if (ret)
                *ret = f->known[f->n_known];
        f->n_known++;
        return 0;
}

static bool filemode_counts(const struct repo *repo) {
        _cleanup_(git_config_freep) git_config *config = NULL;
        int value = 1;

        if (git_repository_config(&config, repo->git) == 0)
                (void) git_config_get_bool(&value, config, "core.filemode");
        return value;
}

static int find_all(struct finder *f, git_commit *target, const git_oid *base) {
        int k = find_below(f, "", f->repo->config->path, 0);

        if (k == 0)
                k = find_gone(f);
        if (k == 0)
                k = find_staged(f);
        paths_sort(f->paths);
        for (size_t i = 0, n = f->paths->n; k == 0 && f->target && i < n; i++)
                if (find_file(f->target, f->paths->items[i]))
                        k = find_in_the_way(f, f->paths->items[i]);
        if (k == 0)
                k = find_unpushed(f, target, base);
        if (k < 0)
                return k;
        if (f->work->n > 0)
                sort_items(f->work);
        return 0;
}

/* The time now, so that every change from here on has a later one: files have the time of the kernel's last tick
 * (CLOCK_REALTIME_COARSE, clock_gettime(2)), so the next is waited for. It comes within 10 ms, unless the clock is set. */
static usec_t begin_to_look(void) {
        usec_t now = now_usec(CLOCK_REALTIME);

        for (int i = 0; i < 20 && now_usec(CLOCK_REALTIME_COARSE) <= now; i++)
                (void) usleep(1000);
        return now;
}

/* What earlier runs remembered, if there is a place for it; else nothing is. */
static int open_seen(struct finder *f, char **file) {
        *file = NULL;
        if (f->repo->state && asprintf(file, "%s/seen", f->repo->state) < 0)
                return -ENOMEM;
        if (*file) {
                _cleanup_free_ char *lock = NULL;

                if (asprintf(&lock, "%s.lock", *file) > 0)
                        (void) unlink(lock); /* of a run that was killed: the repository's lock is ours */
                if (git_index_open(&f->seen, *file) == 0 && git_index_read(f->seen, true) == 0)
                        return 0;
                (void) unlink(*file);
                git_index_free(f->seen);
                f->seen = NULL;
                if (git_index_open(&f->seen, *file) == 0)
                        return 0;
        }
        return git_index_new(&f->seen) < 0 ? -ENOMEM : 0;
}

static int open_finder(struct finder *f, git_commit *target, const struct intent *unfinished, char **file) {
        const struct repo *repo = f->repo;
        _cleanup_free_ char *index = NULL;
        struct stat st;
        git_oid parent;

        f->filemode = filemode_counts(repo);
        if (open_seen(f, file) < 0 || asprintf(&index, "%s/index", repo->dir) < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (git_repository_index(&f->index, repo->git) < 0 || stat(index, &st) < 0) {
                git_index_free(f->index);
                f->index = NULL;
        } else
                f->index_time = st.st_mtim.tv_sec;
        if (repo_find_parent(repo, &parent) < 0 ? git_index_new(&f->empty) < 0
                                                : know(f, &f->head, &parent) < 0)
                return sync_fail_git(f->result, "HEAD");
        if (f->empty)
                f->head = f->empty;
        if (target && know(f, &f->target, git_commit_id(target)) < 0)
                return sync_fail_git(f->result, "the remote's tree");
        if (unfinished) {
                (void) know(f, NULL, &unfinished->from);
                (void) know(f, &f->half, &unfinished->to);
        }
        f->visited = calloc(git_index_entrycount(f->head) + 1, sizeof *f->visited);
        return f->visited ? 0 : sync_fail(f->result, REFUSAL_ERROR, "out of memory");
}

int changes_find(const struct repo *repo, git_commit *target, const struct intent *unfinished,
        const git_oid *base, struct paths *paths, struct changes *ret, struct sync_result *r) {
        struct finder f = { .repo = repo, .work = ret, .result = r, .paths = paths };
        _cleanup_free_ char *file = NULL;
        int k;

        ret->looked = begin_to_look();
        k = open_finder(&f, target, unfinished, &file);
        if (k == 0)
                k = find_all(&f, target, base);
        if (f.left > 3)
                sync_remark(r, REFUSAL_LEFT_OUT, "%u more are not saved", f.left - 3);
        if (file)
                (void) git_index_write(
                        f.seen); /* also when the time was over: the next run goes on from here */
        for (size_t i = 0; i < f.n_known; i++)
                git_index_free(f.known[i]);
        git_index_free(f.empty);
        git_index_free(f.index);
        git_index_free(f.seen);
        free(f.visited);
        return k;
}
