/* Commits the standby's work, as changes.c finds it, to branches of its own; see saved_branches.h. The index
 * and the tree stay as they are: libgit2 makes the commits' trees in memory. */
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
        git_oid parent; /* of the new commits; zero: nothing is committed */
        char name[128];
        /* Of the two kinds: [false]: what may be pushed; [true]: what is private */
        struct saved_last last[2];
        bool is_new[2]; /* the last branch lacks some of it */
};

/* Whether FILES have the item's content or, if it is a deletion, lack the file. */
static bool has(git_index *files, const struct change *item) {
        const git_index_entry *e = files ? find_file(files, item->path) : NULL;

        if (!item->mode)
                return files && !e;
        return e && git_oid_equal(&e->id, &item->id) && e->mode == item->mode;
}

/* Whether the last branch made it so: merging brings nothing of what was there before. A filtered file stays
 * at an older state, since no sync moves it. */
static bool holds(const struct saver *s, bool private, const struct change *item) {
        return has(s->last[private].files, item) &&
                (!has(s->last[private].base, item) || repo_is_filtered(s->repo, item->path));
}

static bool has_commits(const struct saver *s) {
        const git_oid *tip = &s->last[0].tip, *head = &s->repo->head;

        return !s->work->unpushed ||
                (s->last[0].files &&
                        (git_oid_equal(tip, head) || git_graph_descendant_of(s->repo->git, tip, head) == 1));
}

static bool is_private(const struct saver *s, const struct change *item) {
        return item->mode &&
                (item->staged || !changes_is_public(item->path, item->size) ||
                        repo_is_filtered(s->repo, item->path));
}

/* Sets .held and .is_private. A private branch is not enough for a public file: without readable attributes,
 * every file passed for private. What is not judged in time counts as new: to write it fails. */
static void judge(const struct saver *s, struct change *item) {
        item->held = item->is_private = false;
        if (repo_is_over(s->repo))
                return;
        item->held = holds(s, false, item);
        item->is_private = !item->held && is_private(s, item);
        item->held = item->held || (item->is_private && holds(s, true, item));
}

/* Finds out which kinds have what no branch has. Drops untracked files that git ignores by now and no branch
 * has: they must not count as saved. */
static void find_new(struct saver *s) {
        struct changes *w = s->work;
        size_t kept = 0;

        s->is_new[false] = !has_commits(s);
        for (size_t i = 0; i < w->n; i++) {
                struct change *c = &w->items[i];

                judge(s, c);
                if (!c->held && c->untracked && !repo_is_over(s->repo) &&
                        changes_is_ignored(s->repo, c->path)) {
                        free(c->path);
                        continue;
                }
                if (!c->held)
                        s->is_new[c->is_private] = true;
                w->items[kept++] = *c;
        }
        w->n = kept;
}

/* Writes the blob of the file as it is now. GIT_ENOTFOUND: the file is gone. */
static int write_blob(const struct saver *s, struct change *item) {
        git_buf content = GIT_BUF_INIT;
        uint64_t size;
        int k = repo_check_time(s->repo, "saving the work in", s->result);

        if (k < 0)
                return k;
        if (!item->mode || item->held || blob_size(s->repo, &item->id, &size) == 0)
                return 0;
        k = blob_read(s->repo, item->path, &content);
        if (k == 0)
                k = git_blob_create_from_buffer(
                        &item->id, s->repo->git, content.ptr ? content.ptr : "", content.size);
        git_buf_dispose(&content);
        return k < 0 && k != GIT_ENOTFOUND ? sync_fail_git(s->result, item->path) : k;
}

/* Writes all blobs, drops the files that are gone by now, and sorts what is left. */
static int write_blobs(struct saver *s) {
        struct changes *w = s->work;
        int k = 0;

        repo_delay_flush();
        for (size_t i = 0; k == 0 && i < w->n; i++) {
                k = write_blob(s, &w->items[i]);
                if (k != GIT_ENOTFOUND)
                        continue;
                free(w->items[i].path);
                w->items[i--] = w->items[--w->n];
                k = 0;
        }
        changes_sort(w);
        return k;
}

/* Whether the work continues D: it has D's content or, for an untracked file, any content, since no checkout
 * ever reverts an untracked file. */
static bool goes_on(const struct saver *s, bool private, const git_diff_delta *d) {
        const struct change *c = changes_get(s->work, d->new_file.path);

        return c && c->is_private == private &&
                (c->untracked ||
                        (c->mode ? git_oid_equal(&c->id, &d->new_file.id) : d->status == GIT_DELTA_DELETED));
}

/* Whether the work continues all of the last branch of its kind, which is checked out nowhere. Then the
 * branch moves, and its commit becomes a parent: one branch keeps each version of a file. */
static bool replaces_last(const struct saver *s, bool private) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL, *parent = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        _cleanup_(git_reference_freep) git_reference *branch = NULL;
        const struct saved_last *last = &s->last[private];
        size_t n;

        if (!last->branch[0] ||
                git_branch_lookup(&branch, s->repo->git, last->branch, GIT_BRANCH_LOCAL) < 0 ||
                git_branch_is_checked_out(branch) != 0 ||
                git_commit_lookup(&commit, s->repo->git, &last->tip) < 0 ||
                git_commit_parent(&parent, commit, 0) < 0 ||
                (!git_oid_equal(&s->parent, git_commit_id(parent)) &&
                        git_graph_descendant_of(s->repo->git, &s->parent, git_commit_id(parent)) != 1) ||
                git_commit_tree(&new, commit) < 0 || git_commit_tree(&old, parent) < 0 ||
                git_diff_tree_to_tree(&diff, s->repo->git, old, new, NULL) < 0)
                return false;
        n = git_diff_num_deltas(diff);
        for (size_t i = 0; i < n; i++)
                if (!goes_on(s, private, git_diff_get_delta(diff, i)))
                        return false;
        return n > 0;
}

/* PARENTS: N of them, at most two. */
static int commit(const struct saver *s, const char *what, git_index *files, const git_oid *parents[],
        size_t n, git_oid *ret) {
        _cleanup_(git_commit_freep) git_commit *first = NULL, *second = NULL;
        _cleanup_(git_signature_freep) git_signature *who = NULL;
        _cleanup_(git_tree_freep) git_tree *tree = NULL;
        char message[200], email[100];
        git_oid id;

        (void) snprintf(email, sizeof email, "openclaw-failover@%s", s->host);
        (void) snprintf(message, sizeof message,
                "%s on %s\n\nSaved by openclaw-failover before the workspace followed its remote again.\n",
                what, s->host);
        if (git_index_write_tree_to(&id, files, s->repo->git) < 0 ||
                git_signature_now(&who, "openclaw-failover", email) < 0 ||
                git_tree_lookup(&tree, s->repo->git, &id) < 0 ||
                (n > 0 && git_commit_lookup(&first, s->repo->git, parents[0]) < 0) ||
                (n > 1 && git_commit_lookup(&second, s->repo->git, parents[1]) < 0))
                return -1;
        return git_commit_create(ret, s->repo->git, NULL, who, who, NULL, message, tree, n,
                (const git_commit *[]){ first, second });
}

/* Commits the N_ITEMS of a kind. Without items, the branch only has to keep HEAD's commits. */
static int commit_kind(const struct saver *s, bool private, size_t n_items, bool replaces, git_oid *tip) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        const git_oid *parents[2];
        size_t n = 0;

        *tip = s->parent;
        if (n_items == 0)
                return 0;
        if (!git_oid_is_zero(&s->parent))
                parents[n++] = &s->parent;
        if (replaces)
                parents[n++] = &s->last[private].tip;
        if (changes_files(s->repo, s->work, &private, &files) < 0)
                return -1;
        return commit(s, private ? "What is never pushed" : "Work of the standby", files, parents, n, tip);
}

/* Makes or moves the branch of one kind, unless the last one has it all. */
static int add_kind(struct saver *s, bool private) {
        const struct saved_last *last = &s->last[private];
        bool replaces, moves;
        char branch[sizeof s->result->saved];
        size_t n = 0;
        git_oid tip;
        int k;

        for (size_t i = 0; i < s->work->n; i++)
                n += s->work->items[i].is_private == private;
        if (!s->is_new[private] || (n == 0 && (private || has_commits(s))))
                return 0; /* perhaps since its files are gone by now */
        repo_delay_flush();
        replaces = n > 0 && replaces_last(s, private);
        if (commit_kind(s, private, n, replaces, &tip) < 0)
                return sync_fail_git(s->result, FAILED);
        k = repo_flush(s->repo); /* the commit is on disk before a branch names it */
        if (k < 0)
                return sync_fail(s->result, REFUSAL_ERROR, FAILED ": %s", strerror(-k));
        /* The remote would reject a moved branch that a user has changed there: that one gets a new name. */
        moves = replaces && (s->repo->config->save != SAVE_PUSH || last->at_remote);
        if (moves)
                (void) strcpy(branch, last->branch);
        else
                (void) snprintf(
                        branch, sizeof branch, "%.100s%s", s->name, private ? SYNC_PRIVATE_SUFFIX : "");
        k = saved_create(s->repo, branch, moves ? &last->tip : NULL, &tip, s->result);
        if (k < 0)
                return k;
        if (replaces && !moves)
                (void) saved_remove(s->repo, last->branch);
        (void) strcpy(s->result->saved, branch);
        return 0;
}

int saved_add(const struct repo *repo, struct changes *work, const char *host, struct sync_result *r) {
        struct saver s = { .repo = repo, .work = work, .host = host, .result = r };
        int k = 0;

        for (int i = 0; i < 2 && (work->n > 0 || work->unpushed); i++)
                saved_find_last(repo, host, i, &s.last[i]);
        find_new(&s);
        if (s.is_new[false] || s.is_new[true]) {
                (void) repo_find_parent(repo, &s.parent);
                saved_name(repo, host, s.name);
                k = checkout_check(repo, work->n, work->bytes, r);
                if (k == 0)
                        k = write_blobs(&s);
                if (k == 0)
                        k = add_kind(&s, true);
                if (k == 0)
                        k = add_kind(&s, false); /* last: R names this branch */
        }
        for (int i = 0; i < 2; i++) {
                git_index_free(s.last[i].files);
                git_index_free(s.last[i].base);
        }
        return k;
}
