/* What the standby has that no other place has; see changes.h. */
#include "sync/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "sync/finder.h"

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
        if (!tracked && !finder_same_stat(find_file(f->seen, path), st) && is_ignored(f, path))
                return 0;
        if (S_ISREG(st->st_mode) && (uint64_t) st->st_size > CHANGE_SIZE_MAX) {
                e = f->index ? find_file(f->index, path) : NULL;
                if (!finder_same_stat(e, st))
                        finder_leave_out(f, REFUSAL_LEFT_OUT, path, "is over 50 MB, and not saved");
                return 0;
        }
        if (!tracked && !git_takes(path)) {
                finder_leave_out(
                        f, REFUSAL_LEFT_OUT, path, "has a name that git does not take, and is not saved");
                return 0;
        }
        if (S_ISREG(st->st_mode) && faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) < 0) {
                finder_leave_closed(f, path, full);
                return 0;
        }
        k = finder_add_file(f, path, full, st, !tracked);
        if (k < 0 || !tracked)
                return k;
        e = find_file(f->head, path);
        f->work->tracked = f->work->tracked || f->work->n > n;
        if (repo_is_filtered(f->repo, path) ||
                finder_identify(f, path, full, st,
                        (uint16_t) (S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK : GIT_FILEMODE_BLOB), &id) < 0)
                return 0;
        if (e && git_oid_equal(&e->id, &id) && finder_same_mode(f, e->mode, st->st_mode))
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
                finder_leave_out(f, REFUSAL_LEFT_OUT, path, "is too deep, and not saved");
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
                finder_leave_closed(f, prefix, full);
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
                if (finder_add(f, WORK_GONE, e->path, 0, NULL, 0, false) < 0)
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
                        (old && git_oid_equal(&old->id, &e->id) && finder_same_mode(f, old->mode, e->mode)))
                        continue;
                if (paths_add(f->paths, e->path) < 0)
                        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
                for (size_t n = 0; !saved && n < found; n++)
                        saved = strcmp(f->work->items[n].path, e->path) == 0 &&
                                git_oid_equal(&f->work->items[n].id, &e->id);
                if (saved || finder_is_known(f, e->path, (uint16_t) e->mode, &e->id) ||
                        repo_is_filtered(f->repo, e->path))
                        continue;
                f->work->tracked = true;
                if (finder_add(f, WORK_STAGED, e->path, (uint16_t) e->mode, &e->id, 0, false) < 0)
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
                        k = finder_add_in_the_way(f, f->paths->items[i]);
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
        if (f.visited) /* the last thing to open */
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
