/* Checks what a fetched commit would write, before it is checked out; see incoming.h. */
#include "sync/incoming.h"

#include <string.h>
#include <strings.h>

#include "lib/strv.h"
#include "sync/changes.h"
#include "sync/seen.h"

/* Far more than any workspace has. A hostile tree of one kilobyte can expand to a billion paths, which would
 * fill the memory of a small VPS. */
#define PATHS_MAX 200000

static int too_many(const git_diff *so_far, const git_diff_delta *delta _unused_,
        const char *pathspec _unused_, void *u) {
        bool *exceeded = u;

        *exceeded = git_diff_num_deltas(so_far) >= PATHS_MAX;
        return *exceeded ? GIT_EUSER : 0;
}

/* Whether git may write PATH: no part is ".git" in any case, ".", "..", empty, or over 255 bytes. */
static bool path_is_safe(const char *path) {
        for (const char *name = path;;) {
                size_t n = strcspn(name, "/");

                if (n == 0 || n > 255 || (n == 1 && name[0] == '.') ||
                        (n == 2 && strncmp(name, "..", 2) == 0) ||
                        (n == 4 && strncasecmp(name, ".git", 4) == 0))
                        return false;
                if (!name[n])
                        return true;
                name += n + 1;
        }
}

/* Whether a sync leaves the side F of a change alone, as git leaves a submodule that moved. */
static bool is_beyond(const struct repo *repo, const git_diff_file *f, bool is_old) {
        const git_index_entry e = { .path = f->path, .mode = f->mode, .id = f->id };

        return f->mode != 0 && (changes_is_beyond(repo, &e) || (is_old && changes_is_large(repo, &e)));
}

static int check_delta(
        const struct repo *repo, const git_diff_delta *d, struct incoming *in, struct sync_result *r) {
        uint64_t size = 0;

        if (is_beyond(repo, &d->old_file, true) || is_beyond(repo, &d->new_file, false)) {
                sync_remark(r, REFUSAL_LEFT_OUT, "%.60s is left as it is (%s): update it by hand",
                        d->new_file.path,
                        d->new_file.mode == GIT_FILEMODE_COMMIT || d->old_file.mode == GIT_FILEMODE_COMMIT
                                ? "a repository of its own"
                                : "filtered, too deep or too large");
                return 0;
        }
        if (d->status != GIT_DELTA_DELETED && blob_size(repo, &d->new_file.id, &size) < 0)
                return sync_refuse(r, REFUSAL_CONTENT, "the remote is broken: it lacks what %s holds",
                        d->new_file.path);
        in->bytes += size;
        return paths_add(&in->paths, d->new_file.path) < 0 ? sync_fail(r, REFUSAL_ERROR, "out of memory")
                                                           : 0;
}

/* Runs before the new tree becomes an index: git_index_read_tree() of libgit2 1.5 leaks at such a path. */
static int check_paths(git_diff *diff, struct sync_result *r) {
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_delta *d = git_diff_get_delta(diff, i);

                if (d->status != GIT_DELTA_DELETED && !path_is_safe(d->new_file.path))
                        return sync_refuse(r, REFUSAL_CONTENT,
                                "the remote holds a path that no git would write: %s", d->new_file.path);
        }
        return 0;
}

int incoming_check(struct repo *repo, git_commit *target, struct incoming *ret, struct sync_result *r) {
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        _cleanup_(git_commit_freep) git_commit *head = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        bool exceeded = false;
        int k;

        options.flags = GIT_DIFF_INCLUDE_TYPECHANGE;
        options.notify_cb = too_many;
        options.payload = &exceeded;
        if (git_commit_lookup(&head, repo->git, &repo->head) < 0 || git_commit_tree(&old, head) < 0)
                return sync_fail_git(r, "HEAD");
        if (git_commit_tree(&new, target) < 0)
                return sync_fail_git(r, "the remote's tree");
        if (git_diff_tree_to_tree(&diff, repo->git, old, new, &options) < 0)
                return exceeded
                        ? sync_refuse(r, REFUSAL_CONTENT,
                                  "the remote changes more than %d files at once: pull by hand", PATHS_MAX)
                        : sync_fail_git(r, "the remote's tree");
        k = check_paths(diff, r);
        if (k < 0)
                return k;
        repo->target = *git_commit_id(target);
        for (size_t i = 0; i < git_diff_num_deltas(diff) && k == 0; i++)
                if ((k = repo_check_time(repo, "comparing the remote with", r)) == 0)
                        k = check_delta(repo, git_diff_get_delta(diff, i), ret, r);
        paths_sort(&ret->paths);
        return k;
}
