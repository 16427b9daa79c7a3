/* What the standby has that no other place has; see changes.h. */
#include "sync/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/text.h"
#include "sync/checkout.h"
#include "sync/seen.h"

#define BLOB_MAX ((size_t) 256 << 20)
/* So many paths that cannot be saved are named; the others are counted. */
#define NAMED_MAX 3

struct finder {
        const struct repo *repo;
        struct changes *work;
        struct sync_result *result;
        struct paths *paths;
        size_t incoming;  /* so many of the paths come in with the target */
        git_index *index; /* the repository's; NULL: it cannot be read */
        struct seen seen;
        git_index *known[3]; /* the files of each known tree */
        size_t n_known;
        git_index *head,
                *target; /* of the known; .target may be NULL, .head is empty where nothing is committed */
        bool cut_short;  /* a checkout was: what is missing is not deleted */
        bool *visited;   /* for each of HEAD's files: the tree has it, or it is left alone */
        bool filemode;   /* the executable bit counts */
        unsigned left;   /* how many are left out */
};

void changes_free(struct changes *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->items[i].path);
        free(w->items);
        *w = (struct changes){ 0 };
}

size_t changes_count(const struct changes *w, enum change_kind kind) {
        size_t n = 0;

        for (size_t i = 0; i < w->n; i++)
                n += w->items[i].kind == kind;
        return n;
}

static int fail_memory(const struct finder *f) {
        return sync_fail(f->result, REFUSAL_ERROR, "out of memory");
}

/* Takes PATH, which is the caller's to allocate. */
static int add(struct finder *f, struct change change, uint64_t size) {
        struct changes *w = f->work;

        if (change.path && w->n == w->room) {
                size_t room = w->room ? 2 * w->room : 32;
                struct change *items = reallocarray(w->items, room, sizeof *items);

                if (!items) {
                        free(change.path);
                        return fail_memory(f);
                }
                w->items = items;
                w->room = room;
        }
        if (!change.path)
                return fail_memory(f);
        w->items[w->n++] = change;
        w->bytes += size;
        return 0;
}

/* Of a file, git compares one bit alone, however other tools wrote the rest: 0100664 is 0100644. */
static bool is_equal(const struct finder *f, const git_index_entry *e, const git_oid *id, unsigned mode) {
        return e && git_oid_equal(&e->id, id) && (e->mode & S_IFMT) == (mode & S_IFMT) &&
                (!S_ISREG(mode) || !f->filemode || !((e->mode ^ mode) & S_IXUSR));
}

static bool is_known(const struct finder *f, const char *path, const git_oid *id, unsigned mode) {
        for (size_t i = 0; i < f->n_known; i++)
                if (is_equal(f, find_file(f->known[i], path), id, mode))
                        return true;
        return false;
}

/* The blob that the file is: as it lies there if a known tree has that, since libgit2 does not know, as git does, which line
 * endings were committed; else as git would store it. */
static int identify(
        const struct finder *f, const char *path, const struct stat *st, uint16_t mode, git_oid *ret) {
        const git_index_entry *e = seen_recall(&f->seen, path, st);

        if (e) {
                git_oid_cpy(ret, &e->id);
                if (repo_is_filtered(f->repo, path))
                        seen_add(&f->seen, path, st, mode, ret);
                return 0;
        }
        if ((blob_hash_bytes(f->repo, path, ret) < 0 || !is_known(f, path, ret, mode)) &&
                blob_hash_stored(f->repo, path, ret) < 0)
                return sync_fail_git(f->result, path);
        seen_add(&f->seen, path, st, mode, ret);
        return 0;
}

/* What is left alone. */

/* PATH, which is OWNER's, is not saved, and WHY; if it is IN_THE_WAY, the sync is refused. */
static int leave(struct finder *f, bool in_the_way, enum refusal_code code, const char *path, uid_t owner,
        const char *why) {
        bool is_long = strlen(path) > 80, first = in_the_way || !f->result->workspace_why.code;
        int k = 0;

        if (in_the_way)
                k = sync_refuse(f->result, code == REFUSAL_LEFT_OUT ? REFUSAL_IN_THE_WAY : code,
                        "%s is in the way, and %s: move it away", path, why);
        else if (f->left++ < NAMED_MAX)
                sync_remark(f->result, code, "%.*s%s %s, and is not saved", is_long ? 60 : 80, path,
                        is_long ? "…" : "", why);
        if (first && code == REFUSAL_UNREADABLE)
                (void) repo_set_open_command(f->repo, owner, &f->result->workspace_why);
        return k;
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

static bool git_takes(const char *path) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        const git_index_entry e = { .path = path, .mode = GIT_FILEMODE_BLOB };

        return git_index_new(&index) == 0 && git_index_add(index, &e) == 0;
}

static bool is_ignored(const struct finder *f, const char *path) {
        int ignored = 0;

        return git_ignore_path_is_ignored(&ignored, f->repo->git, path) == 0 && ignored;
}

/* Whether FILES, which may be NULL, have anything below the directory PATH, which ends in a slash. */
static bool has_below(git_index *files, const char *path) {
        size_t at;

        return files && git_index_find_prefix(&at, files, path) == 0;
}

/* HEAD's files at PATH, or below it if it ends in a slash, are there or are left as they are. */
static void visit(struct finder *f, const char *path) {
        bool all = path[strlen(path) - 1] == '/';
        size_t at, n = git_index_entrycount(f->head);

        if ((all ? git_index_find_prefix(&at, f->head, path) : git_index_find(&at, f->head, path)) < 0)
                return;
        do
                f->visited[at++] = true;
        while (all && at < n && begins_with(git_index_get_byindex(f->head, at)->path, path));
}

/* The walk. */

/* Of lists of texts, and of changes, which begin with one. */
static int compare_paths(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Whether the file PATH must go for what comes: another file there, or a directory. */
static bool must_go(const struct finder *f, const char *path) {
        _cleanup_free_ char *below = NULL;

        if (!f->target)
                return false;
        return (f->incoming > 0 &&
                       bsearch(&path, f->paths->items, f->incoming, sizeof path, compare_paths)) ||
                (asprintf(&below, "%s/", path) > 0 && has_below(f->target, below));
}

/* Whether a large file need not be saved, since a known tree has it. It is read only if its size says that it may be. */
static bool is_stored(const struct finder *f, const char *path, const struct stat *st) {
        _cleanup_(git_odb_freep) git_odb *odb = NULL;
        git_object_t type;
        size_t size;
        git_oid id;

        for (size_t i = 0; i < f->n_known; i++) {
                const git_index_entry *e = find_file(f->known[i], path);

                if (e && S_ISREG(e->mode) && (odb || git_repository_odb(&odb, f->repo->git) == 0) &&
                        git_odb_read_header(&size, &type, odb, &e->id) == 0 &&
                        size == (size_t) st->st_size && blob_hash_bytes(f->repo, path, &id) == 0 &&
                        git_oid_equal(&id, &e->id)) {
                        seen_add(&f->seen, path, st, (uint16_t) e->mode, &id);
                        return true;
                }
        }
        return false;
}

/* Why the file cannot be saved; NULL: it can. */
static const char *why_not(const struct finder *f, const char *path, const char *full, const struct stat *st,
        bool tracked, enum refusal_code *code) {
        *code = REFUSAL_LEFT_OUT;
        if (S_ISREG(st->st_mode) && st->st_size > CHANGE_SIZE_MAX && !is_stored(f, path, st))
                return "is over 50 MB";
        if (!tracked && !git_takes(path))
                return "has a name that git does not take";
        *code = REFUSAL_UNREADABLE;
        return S_ISREG(st->st_mode) && faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) < 0 ? "cannot be read"
                                                                                       : NULL;
}

/* Adds the file that was read, unless it is known; and its path, if HEAD has it otherwise. */
static int add_file(struct finder *f, const char *path, const struct stat *st, bool tracked) {
        uint16_t mode = S_ISLNK(st->st_mode) ? GIT_FILEMODE_LINK
                : st->st_mode & S_IXUSR      ? GIT_FILEMODE_BLOB_EXECUTABLE
                                             : GIT_FILEMODE_BLOB;
        bool filtered = repo_is_filtered(f->repo, path);
        const git_index_entry *head = find_file(f->head, path);
        enum change_kind kind = WORK_PRIVATE;
        git_oid id;
        int k;

        /* What a filter stores in another form differs always: once it was looked at, only a new time makes it work. */
        if (filtered && seen_has(&f->seen, path, st))
                return 0;
        k = identify(f, path, st, mode, &id);
        if (k < 0)
                return k;
        if (head && !filtered && !is_equal(f, head, &id, mode) && paths_add(f->paths, path) < 0)
                return fail_memory(f);
        if (is_known(f, path, &id, mode))
                return 0;
        f->work->tracked = f->work->tracked || tracked;
        if (!filtered && changes_is_public(path, (uint64_t) st->st_size))
                kind = WORK_PUBLIC;
        return add(f, (struct change){ strdup(path), kind, !tracked, mode, id }, (uint64_t) st->st_size);
}

static int find_file_changes(
        struct finder *f, const char *path, const char *full, const struct stat *st, bool in_the_way) {
        bool tracked = find_file(f->head, path) || (f->index && find_file(f->index, path));
        enum refusal_code code;
        const char *why;

        visit(f, path);
        if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
                return in_the_way ? leave(f, true, REFUSAL_LEFT_OUT, path, st->st_uid,
                                            "neither a file nor a directory")
                                  : 0;
        if (!seen_recall(&f->seen, path, st)) {
                if (!tracked && !in_the_way && is_ignored(f, path))
                        return 0;
                why = why_not(f, path, full, st, tracked, &code);
                if (why)
                        return leave(f, in_the_way, code, path, st->st_uid, why);
        }
        return add_file(f, path, st, tracked);
}

static int find_below(struct finder *f, const char *prefix, const char *full, bool in_the_way, int depth);

/* A directory: one that git ignores or that is a repository of its own is none of ours, and one that is too deep or closed
 * is left alone. */
static int find_directory(
        struct finder *f, const char *path, const char *full, uid_t owner, bool in_the_way, int depth) {
        _cleanup_free_ char *below = NULL, *git = NULL;
        const git_index_entry *link = f->index ? find_file(f->index, path) : NULL;
        bool tracked, own;

        if (link && link->mode == GIT_FILEMODE_COMMIT)
                return 0;
        if (asprintf(&below, "%s/", path) < 0 || asprintf(&git, "%s/.git", full) < 0)
                return fail_memory(f);
        tracked = has_below(f->head, below) || has_below(f->index, below);
        own = !tracked && access(git, F_OK) == 0;
        if (own && in_the_way)
                return leave(f, true, REFUSAL_LEFT_OUT, path, owner, "a git repository of its own");
        if (own || (!tracked && !in_the_way && is_ignored(f, below)))
                return 0;
        if (depth <= CHANGE_DEPTH_MAX && access(full, in_the_way ? R_OK | W_OK | X_OK : R_OK | X_OK) == 0)
                return find_below(f, below, full, in_the_way, depth);
        visit(f, below);
        return depth > CHANGE_DEPTH_MAX
                ? leave(f, in_the_way, REFUSAL_LEFT_OUT, path, owner, "is too deep")
                : leave(f, in_the_way, REFUSAL_UNREADABLE, path, owner, "cannot be read");
}

static int find_entry(struct finder *f, const char *prefix, const char *directory, const char *name,
        bool in_the_way, int depth) {
        _cleanup_free_ char *path = NULL, *full = NULL;
        struct stat st;

        if (asprintf(&path, "%s%s", prefix, name) < 0 || asprintf(&full, "%s/%s", directory, name) < 0)
                return fail_memory(f);
        if (repo_is_over(f->repo))
                return sync_fail(f->result, REFUSAL_TIMEOUT, "looking through %s was not done in time",
                        f->repo->config->path);
        if (lstat(full, &st) < 0)
                return 0; /* it went away, or its directory is not to be searched */
        if (!S_ISDIR(st.st_mode))
                return find_file_changes(f, path, full, &st, in_the_way || must_go(f, path));
        in_the_way = in_the_way || (f->target && find_file(f->target, path));
        return find_directory(f, path, full, st.st_uid, in_the_way, depth + 1);
}

/* Everything in the directory FULL, whose files begin with PREFIX. */
static int find_below(struct finder *f, const char *prefix, const char *full, bool in_the_way, int depth) {
        DIR *d = opendir(full);
        const struct dirent *e;
        int k = 0;

        while (d && k == 0 && (e = readdir(d)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                        strcmp(e->d_name, ".git") != 0)
                        k = find_entry(f, prefix, full, e->d_name, in_the_way, depth);
        if (!d)
                return sync_fail(f->result, REFUSAL_ERROR, "%s: %s", full, strerror(errno));
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
                        return fail_memory(f);
                if (f->cut_short || (f->target && !find_file(f->target, e->path)))
                        continue;
                f->work->tracked = true;
                if (add(f, (struct change){ .path = strdup(e->path) }, 0) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* What was staged, if neither the tree nor anything known holds it: the index is its only home. The items are sorted. */
static int find_staged(struct finder *f) {
        size_t found = f->work->n;

        for (size_t i = 0; f->index && i < git_index_entrycount(f->index); i++) {
                const git_index_entry *e = git_index_get_byindex(f->index, i);
                const struct change key = { .path = (char *) e->path }, *item;

                if (git_index_entry_stage(e) > 0 || (!S_ISREG(e->mode) && !S_ISLNK(e->mode)) ||
                        is_known(f, e->path, &e->id, e->mode) || repo_is_filtered(f->repo, e->path))
                        continue;
                item = found > 0 ? bsearch(&key, f->work->items, found, sizeof key, compare_paths) : NULL;
                if (item && git_oid_equal(&item->id, &e->id))
                        continue;
                f->work->tracked = true;
                if (add(f, (struct change){ strdup(e->path), WORK_STAGED, false, (uint16_t) e->mode, e->id },
                            0) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* Whether HEAD has commits that were never at the remote, as far as anybody here knows. */
static int find_unpushed(struct finder *f, git_commit *target) {
        const struct repo *repo = f->repo;
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id, base;
        bool has_base = checkout_base(repo, &base) == 0;
        int k;

        if (git_oid_is_zero(&repo->head) ||
                (repo->branch[0] && !target && !has_base && repo_find_theirs(repo, &id) < 0))
                return 0; /* never fetched: nothing is known of the remote, and the branch keeps them */
        if (repo->branch[0] && strcmp(repo->branch, repo->follow) != 0)
                return 0; /* another branch keeps its own commits, and does not move */
        k = repo_walk_unpushed(repo, &repo->head, &walk);
        if (k == 0 && !repo->branch[0])
                k = git_revwalk_hide_glob(walk, "refs/heads/*");
        if (k == 0 && has_base)
                k = git_revwalk_hide(walk, &base);
        if (k == 0 && target)
                k = git_revwalk_hide(walk, git_commit_id(target));
        if (k == 0)
                k = git_revwalk_next(&id, walk);
        if (k < 0 && k != GIT_ITEROVER && git_repository_is_shallow(repo->git) != 1)
                return sync_fail_git(f->result, "the history of HEAD");
        f->work->unpushed = k == 0;
        return 0;
}

static int find_all(struct finder *f, git_commit *target) {
        int k = find_below(f, "", f->repo->config->path, false, 0);

        if (k == 0)
                k = find_gone(f);
        if (k == 0 && f->work->n > 0)
                qsort(f->work->items, f->work->n, sizeof *f->work->items, compare_paths);
        if (k == 0)
                k = find_staged(f);
        if (k == 0)
                k = find_unpushed(f, target);
        paths_sort(f->paths);
        return k;
}

/* Where to begin. */

static bool filemode_counts(const struct repo *repo) {
        _cleanup_(git_config_freep) git_config *config = NULL;
        int value = 1;

        if (git_repository_config(&config, repo->git) == 0)
                (void) git_config_get_bool(&value, config, "core.filemode");
        return value;
}

static int know(struct finder *f, git_index **ret, const git_oid *commit) {
        if (commit_files(f->repo->git, commit, &f->known[f->n_known]) < 0)
                return -1;
        *ret = f->known[f->n_known++];
        return 0;
}

/* What a checkout that was cut short has written already, if the branch is still where it began. */
static void know_intent(struct finder *f) {
        struct intent intent;
        git_index *to;

        f->cut_short = checkout_unfinished(f->repo, &intent) == 0;
        if (f->cut_short && git_oid_equal(&intent.from, &f->repo->head))
                (void) know(f, &to, &intent.to); /* it may be gone with a history that was pruned */
}

static int open_finder(struct finder *f, git_commit *target) {
        const struct repo *repo = f->repo;
        git_oid parent;

        f->filemode = filemode_counts(repo);
        if (!repo->no_index)
                (void) git_repository_index(&f->index, repo->git);
        if (seen_open(repo, f->index, &f->seen) < 0)
                return sync_fail_git(f->result, "what was seen before");
        if (repo_find_parent(repo, &parent) == 0 ? know(f, &f->head, &parent) < 0
                                                 : git_index_new(&f->known[f->n_known++]) < 0)
                return sync_fail_git(f->result, "HEAD");
        f->head = f->known[0];
        if (target && know(f, &f->target, git_commit_id(target)) < 0)
                return sync_fail_git(f->result, "the remote's tree");
        know_intent(f);
        f->visited = calloc(git_index_entrycount(f->head) + 1, sizeof *f->visited);
        return f->visited ? 0 : fail_memory(f);
}

int changes_find(const struct repo *repo, git_commit *target, struct paths *paths, struct changes *ret,
        struct sync_result *r) {
        struct finder f = { .repo = repo, .work = ret, .result = r, .paths = paths, .incoming = paths->n };
        int k = open_finder(&f, target);

        if (k == 0)
                k = find_all(&f, target);
        if (f.left > NAMED_MAX)
                sync_remark(r, REFUSAL_LEFT_OUT, "%u more are not saved", f.left - NAMED_MAX);
        for (size_t i = 0; i < f.n_known; i++)
                git_index_free(f.known[i]);
        git_index_free(f.index);
        seen_close(&f.seen); /* also when the time was over: the next run goes on from here */
        free(f.visited);
        return k;
}
