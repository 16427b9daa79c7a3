/* Finds the standby's unsaved work, and decides which files count; see changes.h. */
#include "sync/changes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/text.h"
#include "sync/crash_cleanup.h"
#include "sync/seen.h"

#define BLOB_MAX ((size_t) 256 << 20)
/* libgit2 walks no deeper. */
#define DEPTH_MAX 100

#define LOOKING "looking through"

struct finder {
        const struct repo *repo;
        struct changes *work;
        struct sync_result *result;
        git_index *index; /* the repository's; NULL: unreadable */
        struct seen seen;
        git_index *head;   /* the files of our commit; empty where nothing is committed */
        git_index *intent; /* the files that a cut-short checkout was to write; NULL: not known */
        bool cut_short;    /* a checkout was cut short: a missing file does not count as deleted */
        bool *visited;     /* for each of HEAD's files: the walk met it, or the sync leaves it alone */
        bool no_filemode;  /* the executable bit does not count */
};

void changes_free(struct changes *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->items[i].path);
        free(w->items);
        paths_free(&w->paths);
        *w = (struct changes){ 0 };
}

/* Compares two changes: each begins with its path. */
static int compare_paths(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void changes_sort(struct changes *w) {
        if (w->n > 0)
                qsort(w->items, w->n, sizeof *w->items, compare_paths);
}

const struct change *changes_get(const struct changes *w, const char *path) {
        const struct change key = { .path = (char *) path };

        return w->n > 0 ? bsearch(&key, w->items, w->n, sizeof key, compare_paths) : NULL;
}

static int fail_memory(struct sync_result *r) {
        return sync_fail(r, REFUSAL_ERROR, "out of memory");
}

/* Takes ownership of .path, which the caller has allocated. NULL: no memory was left. */
static int add(struct changes *w, struct change change, struct sync_result *r) {
        if (change.path && w->n == w->room) {
                size_t room = w->room ? 2 * w->room : 32;
                struct change *items = reallocarray(w->items, room, sizeof *items);

                if (!items) {
                        free(change.path);
                        return fail_memory(r);
                }
                w->items = items;
                w->room = room;
        }
        if (!change.path)
                return fail_memory(r);
        w->items[w->n++] = change;
        w->bytes += change.size;
        return 0;
}

static int apply(git_index *files, const struct change *item) {
        const git_index_entry e = { .path = item->path, .mode = item->mode, .id = item->id };
        int k = item->mode ? git_index_add(files, &e) : git_index_remove(files, item->path, 0);

        return k == GIT_ENOTFOUND ? 0 : k; /* gone already: a file took the place of its directory */
}

/* The files of the commit that the tree continues; none where nothing is committed. */
static int parent_files(const struct repo *repo, git_index **ret) {
        git_oid parent;

        return repo_find_parent(repo, &parent) == 0 ? commit_files(repo->git, &parent, ret)
                                                    : git_index_new(ret);
}

int changes_files(
        const struct repo *repo, const struct changes *work, const bool *only_private, git_index **ret) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        int k = parent_files(repo, &files);

        for (size_t i = 0; k == 0 && i < work->n; i++)
                if (!only_private || work->items[i].is_private == *only_private)
                        k = apply(files, &work->items[i]);
        if (k == 0)
                *ret = TAKE(files);
        return k;
}

/* git compares only the executable bit of a file's mode. Other tools write other bits, such as 0100664. */
static bool is_equal(const struct finder *f, const git_index_entry *e, const git_oid *id, unsigned mode) {
        return e && git_oid_equal(&e->id, id) && (e->mode & S_IFMT) == (mode & S_IFMT) &&
                (!S_ISREG(mode) || f->no_filemode || !((e->mode ^ mode) & S_IXUSR));
}

static bool is_known(const struct finder *f, const char *path, const git_oid *id, unsigned mode) {
        return is_equal(f, find_file(f->head, path), id, mode) ||
                (f->intent && is_equal(f, find_file(f->intent, path), id, mode));
}

static uint16_t git_mode(const struct stat *st) {
        return S_ISLNK(st->st_mode)     ? GIT_FILEMODE_LINK
                : st->st_mode & S_IXUSR ? GIT_FILEMODE_BLOB_EXECUTABLE
                                        : GIT_FILEMODE_BLOB;
}

static bool is_large(const struct stat *st) {
        return S_ISREG(st->st_mode) && st->st_size > CHANGE_SIZE_MAX;
}

/* Finds the file's blob: its own bytes if a known tree has them, else what git would store. libgit2, unlike
 * git, does not know which line endings were committed. */
static int identify(const struct finder *f, const char *path, const struct stat *st, git_oid *ret) {
        int k = blob_hash_bytes(f->repo, path, st, ret);

        if (k < 0 || (!is_large(st) && !is_known(f, path, ret, git_mode(st))))
                k = blob_hash_stored(f->repo, path, ret);
        if (k == 0)
                seen_add(&f->seen, path, st, git_mode(st), ret);
        return k;
}

/* What a sync leaves alone. */

static unsigned depth_of(const char *path) {
        unsigned depth = 0;

        for (; *path; path++)
                depth += *path == '/';
        return depth;
}

bool changes_is_beyond(const struct repo *repo, const git_index_entry *e) {
        uint64_t size;

        return e->mode == GIT_FILEMODE_COMMIT || depth_of(e->path) > DEPTH_MAX ||
                (!repo->no_index && repo_is_filtered(repo, e->path)) ||
                (blob_size(repo, &e->id, &size) == 0 && size > BLOB_MAX);
}

bool changes_is_large(const struct repo *repo, const git_index_entry *e) {
        _cleanup_free_ char *full = NULL;
        struct stat st;

        return asprintf(&full, "%s/%s", repo->config->path, e->path) > 0 && lstat(full, &st) == 0 &&
                is_large(&st) && !blob_has_size(repo, e, &st) &&
                cleanup_find_intent(repo, &(struct intent){ 0 }) < 0;
}

static bool git_takes(const char *path) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        const git_index_entry e = { .path = path, .mode = GIT_FILEMODE_BLOB };

        return git_index_new(&index) == 0 && git_index_add(index, &e) == 0;
}

static const char closed[] = "cannot be read", too_deep[] = "is too deep", too_large[] = "is over 50 MB";

/* Why the worker cannot save the file; NULL: it can. HEAD: our commit's, whose bytes a large file may have. */
static const char *why_not(
        const struct repo *repo, const char *path, const struct stat *st, const git_index_entry *head) {
        _cleanup_free_ char *full = NULL;

        if (depth_of(path) > DEPTH_MAX)
                return too_deep;
        if (!head && !git_takes(path))
                return "has a name that git does not take";
        if (S_ISLNK(st->st_mode))
                return NULL;
        if (is_large(st) && !blob_has_size(repo, head, st)) /* before the slow reading of a large file */
                return too_large;
        return asprintf(&full, "%s/%s", repo->config->path, path) < 0 || access(full, R_OK) < 0 ? closed
                                                                                                : NULL;
}

/* Adds the remark that PATH, a file of OWNER's, is not saved, and WHY. */
static void leave(const struct finder *f, const char *path, uid_t owner, const char *why) {
        bool first = !f->result->workspace_why.code;

        sync_remark(f->result, why == closed ? REFUSAL_UNREADABLE : REFUSAL_LEFT_OUT,
                "%.60s%s %s, and is not saved", path, strlen(path) > 60 ? "…" : "", why);
        if (first && why == closed)
                (void) repo_set_open_command(f->repo, owner, &f->result->workspace_why);
}

int changes_add(const struct repo *repo, const char *path, const struct stat *st, struct changes *ret,
        struct sync_result *r) {
        const char *why = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? why_not(repo, path, st, NULL)
                                                                       : "neither a file nor a directory";
        git_oid id;

        if (why) {
                (void) sync_refuse(r, why == closed ? REFUSAL_UNREADABLE : REFUSAL_IN_THE_WAY,
                        "%s is in the way, and %s: move it away", path, why);
                return why == closed ? repo_set_open_command(repo, st->st_uid, &r->workspace_why)
                                     : -ECANCELED;
        }
        if (blob_hash_stored(repo, path, &id) < 0)
                return sync_fail_git(r, path);
        return add(ret,
                (struct change){
                        strdup(path), .mode = git_mode(st), .id = id, .size = (uint64_t) st->st_size },
                r);
}

/* The walk. */

bool changes_is_ignored(const struct repo *repo, const char *path) {
        int ignored = 0;

        return git_ignore_path_is_ignored(&ignored, repo->git, path) == 0 && ignored;
}

/* Marks HEAD's file at PATH, or all below PATH if it ends in a slash: they do not count as deleted. */
static void visit(struct finder *f, const char *path) {
        bool all = path[strlen(path) - 1] == '/';
        size_t at, n = git_index_entrycount(f->head);

        if ((all ? git_index_find_prefix(&at, f->head, path) : git_index_find(&at, f->head, path)) < 0)
                return;
        do
                f->visited[at++] = true;
        while (all && at < n && begins_with(git_index_get_byindex(f->head, at)->path, path));
}

/* Adds the file unless HEAD or the intent has its content, and adds its path if HEAD has other content. A
 * filtered file always differs from HEAD; its path is not added, so that no checkout restores it. */
static int find_file_changes(struct finder *f, const char *path, const struct stat *st) {
        const git_index_entry *head = find_file(f->head, path), *seen = seen_recall(&f->seen, path, st);
        bool tracked = head || (f->index && find_file(f->index, path)), known, changed;
        const char *why;
        git_oid id;
        int k;

        visit(f, path);
        if ((!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) ||
                (!tracked && !seen && changes_is_ignored(f->repo, path)))
                return 0;
        why = seen ? NULL : why_not(f->repo, path, st, head);
        if (why)
                return leave(f, path, st->st_uid, why), 0;
        if (seen)
                git_oid_cpy(&id, &seen->id);
        else if ((k = identify(f, path, st, &id)) < 0) /* the file may be gone by now */
                return k == GIT_ENOTFOUND ? 0 : (leave(f, path, st->st_uid, "fails to read"), 0);
        known = is_known(f, path, &id, git_mode(st));
        if (!known && is_large(st))
                return leave(f, path, st->st_uid, too_large), 0;
        changed = head && !is_equal(f, head, &id, git_mode(st)) && !repo_is_filtered(f->repo, path);
        if (changed && paths_add(&f->work->paths, path) < 0)
                return fail_memory(f->result);
        if (known)
                return 0;
        f->work->tracked = f->work->tracked || changed || (tracked && !head);
        return add(f->work,
                (struct change){ strdup(path), !tracked, .mode = git_mode(st), .id = id,
                        .size = (uint64_t) st->st_size },
                f->result);
}

/* Whether to enter the directory: not if git ignores it, if it is a repository itself, or too deep. */
static bool enters(struct finder *f, const char *path, const FTSENT *e) {
        const git_index_entry *link = f->index ? find_file(f->index, path) : NULL;
        _cleanup_free_ char *below = NULL, *git = NULL;
        bool tracked;
        size_t at;

        if (strcmp(e->fts_name, ".git") == 0 || (link && link->mode == GIT_FILEMODE_COMMIT) ||
                asprintf(&below, "%s/", path) < 0 || asprintf(&git, "%s/.git", e->fts_path) < 0)
                return false;
        tracked = git_index_find_prefix(&at, f->head, below) == 0 ||
                (f->index && git_index_find_prefix(&at, f->index, below) == 0);
        if (!tracked && access(git, F_OK) == 0)
                return visit(f, path), false;
        if (!tracked && changes_is_ignored(f->repo, below))
                return false;
        if (depth_of(path) < DEPTH_MAX)
                return true;
        visit(f, below);
        leave(f, path, e->fts_statp->st_uid, too_deep);
        return false;
}

/* Marks an unreadable file or directory, with a remark: it does not count as deleted. */
static void leave_closed(struct finder *f, const char *path, const FTSENT *e) {
        _cleanup_free_ char *below = NULL;

        if (e->fts_errno == ENOENT)
                return;
        visit(f, path);
        if (asprintf(&below, "%s/", path) > 0)
                visit(f, below);
        leave(f, path, e->fts_info == FTS_DNR ? e->fts_statp->st_uid : geteuid(), closed);
}

static int find_entry(struct finder *f, FTS *fts, FTSENT *e) {
        const char *path = e->fts_path + strlen(f->repo->config->path);

        path += *path == '/';
        switch (e->fts_info) {
        case FTS_DP:
                return 0;
        case FTS_D:
                if (e->fts_level > 0 && !enters(f, path, e))
                        (void) fts_set(fts, e, FTS_SKIP);
                return 0;
        case FTS_DNR:
        case FTS_NS:
                if (e->fts_level > 0)
                        return leave_closed(f, path, e), 0;
                __attribute__((fallthrough));
        case FTS_ERR:
                return sync_fail(f->result, REFUSAL_ERROR, "%s: %s", e->fts_path, strerror(e->fts_errno));
        default:
                return strcmp(e->fts_name, ".git") == 0 ? 0 : find_file_changes(f, path, e->fts_statp);
        }
}

static int find_in_tree(struct finder *f) {
        char *const roots[] = { f->repo->config->path, NULL };
        _cleanup_(fts_closep) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
        FTSENT *e;
        int k = 0;

        while (fts && k == 0 && (e = fts_read(fts)))
                if ((k = repo_check_time(f->repo, LOOKING, f->result)) == 0)
                        k = find_entry(f, fts, e);
        if (k == 0 && (!fts || errno != 0))
                k = sync_fail(f->result, REFUSAL_ERROR, "%s: %s", f->repo->config->path, strerror(errno));
        return k;
}

/* Adds the tracked files that the tree lacks. A deletion is work, unless a checkout was cut short. A sparse
 * one need not have them, nor those that it left behind with git's skip-worktree flag. */
static int find_gone(struct finder *f) {
        for (size_t i = 0; i < git_index_entrycount(f->head); i++) {
                const git_index_entry *e = git_index_get_byindex(f->head, i),
                                      *staged = f->index ? find_file(f->index, e->path) : NULL;
                bool skips = staged && staged->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE;

                if (f->visited[i] || skips || f->repo->is_sparse)
                        continue;
                if (repo_check_time(f->repo, LOOKING, f->result) < 0)
                        return -ECANCELED;
                if (changes_is_beyond(f->repo, e))
                        continue;
                if (paths_add(&f->work->paths, e->path) < 0)
                        return fail_memory(f->result);
                if (f->cut_short)
                        continue;
                f->work->tracked = true;
                if (add(f->work, (struct change){ .path = strdup(e->path) }, f->result) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* Adds staged content that only the index has. Where the tree may have another version, the staged one is
 * saved beside that as PATH.staged. */
static int find_staged(struct finder *f) {
        struct changes *w = f->work;
        size_t found = w->n;
        bool taken;

        changes_sort(w);
        for (size_t i = 0; f->index && i < git_index_entrycount(f->index); i++) {
                const git_index_entry *e = git_index_get_byindex(f->index, i);
                struct change item = { .staged = true, .mode = (uint16_t) e->mode, .id = e->id };
                const struct change *other;

                if (git_index_entry_stage(e) > 0 || (!S_ISREG(e->mode) && !S_ISLNK(e->mode)) ||
                        is_known(f, e->path, &e->id, e->mode))
                        continue;
                other = changes_get(&(struct changes){ .items = w->items, .n = found }, e->path);
                if (other && git_oid_equal(&other->id, &e->id))
                        continue;
                w->tracked = true;
                taken = other || find_file(f->head, e->path); /* the tree may have HEAD's */
                if (asprintf(&item.path, "%s%s", e->path, taken ? ".staged" : "") < 0)
                        item.path = NULL;
                if (add(w, item, f->result) < 0)
                        return -ECANCELED;
        }
        return 0;
}

/* Hides every commit that the remote's branch was ever seen at, as git merge-base --fork-point does: a
 * history that the remote rewrote is not the standby's work, unless the standby pushed it. */
static void hide_seen(const struct repo *repo, git_revwalk *walk) {
        char name[REPO_BRANCH_MAX + 200];
        _cleanup_(git_reflog_freep) git_reflog *log = NULL;
        bool pushed = false; /* the commit that the entry replaces */

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", repo->config->remote, repo->follow);
        if (git_reflog_read(&log, repo->git, name) < 0)
                return;
        for (size_t i = git_reflog_entrycount(log); i-- > 0;) {
                const git_reflog_entry *e = git_reflog_entry_byindex(log, i);
                const char *how = git_reflog_entry_message(e);

                if (!pushed)
                        (void) git_revwalk_hide(walk, git_reflog_entry_id_old(e));
                pushed = how && strcmp(how, "update by push") == 0; /* git's words */
        }
}

int changes_find_commits(const struct repo *repo, struct changes *ret, struct sync_result *r) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;
        int k;

        ret->unpushed = false;
        if (git_oid_is_zero(&repo->head) || (repo->branch[0] && repo_find_theirs(repo, &id) < 0))
                return 0; /* never fetched: the remote is unknown, and the branch keeps its commits */
        if (repo->branch[0] && strcmp(repo->branch, repo->follow) != 0)
                return 0; /* another branch keeps its own commits, and does not move */
        k = repo_walk_unpushed(repo, &repo->head, &walk);
        if (k == 0) {
                if (!repo->branch[0])
                        repo_hide(repo, walk, "refs/heads/*");
                hide_seen(repo, walk);
                k = git_revwalk_next(&id, walk);
        }
        if (k < 0 && k != GIT_ITEROVER && git_repository_is_shallow(repo->git) != 1)
                return sync_fail_git(r, "the history of HEAD");
        ret->unpushed = k == 0;
        return 0;
}

/* Reads what a cut-short checkout was to write, if the branch is still where the checkout began. git may
 * have pruned its target. */
static void read_intent(struct finder *f) {
        struct intent intent;

        f->cut_short = cleanup_find_intent(f->repo, &intent) == 0;
        if (f->cut_short && git_oid_equal(&intent.from, &f->repo->head))
                (void) commit_files(f->repo->git, &intent.to, &f->intent);
}

static int open_finder(struct finder *f) {
        const struct repo *repo = f->repo;

        if (git_repository_index(&f->index, repo->git) < 0 || git_index_read(f->index, false) < 0) {
                git_index_free(f->index);
                f->index = NULL;
        }
        f->no_filemode = f->index && git_index_caps(f->index) & GIT_INDEX_CAPABILITY_NO_FILEMODE;
        if (seen_open(repo, f->index, &f->seen) < 0)
                return sync_fail_git(f->result, "what was seen before");
        if (parent_files(repo, &f->head) < 0)
                return sync_fail_git(f->result, "HEAD");
        read_intent(f);
        f->visited = calloc(git_index_entrycount(f->head) + 1, sizeof *f->visited);
        return f->visited ? 0 : fail_memory(f->result);
}

int changes_find(const struct repo *repo, struct changes *ret, struct sync_result *r) {
        struct finder f = { .repo = repo, .work = ret, .result = r };
        int k = open_finder(&f);

        if (k == 0)
                k = find_in_tree(&f);
        if (k == 0)
                k = find_gone(&f);
        if (k == 0)
                k = find_staged(&f);
        if (k == 0)
                k = changes_find_commits(repo, ret, r);
        paths_sort(&ret->paths);
        git_index_free(f.head);
        git_index_free(f.intent);
        git_index_free(f.index);
        seen_close(&f.seen); /* after a timeout, too: the next run continues from here */
        free(f.visited);
        return k;
}
