/* What the remote wants to put into the tree, checked; see incoming.h. */
#include "sync/incoming.h"

#include <string.h>
#include <strings.h>

#include "lib/strv.h"

/* Bounds far over any workspace of notes. Without them a tree of a kilobyte that names itself a billion times, or
 * a blob of a gigabyte of zeros, would take the memory of a small VPS. */
#define PATHS_MAX 200000
#define BLOB_MAX ((size_t) 256 << 20)

static int too_many(const git_diff *so_far, const git_diff_delta *delta _unused_,
        const char *pathspec _unused_, void *u) {
        bool *exceeded = u;

        *exceeded = git_diff_num_deltas(so_far) >= PATHS_MAX;
        return *exceeded ? GIT_EUSER : 0;
}

/* Names that git itself never writes into a tree: ".git" in any case, ".", "..", nothing. */
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

static int check_file(git_odb *odb, const git_diff_file *f, uint64_t *bytes, struct sync_result *r) {
        git_object_t type;
        size_t size;

        if (!path_is_safe(f->path))
                return sync_refuse(
                        r, REFUSAL_CONTENT, "the remote holds a path that no git would write: %s", f->path);
        if (f->mode == GIT_FILEMODE_COMMIT)
                return sync_refuse(r, REFUSAL_CONTENT,
                        "the submodule %s changes: update it by hand, git pull --recurse-submodules",
                        f->path);
        if (git_odb_read_header(&size, &type, odb, &f->id) < 0 || type != GIT_OBJECT_BLOB)
                return sync_refuse(
                        r, REFUSAL_CONTENT, "the remote is broken: it lacks what %s holds", f->path);
        if (size > BLOB_MAX)
                return sync_refuse(r, REFUSAL_CONTENT,
                        "%s on the remote has %zu MiB, over the %zu MiB we check out: pull by hand", f->path,
                        size >> 20, BLOB_MAX >> 20);
        *bytes += size;
        return 0;
}

static int check_delta(git_odb *odb, const git_diff_delta *d, struct incoming *in, struct sync_result *r) {
        int k = 0;

        if (d->old_file.mode == GIT_FILEMODE_COMMIT && d->status != GIT_DELTA_UNMODIFIED)
                return sync_refuse(r, REFUSAL_CONTENT,
                        "the submodule %s changes: update it by hand, git pull --recurse-submodules",
                        d->old_file.path);
        if (d->status != GIT_DELTA_DELETED)
                k = check_file(odb, &d->new_file, &in->bytes, r);
        if (k == 0 && paths_add(&in->paths, d->new_file.path) < 0)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        return k;
}

/* A filter, or an encoding, that libgit2 would not apply: the tree would not hold what it should. */
static bool blob_names_filter(git_repository *git, const git_oid *id) {
        _cleanup_(git_blob_freep) git_blob *blob = NULL;
        const char *text;
        size_t n;

        if (git_blob_lookup(&blob, git, id) < 0)
                return false;
        text = git_blob_rawcontent(blob);
        n = (size_t) git_blob_rawsize(blob);
        return memmem(text, n, "filter=", 7) || memmem(text, n, "working-tree-encoding=", 22);
}

static bool is_attributes(const char *path) {
        const char *slash = strrchr(path, '/');

        return strcmp(slash ? slash + 1 : path, ".gitattributes") == 0;
}

/* Asks for each path only if some file names a filter at all. The tree's own attributes count, and the incoming ones. */
static int check_filters(
        const struct repo *repo, git_commit *target, git_index *files, struct sync_result *r) {
        static const char *const attributes[] = { "filter", "working-tree-encoding" };
        git_attr_options options = GIT_ATTR_OPTIONS_INIT;
        size_t n = git_index_entrycount(files);
        bool named = false;

        for (size_t i = 0; i < n && !named; i++) {
                const git_index_entry *e = git_index_get_byindex(files, i);

                named = is_attributes(e->path) && blob_names_filter(repo->git, &e->id);
        }
        if (!named)
                return 0;
        options.flags = GIT_ATTR_CHECK_INDEX_ONLY | GIT_ATTR_CHECK_INCLUDE_COMMIT;
        git_oid_cpy(&options.attr_commit_id, git_commit_id(target));
        for (size_t i = 0; i < n * ELEMENTSOF(attributes); i++) {
                const git_index_entry *e = git_index_get_byindex(files, i / ELEMENTSOF(attributes));
                const char *attribute = attributes[i % ELEMENTSOF(attributes)], *value;

                if (git_attr_get_ext(&value, repo->git, &options, e->path, attribute) < 0)
                        return sync_fail_git(r, ".gitattributes");
                if (git_attr_value(value) == GIT_ATTR_VALUE_STRING)
                        return sync_refuse(r, REFUSAL_CONTENT,
                                "%s has the attribute %s=%s, which we cannot apply: pull by hand, or keep it out of the workspace",
                                e->path, attribute, value);
        }
        return 0;
}

static int check_tree(const struct repo *repo, git_commit *target, git_tree *tree, struct sync_result *r) {
        _cleanup_(git_index_freep) git_index *files = NULL;

        if (tree_files(tree, &files) < 0)
                return sync_fail_git(r, "the remote's tree");
        return check_filters(repo, target, files, r);
}

int incoming_check(
        const struct repo *repo, git_commit *target, struct incoming *ret, struct sync_result *r) {
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        _cleanup_(git_commit_freep) git_commit *head = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        _cleanup_(git_odb_freep) git_odb *odb = NULL;
        bool exceeded = false;

        options.flags = GIT_DIFF_INCLUDE_TYPECHANGE;
        options.notify_cb = too_many;
        options.payload = &exceeded;
        if (git_commit_lookup(&head, repo->git, &repo->head) < 0 || git_commit_tree(&old, head) < 0)
                return sync_fail_git(r, "HEAD");
        if (git_commit_tree(&new, target) < 0 || git_repository_odb(&odb, repo->git) < 0)
                return sync_fail_git(r, "the remote's tree");
        if (git_diff_tree_to_tree(&diff, repo->git, old, new, &options) < 0)
                return exceeded
                        ? sync_refuse(r, REFUSAL_CONTENT,
                                  "the remote changes more than %d files at once: pull by hand", PATHS_MAX)
                        : sync_fail_git(r, "the remote's tree");
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                int k = check_delta(odb, git_diff_get_delta(diff, i), ret, r);

                if (k < 0)
                        return k;
        }
        paths_sort(&ret->paths);
        return check_tree(repo, target, new, r);
}
