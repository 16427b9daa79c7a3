/* The branches that hold what the standby had, listed and judged; see saved_branches.h. save.c makes them. */
#include "sync/saved_branches.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/child.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/text.h"

#define STAMP "%Y%m%dT%H%M%SZ" /* 20260711T041502Z */
#define STAMP_LENGTH 16
/* Of a pushed branch, here. */
#define KEPT_SECONDS (30 * 24 * 60 * 60)
/* How far back the remote's history is searched for work that came in by another way than a merge. */
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

const char *const saved_suffixes[] = { "", "-private", "-staged" };

/* Whether BRANCH is one of ours, of any host: the machine may have been renamed or cloned. RET: its TIME, or NULL. */
static bool is_saved(const char *branch, enum change_kind *kind, time_t *ret) {
        const char *slash = strrchr(branch, '/'), *end;
        struct tm tm = { 0 };

        if (!begins_with(branch, "failover/") || slash <= branch + strlen("failover/"))
                return false;
        end = strptime(slash + 1, STAMP, &tm);
        if (!end || end != slash + 1 + STAMP_LENGTH)
                return false;
        if (ret)
                *ret = timegm(&tm);
        for (*kind = 0; *kind < _WORK_MAX; (*kind)++)
                if (strcmp(end, saved_suffixes[*kind]) == 0)
                        return true;
        return false;
}

/* Every branch here whose name matches GLOB, sorted: of one host the oldest first. */
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
        enum change_kind kind;
        struct tm tm;

        list_of(repo, host, &branches);
        for (size_t i = 0; i < branches.n; i++)
                if (is_saved(branches.items[i], &kind, &other))
                        t = MAX(t, other + 1);
        (void) strftime(stamp, sizeof stamp, STAMP, gmtime_r(&t, &tm));
        (void) snprintf(branch, 128, "failover/%s/%s", host, stamp);
}

int saved_check_name(const struct repo *repo, const char *host, struct sync_result *r) {
        char names[2][160];
        git_oid id;

        (void) strcpy(names[0], "refs/heads/failover");
        (void) snprintf(names[1], sizeof names[1], "refs/heads/failover/%s", host);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *branch = names[i] + strlen("refs/heads/");

                if (git_reference_name_to_id(&id, repo->git, names[i]) == 0)
                        return sync_refuse(r, REFUSAL_BRANCH_NAME,
                                       "%s has a branch %s, where the branches go that keep the standby's work",
                                       repo->config->path, branch),
                               sync_command(r, "sudo -u %s git -C %s branch -m %s failover-%sold",
                                       repo->user, repo->word, branch, i == 0 ? "" : "of-");
        }
        return 0;
}

/* The commit of the branch, here or, with a REMOTE, as last seen there. */
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

/* Whether FILES have the item as it is. */
static bool holds(git_index *files, const struct change *item) {
        const git_index_entry *e = find_file(files, item->path);

        if (!item->mode)
                return !e;
        return e && git_oid_equal(&e->id, &item->id) && e->mode == item->mode;
}

/* Whether the last branch holds the items, and could be merged: HEAD may have got its first commit since. */
bool saved_has_kind(
        const struct repo *repo, const struct changes *work, const char *host, enum change_kind kind) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        bool unpushed = kind == WORK_PUBLIC && work->unpushed;
        git_oid tip, parent, merge_base;
        char last[128];

        if (!unpushed && changes_count(work, kind) == 0)
                return true;
        if (saved_find_last(repo, host, kind, last, &tip) < 0 || commit_files(repo->git, &tip, &files) < 0 ||
                (repo_find_parent(repo, &parent) == 0 &&
                        git_merge_base(&merge_base, repo->git, &tip, &parent) < 0) ||
                (unpushed && !git_oid_equal(&tip, &repo->head) &&
                        git_graph_descendant_of(repo->git, &tip, &repo->head) != 1))
                return false;
        for (size_t i = 0; i < work->n; i++)
                if (work->items[i].kind == kind && !holds(files, &work->items[i]))
                        return false;
        return true;
}

bool saved_has(const struct repo *repo, const struct changes *work, const char *host) {
        bool has = true;

        for (enum change_kind kind = 0; kind < _WORK_MAX; kind++)
                has = has && saved_has_kind(repo, work, host, kind);
        return has;
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

                if (there != (d->status != GIT_DELTA_DELETED) ||
                        (there && !git_oid_equal(git_tree_entry_id(e), &d->new_file.id)))
                        return false;
        }
        return true;
}

/* Whether some commit of the remote's since BASE had all that TIP changed: the work came in by another way than a merge, as by
 * a squash or a cherry-pick, whatever was made of it since. */
static bool had_content(
        const struct repo *repo, const git_oid *base, const git_oid *tip, const git_oid *theirs) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        _cleanup_(git_tree_freep) git_tree *old = NULL, *new = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        unsigned n = 0;
        git_oid id;

        if ((base && tree_of(repo, base, &old) < 0) || tree_of(repo, tip, &new) < 0 ||
                git_diff_tree_to_tree(&diff, repo->git, old, new, NULL) < 0)
                return false;
        if (git_revwalk_new(&walk, repo->git) < 0 || git_revwalk_push(walk, theirs) < 0 ||
                git_revwalk_hide(walk, tip) < 0)
                return false;
        while (!child_stop && git_revwalk_next(&id, walk) == 0 && n++ < HISTORY_MAX)
                if (has_content(repo, &id, diff))
                        return true;
        return git_diff_num_deltas(diff) == 0;
}

static bool has_same_tree(const struct repo *repo, const git_oid *a, const git_oid *b) {
        _cleanup_(git_tree_freep) git_tree *one = NULL, *two = NULL;

        return tree_of(repo, a, &one) == 0 && tree_of(repo, b, &two) == 0 &&
                git_oid_equal(git_tree_id(one), git_tree_id(two));
}

/* The same of each commit of TIP by itself. */
static bool had_each(const struct repo *repo, const git_oid *tip, const git_oid *theirs) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;
        int k;

        if (git_revwalk_new(&walk, repo->git) < 0 || git_revwalk_push(walk, tip) < 0 ||
                git_revwalk_hide(walk, theirs) < 0)
                return false;
        while ((k = git_revwalk_next(&id, walk)) == 0) {
                _cleanup_(git_commit_freep) git_commit *commit = NULL;

                if (git_commit_lookup(&commit, repo->git, &id) < 0 ||
                        !had_content(repo, git_commit_parent_id(commit, 0), &id, theirs))
                        return false;
        }
        return k == GIT_ITEROVER;
}

/* What a branch made and took back again is in no tree of its end: then each commit counts. */
static bool had_work(const struct repo *repo, const git_oid *tip, const git_oid *theirs) {
        git_oid base;
        bool related = git_merge_base(&base, repo->git, tip, theirs) == 0;

        if (related && has_same_tree(repo, &base, tip))
                return had_each(repo, tip, theirs);
        return had_content(repo, related ? &base : NULL, tip, theirs);
}

/* A sync asks several times, and where the remote has gone on far the answer takes long. */
static bool is_merged(const struct repo *repo, const git_oid *tip) {
        static struct {
                git_oid tip, theirs;
                bool merged;
        } known[32];
        static unsigned n;
        git_oid theirs;
        bool merged;

        if (repo_find_theirs(repo, &theirs) < 0)
                return false;
        if (git_oid_equal(tip, &theirs) || git_graph_descendant_of(repo->git, &theirs, tip) == 1)
                return true;
        for (unsigned i = 0; i < MIN(n, (unsigned) ELEMENTSOF(known)); i++)
                if (git_oid_equal(&known[i].tip, tip) && git_oid_equal(&known[i].theirs, &theirs))
                        return known[i].merged;
        merged = had_work(repo, tip, &theirs);
        if (!child_stop) {
                unsigned i = n++ % (unsigned) ELEMENTSOF(known);

                git_oid_cpy(&known[i].tip, tip);
                git_oid_cpy(&known[i].theirs, &theirs);
                known[i].merged = merged;
        }
        return merged;
}

int saved_find_last(const struct repo *repo, const char *host, enum change_kind kind,
        char branch[static 128], git_oid *tip) {
        _cleanup_paths_ struct paths branches = { 0 };
        enum change_kind its;

        list_of(repo, host, &branches);
        for (size_t i = branches.n; i-- > 0;)
                if (is_saved(branches.items[i], &its, NULL) && its == kind) {
                        (void) snprintf(branch, 128, "%s", branches.items[i]);
                        return tip_of(repo, NULL, branch, tip) == 0 && !is_merged(repo, tip) ? 0 : -ENOENT;
                }
        return -ENOENT;
}

static bool is_pushed(const struct repo *repo, const char *branch, const git_oid *tip) {
        git_oid there;

        return tip_of(repo, repo->config->remote, branch, &there) == 0 && git_oid_equal(&there, tip);
}

/* Why the branch goes; NULL: it stays. */
static const char *find_reason(const struct repo *repo, const char *branch, const git_oid *tip) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;

        if (is_merged(repo, tip))
                return "which the remote has merged";
        if (is_pushed(repo, branch, tip) && git_commit_lookup(&commit, repo->git, tip) == 0 &&
                git_commit_time(commit) + KEPT_SECONDS < time(NULL))
                return "which the remote has had for 30 days";
        return NULL;
}

/* In the tree itself or in another of git's: without its branch, HEAD would have no commit. */
static bool is_checked_out(const struct repo *repo, const char *name) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;

        return git_reference_lookup(&ref, repo->git, name) < 0 || git_branch_is_checked_out(ref) != 0;
}

void saved_prune(const struct repo *repo) {
        _cleanup_paths_ struct paths branches = { 0 };

        list(repo, "refs/heads/failover/*", &branches);
        for (size_t i = 0; i < branches.n; i++) {
                const char *branch = branches.items[i], *why = NULL;
                char name[400];
                enum change_kind kind;
                git_oid tip;

                if (is_saved(branch, &kind, NULL) && tip_of(repo, NULL, branch, &tip) == 0)
                        why = find_reason(repo, branch, &tip);
                (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
                if (why && !is_checked_out(repo, name) && git_reference_remove(repo->git, name) == 0)
                        log_info("%s: removed %s, %s", repo->config->path, branch, why);
        }
}

/* Whether a branch of the agent's own is at the remote, under whatever name. */
static bool is_at_remote(const struct repo *repo, const git_oid *tip) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;

        return repo_walk_unpushed(repo, tip, &walk) == 0 && git_revwalk_next(&id, walk) == GIT_ITEROVER;
}

/* Whether a branch of ours, of any host, ends at TIP. */
static bool is_kept(const struct repo *repo, const git_oid *tip) {
        _cleanup_paths_ struct paths branches = { 0 };
        enum change_kind kind;
        git_oid its;

        list(repo, "refs/heads/failover/*", &branches);
        for (size_t i = 0; i < branches.n; i++)
                if (is_saved(branches.items[i], &kind, NULL) &&
                        tip_of(repo, NULL, branches.items[i], &its) == 0 && git_oid_equal(&its, tip))
                        return true;
        return false;
}

/* Whether BRANCH has work that the remote does not have. OURS: one of those above, but for those that are never pushed. */
static bool is_unmerged(const struct repo *repo, const char *branch, bool *ours, git_oid *tip) {
        enum change_kind kind = WORK_PUBLIC;

        *ours = is_saved(branch, &kind, NULL);
        return (!*ours || kind == WORK_PUBLIC) && strcmp(branch, repo->follow) != 0 &&
                tip_of(repo, NULL, branch, tip) == 0 && !is_merged(repo, tip) &&
                (*ours || !is_at_remote(repo, tip)) && (sync_branch_is_valid(branch) || !is_kept(repo, tip));
}

void saved_unmerged(const struct repo *repo, struct sync_result *r) {
        _cleanup_paths_ struct paths branches = { 0 };
        unsigned named = 0;

        r->n_unmerged = 0;
        list(repo, "refs/heads/*", &branches);
        for (int first = 1; first >= 0; first--) /* ours are the newest, most likely */
                for (size_t i = branches.n; i-- > 0;) {
                        struct sync_branch *b;
                        bool ours;
                        git_oid tip;

                        if (!is_unmerged(repo, branches.items[i], &ours, &tip) || ours != first)
                                continue;
                        r->n_unmerged++;
                        if (named == SYNC_UNMERGED_MAX || !sync_branch_is_valid(branches.items[i]))
                                continue;
                        b = &r->unmerged[named++];
                        (void) snprintf(b->name, sizeof b->name, "%s", branches.items[i]);
                        b->pushed = is_pushed(repo, b->name, &tip);
                }
}

static int keep(const struct repo *repo, const char *ref, const char *host, struct sync_result *r) {
        _cleanup_(git_reference_freep) git_reference *made = NULL;
        char branch[128], name[200];
        git_oid tip;

        if (git_reference_name_to_id(&tip, repo->git, ref) < 0 || is_merged(repo, &tip) ||
                is_at_remote(repo, &tip) || is_kept(repo, &tip))
                return 0;
        saved_name(repo, host, branch);
        (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
        return git_reference_create(&made, repo->git, name, &tip, false, "failover: keep") < 0
                ? sync_fail_git(r, branch)
                : 0;
}

int saved_keep_unnamed(const struct repo *repo, const char *host, struct sync_result *r) {
        _cleanup_paths_ struct paths branches = { 0 };
        char other[80], ref[400];
        int k;

        (void) snprintf(other, sizeof other, "%s-other", host);
        list(repo, "refs/heads/*", &branches);
        k = keep(repo, "refs/stash", other, r);
        for (size_t i = 0; k == 0 && i < branches.n; i++)
                if (!sync_branch_is_valid(branches.items[i])) {
                        (void) snprintf(ref, sizeof ref, "refs/heads/%s", branches.items[i]);
                        k = keep(repo, ref, other, r);
                }
        return k;
}

/* The first file that the commit ID brings in and that is never pushed; NULL if there is none. The standby's agent may have
 * committed it. "" if that cannot be found out. The caller frees it. */
static char *find_private_file(const struct repo *repo, const git_oid *id) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        _cleanup_(git_tree_freep) git_tree *new = NULL, *old = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        _cleanup_(git_odb_freep) git_odb *odb = NULL;

        if (git_commit_lookup(&commit, repo->git, id) < 0 || git_commit_tree(&new, commit) < 0 ||
                (git_commit_parentcount(commit) > 0 &&
                        tree_of(repo, git_commit_parent_id(commit, 0), &old) < 0) ||
                git_repository_odb(&odb, repo->git) < 0 ||
                git_diff_tree_to_tree(&diff, repo->git, old, new, NULL) < 0)
                return strdup("");
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_file *f = &git_diff_get_delta(diff, i)->new_file;
                git_object_t type;
                size_t n = 0;

                if (f->mode != 0 && f->mode != GIT_FILEMODE_COMMIT &&
                        (git_odb_read_header(&n, &type, odb, &f->id) < 0 || !changes_is_public(f->path, n) ||
                                repo_is_filtered(repo, f->path)))
                        return strdup(f->path);
        }
        return NULL;
}

/* Whether no commit that a push of TIP would send holds a file that is never pushed. If one does: WHY, unless it says
 * something already. */
static bool is_fit(const struct repo *repo, const git_oid *tip, char why[static 128]) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        git_oid id;
        int k;

        if (repo_walk_unpushed(repo, tip, &walk) < 0)
                return false;
        while ((k = git_revwalk_next(&id, walk)) == 0) {
                _cleanup_free_ char *file = find_private_file(repo, &id);
                char hex[8], text[64];

                if (!file)
                        continue;
                if (!why[0])
                        (void) snprintf(why, 128, "its commit %s holds %s",
                                git_oid_tostr(hex, sizeof hex, &id), safe_text(text, sizeof text, file));
                return false;
        }
        return k == GIT_ITEROVER;
}

int saved_to_push(const struct repo *repo, char *branches[static SAVED_PUSH_MAX], char why[static 128]) {
        _cleanup_paths_ struct paths all = { 0 };
        int n = 0;

        why[0] = '\0';
        list(repo, "refs/heads/failover/*", &all);
        for (size_t i = all.n; i-- > 0 && n < SAVED_PUSH_MAX;) {
                git_oid tip;
                bool ours;

                if (is_unmerged(repo, all.items[i], &ours, &tip) && ours &&
                        !is_pushed(repo, all.items[i], &tip) && is_fit(repo, &tip, why) &&
                        (branches[n] = strdup(all.items[i])))
                        n++;
        }
        return n;
}

void saved_mark_pushed(const struct repo *repo, const char *branch, bool pushed) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[400];
        git_oid tip;

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", repo->config->remote, branch);
        if (!pushed)
                (void) git_reference_remove(repo->git, name);
        else if (tip_of(repo, NULL, branch, &tip) == 0)
                (void) git_reference_create(&ref, repo->git, name, &tip, true, "failover: push");
}
