/* Updates the workspace from its remote, and saves the standby's own work first; see workspace.h. */
#include "sync/workspace.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/text.h"
#include "sync/checkout.h"
#include "sync/crash_cleanup.h"
#include "sync/incoming.h"
#include "sync/remote.h"
#include "sync/saved_branches.h"

/* For listing unmerged branches when a promotion waits, or the remote has used up the time. One that was not
 * judged by then is listed. */
#define REVIEW_USEC (USEC_PER_SEC / 10)

struct sync {
        const struct workspace_job *job;
        struct sync_result *result;
        struct repo repo;
        const char *host;
        struct changes work; /* what is in the tree and saved */
        bool is_saved;
        git_oid head; /* HEAD and the time of the index when .work was found */
        struct timespec index_time;
};

static bool may_move(const struct sync *s) {
        return s->job->may_move(s->job->userdata);
}

static struct timespec index_time(const struct sync *s) {
        struct stat st;

        return fstatat(s->repo.dir_fd, "index", &st, 0) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/* Finds and commits the standby's work before the worker refuses anything, in any state of the repository.
 * Does so again only if something was committed or staged since. */
static int save(struct sync *s) {
        const struct timespec now = index_time(s);
        int k;

        if (s->is_saved && now.tv_sec == s->index_time.tv_sec && now.tv_nsec == s->index_time.tv_nsec &&
                git_oid_equal(&s->head, &s->repo.head))
                return 0;
        s->is_saved = true;
        s->head = s->repo.head;
        s->index_time = now;
        changes_free(&s->work);
        k = changes_find(&s->repo, &s->work, s->result);
        if (k == 0)
                k = saved_add(&s->repo, &s->work, s->host, s->result);
        return k == 0 ? saved_keep_stashes(&s->repo, s->host, s->result) : k;
}

/* Also saves what is in the way of the new files, ignored files too, so that it may make room. */
static int make_way(struct sync *s, git_commit *target, const struct paths *paths) {
        int k = changes_find_commits(&s->repo, &s->work, s->result);

        if (k == 0)
                k = checkout_find(&s->repo, target, paths, &s->work, s->result);
        return k == 0 ? saved_add(&s->repo, &s->work, s->host, s->result) : k;
}

static int move_to(struct sync *s, git_commit *target, const struct incoming *in) {
        struct sync_result *r = s->result;
        int k = checkout_check(&s->repo, in->paths.n, in->bytes, r);

        if (k == 0)
                k = make_way(s, target, &in->paths);
        if (k == 0 && !may_move(s)) /* the gateway may have started meanwhile */
                r->workspace = SYNC_SKIPPED;
        else if (k == 0 && (k = checkout_to(&s->repo, target, &in->paths, &s->work, r)) == 0) {
                r->workspace = SYNC_UPDATED;
                changes_free(&s->work); /* the tree is the target's */
        }
        return k;
}

/* Moves to the commit ID if there is anything to move. */
static int follow(struct sync *s, const git_oid *id) {
        struct sync_result *r = s->result;
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        bool cut_short = cleanup_find_intent(&s->repo, &(struct intent){ 0 }) == 0;
        struct incoming in = { 0 };
        size_t commits = 0, behind;
        int k;

        if (git_commit_lookup(&target, s->repo.git, id) < 0)
                return sync_fail_git(r, "the remote's commit");
        k = incoming_check(&s->repo, target, &in, r);
        for (size_t i = 0; k == 0 && i < s->work.paths.n; i++)
                if ((k = repo_check_time(&s->repo, "comparing the remote with", r)) == 0 &&
                        !repo_is_filtered(
                                &s->repo, s->work.paths.items[i]) && /* new attributes count, too */
                        paths_add(&in.paths, s->work.paths.items[i]) < 0)
                        k = sync_fail(r, REFUSAL_ERROR, "out of memory");
        paths_sort(&in.paths);
        if (k == 0) {
                (void) git_graph_ahead_behind(&commits, &behind, s->repo.git, id, &s->repo.head);
                r->commits = (unsigned) MIN(commits, (size_t) UINT32_MAX);
                r->workspace = SYNC_UNCHANGED;
                if (cut_short || s->work.tracked || !git_oid_equal(&s->repo.head, id))
                        k = move_to(s, target, &in);
        }
        paths_free(&in.paths);
        return k;
}

/* Finishes a move that an earlier run began, unless the branch has moved since or git has pruned the target.
 * Then the next move puts the tree right. */
static int finish(struct sync *s) {
        _cleanup_(git_commit_freep) git_commit *to = NULL;
        struct intent intent;

        if (cleanup_find_intent(&s->repo, &intent) < 0 || !git_oid_equal(&s->repo.head, &intent.from) ||
                strcmp(s->repo.branch, intent.branch) != 0 ||
                git_commit_lookup(&to, s->repo.git, &intent.to) < 0)
                return 0;
        log_notice("%s: finishing a sync that was cut short", s->repo.config->path);
        return follow(s, &intent.to);
}

/* Sets BRANCH's tracking ref to the commit TIP, as git fetch and git push do; NULL: the remote has no such
 * branch any more. 0 or a libgit2 error. */
static int set_tracking(const struct repo *repo, const char *branch, const git_oid *tip, const char *how) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[REPO_BRANCH_MAX + 200];

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", repo->config->remote, branch);
        return tip ? git_reference_create(&ref, repo->git, name, tip, true, how)
                   : git_reference_remove(repo->git, name);
}

/* Follows the branch that was fetched from here on, once the received objects are on disk. */
static int track(struct repo *repo, const struct fetch_answer *fetched, struct sync_result *r) {
        git_oid old;
        int k;

        (void) strcpy(repo->follow, fetched->branch);
        if (repo_find_theirs(repo, &old) == 0 && git_oid_equal(&old, &fetched->commit))
                return 0;
        k = repo_flush(repo);
        if (k < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", repo->config->path, strerror(-k));
        k = set_tracking(repo, repo->follow, &fetched->commit, "failover: fetch");
        if (k == 0)
                return 0;
        (void) sync_fail_git(r, repo->follow);
        /* X/Y may be in the way, which the remote had before X, or the reverse. */
        return k == GIT_ELOCKED ? -ECANCELED
                                : sync_command(r, "sudo -u %s git -C %s remote prune %s", repo->user,
                                          repo->word, repo->config->remote);
}

/* Pushes saved branches that the remote lacks. They are safe here, so a failure is only a remark. */
static void push(const struct sync *s, struct saved_branches *unmerged) {
        struct saved_branch *chosen[REMOTE_PUSH_MAX];
        const char *names[REMOTE_PUSH_MAX];
        struct push_answer answer = { 0 };
        struct sync_result *r = s->result;
        char why[128] = "";
        size_t n = 0;

        if (s->repo.config->save != SAVE_PUSH || repo_is_over(&s->repo) ||
                !s->job->may_push(s->job->userdata))
                return;
        for (size_t i = 0; i < unmerged->n && n < REMOTE_PUSH_MAX; i++)
                if (saved_is_for_push(&s->repo, &unmerged->items[i], why)) {
                        chosen[n] = &unmerged->items[i];
                        names[n++] = unmerged->items[i].name;
                }
        if (why[0])
                sync_remark(r, REFUSAL_NOT_PUSHED, "not pushed: %s", why);
        if (n > 0)
                remote_push(&s->repo, names, n, &answer);
        if (answer.result.workspace_why.code)
                sync_remark(r, REFUSAL_NOT_PUSHED, "not pushed: %s", answer.result.workspace_why.text);
        for (size_t i = 0; i < n; i++)
                if (answer.pushed & 1u << i) {
                        chosen[i]->pushed = true;
                        (void) set_tracking(&s->repo, names[i], &chosen[i]->tip, "failover: push");
                }
}

/* Saves, refuses, finishes. Runs beside the fetch, and again after it, since a fetch may take minutes. */
static int prepare(struct sync *s) {
        int k;

        (void) cleanup_locks(&s->repo, false, s->result);
        repo_find_head(&s->repo);
        k = repo_check_writable(&s->repo, s->result);
        if (k == 0)
                k = save(s);
        if (k == 0)
                k = cleanup_locks(&s->repo, true, s->result);
        if (k == 0)
                k = repo_check(&s->repo, s->result);
        return k == 0 ? finish(s) : k;
}

/* Fetches and, if MOVING, prepares meanwhile. FETCHED is the answer, its .branch "" if the fetch failed. 0
 * if the tree may follow; otherwise the result says why not. */
static int fetch_and_prepare(struct sync *s, bool moving, struct fetch_answer *fetched) {
        struct sync_result failure = { 0 };
        struct child fetch;
        int k = 0, fetch_k;

        cleanup_objects(&s->repo);
        remote_remove_dangling_head(&s->repo);
        if (remote_fetch_start(&s->repo, &fetch, s->result) < 0)
                return -ECANCELED;
        if (moving)
                k = prepare(s);
        fetch_k = remote_fetch_finish(&s->repo, &fetch, fetched, &failure);
        (void) repo_mark_busy(&s->repo); /* refs are written and removed from here on */
        if (fetch_k < 0)
                cleanup_objects(&s->repo);
        else
                fetch_k = track(&s->repo, fetched, &failure);
        if (fetch_k < 0)
                fetched->branch[0] = '\0';
        for (size_t i = 0; fetch_k == 0 && i < ELEMENTSOF(fetched->gone); i++)
                if (fetched->gone[i][0])
                        (void) set_tracking(&s->repo, fetched->gone[i], NULL, NULL);
        if (k < 0) /* a refusal matters more than a failed fetch */
                return k;
        if (fetch_k < 0)
                sync_take(s->result, &failure);
        return fetch_k;
}

static void sync_open(struct sync *s) {
        _cleanup_branches_ struct saved_branches unmerged = { 0 };
        struct fetch_answer fetched = { 0 };
        struct sync_result *r = s->result;
        bool moving = may_move(s), moved = false;
        usec_t until = s->repo.until;
        int k;

        cleanup_begin(&s->repo);
        k = fetch_and_prepare(s, moving, &fetched);
        if (k == 0 && moving && may_move(s)) {
                k = prepare(s);
                (void) git_oid_tostr(r->from, sizeof r->from, &s->repo.head);
                moved = k == 0 && repo_check_branch(&s->repo, fetched.branch, r) == 0 &&
                        follow(s, &fetched.commit) == 0;
                (void) git_oid_tostr(r->to, sizeof r->to, &s->repo.head);
        } else if (k == 0)
                r->workspace = SYNC_SKIPPED;
        s->repo.until = now_usec(CLOCK_BOOTTIME) + REVIEW_USEC;
        if (s->job->may_push(s->job->userdata)) /* no promotion waits */
                s->repo.until = MAX(until, s->repo.until);
        /* If .gone is full, more branches may be gone but still pass for pushed: then none is removed. */
        saved_review(
                &s->repo, fetched.branch[0] && !fetched.gone[ELEMENTSOF(fetched.gone) - 1][0], &unmerged);
        s->repo.until = until;
        if (moved)
                push(s, &unmerged);
        saved_list(&unmerged, r);
        cleanup_end(&s->repo, moving);
}

/* Waits for another sync, perhaps a user's, within the timeout. A promotion would otherwise start the
 * gateway while that sync moves the tree. */
static int open_and_lock(struct sync *s) {
        usec_t until = now_usec(CLOCK_BOOTTIME) +
                (s->job->timeout ? s->job->timeout : s->job->config->timeout) - s->job->late;
        int k = repo_open(&s->repo, s->job->config, s->result);

        s->repo.until = until;
        s->repo.state = s->job->state;
        return k == 0 ? repo_lock(&s->repo, until, s->result) : k;
}

void workspace_sync(const struct workspace_job *job, struct sync_result *r) {
        struct sync s = { .job = job, .result = r, .repo = REPO_NONE, .host = job->host };
        char host[64];

        if (!s.host) {
                saved_host(host);
                s.host = host;
        }
        if (open_and_lock(&s) == 0)
                sync_open(&s);
        if (s.repo.git && r->workspace == SYNC_FAILED && r->workspace_why.code == REFUSAL_ERROR)
                repo_find_closed(&s.repo, &r->workspace_why);
        changes_free(&s.work);
        repo_close(&s.repo);
        (void) git_libgit2_shutdown();
}
