/* The workspace follows its remote, and nothing is lost; see workspace.h. */
#include "sync/workspace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/text.h"
#include "sync/checkout.h"
#include "sync/incoming.h"
#include "sync/remote.h"
#include "sync/saved_branches.h"

struct sync {
        const struct workspace_job *job;
        struct sync_result *result;
        struct repo repo;
        const char *host;
        usec_t late; /* so much of the timeout is over when the fetch begins */
};

static bool may_move(const struct sync *s) {
        return s->job->may_move(s->job->userdata);
}

/* Finds what the standby has, and commits it. WORK and FULL are the caller's to free. */
static int save(struct sync *s, git_commit *target, const struct intent *unfinished, const git_oid *base,
        struct incoming *in, struct changes *work, git_tree **full) {
        struct sync_result *r = s->result;
        char branch[sizeof r->saved] = "";
        int k;

        k = changes_find(&s->repo, target, unfinished, base, &in->paths, work, r);
        if (k == 0)
                k = checkout_check(&s->repo, &in->paths, in->bytes + work->bytes, r);
        if (k == 0)
                k = saved_add(&s->repo, work, s->host, branch, full, r);
        if (k < 0 || !branch[0])
                return k;
        (void) strcpy(r->saved, branch);
        saved_prune(&s->repo, s->host);
        /* Nothing below may wait for it, but a power cut must not take it either. */
        return repo_settle(&s->repo) < 0
                ? sync_fail(r, REFUSAL_ERROR, "%s: %s", s->repo.config->path, strerror(errno))
                : 0;
}

/* Only the branch whose move was cut short may move on: work that was committed to another one is no half checkout. */
static int check_intent(const struct sync *s, const struct intent *intent) {
        _cleanup_free_ char *word = shell_quote(intent->branch);
        const struct repo *repo = &s->repo;

        if (!word)
                return sync_fail(s->result, REFUSAL_ERROR, "out of memory");
        if (!intent->branch[0] || strcmp(repo->branch, intent->branch) == 0)
                return 0;
        return sync_refuse(s->result, REFUSAL_BRANCH,
                       "a sync of %s was cut short, and %s has the branch %s checked out", intent->branch,
                       repo->config->path, repo->branch),
               sync_command(s->result, "sudo -u %s git -C %s switch %s", repo->user, repo->word, word);
}

/* Whether the branch has gone on since, by somebody's hand, or its end was pruned: then what is checked out stays. */
static bool is_overtaken(const struct repo *repo, const struct intent *intent) {
        _cleanup_(git_commit_freep) git_commit *to = NULL;

        if (git_commit_lookup(&to, repo->git, &intent->to) < 0)
                return true;
        return !git_oid_equal(&repo->head, &intent->from) &&
                git_graph_descendant_of(repo->git, &repo->head, &intent->to) == 1;
}

/* Saves all that HEAD does not hold, its own commits too, and makes the tree what HEAD says: half of it may be the
 * checkout's. */
static int settle_overtaken(struct sync *s, const struct intent *intent) {
        _cleanup_(git_commit_freep) git_commit *head = NULL;
        _cleanup_(git_tree_freep) git_tree *full = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        git_oid base;
        bool known = checkout_base(&s->repo, &base) == 0;
        int k;

        log_notice("%s: a sync that was cut short is not finished: the branch has gone on since",
                s->repo.config->path);
        if (git_commit_lookup(&head, s->repo.git, &s->repo.head) < 0)
                return sync_fail_git(s->result, "HEAD");
        k = save(s, NULL, intent, known ? &base : NULL, &in, &work, &full);
        if (k == 0)
                k = checkout_to(&s->repo, head, &in.paths, full, work.looked, s->result);
        /* HEAD need not have been at the remote. */
        checkout_note_base(&s->repo, known ? &base : NULL);
        paths_free(&in.paths);
        return k;
}

/* What an earlier run began and did not end: its whole new state, before anything else. */
static int finish_intent(struct sync *s) {
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        _cleanup_(git_tree_freep) git_tree *full = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        struct intent intent;
        int k;

        if (checkout_unfinished(&s->repo, &intent) < 0)
                return 0;
        k = check_intent(s, &intent);
        if (k < 0)
                return k;
        if (is_overtaken(&s->repo, &intent))
                return settle_overtaken(s, &intent);
        log_notice("%s: finishing a sync that was cut short", s->repo.config->path);
        if (git_commit_lookup(&target, s->repo.git, &intent.to) < 0)
                return sync_fail_git(s->result, "the sync that was cut short");
        k = incoming_check(&s->repo, target, &in, s->result);
        /* All that the old commit had was saved before the intent was written. */
        if (k == 0)
                k = save(s, target, &intent, &intent.from, &in, &work, &full);
        if (k == 0)
                k = checkout_to(&s->repo, target, &in.paths, full, work.looked, s->result);
        paths_free(&in.paths);
        return k;
}

int workspace_check_branch(const struct repo *repo, const char *branch, struct sync_result *r) {
        _cleanup_free_ char *word = shell_quote(branch);

        if (!word)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        if (strcmp(repo->branch, branch) == 0)
                return 0;
        return sync_refuse(r, REFUSAL_BRANCH, "%s has the branch %s checked out, not %s", repo->config->path,
                       repo->branch, branch),
               sync_command(r, "sudo -u %s git -C %s switch %s", repo->user, repo->word, word);
}

/* Saves, and moves if there is anything to move. */
static int follow(struct sync *s, git_commit *target) {
        struct sync_result *r = s->result;
        _cleanup_(git_tree_freep) git_tree *full = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        size_t commits = 0, behind;
        git_oid base;
        int k;

        k = incoming_check(&s->repo, target, &in, r);
        if (k == 0)
                k = save(s, target, NULL, checkout_base(&s->repo, &base) == 0 ? &base : NULL, &in, &work,
                        &full);
        if (k == 0) {
                (void) git_graph_ahead_behind(
                        &commits, &behind, s->repo.git, git_commit_id(target), &s->repo.head);
                r->commits = (unsigned) MIN(commits, (size_t) UINT32_MAX);
                r->workspace = SYNC_UNCHANGED;
        }
        if (k == 0 && (!git_oid_equal(&s->repo.head, git_commit_id(target)) || work.tracked)) {
                k = checkout_to(&s->repo, target, &in.paths, full, work.looked, r);
                if (k == 0)
                        r->workspace = SYNC_UPDATED;
        }
        paths_free(&in.paths);
        return k;
}

/* The remote did not answer, so nothing moves; but what the standby wrote is saved all the same. */
static int save_alone(struct sync *s) {
        _cleanup_(git_tree_freep) git_tree *full = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        git_oid base;
        int k = save(s, NULL, NULL, checkout_base(&s->repo, &base) == 0 ? &base : NULL, &in, &work, &full);

        paths_free(&in.paths);
        return k;
}

/* The remote's branch is about to be seen elsewhere, perhaps not further on but rewritten: HEAD is not work if it was
 * there until now. */
static void note_base(const struct sync *s, const git_oid *old) {
        git_oid head;

        if (git_reference_name_to_id(&head, s->repo.git, "HEAD") == 0 &&
                (git_oid_equal(&head, old) || git_graph_descendant_of(s->repo.git, old, &head) == 1))
                checkout_note_base(&s->repo, &head);
}

int workspace_check_tracking(const struct repo *repo, const char *branch, struct sync_result *r) {
        _cleanup_(git_reference_iterator_freep) git_reference_iterator *i = NULL;
        char glob[REPO_BRANCH_MAX + 200];
        const char *name;

        (void) snprintf(glob, sizeof glob, "refs/remotes/%s/%s/*", repo->config->remote, branch);
        if (git_reference_iterator_glob_new(&i, repo->git, glob) < 0 ||
                git_reference_next_name(&name, i) < 0)
                return 0;
        return sync_refuse(
                       r, REFUSAL_BRANCH_NAME, "%s, which the remote no longer has, is in the way", name),
               sync_command(r, "sudo -u %s git -C %s remote prune %s", repo->user, repo->word,
                       repo->config->remote);
}

/* Remembers where the remote's branch is, as git fetch does; what was received is on disk first. */
static int track(const struct sync *s, const struct fetch_answer *fetched, struct sync_result *r) {
        _cleanup_(git_reference_freep) git_reference *ref = NULL;
        char name[REPO_BRANCH_MAX + 200];
        git_oid old;
        int k = workspace_check_tracking(&s->repo, fetched->branch, r);

        if (k < 0)
                return k;
        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", s->repo.config->remote, fetched->branch);
        if (git_reference_name_to_id(&old, s->repo.git, name) == 0) {
                if (git_oid_equal(&old, &fetched->commit))
                        return 0;
                note_base(s, &old);
        }
        if (repo_settle(&s->repo) < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", s->repo.config->path, strerror(errno));
        if (git_reference_create(&ref, s->repo.git, name, &fetched->commit, true, "failover: fetch") < 0)
                return sync_fail_git(r, name);
        if (repo_settle(&s->repo) < 0)
                return sync_fail(r, REFUSAL_ERROR, "%s: %s", s->repo.config->path, strerror(errno));
        return 0;
}

/* What was saved and the remote does not have yet goes there. It is saved already, so a failure is only a remark. */
static void push(struct sync *s, const git_oid *theirs) {
        struct sync_result *r = s->result, pushed = { 0 };
        char *branches[SAVED_MAX], why[128];
        int n;

        if (s->repo.config->save != SAVE_PUSH || !s->job->may_push(s->job->userdata))
                return;
        n = saved_to_push(&s->repo, s->host, theirs, branches, why);
        if (why[0])
                sync_remark(r, REFUSAL_NOT_PUSHED, "not pushed: %s", why);
        if (n > 0 && remote_push(&s->repo, branches, (size_t) n, &pushed) < 0)
                sync_remark(r, REFUSAL_NOT_PUSHED, "not pushed: %s", pushed.workspace_why.text);
        for (int i = 0; i < n; i++) {
                if (pushed.workspace == SYNC_NONE)
                        saved_mark_pushed(&s->repo, branches[i]);
                free(branches[i]);
        }
}

/* Systemd stops a sync with SIGTERM: between intent and end that waits. A fetch's child unblocks it again. */
static void hold_signals(sigset_t *old) {
        sigset_t mask;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &mask, old);
}

/* The part without network, after a fetch that gave FETCHED, or NULL if it failed. */
static int local_part(struct sync *s, const struct fetch_answer *fetched) {
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        sigset_t old;
        int k;

        if (!fetched) {
                struct sync_result why = *s->result;

                hold_signals(&old);
                k = save_alone(s);
                (void) sigprocmask(SIG_SETMASK, &old, NULL);
                if (k == 0) /* the fetch's failure is what there is to tell */
                        sync_take(s->result, &why);
                return -ECANCELED;
        }
        k = workspace_check_branch(&s->repo, fetched->branch, s->result);
        if (k < 0)
                return k;
        if (git_commit_lookup(&target, s->repo.git, &fetched->commit) < 0)
                return sync_fail_git(s->result, "the remote's commit");
        hold_signals(&old);
        k = follow(s, target);
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        return k;
}

/* Before the fetch has come back: the repository as it is, and what a crash left. */
static int prepare(struct sync *s) {
        sigset_t old;
        int k;

        k = cleanup_locks(&s->repo, &s->job->git, s->result);
        if (k == 0) {
                cleanup_index(&s->repo);
                k = repo_check(&s->repo, s->result);
        }
        if (k == 0)
                k = saved_check_name(&s->repo, s->host, s->result);
        if (k < 0)
                return k;
        hold_signals(&old);
        k = finish_intent(s);
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        return k;
}

/* The newest of the remote's that is known here, if it did not answer just now. */
static bool known_remote(const struct sync *s, git_oid *ret) {
        char name[REPO_BRANCH_MAX + 200];

        (void) snprintf(name, sizeof name, "refs/remotes/%s/%s", s->repo.config->remote, s->repo.branch);
        return s->repo.branch[0] && git_reference_name_to_id(ret, s->repo.git, name) == 0;
}

/* Fetches; beside it, if the tree may be touched, prepares. Then FETCHED is what came, or .branch is "" and the result
 * says why. 0 if the local part may follow. */
static int fetch_and_prepare(struct sync *s, bool moving, struct fetch_answer *fetched) {
        struct sync_result failure = { 0 };
        struct child fetch;
        int k = 0, fetch_k;

        cleanup_leftovers(&s->repo);
        if (remote_fetch_start(&s->repo, s->late, s->job->fetch_max, &fetch, s->result) < 0)
                return -ECANCELED;
        if (moving)
                k = prepare(s);
        fetch_k = remote_fetch_finish(&s->repo, &fetch, fetched, &failure);
        if (fetch_k < 0)
                cleanup_leftovers(&s->repo);
        else
                fetch_k = track(s, fetched, &failure);
        if (fetch_k < 0)
                fetched->branch[0] = '\0';
        if (k < 0) /* refused: that is more to the point than whether the remote answers */
                return k;
        sync_take(s->result, &failure);
        return 0;
}

static void sync_open(struct sync *s) {
        struct fetch_answer fetched = { 0 };
        struct sync_result *r = s->result;
        bool moving = may_move(s);
        git_oid theirs;
        int k = fetch_and_prepare(s, moving, &fetched);
        bool known = fetched.branch[0] != '\0';

        if (known)
                git_oid_cpy(&theirs, &fetched.commit);
        else
                known = known_remote(s, &theirs);
        if (k == 0 && moving && may_move(s)) {
                (void) git_oid_tostr(r->from, sizeof r->from, &s->repo.head);
                k = local_part(s, fetched.branch[0] ? &fetched : NULL);
                (void) git_oid_tostr(r->to, sizeof r->to, &s->repo.head);
                if (k == 0)
                        push(s, &fetched.commit);
        } else if (k == 0 && fetched.branch[0])
                r->workspace = SYNC_SKIPPED;
        if (known)
                saved_unmerged(&s->repo, s->host, &theirs, r->unmerged, &r->pushed);
}

/* Another sync, by hand perhaps, is waited for within the timeout: a promotion that went on without us would start the gateway
 * while that one moves the tree. */
static int open_and_lock(struct sync *s) {
        usec_t timeout = s->job->config->timeout, begin = now_usec(CLOCK_BOOTTIME);
        int k = repo_open(&s->repo, s->job->config, s->result);

        if (k == 0)
                k = repo_lock(&s->repo, begin + timeout - s->job->late, s->result);
        s->late = MIN(s->job->late + now_usec(CLOCK_BOOTTIME) - begin, timeout);
        return k;
}

void workspace_sync(const struct workspace_job *job, struct sync_result *r) {
        struct sync s = { .job = job, .result = r, .repo = REPO_NONE, .host = job->host };
        char host[64];

        if (!s.host) {
                saved_host(host);
                s.host = host;
        }
        if (git_libgit2_init() < 0) {
                (void) sync_fail_git(r, "libgit2");
                return;
        }
        if (open_and_lock(&s) == 0)
                sync_open(&s);
        repo_close(&s.repo);
        (void) git_libgit2_shutdown();
}

char *workspace_merge_help(const struct workspace_config *c, const char *user, const char *branch,
        bool pushed, char *buf, size_t size) {
        const char *host = strchr(branch, '/');

        if (size > 0)
                buf[0] = '\0';
        if (pushed || !host)
                return appendf(buf, size, "git -C '%s' pull --no-rebase --no-edit %s %s && git -C '%s' push",
                        c->path, c->remote, branch, c->path);
        host++;
        return appendf(buf, size,
                "git -C '%s' pull --no-rebase --no-edit '%s@%.*s:%s' %s && git -C '%s' push", c->path,
                user ? user : "openclaw", (int) strcspn(host, "/"), host, c->path, branch, c->path);
}
