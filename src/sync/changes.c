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

#define PUBLIC_MAX 5000000

struct finder {
        const struct repo *repo;
        struct changes *work;
        struct sync_result *result;
        git_index *known[4]; /* the files of each known tree */
        size_t n_known;
        git_index *head, *target; /* of .known; .target may be NULL */
        git_index *half;          /* what a checkout that was cut short was writing; NULL: none was */
        bool filemode;            /* the executable bit counts */
};

bool changes_is_public(const char *path, uint64_t size) {
        static const char *const secret[] = { ".env*", "*.pem", "id_*" };

        for (const char *name = path; *name;) {
                size_t n = strcspn(name, "/");
                char part[256];

                (void) snprintf(part, sizeof part, "%.*s", (int) n, name);
                for (size_t i = 0; i < ELEMENTSOF(secret); i++)
                        if (fnmatch(secret[i], part, FNM_CASEFOLD) == 0)
                                return false;
                name += n + (name[n] == '/');
        }
        return size <= PUBLIC_MAX;
}

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
        uint64_t size) {
        struct changes *w = f->work;

        if (w->n == w->room) {
                size_t room = w->room ? 2 * w->room : 32;
                struct change *items = reallocarray(w->items, room, sizeof *items);

                if (!items)
                        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                w->items = items;
                w->room = room;
        }
        w->items[w->n] = (struct change){ .kind = kind, .path = strdup(path), .mode = mode };
        if (!w->items[w->n].path)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (id)
                git_oid_cpy(&w->items[w->n].id, id);
        w->n++;
        w->bytes += size;
        return 0;
}

static bool same_mode(const struct finder *f, uint16_t a, uint16_t b) {
        return a == b || (!f->filemode && S_ISREG(a) && S_ISREG(b));
}

static bool is_known(const struct finder *f, const char *path, uint16_t mode, const git_oid *id) {
        for (size_t i = 0; i < f->n_known; i++) {
                const git_index_entry *e = find_file(f->known[i], path);

                if (e && same_mode(f, (uint16_t) e->mode, mode) && git_oid_equal(&e->id, id))
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

/* libgit2 fails at the first tracked file that it cannot read, and does not say which. */
static int refuse_closed(struct finder *f, const char *what) {
        char words[sizeof f->result->workspace_why.text];

        (void) git_words(words, sizeof words);
        for (size_t i = 0; i < git_index_entrycount(f->head); i++) {
                const char *path = git_index_get_byindex(f->head, i)->path;
                _cleanup_free_ char *full = full_path(f, path), *word = full ? shell_quote(full) : NULL;
                struct stat st;

                if (!word || look(f, path, &st, NULL) < 0 || !S_ISREG(st.st_mode) ||
                        faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) == 0)
                        continue;
                if (st.st_uid == geteuid())
                        return sync_refuse(f->result, REFUSAL_UNREADABLE, "%s cannot be read", path),
                               sync_command(f->result, "sudo -u %s chmod u+r %s", f->repo->user, word);
                return sync_refuse(f->result, REFUSAL_UNREADABLE, "%s cannot be read", path),
                       sync_command(f->result, "sudo chown -h %s: %s", f->repo->user, word);
        }
        return sync_fail(f->result, REFUSAL_ERROR, "%s: %s", what, words);
}

/* Adds what is at PATH in the work tree, unless it is known. */
static int add_file(struct finder *f, const char *path, const char *full, const struct stat *st) {
        uint16_t mode = S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK
                : st->st_mode & S_IXUSR      ? GIT_FILEMODE_BLOB_EXECUTABLE
                                             : GIT_FILEMODE_BLOB;
        git_oid id;
        int k;

        if (S_ISLNK(st->st_mode))
                k = hash_link(full, st, &id);
        else
                k = git_repository_hashfile(&id, f->repo->git, full, GIT_OBJECT_BLOB, path);
        if (k < 0) /* core.safecrlf may forbid the file as it is; then its bytes are what is saved */
                k = git_odb_hashfile(&id, full, GIT_OBJECT_BLOB);
        if (k < 0)
                return refuse_closed(f, path);
        if (is_known(f, path, mode, &id))
                return 0;
        if (S_ISREG(st->st_mode) &&
                (is_known_raw(f, path, mode, full) || (f->half && is_half_written(f, path, full))))
                return 0;
        return add(f, changes_is_public(path, (uint64_t) st->st_size) ? WORK_PUBLIC : WORK_PRIVATE, path,
                mode, &id, (uint64_t) st->st_size);
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
                return add_file(f, path, full, &st);
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

/* What was staged, if neither the tree nor anything known holds it: the index is its only home. */
static int find_staged(struct finder *f, const git_status_entry *s) {
        const git_diff_file *staged;
        const struct changes *w = f->work;

        if (!s->head_to_index || s->head_to_index->status == GIT_DELTA_DELETED)
                return 0;
        staged = &s->head_to_index->new_file;
        if (!S_ISREG(staged->mode) && !S_ISLNK(staged->mode))
                return 0;
        if (w->n > 0 && w->items[w->n - 1].kind <= WORK_PRIVATE &&
                strcmp(w->items[w->n - 1].path, staged->path) == 0 &&
                git_oid_equal(&w->items[w->n - 1].id, &staged->id))
                return 0;
        if (is_known(f, staged->path, staged->mode, &staged->id))
                return 0;
        return add(f, WORK_STAGED, staged->path, staged->mode, &staged->id, 0);
}

/* A tracked file that is no longer there: work, unless the remote deleted it too or a checkout was cut short. */
static int find_gone(struct finder *f, const char *path) {
        if (f->half || !find_file(f->head, path) || (f->target && !find_file(f->target, path)))
                return 0;
        return add(f, WORK_GONE, path, 0, NULL, 0);
}

static bool git_takes(const char *path) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        const git_index_entry e = { .path = path, .mode = GIT_FILEMODE_BLOB };

        return git_index_new(&index) == 0 && git_index_add(index, &e) == 0;
}

/* Whether the untracked file PATH cannot be saved, and does not hold up the rest. One that is in the way is found a second
 * time, as what must go: then it does. */
static bool is_left_out(struct finder *f, const char *path, const char *full, const struct stat *st) {
        _cleanup_free_ char *word = NULL;

        if (!git_takes(path)) {
                sync_remark(f->result, REFUSAL_LEFT_OUT,
                        "%s is not saved: no git takes such a name. Rename it", path);
                return true;
        }
        if (!S_ISREG(st->st_mode) || faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) == 0)
                return false;
        word = shell_quote(full);
        if (st->st_uid == geteuid())
                sync_remark(f->result, REFUSAL_UNREADABLE, "%s is not saved, since it cannot be read", path),
                        sync_command(
                                f->result, "sudo -u %s chmod u+r %s", f->repo->user, word ? word : "FILE");
        else
                sync_remark(f->result, REFUSAL_UNREADABLE, "%s is not saved, since it cannot be read", path),
                        sync_command(f->result, "sudo chown -h %s: %s", f->repo->user, word ? word : "FILE");
        return true;
}

/* One line of git status. */
static int find_changed(struct finder *f, const git_status_entry *s, struct paths *paths) {
        const git_diff_delta *d = s->index_to_workdir ? s->index_to_workdir : s->head_to_index;
        const char *path = d->new_file.path;
        _cleanup_free_ char *full = full_path(f, path);
        bool untracked = s->status == GIT_STATUS_WT_NEW;
        struct stat st;
        int k, r = 0;

        if (path[strlen(path) - 1] == '/') /* a repository of its own; refused if it is in the way */
                return 0;
        if (!full || (!untracked && paths_add(paths, path) < 0))
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        k = look(f, path, &st, NULL);
        if (k == -ENOENT || (k == 0 && !untracked && S_ISDIR(st.st_mode)))
                r = find_gone(f, path); /* what is in a directory in its place has lines of its own */
        else if (k < 0)
                r = sync_fail(f->result, REFUSAL_ERROR, "%s: %s", path, strerror(-k));
        else if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) &&
                !(untracked && is_left_out(f, path, full, &st)))
                r = add_file(f, path, full, &st);
        return r < 0 ? r : find_staged(f, s);
}

static int find_status(struct finder *f, struct paths *paths) {
        git_status_options options = GIT_STATUS_OPTIONS_INIT;
        _cleanup_(git_status_list_freep) git_status_list *list = NULL;

        options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
        if (git_status_list_new(&list, f->repo->git, &options) < 0)
                return refuse_closed(f, "git status");
        for (size_t i = 0; i < git_status_list_entrycount(list); i++) {
                const git_status_entry *s = git_status_byindex(list, i);
                size_t n = f->work->n;
                int r = find_changed(f, s, paths);

                if (r < 0)
                        return r;
                if (f->work->n > n && s->status != GIT_STATUS_WT_NEW)
                        f->work->tracked = true;
        }
        paths_sort(paths);
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
                asprintf(&branch, "refs/remotes/%s/%s", repo->config->remote, repo->branch) < 0)
                return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
        if (!target && !base && git_reference_name_to_id(&id, repo->git, branch) < 0)
                return 0; /* never fetched: nothing is known of the remote, and nothing moves */
        k = git_revwalk_new(&walk, repo->git);
        if (k == 0)
                k = git_revwalk_push(walk, &repo->head);
        if (k == 0)
                k = git_revwalk_hide_glob(walk, tracking);
        if (k == 0 && base)
                k = git_revwalk_hide(walk, base);
        if (k == 0 && target)
                k = git_revwalk_hide(walk, git_commit_id(target));
        if (k == 0)
                k = git_revwalk_next(&id, walk);
        if (k < 0 && k != GIT_ITEROVER)
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

static int find_all(struct finder *f, git_commit *target, const git_oid *base, struct paths *paths) {
        int r = find_status(f, paths);

        for (size_t i = 0; r == 0 && f->target && i < paths->n; i++)
                if (find_file(f->target, paths->items[i]))
                        r = find_in_the_way(f, paths->items[i]);
        if (r == 0)
                r = find_unpushed(f, target, base);
        if (r < 0)
                return r;
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

int changes_find(const struct repo *repo, git_commit *target, const struct intent *unfinished,
        const git_oid *base, struct paths *paths, struct changes *ret, struct sync_result *r) {
        struct finder f = { .repo = repo, .work = ret, .result = r, .filemode = filemode_counts(repo) };
        int k;

        ret->looked = begin_to_look();
        if (know(&f, &f.head, &repo->head) < 0)
                return sync_fail_git(r, "HEAD");
        if (target && know(&f, &f.target, git_commit_id(target)) < 0)
                return sync_fail_git(r, "the remote's tree");
        if (unfinished) {
                (void) know(&f, NULL, &unfinished->from);
                (void) know(&f, &f.half, &unfinished->to);
        }
        k = find_all(&f, target, base, paths);
        for (size_t i = 0; i < f.n_known; i++)
                git_index_free(f.known[i]);
        return k;
}
