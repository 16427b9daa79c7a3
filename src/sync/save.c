/* Commits what the standby had to branches of its own; see saved_branches.h.
 *
 *      HEAD ── work that may be pushed           failover/HOST/TIME
 *                 └─ what was staged ── the rest  failover/HOST/TIME-private
 *
 * The index and the tree stay as they are: the trees are made in memory, from the files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "sync/saved_branches.h"

struct saver {
        const struct repo *repo;
        const struct changes *work;
        const char *host;
        struct sync_result *result;
        git_commit *head; /* to go on from; NULL: nothing is committed */
        git_oid parent;   /* the same; or zero */
        git_signature *who;
        git_tree *public, *staged, *full; /* the trees to commit */
        bool need_public, need_private;   /* which branches there must be */
        char replaced[2][128];            /* the branches that the new ones take the place of; "": none */
};

static void saver_free(struct saver *s) {
        git_commit_free(s->head);
        git_signature_free(s->who);
        git_tree_free(s->public);
        git_tree_free(s->staged);
        git_tree_free(s->full);
}

/* Writes the blob of the file's own bytes. libgit2 filters a file whose path in the tree it knows. */
static int write_raw(const struct saver *s, const char *path, git_oid *ret) {
        _cleanup_free_ char *full = NULL;
        _cleanup_close_ int fd = -1;
        void *map = NULL;
        struct stat st;
        int k;

        if (asprintf(&full, "%s/%s", s->repo->config->path, path) < 0)
                return sync_fail(s->result, REFUSAL_ERROR, "out of memory");
        fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return sync_fail(s->result, REFUSAL_ERROR, "%s: %s", path, strerror(errno));
        if (st.st_size > 0)
                map = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
                return sync_fail(s->result, REFUSAL_ERROR, "%s: %s", path, strerror(errno));
        k = git_blob_create_from_buffer(ret, s->repo->git, map ? map : "", (size_t) st.st_size);
        if (map)
                (void) munmap(map, (size_t) st.st_size);
        return k < 0 ? sync_fail_git(s->result, path) : 0;
}

/* Writes the blob of an item, which must still be what was found. */
static int write_blob(const struct saver *s, const struct change *item) {
        git_oid id;
        int k;

        if (git_blob_create_from_workdir(&id, s->repo->git, item->path) == 0 &&
                git_oid_equal(&id, &item->id))
                return 0;
        /* Found as it is on disk, since core.safecrlf forbids the other. */
        k = write_raw(s, item->path, &id);
        if (k < 0)
                return k;
        if (!git_oid_equal(&id, &item->id))
                return sync_fail(
                        s->result, REFUSAL_CHANGED, "%s changed while it was being saved", item->path);
        return 0;
}

static int apply(const struct saver *s, git_index *index, const struct change *item) {
        git_index_entry e = { .path = item->path, .mode = item->mode, .id = item->id };
        int k = item->kind == WORK_GONE ? git_index_remove(index, item->path, 0) : git_index_add(index, &e);

        /* Gone already: a file took the place of its directory. */
        return k < 0 && k != GIT_ENOTFOUND ? sync_fail_git(s->result, item->path) : 0;
}

/* The tree of HEAD with all items of the kinds in the mask KINDS. */
static int make_tree(const struct saver *s, unsigned kinds, git_tree **ret) {
        _cleanup_(git_index_freep) git_index *index = NULL;
        _cleanup_(git_tree_freep) git_tree *base = NULL;
        git_oid id;

        if (s->head ? git_commit_tree(&base, s->head) < 0 || tree_files(base, &index) < 0
                    : git_index_new(&index) < 0)
                return sync_fail_git(s->result, "HEAD");
        for (size_t i = 0; i < s->work->n; i++) {
                int k = 0;

                if (kinds & (1u << s->work->items[i].kind))
                        k = apply(s, index, &s->work->items[i]);
                if (k < 0)
                        return k;
        }
        if (git_index_write_tree_to(&id, index, s->repo->git) < 0 ||
                git_tree_lookup(ret, s->repo->git, &id) < 0)
                return sync_fail_git(s->result, "saving the standby's work");
        return 0;
}

static int make_trees(struct saver *s) {
        int k;

        k = make_tree(s, 1u << WORK_PUBLIC | 1u << WORK_GONE, &s->public);
        if (k == 0)
                k = make_tree(s, 1u << WORK_PUBLIC | 1u << WORK_GONE | 1u << WORK_STAGED, &s->staged);
        if (k == 0)
                k = make_tree(s, 1u << WORK_PUBLIC | 1u << WORK_GONE | 1u << WORK_PRIVATE, &s->full);
        return k;
}

/* TIP: the parent, or zero; then the new commit. OTHER: a second parent, or NULL. */
static int commit(
        const struct saver *s, const char *what, git_tree *tree, git_oid *tip, const git_oid *other) {
        _cleanup_(git_commit_freep) git_commit *first = NULL, *second = NULL;
        const git_commit *parents[2];
        _cleanup_free_ char *message = NULL;
        size_t n = 0;

        if (asprintf(&message,
                    "%s on %s\n\nSaved by openclaw-failover before the workspace followed its remote again.\n",
                    what, s->host) < 0)
                return sync_fail(s->result, REFUSAL_ERROR, "out of memory");
        if ((!git_oid_is_zero(tip) && git_commit_lookup(&first, s->repo->git, tip) < 0) ||
                (other && git_commit_lookup(&second, s->repo->git, other) < 0))
                return sync_fail_git(s->result, "saving the standby's work");
        if (first)
                parents[n++] = first;
        if (second)
                parents[n++] = second;
        if (git_commit_create(tip, s->repo->git, NULL, s->who, s->who, NULL, message, tree, n, parents) < 0)
                return sync_fail_git(s->result, "saving the standby's work");
        return 0;
}

/* Whether WORK goes on from what D did: with the same content, or, of a file that is untracked and so was never taken back by a
 * checkout, with any. SAME stays true if it is the same. */
static bool goes_on(const struct changes *work, const git_diff_delta *d, bool *same) {
        for (size_t i = 0; i < work->n; i++) {
                const struct change *c = &work->items[i];

                if (strcmp(c->path, d->new_file.path) != 0 || c->kind == WORK_STAGED)
                        continue;
                if (c->kind == WORK_GONE ? d->status == GIT_DELTA_DELETED
                                         : git_oid_equal(&c->id, &d->new_file.id))
                        return true;
                *same = false;
                return c->untracked;
        }
        return false;
}

/* Whether what is saved now goes on from COMMIT: then it has the commits of before, too. */
static bool continues(const struct saver *s, const git_oid *commit) {
        return git_oid_equal(&s->parent, commit) ||
                git_graph_descendant_of(s->repo->git, &s->parent, commit) == 1;
}

/* Finds the last branch of this kind, if the new one has all that it has: then its name goes. False if there is none, or if
 * the new one needs no parent for that; else its commit TIP becomes one. So a file that is written again and again takes one
 * branch, and each version is kept. */
static bool find_replaced(struct saver *s, bool private, git_oid *tip) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL, *parent = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        char *branch = s->replaced[private];
        bool same = true;

        if (saved_find_last(s->repo, s->host, private, branch, tip) == 0 &&
                git_commit_lookup(&commit, s->repo->git, tip) == 0 &&
                git_commit_parent(&parent, commit, 0) == 0 && continues(s, git_commit_id(parent)) &&
                git_commit_tree(&new, commit) == 0 && git_commit_tree(&old, parent) == 0 &&
                git_diff_tree_to_tree(&diff, s->repo->git, old, new, NULL) == 0) {
                size_t n = git_diff_num_deltas(diff), i = 0;

                while (i < n && goes_on(s->work, git_diff_get_delta(diff, i), &same))
                        i++;
                /* A chain of more versions is kept by its end alone. */
                if (n > 0 && i == n)
                        return !same || git_commit_parentcount(commit) > 1;
        }
        branch[0] = '\0';
        return false;
}

static int make_branch(const struct saver *s, const char *branch, const git_oid *tip) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[200];

        (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
        if (git_reference_create(&ref, s->repo->git, name, tip, false, "failover: save") < 0)
                return sync_fail_git(s->result, name);
        return 0;
}

/* Commits that the branch has already need no other. */
static int make_public(struct saver *s, git_oid *tip) {
        git_oid replaced;

        if (s->work->n_of[WORK_PUBLIC] == 0 && s->work->n_of[WORK_GONE] == 0)
                return 0;
        return commit(s, "Work of the standby", s->public, tip,
                find_replaced(s, false, &replaced) ? &replaced : NULL);
}

/* What stays here is reported once, when it is saved. */
static void tell_private(const struct saver *s, const char *branch) {
        size_t files = s->work->n_of[WORK_PRIVATE], staged = s->work->n_of[WORK_STAGED];

        if (files > 0)
                log_notice(
                        "%s: %zu file%s over 5 MB, named like a secret or filtered: kept here on %s, never pushed",
                        s->repo->config->path, files, files == 1 ? "" : "s", branch);
        if (staged > 0)
                log_notice(
                        "%s: %zu file%s staged as it was in no other place: kept here on %s, never pushed",
                        s->repo->config->path, staged, staged == 1 ? "" : "s", branch);
}

static void remove_replaced(const struct saver *s) {
        for (size_t i = 0; i < ELEMENTSOF(s->replaced); i++) {
                char name[200];

                (void) snprintf(name, sizeof name, "refs/heads/%s", s->replaced[i]);
                if (s->replaced[i][0])
                        (void) git_reference_remove(s->repo->git, name);
        }
}

static int make_branches(struct saver *s, char branch[static 128]) {
        char private_branch[128 + sizeof SAVED_PRIVATE];
        git_oid tip = s->parent, public_tip, replaced;
        int k = 0;

        saved_name(s->repo, s->host, branch);
        (void) snprintf(private_branch, sizeof private_branch, "%s" SAVED_PRIVATE, branch);
        if (s->need_public)
                k = make_public(s, &tip);
        public_tip = tip;
        if (k == 0 && s->work->n_of[WORK_STAGED] > 0)
                k = commit(s, "What was staged", s->staged, &tip, NULL);
        if (k == 0 && s->need_private)
                k = commit(s, "What is never pushed", s->full, &tip,
                        find_replaced(s, true, &replaced) ? &replaced : NULL);
        if (k == 0 && repo_settle(s->repo) < 0) /* what a branch names is on disk before the branch */
                k = sync_fail(s->result, REFUSAL_ERROR, "%s: %s", s->repo->config->path, strerror(errno));
        if (k == 0 && s->need_private)
                k = make_branch(s, private_branch, &tip);
        if (k == 0 && s->need_public)
                k = make_branch(s, branch, &public_tip);
        if (k == 0)
                remove_replaced(s);
        if (k == 0 && s->need_private)
                tell_private(s, private_branch);
        if (k == 0 && !s->need_public)
                (void) snprintf(branch, 128, "%.127s", private_branch);
        return k;
}

static int open_saver(struct saver *s) {
        char email[100];

        (void) snprintf(email, sizeof email, "openclaw-failover@%s", s->host);
        if (repo_find_parent(s->repo, &s->parent) == 0 &&
                git_commit_lookup(&s->head, s->repo->git, &s->parent) < 0)
                return sync_fail_git(s->result, "HEAD");
        if (git_signature_now(&s->who, "openclaw-failover", email) < 0)
                return sync_fail_git(s->result, "saving the standby's work");
        return 0;
}

int saved_add(const struct repo *repo, const struct changes *work, const char *host, char branch[static 128],
        git_tree **full, struct sync_result *r) {
        struct saver s = { .repo = repo,
                .work = work,
                .host = host,
                .result = r,
                .need_public = changes_has_public(work),
                .need_private = changes_has_private(work) };
        bool saved = saved_has(repo, work, host);
        int k = open_saver(&s);

        branch[0] = '\0';
        for (size_t i = 0; k == 0 && !saved && i < work->n; i++)
                if (repo_is_over(repo))
                        k = sync_fail(r, REFUSAL_TIMEOUT, "saving the work in %s was not done in time",
                                repo->config->path);
                else if (work->items[i].kind <= WORK_PRIVATE)
                        k = write_blob(&s, &work->items[i]);
        if (k == 0)
                k = make_trees(&s);
        if (k == 0 && !saved)
                k = make_branches(&s, branch);
        if (k == 0)
                *full = TAKE(s.full);
        else
                branch[0] = '\0';
        saver_free(&s);
        return k;
}
