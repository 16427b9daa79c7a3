/* Lists the branches with the standby's work, and judges them; see saved_branches.h. save.c makes them. */
#include "sync/saved_branches.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "lib/strv.h"
#include "lib/text.h"
#include "sync/seen.h"

#define STAMP "%Y%m%dT%H%M%SZ" /* 20260711T041502Z */
#define STAMP_LENGTH 16
/* How long a pushed branch stays here. */
#define KEPT_SECONDS (30 * 24 * 60 * 60)
/* How many of the remote's commits are searched for work that came in without a merge. */
#define HISTORY_MAX 2000

void saved_host(char host[static 64]) {
        char name[64] = "";

        (void) gethostname(name, sizeof name - 1);
        name[strcspn(name, ".")] = '\0';
        for (char *c = name; *c; c++)
                if (!isalnum((unsigned char) *c) && *c != '-')
                        *c = '-';
        (void) snprintf(host, 64, "%s", *name ? name : "standby");
}

/* Whether BRANCH is ours, of any host: hosts are renamed and cloned. RET, unless NULL, gets its TIME. */
static bool is_saved(const char *branch, time_t *ret) {
        const char *slash = strrchr(branch, '/'), *end;
        struct tm tm = { 0 };

        if (!begins_with(branch, "failover/") || slash <= branch + strlen("failover/"))
                return false;
        end = strptime(slash + 1, STAMP, &tm);
        if (!end || end != slash + 1 + STAMP_LENGTH)
                return false;
        if (ret)
                *ret = timegm(&tm);
        return !*end || strcmp(end, SYNC_PRIVATE_SUFFIX) == 0;
}

/* Lists the local branches that match GLOB, sorted: the oldest of each host first. */
static void list(const struct repo *repo, const char *glob, struct paths *ret) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        const char *name;

        if (git_reference_iterator_glob_new(&i, repo->git, glob) < 0)
                return;
        while (git_reference_next_name(&name, i) == 0)
                (void) paths_add(ret, name + strlen("refs/heads/"));
        paths_sort(ret);
}

static void list_of(const struct repo *repo, const char *host, struct paths *ret) {
        char glob[160];

        (void) snprintf(glob, sizeof glob, "refs/heads/failover/%s/*", host);
        list(repo, glob, ret);
}

void saved_name(const struct repo *repo, const char *host, char branch[static 128]) {
        _cleanup_paths_ struct paths branches = { 0 };
        time_t t = time(NULL), other;
        char stamp[32];
        struct tm tm;

        list_of(repo, host, &branches);
        for (size_t i = 0; i < branches.n; i++)
                if (is_saved(branches.items[i], &other))
                        t = MAX(t, other + 1);
        (void) strftime(stamp, sizeof stamp, STAMP, gmtime_r(&t, &tm));
        (void) snprintf(branch, 128, "failover/%s/%s", host, stamp);
}

/* Finds the commit of the branch here or, if REMOTE is set, as last seen there. */
static int tip_of(const struct repo *repo, const char *remote, const char *branch, git_oid *ret) {
        char name[400];

        (void) snprintf(name, sizeof name, "refs/%s%s/%s", remote ? "remotes/" : "heads",
                remote ? remote : "", branch);
        return git_reference_name_to_id(ret, repo->git, name);
}

static int tree_of(const struct repo *repo, const git_oid *id, git_tree **ret) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;

        return git_commit_lookup(&commit, repo->git, id) < 0 ? -1 : git_commit_tree(ret, commit);
}

/* git keeps only the executable bit of a file's permissions. */
static bool is_same_file(const git_tree_entry *e, const git_diff_file *f) {
        return git_oid_equal(git_tree_entry_id(e), &f->id) &&
                ((git_tree_entry_filemode(e) ^ f->mode) & (S_IFMT | S_IXUSR)) == 0;
}

/* Whether the tree of COMMIT has every file that differs in DIFF as its new side has it. */
static bool has_content(const struct repo *repo, const git_oid *commit, git_diff *diff) {
        _cleanup_(git_tree_freep) git_tree *tree = NULL;

        if (tree_of(repo, commit, &tree) < 0)
                return false;
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_delta *d = git_diff_get_delta(diff, i);
                _cleanup_(git_tree_entry_freep) git_tree_entry *e = NULL;
                bool there = git_tree_entry_bypath(&e, tree, d->new_file.path) == 0;

                if (repo_is_over(repo) || there != (d->status != GIT_DELTA_DELETED) ||
                        (there && !is_same_file(e, &d->new_file)))
                        return false;
        }
        return true;
}

/* Whether the remote has the work of TIP: TIP is merged, or a newer commit had all that TIP changed, as
 * after a squash or a cherry-pick. A branch that reverted all of its changes must be merged. */
static bool is_merged(const struct repo *repo, const git_oid *tip) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        git_oid id, base, theirs;
        unsigned n = 0;

        if (repo_find_theirs(repo, &theirs) < 0)
                return false;
        if (git_oid_equal(tip, &theirs) || git_graph_descendant_of(repo->git, &theirs, tip) == 1)
                return true;
        if (repo_is_over(repo) ||
                (git_merge_base(&base, repo->git, tip, &theirs) == 0 && tree_of(repo, &base, &old) < 0) ||
                tree_of(repo, tip, &new) < 0 ||
                git_diff_tree_to_tree(&diff, repo->git, old, new, NULL) < 0 ||
                git_diff_num_deltas(diff) == 0 || git_revwalk_new(&walk, repo->git) < 0 ||
                git_revwalk_push(walk, &theirs) < 0 || git_revwalk_hide(walk, tip) < 0)
                return false;
        while (!repo_is_over(repo) && git_revwalk_next(&id, walk) == 0 && n++ < HISTORY_MAX)
                if (has_content(repo, &id, diff))
                        return true;
        return false;
}

/* A branch from before HEAD's first commit shares no history with HEAD, and cannot be merged: no .files. */
void saved_find_last(const struct repo *repo, const char *host, bool is_private, struct saved_last *ret) {
        _cleanup_paths_ struct paths branches = { 0 };
        git_oid parent, base;
        size_t i;

        *ret = (struct saved_last){ 0 };
        list_of(repo, host, &branches);
        for (i = branches.n; i > 0; i--)
                if (is_saved(branches.items[i - 1], NULL) &&
                        sync_branch_is_private(branches.items[i - 1]) == is_private)
                        break;
        if (i == 0 || tip_of(repo, NULL, branches.items[i - 1], &ret->tip) < 0 || is_merged(repo, &ret->tip))
                return;
        (void) snprintf(ret->branch, sizeof ret->branch, "%s", branches.items[i - 1]);
        ret->at_remote = tip_of(repo, repo->config->remote, ret->branch, &base) == 0;
        if (repo_find_parent(repo, &parent) < 0 ||
                (git_merge_base(&base, repo->git, &ret->tip, &parent) == 0 &&
                        (git_oid_equal(&base, &parent) || commit_files(repo->git, &base, &ret->base) == 0)))
                (void) commit_files(repo->git, &ret->tip, &ret->files);
}

/* Whether the remote has the branch, and its commit is 30 days old. */
static bool is_old(const struct repo *repo, const struct saved_branch *b) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;

        return b->pushed && git_commit_lookup(&commit, repo->git, &b->tip) == 0 &&
                git_commit_time(commit) + KEPT_SECONDS < time(NULL);
}

int saved_create(const struct repo *repo, const char *branch, const git_oid *from, const git_oid *tip,
        struct sync_result *r) {
        _cleanup_(git_reference_freep) git_reference *made = NULL;
        char name[200];
        git_oid id;

        (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
        if (git_reference_create_matching(
                    &made, repo->git, name, tip, from != NULL, from, "failover: save") == 0)
                return 0;
        (void) sync_fail_git(r, branch);
        /* A branch failover or failover/HOST leaves no room for ours below it. */
        for (char *end = strrchr(name, '/'); end > name + strlen("refs/heads"); end = strrchr(name, '/')) {
                *end = '\0';
                if (git_reference_name_to_id(&id, repo->git, name) == 0)
                        return sync_command(r, "sudo -u %s git -C %s branch -m %s %s-old", repo->user,
                                repo->word, name + strlen("refs/heads/"), name + strlen("refs/heads/"));
        }
        return -ECANCELED;
}

bool saved_remove(const struct repo *repo, const char *branch) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;

        return git_branch_lookup(&ref, repo->git, branch, GIT_BRANCH_LOCAL) == 0 &&
                git_branch_is_checked_out(ref) == 0 && git_reference_delete(ref) == 0;
}

/* Whether any branch of the remote has TIP. */
static bool is_at_remote(const struct repo *repo, const git_oid *tip) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;

        return repo_walk_unpushed(repo, tip, &walk) == 0 && git_revwalk_next(&id, walk) == GIT_ITEROVER;
}

/* Adds the untracked files to STASH: git keeps them in a third parent, which a merge ignores. The commit is
 * the same each time. */
static void add_untracked(const struct repo *repo, git_oid *stash) {
        _cleanup_(git_tree_freep) git_tree *tree = NULL, *untracked = NULL, *both = NULL;
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        _cleanup_(git_index_freep) git_index *files = NULL;
        git_oid id;

        if (git_commit_lookup(&commit, repo->git, stash) == 0 && git_commit_parentcount(commit) > 2 &&
                git_commit_tree(&tree, commit) == 0 &&
                tree_of(repo, git_commit_parent_id(commit, 2), &untracked) == 0 &&
                git_merge_trees(&files, repo->git, NULL, tree, untracked, NULL) == 0 &&
                git_index_write_tree_to(&id, files, repo->git) == 0 &&
                git_tree_lookup(&both, repo->git, &id) == 0)
                (void) git_commit_create(stash, repo->git, NULL, git_commit_author(commit),
                        git_commit_committer(commit), NULL, git_commit_message(commit), both, 1,
                        (const git_commit *[]){ commit });
}

/* The branch's name follows from the commit alone: each run finds it again. */
static int keep_stash(const struct repo *repo, git_oid tip, const char *host, struct sync_result *r) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        char branch[128], stamp[32], hex[8];
        struct tm tm;
        git_oid id;
        time_t t;

        add_untracked(repo, &tip);
        if (git_commit_lookup(&commit, repo->git, &tip) < 0)
                return 0;
        t = git_commit_time(commit);
        (void) strftime(stamp, sizeof stamp, STAMP, gmtime_r(&t, &tm));
        (void) snprintf(branch, sizeof branch, "failover/%s-stash-%s/%s", host,
                git_oid_tostr(hex, sizeof hex, &tip), stamp);
        if (tip_of(repo, NULL, branch, &id) == 0 || is_merged(repo, &tip) || is_at_remote(repo, &tip))
                return 0;
        (void) repo_flush(repo);
        return saved_create(repo, branch, NULL, &tip, r);
}

int saved_keep_stashes(const struct repo *repo, const char *host, struct sync_result *r) {
        _cleanup_(git_reflog_freep) git_reflog *stashes = NULL;
        git_oid id;
        int k = 0;

        if (git_reference_name_to_id(&id, repo->git, "refs/stash") < 0 ||
                git_reflog_read(&stashes, repo->git, "refs/stash") < 0)
                return 0;
        for (size_t i = 0; k == 0 && i < git_reflog_entrycount(stashes); i++)
                k = keep_stash(
                        repo, *git_reflog_entry_id_new(git_reflog_entry_byindex(stashes, i)), host, r);
        return k;
}

void saved_review(const struct repo *repo, bool prunes, struct saved_branches *ret) {
        *ret = (struct saved_branches){ 0 };
        list(repo, "refs/heads/*", &ret->names);
        ret->items = calloc(ret->names.n + 1, sizeof *ret->items);
        for (size_t i = ret->names.n; ret->items && i-- > 0;) {
                struct saved_branch b = { .name = ret->names.items[i] };
                git_oid there;
                bool merged;

                if (strcmp(b.name, repo->follow) == 0 || tip_of(repo, NULL, b.name, &b.tip) < 0)
                        continue;
                b.ours = is_saved(b.name, NULL);
                b.is_private = sync_branch_is_private(b.name);
                b.pushed = tip_of(repo, repo->config->remote, b.name, &there) == 0 &&
                        git_oid_equal(&there, &b.tip);
                merged = (!b.ours && !repo_is_over(repo) && is_at_remote(repo, &b.tip)) ||
                        is_merged(repo, &b.tip);
                if (prunes && b.ours && (merged || is_old(repo, &b)) && saved_remove(repo, b.name))
                        log_info("%s: removed %s, which the remote has %s", repo->config->path, b.name,
                                merged ? "merged" : "had for 30 days");
                else if (!merged)
                        ret->items[ret->n++] = b;
        }
}

void saved_branches_free(struct saved_branches *b) {
        free(b->items);
        paths_free(&b->names);
}

void saved_list(const struct saved_branches *branches, struct sync_result *r) {
        unsigned named = 0;
        size_t at = 0;

        while (at < branches->n && strcmp(branches->items[at].name, r->saved) != 0)
                at++;
        if (at == branches->n) /* what it saved has been merged by now */
                r->saved[0] = '\0';
        r->n_unmerged = (unsigned) branches->n;
        for (int rank = 0; rank < 3; rank++) /* ours are likely the newest; a private one cannot be merged */
                for (size_t i = 0; i < branches->n && named < SYNC_UNMERGED_MAX; i++) {
                        const struct saved_branch *b = &branches->items[i];

                        if (rank != (b->is_private ? 2 : !b->ours) || !sync_branch_is_valid(b->name))
                                continue;
                        (void) snprintf(r->unmerged[named].name, sizeof r->unmerged->name, "%s", b->name);
                        r->unmerged[named++].pushed = b->pushed;
                }
}

/* Whether the commit ID changes no file that is never pushed: the agent may have committed one. Else sets
 * WHY, unless WHY is set already. */
static bool is_public(const struct repo *repo, const git_oid *id, char why[static 128]) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        _cleanup_(git_tree_freep) git_tree *new = NULL, *old = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        char hex[8], text[64];

        if (git_commit_lookup(&commit, repo->git, id) < 0 || git_commit_tree(&new, commit) < 0 ||
                (git_commit_parentcount(commit) > 0 &&
                        tree_of(repo, git_commit_parent_id(commit, 0), &old) < 0) ||
                git_diff_tree_to_tree(&diff, repo->git, old, new, NULL) < 0)
                return false;
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_file *f = &git_diff_get_delta(diff, i)->new_file;
                uint64_t size;

                if (f->mode == 0 || f->mode == GIT_FILEMODE_COMMIT ||
                        (blob_size(repo, &f->id, &size) == 0 && changes_is_public(f->path, size) &&
                                !repo_is_filtered(repo, f->path)))
                        continue;
                if (!why[0])
                        (void) snprintf(why, 128, "its commit %s holds %s",
                                git_oid_tostr(hex, sizeof hex, id), safe_text(text, sizeof text, f->path));
                return false;
        }
        return true;
}

bool saved_is_for_push(const struct repo *repo, const struct saved_branch *b, char why[static 128]) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;
        int k;

        if (!b->ours || b->is_private || b->pushed || repo_walk_unpushed(repo, &b->tip, &walk) < 0)
                return false;
        while ((k = git_revwalk_next(&id, walk)) == 0)
                if (!is_public(repo, &id, why))
                        return false;
        return k == GIT_ITEROVER;
}
