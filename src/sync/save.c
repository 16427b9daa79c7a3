/* Commits what the standby had to branches of its own; see saved_branches.h. The index and the tree stay as they are: the
 * trees are made in memory, from the files. */
#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "sync/checkout.h"
#include "sync/saved_branches.h"
#include "sync/seen.h"

#define FAILED "saving the standby's work"

struct saver {
        const struct repo *repo;
        struct changes *work;
        const char *host;
        struct sync_result *result;
        git_oid parent; /* what the branches go on from; zero: nothing is committed */
        char name[128];
};

/* Writes the blob of an item as it is now. */
static int write_blob(const struct saver *s, git_odb *odb, struct change *item) {
        git_buf content = GIT_BUF_INIT;
        int k;

        if (!item->mode || git_odb_exists(odb, &item->id))
                return 0;
        if (repo_is_over(s->repo))
                return sync_fail(s->result, REFUSAL_TIMEOUT, "saving the work in %s was not done in time",
                        s->repo->config->path);
        k = blob_read(s->repo, item->path, &content);
        if (k == 0)
                k = git_blob_create_from_buffer(
                        &item->id, s->repo->git, content.ptr ? content.ptr : "", content.size);
        git_buf_dispose(&content);
        return k < 0 ? sync_fail_git(s->result, item->path) : 0;
}

static int apply(git_index *files, const struct change *item) {
        const git_index_entry e = { .path = item->path, .mode = item->mode, .id = item->id };
        int k = item->mode ? git_index_add(files, &e) : git_index_remove(files, item->path, 0);

        return k == GIT_ENOTFOUND ? 0 : k; /* gone already: a file took the place of its directory */
}

int saved_files(const struct repo *repo, const struct changes *work, unsigned kinds, git_index **ret) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        git_oid parent;
        int k = repo_find_parent(repo, &parent) == 0 ? commit_files(repo->git, &parent, &files)
                                                     : git_index_new(&files);

        for (size_t i = 0; k == 0 && i < work->n; i++)
                if (kinds & (1u << work->items[i].kind))
                        k = apply(files, &work->items[i]);
        if (k == 0)
                *ret = TAKE(files);
        return k;
}

/* Whether WORK of KIND goes on from what D did: with the same content, or, of a file that is untracked and so was never taken
 * back by a checkout, with any. */
static bool goes_on(const struct changes *work, enum change_kind kind, const git_diff_delta *d) {
        for (size_t i = 0; i < work->n; i++) {
                const struct change *c = &work->items[i];

                if (c->kind == kind && strcmp(c->path, d->new_file.path) == 0)
                        return c->untracked ||
                                (c->mode ? git_oid_equal(&c->id, &d->new_file.id)
                                         : d->status == GIT_DELTA_DELETED);
        }
        return false;
}

/* Whether the new branch has all that the last one of its kind has: then BRANCH, its name, goes, and its commit TIP becomes a
 * parent. So a file that is written again and again takes one branch, and each version is kept. */
static bool find_replaced(
        const struct saver *s, enum change_kind kind, char branch[static 128], git_oid *tip) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL, *parent = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        size_t n;

        if (saved_find_last(s->repo, s->host, kind, branch, tip) < 0 ||
                git_commit_lookup(&commit, s->repo->git, tip) < 0 ||
                git_commit_parent(&parent, commit, 0) < 0 ||
                (!git_oid_equal(&s->parent, git_commit_id(parent)) &&
                        git_graph_descendant_of(s->repo->git, &s->parent, git_commit_id(parent)) != 1) ||
                git_commit_tree(&new, commit) < 0 || git_commit_tree(&old, parent) < 0 ||
                git_diff_tree_to_tree(&diff, s->repo->git, old, new, NULL) < 0)
                return false;
        n = git_diff_num_deltas(diff);
        for (size_t i = 0; i < n; i++)
                if (!goes_on(s->work, kind, git_diff_get_delta(diff, i)))
                        return false;
        return n > 0;
}

/* PARENTS: N, the last of which may be missing. */
static int commit(const struct saver *s, const char *what, const git_oid *tree_id, const git_oid *parents[],
        size_t n, git_oid *ret) {
        _cleanup_(git_commit_freep) git_commit *first = NULL, *second = NULL;
        _cleanup_(git_signature_freep) git_signature *who = NULL;
        _cleanup_(git_tree_freep) git_tree *tree = NULL;
        char message[200], email[100];

        (void) snprintf(email, sizeof email, "openclaw-failover@%s", s->host);
        (void) snprintf(message, sizeof message,
                "%s on %s\n\nSaved by openclaw-failover before the workspace followed its remote again.\n",
                what, s->host);
        if (git_signature_now(&who, "openclaw-failover", email) < 0 ||
                git_tree_lookup(&tree, s->repo->git, tree_id) < 0 ||
                (n > 0 && git_commit_lookup(&first, s->repo->git, parents[0]) < 0) ||
                (n > 1 && git_commit_lookup(&second, s->repo->git, parents[1]) < 0))
                return -1;
        return git_commit_create(ret, s->repo->git, NULL, who, who, NULL, message, tree, n,
                (const git_commit *[]){ first, second });
}

static int make_branch(const struct saver *s, const char *branch, const git_oid *tip) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[200];

        (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
        return git_reference_create(&ref, s->repo->git, name, tip, false, "failover: save");
}

/* Commits the items of KIND; commits that the branch has already need no other. */
static int commit_kind(
        const struct saver *s, enum change_kind kind, char replaced[static 128], git_oid *tip) {
        static const char *const what[] = { "Work of the standby", "What is never pushed",
                "What was staged" };
        _cleanup_(git_index_freep) git_index *files = NULL;
        const git_oid *parents[2];
        git_oid tree, last;
        size_t n = 0;

        *tip = s->parent;
        if (changes_count(s->work, kind) == 0)
                return 0;
        if (!git_oid_is_zero(&s->parent))
                parents[n++] = &s->parent;
        if (find_replaced(s, kind, replaced, &last))
                parents[n++] = &last;
        else
                replaced[0] = '\0';
        if (saved_files(s->repo, s->work, 1u << kind, &files) < 0 ||
                git_index_write_tree_to(&tree, files, s->repo->git) < 0)
                return -1;
        return commit(s, what[kind], &tree, parents, n, tip);
}

static int add_kind(struct saver *s, git_odb *odb, enum change_kind kind) {
        char branch[sizeof s->result->saved], replaced[128] = "", old[200];
        size_t n = changes_count(s->work, kind);
        git_oid tip;
        int k = 0;

        (void) snprintf(branch, sizeof branch, "%.100s%s", s->name, saved_suffixes[kind]);
        repo_unsettle();
        for (size_t i = 0; k == 0 && i < s->work->n; i++)
                if (s->work->items[i].kind == kind)
                        k = write_blob(s, odb, &s->work->items[i]);
        if (k < 0)
                return k;
        if (commit_kind(s, kind, replaced, &tip) < 0)
                return sync_fail_git(s->result, FAILED);
        k = repo_settle(s->repo); /* what a branch names is on disk before the branch */
        if (k < 0)
                return sync_fail(s->result, REFUSAL_ERROR, FAILED ": %s", strerror(-k));
        if (make_branch(s, branch, &tip) < 0)
                return sync_fail_git(s->result, branch);
        (void) snprintf(old, sizeof old, "refs/heads/%s", replaced);
        if (replaced[0])
                (void) git_reference_remove(s->repo->git, old);
        if (kind != WORK_PUBLIC)
                log_notice("%s: %zu file%s %s: kept here on %s, never pushed", s->repo->config->path, n,
                        n == 1 ? "" : "s",
                        kind == WORK_STAGED ? "staged as it was in no other place"
                                            : "over 5 MB, named like a secret or filtered",
                        branch);
        (void) strcpy(s->result->saved, branch);
        return 0;
}

int saved_add(const struct repo *repo, struct changes *work, const char *host, struct sync_result *r) {
        struct saver s = { .repo = repo, .work = work, .host = host, .result = r };
        _cleanup_(git_odb_freep) git_odb *odb = NULL;
        int k;

        if (saved_has(repo, work, host))
                return 0;
        (void) repo_find_parent(repo, &s.parent);
        if (git_repository_odb(&odb, repo->git) < 0)
                return sync_fail_git(r, FAILED);
        k = checkout_check_room(repo, work->n, work->bytes, r);
        saved_name(repo, host, s.name);
        for (int kind = _WORK_MAX - 1; k == 0 && kind >= 0; kind--) /* the public one is what R names */
                if (!saved_has_kind(repo, work, host, (enum change_kind) kind))
                        k = add_kind(&s, odb, (enum change_kind) kind);
        return k;
}
