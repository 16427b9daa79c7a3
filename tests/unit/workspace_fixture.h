/* The workspace against real repositories, made with the git program. */
#pragma once

#include "sync/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/strv.h"
#include "scratch.h"
#include "sync/checkout.h"
#include "sync/incoming.h"
#include "sync/landlock.h"
#include "sync/remote.h"
#include "sync/saved_branches.h"

/* A directory with "origin" (bare), "primary" and "standby" (clones of it), which is also HOME. */
struct world {
        char dir[64];
        char path[100]; /* of the standby's workspace */
        char state_dir[100];
        struct workspace_config config;
        bool gateway_runs;
        const char *gateway_runs_when; /* this file is there */
        const char *meanwhile;         /* a script that runs when the fetch has come back, once */
        unsigned asked;                /* how often whether the tree may move */
        bool promoting;
        bool confined;
        usec_t late;
        struct sync_result result;
        size_t n_work; /* how much sync_around() found */
};

static inline int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);

        assert_non_null(w);
        scratch_make(w->dir, "test_workspace");
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        (void) snprintf(w->state_dir, sizeof w->state_dir, "%s/state", w->dir);
        assert_int_equal(mkdir(w->state_dir, 0700), 0);
        w->config = (struct workspace_config){ .path = w->path,
                .remote = (char *) "origin",
                .timeout = 2 * USEC_PER_MINUTE, /* with sanitizers, on a busy machine */
                .save = SAVE_LOCAL };
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org\n"
                "git config --global init.defaultBranch main; git config --global advice.detachedHead false\n"
                "git init -q --bare origin; git clone -q origin primary\n"
                "cd primary; echo one >notes; mkdir memory; echo alpha >memory/a; echo beta >memory/b; echo '*.log' >.gitignore\n"
                "printf '#!/bin/sh\\n' >tool; chmod +x tool; ln -s notes link\n"
                "git add .; git commit -qm first; git push -q origin main; cd ..; git clone -q origin standby");
        *state = w;
        return 0;
}

static inline int end_world(void **state) {
        struct world *w = *state;

        scratch_remove(w->dir);
        free(w);
        return 0;
}

static inline bool may_move(void *userdata) {
        struct world *w = userdata;
        char file[128];

        if (w->asked++ == 1 && w->meanwhile)
                run(w, "%s", w->meanwhile);

        (void) snprintf(
                file, sizeof file, "%s/%s", w->dir, w->gateway_runs_when ? w->gateway_runs_when : "");
        return !w->gateway_runs && !(w->gateway_runs_when && access(file, F_OK) == 0);
}

static inline bool may_push(void *userdata) {
        const struct world *w = userdata;

        return !w->promoting;
}

/* As the command does, for good. */
static inline void confine(const struct world *w) {
        const char *const paths[] = { w->path, w->state_dir, "/dev/null" };
        int r = landlock_confine_writes(paths, ELEMENTSOF(paths));

        assert_true(r == 0 || r == -EOPNOTSUPP);
}

static inline enum sync_part do_sync(struct world *w) {
        struct workspace_job job = { .config = &w->config,
                .host = "box",
                .may_move = may_move,
                .may_push = may_push,
                .userdata = w,
                .late = w->late,
                .state = w->state_dir };
        char line[SYNC_RESULT_MAX];

        w->result = (struct sync_result){ 0 };
        if (w->confined)
                confine(w);
        workspace_sync(&job, &w->result);
        if (sync_result_format(&w->result, line) < 0)
                fail_msg("cannot be told: %s", words(&w->result.workspace_why));
        return w->result.workspace;
}

static inline void assert_sync(struct world *w, enum sync_part expected) {
        if (do_sync(w) != expected)
                fail_msg("%d instead of %d: %s", w->result.workspace, expected,
                        words(&w->result.workspace_why));
}

static inline void assert_why(const struct world *w, const char *part) {
        if (!strstr(words(&w->result.workspace_why), part))
                fail_msg("not \"%s\" but: %s", part, words(&w->result.workspace_why));
}

/* The tree, index and branch are the remote's, the repository is whole, and nothing of ours lies about. */
static inline void assert_follows(const struct world *w) {
        run(w,
                "cd standby; test \"$(git rev-parse HEAD)\" = \"$(git -C ../origin rev-parse main)\"\n"
                "git diff --exit-code HEAD; git diff --exit-code --cached; git symbolic-ref HEAD | grep -x refs/heads/main\n"
                "git fsck --strict; test ! -e .git/failover-intent; test -z \"$(find .git -name '*.lock')\"");
}

static inline void commit(const struct world *w, const char *script) {
        run(w, "cd primary; %s; git add -A; git commit -qm more; git push -qf origin HEAD:main", script);
}

/* The name of the branch that the last sync saved to, which must be there. */
static inline const char *saved(const struct world *w) {
        if (!w->result.saved[0])
                fail_msg("nothing was saved");
        return w->result.saved;
}

static inline void assert_saved(const struct world *w, const char *path, const char *content) {
        _cleanup_free_ char *out = sh(w, "git -C standby show %s:%s", saved(w), path);

        assert_string_equal(out, content);
}

/* Everything in the standby but what fetching changes. */
static inline char *fingerprint(const struct world *w) {
        return sh(w,
                "cd standby; find . -path ./.git -prune -o -printf '%%p %%y %%l %%m\\n' | sort\n"
                "find . -path ./.git -prune -o -type f -exec sha1sum {} + | sort\n"
                "{ git for-each-ref refs/heads | grep -v failover/; cat .git/HEAD; git ls-files --stage; } 2>/dev/null || true");
}

/* Gives the mending command of the last sync, as its user. */
static inline void mend(const struct world *w) {
        assert_true(*w->result.workspace_why.command);
        run(w, "sudo() { shift 2; \"$@\"; }\n%s", w->result.workspace_why.command);
}

/* A sync in two halves, with the shell script MEANWHILE in between: after the look, before the move. BEFORE: the fingerprint
 * then. */
static inline int sync_around(struct world *w, const char *meanwhile, char **before) {
        _cleanup_(git_commit_freep) git_commit *target = NULL;
        _cleanup_work_ struct changes work = { 0 };
        struct incoming in = { 0 };
        struct repo repo;
        git_oid id;
        int k;

        run(w, "git -C standby fetch -q");
        w->result = (struct sync_result){ 0 };
        assert_true(git_libgit2_init() > 0);
        assert_int_equal(repo_open(&repo, &w->config, &w->result), 0);
        repo_find_head(&repo);
        assert_int_equal(repo_check(&repo, &w->result), 0);
        assert_int_equal(git_reference_name_to_id(&id, repo.git, "refs/remotes/origin/main"), 0);
        assert_int_equal(git_commit_lookup(&target, repo.git, &id), 0);
        assert_int_equal(changes_find(&repo, &work, &w->result), 0);
        assert_int_equal(incoming_check(&repo, target, &in, &w->result), 0);
        for (size_t i = 0; i < work.paths.n; i++)
                assert_int_equal(paths_add(&in.paths, work.paths.items[i]), 0);
        paths_sort(&in.paths);
        assert_int_equal(checkout_find(&repo, target, &in.paths, &work, &w->result), 0);
        w->n_work = work.n;
        assert_int_equal(saved_add(&repo, &work, "box", &w->result), 0);
        run(w, "cd standby; %s", meanwhile);
        *before = fingerprint(w);
        k = checkout_to(&repo, target, &in.paths, &work, &w->result);
        paths_free(&in.paths);
        repo_close(&repo);
        (void) git_libgit2_shutdown();
        return k;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_world, end_world)
