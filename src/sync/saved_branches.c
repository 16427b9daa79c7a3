/* The branches that hold what the standby had, listed and judged; see saved_branches.h. save.c makes them. */
#include "sync/saved_branches.h"

#include <ctype.h>
#include <string.h>

#include "lib/log.h"
#include "lib/strv.h"
#include "lib/text.h"

#define STAMP_LENGTH 16 /* 20260711T041502Z */

void saved_host(char host[static 64]) {
        char name[64] = "";

        (void) gethostname(name, sizeof name - 1);
        name[strcspn(name, ".")] = '\0';
        for (char *c = name; *c; c++)
                if (!isalnum((unsigned char) *c) && *c != '-')
                        *c = '-';
        (void) snprintf(host, 64, "%s", *name ? name : "standby");
}

/* The length of "failover/HOST/TIME". */
static size_t stamped(const char *host) {
        return strlen("failover/") + strlen(host) + 1 + STAMP_LENGTH;
}

/* "20260711T041502Z" */
static void format_stamp(time_t t, char stamp[static 32]) {
        struct tm tm;

        (void) strftime(stamp, 32, "%Y%m%dT%H%M%SZ", gmtime_r(&t, &tm));
}

/* The time that TEXT begins with, as we write it; -1: it is somebody else's name, whatever its length. */
static time_t parse_stamp(const char *text) {
        struct tm tm = { 0 };
        char stamp[32];
        time_t t;

        if (sscanf(text, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
                    &tm.tm_min, &tm.tm_sec) != 6)
                return -1;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        t = timegm(&tm);
        format_stamp(t, stamp);
        return strncmp(stamp, text, STAMP_LENGTH) == 0 ? t : -1;
}

/* Every saved branch of this host, "failover/HOST/TIME" and its "-private" after it, oldest first. */
static void list(const struct repo *repo, const char *host, struct paths *ret) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        size_t heads = strlen("refs/heads/"), n = stamped(host);
        char glob[160];
        const char *name;

        (void) snprintf(glob, sizeof glob, "refs/heads/failover/%s/*", host);
        if (git_reference_iterator_glob_new(&i, repo->git, glob) < 0)
                return;
        while (git_reference_next_name(&name, i) == 0) {
                const char *branch = name + heads;

                if (strlen(branch) >= n && parse_stamp(branch + n - STAMP_LENGTH) >= 0 &&
                        (!branch[n] || strcmp(branch + n, SAVED_PRIVATE) == 0))
                        (void) paths_add(ret, branch);
        }
        paths_sort(ret);
}

void saved_name(const struct repo *repo, const char *host, char branch[static 128]) {
        _cleanup_paths_ struct paths branches = { 0 };
        time_t t = time(NULL), last = -1;
        char stamp[32];

        list(repo, host, &branches);
        if (branches.n > 0)
                last = parse_stamp(branches.items[branches.n - 1] + stamped(host) - STAMP_LENGTH);
        format_stamp(MAX(t, last + 1), stamp);
        (void) snprintf(branch, 128, "failover/%s/%s", host, stamp);
}

int saved_check_name(const struct repo *repo, const char *host, struct sync_result *r) {
        char name[160];
        git_oid id;

        (void) snprintf(name, sizeof name, "refs/heads/failover/%s", host);
        if (git_reference_name_to_id(&id, repo->git, name) < 0)
                return 0;
        return sync_refuse(r, REFUSAL_BRANCH_NAME,
                       "%s has a branch failover/%s, in the way of the standby's work", repo->config->path,
                       host),
               sync_command(r, "sudo -u %s git -C %s branch -m failover/%s failover-%s-old", repo->user,
                       repo->word, host, host);
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

        if (item->kind == WORK_GONE)
                return !e;
        return e && git_oid_equal(&e->id, &item->id) && e->mode == item->mode;
}

/* Whether the commit TIP holds all items of the kinds in the mask KINDS. */
static bool holds_all(
        const struct repo *repo, const git_oid *tip, const struct changes *work, unsigned kinds) {
        _cleanup_(git_index_freep) git_index *files = NULL;

        if (commit_files(repo->git, tip, &files) < 0)
                return false;
        for (size_t i = 0; i < work->n; i++)
                if (kinds & (1u << work->items[i].kind) && !holds(files, &work->items[i]))
                        return false;
        return true;
}

static bool holds_public(const struct repo *repo, const char *branch, const struct changes *work) {
        git_oid tip;

        return tip_of(repo, NULL, branch, &tip) == 0 &&
                (!work->unpushed || git_graph_descendant_of(repo->git, &tip, &repo->head) == 1) &&
                holds_all(repo, &tip, work, 1u << WORK_PUBLIC | 1u << WORK_GONE);
}

static bool holds_private(const struct repo *repo, const char *branch, const struct changes *work) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL;
        git_oid tip;

        return tip_of(repo, NULL, branch, &tip) == 0 && git_commit_lookup(&commit, repo->git, &tip) == 0 &&
                git_commit_parentcount(commit) == 1 && holds_all(repo, &tip, work, 1u << WORK_PRIVATE) &&
                holds_all(repo, git_commit_parent_id(commit, 0), work, 1u << WORK_STAGED);
}

bool saved_has(const struct repo *repo, const struct changes *work, const char *host) {
        bool public = changes_has_public(work), private = changes_has_private(work);
        _cleanup_paths_ struct paths branches = { 0 };
        char last[128], last_private[128 + sizeof SAVED_PRIVATE];

        list(repo, host, &branches);
        if (branches.n == 0)
                return !public && !private;
        (void) snprintf(last, sizeof last, "%.*s", (int) stamped(host), branches.items[branches.n - 1]);
        (void) snprintf(last_private, sizeof last_private, "%s" SAVED_PRIVATE, last);
        return (!public || holds_public(repo, last, work)) &&
                (!private || holds_private(repo, last_private, work));
}

void saved_prune(const struct repo *repo, const char *host) {
        _cleanup_paths_ struct paths branches = { 0 };
        unsigned stamps = 0;

        list(repo, host, &branches);
        for (size_t i = branches.n; i-- > 0;) {
                const char *branch = branches.items[i];
                char name[400];

                if (i + 1 == branches.n || strncmp(branch, branches.items[i + 1], stamped(host)) != 0)
                        stamps++;
                if (stamps <= SAVED_MAX)
                        continue;
                (void) snprintf(name, sizeof name, "refs/heads/%s", branch);
                if (git_reference_remove(repo->git, name) == 0)
                        log_info("%s: removed %s; the last %d are kept", repo->config->path, branch,
                                SAVED_MAX);
        }
}

/* Whether THEIRS has every file that differs from BASE to OURS as OURS has it: the work came in by another way than
 * a merge, as by a squash or a cherry-pick. */
static bool has_content(const struct repo *repo, git_tree *base, git_tree *ours, git_tree *theirs) {
        _cleanup_(git_index_freep) git_index *files = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;

        if (tree_files(theirs, &files) < 0 || git_diff_tree_to_tree(&diff, repo->git, base, ours, NULL) < 0)
                return false;
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_delta *d = git_diff_get_delta(diff, i);
                const git_index_entry *e = find_file(files, d->new_file.path);

                if (!e != (d->status == GIT_DELTA_DELETED) || (e && !git_oid_equal(&e->id, &d->new_file.id)))
                        return false;
        }
        return true;
}

static bool is_merged(const struct repo *repo, const git_oid *tip, const git_oid *theirs) {
        _cleanup_(git_tree_freep) git_tree *base_tree = NULL, *tip_tree = NULL, *their_tree = NULL;
        git_oid base;

        if (git_oid_equal(tip, theirs) || git_graph_descendant_of(repo->git, theirs, tip) == 1)
                return true;
        return git_merge_base(&base, repo->git, tip, theirs) == 0 && tree_of(repo, &base, &base_tree) == 0 &&
                tree_of(repo, tip, &tip_tree) == 0 && tree_of(repo, theirs, &their_tree) == 0 &&
                has_content(repo, base_tree, tip_tree, their_tree);
}

static bool is_pushed(const struct repo *repo, const char *branch, const git_oid *tip) {
        git_oid there;

        return tip_of(repo, repo->config->remote, branch, &there) == 0 && git_oid_equal(&there, tip);
}

void saved_unmerged(const struct repo *repo, const char *host, const git_oid *commit,
        char branch[static 128], bool *pushed) {
        _cleanup_paths_ struct paths branches = { 0 };

        branch[0] = '\0';
        *pushed = false;
        list(repo, host, &branches);
        for (size_t i = branches.n; i-- > 0;) {
                git_oid tip;

                if (strlen(branches.items[i]) != stamped(host) || /* private: not meant to be merged */
                        tip_of(repo, NULL, branches.items[i], &tip) < 0 || is_merged(repo, &tip, commit))
                        continue;
                (void) snprintf(branch, 128, "%s", branches.items[i]);
                *pushed = is_pushed(repo, branch, &tip);
                return;
        }
}

/* Whether a commit brings in a file that is never pushed, which goes to FILE. The standby's agent may have committed it. */
static bool has_private_file(const struct repo *repo, const git_oid *id, char *file, size_t size) {
        _cleanup_(git_commit_freep) git_commit *commit = NULL, *parent = NULL;
        _cleanup_(git_tree_freep) git_tree *new = NULL, *old = NULL;
        _cleanup_(git_diff_freep) git_diff *diff = NULL;
        _cleanup_(git_odb_freep) git_odb *odb = NULL;

        if (git_commit_lookup(&commit, repo->git, id) < 0 || git_commit_tree(&new, commit) < 0 ||
                git_repository_odb(&odb, repo->git) < 0)
                return true;
        if (git_commit_parentcount(commit) > 0 &&
                (git_commit_parent(&parent, commit, 0) < 0 || git_commit_tree(&old, parent) < 0))
                return true;
        if (git_diff_tree_to_tree(&diff, repo->git, old, new, NULL) < 0)
                return true;
        for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
                const git_diff_file *f = &git_diff_get_delta(diff, i)->new_file;
                git_object_t type;
                size_t n = 0;

                if (git_diff_get_delta(diff, i)->status == GIT_DELTA_DELETED ||
                        f->mode == GIT_FILEMODE_COMMIT)
                        continue;
                if (git_odb_read_header(&n, &type, odb, &f->id) < 0 || !changes_is_public(f->path, n)) {
                        safe_text(file, size, f->path);
                        return true;
                }
        }
        return false;
}

/* Whether no commit that a push of TIP would send holds a file that is never pushed. If one does: WHY. */
static bool is_fit(
        const struct repo *repo, const git_oid *tip, const git_oid *theirs, char why[static 128]) {
        _cleanup_(git_revwalk_freep) git_revwalk *walk = NULL;
        char tracking[256], file[64] = "?", hex[8];
        git_oid id;

        (void) snprintf(tracking, sizeof tracking, "refs/remotes/%s/*", repo->config->remote);
        if (git_revwalk_new(&walk, repo->git) < 0 || git_revwalk_push(walk, tip) < 0 ||
                git_revwalk_hide(walk, theirs) < 0 || git_revwalk_hide_glob(walk, tracking) < 0)
                return false;
        while (git_revwalk_next(&id, walk) == 0)
                if (has_private_file(repo, &id, file, sizeof file)) {
                        (void) snprintf(why, 128, "its commit %s holds %s",
                                git_oid_tostr(hex, sizeof hex, &id), file);
                        return false;
                }
        return true;
}

int saved_to_push(const struct repo *repo, const char *host, const git_oid *commit,
        char *branches[static SAVED_MAX], char why[static 128]) {
        _cleanup_paths_ struct paths all = { 0 };
        int n = 0;

        why[0] = '\0';
        list(repo, host, &all);
        for (size_t i = all.n; i-- > 0 && n < SAVED_MAX;) {
                char reason[128] = "";
                git_oid tip;

                if (strlen(all.items[i]) != stamped(host) || tip_of(repo, NULL, all.items[i], &tip) < 0 ||
                        is_pushed(repo, all.items[i], &tip) || is_merged(repo, &tip, commit))
                        continue;
                if (is_fit(repo, &tip, commit, reason))
                        branches[n] = strdup(all.items[i]);
                else {
                        if (!why[0])
                                (void) snprintf(why, 128, "%s", reason);
                        continue;
                }
                if (branches[n])
                        n++;
        }
        return n;
}

void saved_mark_pushed(const struct repo *repo, const char *branch) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[400];
        git_oid tip;

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", repo->config->remote, branch);
        if (tip_of(repo, NULL, branch, &tip) == 0)
                (void) git_reference_create(&ref, repo->git, name, &tip, true, "failover: push");
}
