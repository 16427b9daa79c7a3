/* What the workspace refuses, with which command, and what hostile trees cannot do. */
#include "workspace_fixture.h"

static void test_refuses(void **state) {
        static const struct {
                const char *script, *why;
        } cases[] = {
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git merge -q b",
                        "merge --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git rebase -q b",
                        "rebase --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git cherry-pick b",
                        "cherry-pick --abort" },
                { "cd standby; git switch -qc b; echo b >notes; git commit -qam b; git switch -q main; echo c >notes\n"
                  "git commit -qam c; not git revert HEAD~; not git revert --no-edit HEAD~",
                        "revert --abort" },
                { "cd standby; git commit -q --allow-empty -m x; git bisect start >/dev/null",
                        "bisect reset" },
                { "cd standby; echo x >notes; git stash -q; echo y >notes; git commit -qam y; not git stash pop -q",
                        "conflicts" },
                { "cd standby; git checkout -q HEAD~0", "switch main" },
                { "cd standby; git switch -q --orphan empty", "has no commit" },
                { "cd standby; git switch -qc side", "switch main" },
                { "git clone -q --depth 1 file://$PWD/origin shallow; cd primary; rm -rf ../standby; mv ../shallow ../standby",
                        "--unshallow" },
                { "cd standby; git sparse-checkout set memory", "sparse-checkout disable" },
                { "cd standby; git config core.repositoryformatversion 1; git config extensions.worktreeConfig true",
                        "--unset extensions.worktreeConfig" },
                { "cd standby; git config remote.origin.promisor true", "promisor" },
                { "mkdir there; cd standby; git config core.worktree $PWD/../there", "/../there" },
                { "cd standby; git config core.repositoryformatversion 1; git config extensions.new 2",
                        "extensions.new" },
                { "cd standby; git config core.repositoryformatversion 1; git config extensions.refStorage reftable",
                        "refs migrate" },
                { "cd standby; git config core.splitIndex true; git update-index --split-index",
                        "config core.splitIndex false" },
                { "cd standby; git config core.ignorecase true", "config core.ignorecase false" },
                { "rm -rf standby; git clone -q --bare origin standby", "bare" },
                { "cd standby; git config core.bare true", "bare" },
                { "rm -rf standby", "git clone" },
                { "rm -rf standby/.git", "no git repository" },
                { "rm -rf standby; echo x >standby", "no git repository" },
                { "cd primary; git branch side; rm -rf ../standby; git worktree add -q ../standby side",
                        "worktree" },
                { "cd standby; git remote rename origin upstream", "remote add" },
                { "cd primary; echo x >d; git add d; git commit -qm d; git push -q; cd ../standby; mkdir d; git init -q d/inner",
                        "of its own" },
                { "cd primary; echo x >d; git add d; git commit -qm d; git push -q; mkfifo ../standby/d",
                        "neither a file" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                _cleanup_free_ char *before = NULL, *after = NULL;
                bool there;

                run(w, "%s", cases[i].script);
                there = access(w->path, X_OK) == 0;
                before = there ? fingerprint(w) : NULL;
                if (do_sync(w) != SYNC_REFUSED || !strstr(words(&w->result.workspace_why), cases[i].why))
                        fail_msg("%s\n→ %d %s, not \"%s\"", cases[i].script, w->result.workspace,
                                words(&w->result.workspace_why), cases[i].why);
                after = there ? fingerprint(w) : NULL;
                if (there)
                        assert_string_equal(before, after);
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* The mending command of the last sync, as a shell reads it: "git" and "sudo" only say what they are given. */
static char *mending_words(const struct world *w) {
        assert_true(*w->result.workspace_why.command);
        return sh(w, "sudo() { printf '<%%s>' \"$@\"; }; cd standby\n%s", w->result.workspace_why.command);
}

static void test_a_branch_without_a_commit(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git update-ref -d refs/heads/main; echo mine >>notes");
        assert_sync(w, SYNC_REFUSED);
        assert_saved(w, "notes", "one\nmine");
        mend(w);
        assert_sh(w, "cat standby/notes", "one\nmine");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);

        run(w, "rm -rf standby; git init -q standby; cd standby; git remote add origin $PWD/../origin; echo mine >notes");
        assert_sync(w, SYNC_REFUSED);
        mend(w);
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "mine");
        assert_follows(w);
}

/* doctor says it before the first sync: nothing has been fetched. */
static void test_a_branch_without_a_commit_before_a_fetch(void **state) {
        struct world *w = *state;
        struct repo repo;

        run(w, "rm -rf standby; git init -q standby; git -C standby remote add origin $PWD/origin; echo mine >standby/notes");
        w->result = (struct sync_result){ 0 };
        assert_int_equal(repo_open(&repo, &w->config, &w->result), 0);
        repo_find_head(&repo);
        assert_int_equal(repo_check(&repo, &w->result), -ECANCELED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNBORN);
        mend(w);
        repo_find_head(&repo);
        assert_int_equal(repo_check(&repo, &w->result), 0);
        repo_close(&repo);
        assert_sh(w, "cat standby/notes", "mine");
}

/* As git writes it with index.skipHash, or feature.manyFiles, since 2.40. Libgit2 takes it since 1.8. */
static void test_an_index_without_a_checksum(void **state) {
        struct world *w = *state;
        int major, minor, patch;

        (void) git_libgit2_version(&major, &minor, &patch);
        run(w, "cd standby; truncate -s -20 .git/index; head -c 20 /dev/zero >>.git/index; git config index.skipHash true");
        if (major > 1 || minor >= 8) {
                assert_sync(w, SYNC_UNCHANGED);
                return;
        }
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_INDEX);
        mend(w);
        assert_sh(w, "git -C standby config index.skipHash", "false");
        assert_sync(w, SYNC_UNCHANGED);
}

/* Nothing moves where a ref cannot be written: git's words say why. */
static void test_refs_that_cannot_be_written(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        run(w, "touch standby/.git/refs/remotes/origin/main.lock");
        w->gateway_runs = true;
        assert_sync(w, SYNC_FAILED);
        assert_string_equal(w->result.workspace_why.command, "");
        w->gateway_runs = false;
        run(w, "rm standby/.git/refs/remotes/origin/main.lock");
        assert_sync(w, SYNC_UPDATED);
        commit(w, "echo three >>notes");
        run(w, "cd standby; git branch failover; echo mine >>notes");
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "failover");
        assert_sh(w, "tail -1 standby/notes", "mine");
        run(w, "git -C standby branch -m failover other");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "one\ntwo\nmine");
        run(w, "cd standby; git update-ref -d refs/remotes/origin/main; git update-ref refs/remotes/origin/main/x HEAD");
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "remote prune origin");
        mend(w);
        assert_sync(w, SYNC_UNCHANGED);
}

static void test_names_are_no_commands(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *branch = NULL;

        run(w, "cd primary; git push -q origin 'main:x;touch${IFS}ran'; git -C ../origin symbolic-ref HEAD 'refs/heads/x;touch${IFS}ran'");
        assert_sync(w, SYNC_REFUSED);
        branch = mending_words(w);
        assert_non_null(strstr(branch, "<switch><x;touch${IFS}ran>"));
}

/* What git status does not show is work all the same. */
static void test_hidden_changes_are_work(void **state) {
        static const char *const flags[] = { "assume-unchanged", "skip-worktree" };
        struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                run(w, "cd standby; git update-index --%s notes; echo mine%zu >notes", flags[i], i);
                assert_sync(w, SYNC_UPDATED);
                run(w, "cd standby; test $(git show %s:notes) = mine%zu", saved(w), i);
                assert_follows(w);
                assert_sync(w, SYNC_UNCHANGED);
                commit(w, i ? "echo y >>notes" : "echo x >>memory/a");
                assert_sync(w, SYNC_UPDATED);
                assert_follows(w);
        }
}

/* As in a clone from Windows. A script that a user made executable here has to stay so. */
static void test_modes_that_do_not_count(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git config core.fileMode false; chmod +x notes");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        run(w, "test -x standby/notes");
}

/* A sparse checkout leaves such files out. The primary must not be told to delete them. */
static void test_a_file_that_git_skips_is_not_deleted(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git update-index --skip-worktree notes; rm notes");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        assert_int_equal(w->result.n_unmerged, 0);
        commit(w, "echo x >>memory/a");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.saved, "");
}

static void test_lfs_that_no_file_has_is_fine(void **state) {
        struct world *w = *state;

        commit(w, "echo '*.bin filter=lfs' >.gitattributes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

static void test_refuses_what_belongs_to_others(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root gives files away */
        run(w, "chown nobody standby");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "belongs to nobody");
        run(w, "chown root standby; chown nobody standby/.git");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "chown -hR root: /");
        assert_true(*w->result.workspace_why.command);
        run(w, "mv standby there; ln -s there standby");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "standby is a symbolic link to there");
        assert_string_equal(w->result.workspace_why.command, "");
}

static void test_submodule_that_stays_is_left_alone(void **state) {
        struct world *w = *state;

        run(w,
                "git init -q sub; git -C sub commit -q --allow-empty -m s; cd primary\n"
                "git -c protocol.file.allow=always submodule --quiet add ../sub sub; git commit -qm sub; git push -q\n"
                "cd ../standby; git -c protocol.file.allow=always pull -q --recurse-submodules; git -c protocol.file.allow=always submodule --quiet update --init\n"
                "cd sub; echo mine >mine; git add mine; git commit -qm mine");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_sh(w, "cat standby/notes standby/sub/mine", "one\ntwo\nmine");
}

/* A workspace that took in a repository by mistake, and then its files. */
static void test_files_take_the_place_of_a_submodule(void **state) {
        static const char *const cases[] = { ":",
                "rmdir sub; git clone -q ../primary/sub sub; echo mine >sub/f" };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                void *world;
                struct world *w;

                assert_int_equal(new_world(&world), 0);
                w = world;
                commit(w, "git init -q sub; cd sub; echo f >f; git add f; git commit -qm f; cd ..");
                run(w, "cd standby; git pull -q; %s", cases[i]);
                commit(w, "git rm -q --cached sub; rm -rf sub/.git; echo g >sub/g");
                assert_sync(w, SYNC_UPDATED);
                assert_sh(w, "cat standby/sub/f standby/sub/g", "f\ng");
                if (i > 0)
                        assert_saved(w, "sub/f", "mine");
                assert_sync(w, SYNC_UNCHANGED);
                (void) end_world(&world);
        }
        (void) state;
}

static void test_a_file_takes_the_place_of_a_submodule(void **state) {
        struct world *w = *state;

        commit(w, "git init -q sub; git -C sub commit -q --allow-empty -m s");
        run(w, "cd standby; git pull -q; rmdir sub; git clone -q ../primary/sub sub 2>/dev/null; echo mine >sub/f");
        commit(w, "git rm -q --cached sub; rm -rf sub; echo s >sub");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        assert_sh(w, "cat standby/sub/f", "mine");
}

static void test_stale_locks(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        run(w,
                "cd standby/.git; touch -d '2 hours ago' index.lock HEAD.lock refs/heads/main.lock packed-refs.lock\n"
                "touch objects/pack/pack_git2_a1b2c3");
        /* A young lock may be of a git that nobody here sees, as root's; what is new is saved all the same. */
        run(w, "touch standby/.git/index.lock; echo mine >standby/mine");
        w->config.timeout = 2 * USEC_PER_SEC;
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LOCKED);
        assert_saved(w, "mine", "mine");
        run(w, "rm standby/.git/index.lock; not ls standby/.git/HEAD.lock");
        w->config.timeout = 2 * USEC_PER_MINUTE;
        /* Those that a sync of ours left when it was killed are known to be, its branches' too; one that is younger may be
         * anybody's. */
        run(w,
                "cd standby/.git; touch failover-busy index.lock refs/remotes/origin/main.lock\n"
                "for i in 0 1 2 3; do touch refs/heads/failover/box/$(date -u -d \"$i seconds\" +%%Y%%m%%dT%%H%%M%%SZ).lock; done; echo more >>../mine");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "mine", "mine\nmore");
        run(w, "not ls standby/.git/failover-busy");
        assert_follows(w);
        assert_sh(w, "ls standby/.git/objects/pack | grep -c _git2_ || true", "0");
        run(w, "cd standby/.git; touch -d '20 minutes ago' failover-busy; touch index.lock");
        w->config.timeout = 2 * USEC_PER_SEC;
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LOCKED);
}

static void test_two_at_once(void **state) {
        struct world *w = *state;

        _cleanup_close_ int fd = -1;
        usec_t begin, waited;
        char git[120];

        (void) snprintf(git, sizeof git, "%s/.git", w->path);
        fd = open(git, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        w->config.timeout = 300 * USEC_PER_MSEC;
        begin = now_usec(CLOCK_BOOTTIME);
        assert_sync(w, SYNC_FAILED);
        assert_why(w, "another sync");
        waited = now_usec(CLOCK_BOOTTIME) - begin;
        assert_true(waited >= w->config.timeout && waited < w->config.timeout + 5 * USEC_PER_SEC);
        /* Nor is it waited for after SIGTERM. */
        w->config.timeout = 20 * USEC_PER_SEC;
        begin = now_usec(CLOCK_BOOTTIME);
        child_stop = 1;
        assert_sync(w, SYNC_FAILED);
        child_stop = 0;
        assert_int_equal(w->result.workspace_why.code, REFUSAL_BUSY);
        assert_in_range(now_usec(CLOCK_BOOTTIME) - begin, 0, 5 * USEC_PER_SEC);
        assert_int_equal(flock(fd, LOCK_UN), 0);

        /* One that ends soon is waited for, and then the gateway is asked about again. */
        w->config.timeout = 2 * USEC_PER_MINUTE;
        commit(w, "echo two >>notes");
        run(w, "flock standby/.git sh -c '>locked; sleep 0.5; >released' >/dev/null 2>&1 & until test -e locked; do sleep 0.01; done");
        w->gateway_runs_when = "released";
        assert_sync(w, SYNC_SKIPPED);
        w->gateway_runs_when = NULL;
        run(w, "rm locked; flock standby/.git sh -c '>locked; sleep 0.5' >/dev/null 2>&1 & until test -e locked; do sleep 0.01; done");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

static void test_things_in_the_way(void **state) {
        struct world *w = *state;

        commit(w, "mkdir -p x.log/deep; echo t >x.log/deep/f; echo t >y.log; echo t >z; git add -f .");
        run(w, "cd standby; echo file >x.log; mkdir -p y.log/sub z; echo i >y.log/sub/a.log; echo u >z/u; ln -s /nowhere z/l");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "x.log", "file");
        assert_saved(w, "y.log/sub/a.log", "i");
        assert_saved(w, "z/u", "u");
        assert_saved(w, "z/l", "/nowhere");

        /* A tracked file that the agent made a directory; and one, of ignored files even, and the remote did not touch. */
        run(w, "cd standby; rm notes; mkdir notes; echo x >notes/x");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes/x", "x");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        run(w, "cd standby; rm notes; mkdir notes; echo i >notes/a.log; rm -r memory; ln -s /tmp memory");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes/a.log", "i");
        assert_saved(w, "memory", "/tmp");
}

static void test_never_writes_through_links(void **state) {
        struct world *w = *state;

        run(w, "mkdir outside; echo precious >outside/a; echo precious >outside/hard; echo precious >outside/soft");
        commit(w,
                "echo t >notes; echo t >tool; echo t >memory/a; mkdir -p deep/memory; echo t >deep/memory/a");
        run(w,
                "cd standby; ln -f ../outside/hard notes; ln -sf ../outside/soft tool; rm -r memory; ln -s ../outside memory\n"
                "ln -s ../outside deep");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_sh(w, "cd outside; cat *; ls", "precious\nprecious\nprecious\na\nhard\nsoft");
        assert_saved(w, "memory", "../outside");

        /* Nor through one that the remote sent first. */
        commit(w, "ln -s ../outside trap");
        assert_sync(w, SYNC_UPDATED);
        commit(w, "rm trap; mkdir trap; echo evil >trap/a");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_sh(w, "cd outside; cat *", "precious\nprecious\nprecious");
}

/* Trees that git's own commands would not make, from "MODE PATH" of a single blob. */
static void commit_raw(const struct world *w, const char *entries) {
        run(w,
                "cd origin; blob=$(echo evil | git hash-object -w --stdin)\n"
                "raw() { printf \"$1 $2\\0\"; echo \"$3\" | xxd -r -p; }\n"
                "tree() { git hash-object -t tree -w --stdin --literally; }\n"
                "inner=$(raw 100644 config $blob | tree)\n"
                "top=$({ %s; } | tree)\n"
                "git update-ref refs/heads/main $(git commit-tree -p main -m evil $top)",
                entries);
}

static void test_hostile_trees(void **state) {
        static const struct {
                const char *entries, *why;
        } cases[] = {
                { "raw 40000 .git $inner", "no git would write" },
                { "raw 40000 .GIT $inner", "no git would write" },
                { "raw 40000 .. $inner", "no git would write" },
                { "raw 100644 .. $blob", "no git would write" },
                { "raw 40000 . $inner", "no git would write" },
                { "raw 100644 ../evil $blob", "no git would write" },
                { "raw 100644 notes 1234567812345678123456781234567812345678", "lacks" },
        };
        struct world *w = *state;
        _cleanup_free_ char *before = fingerprint(w);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *after = NULL;

                commit_raw(w, cases[i].entries);
                /* Some does not even pass libgit2's checks of a pack; either way nothing of it may come through. */
                if (do_sync(w) < SYNC_REFUSED)
                        fail_msg("%s: %d", cases[i].entries, w->result.workspace);
                after = fingerprint(w);
                assert_string_equal(before, after);
        }
        run(w, "not test -e evil; not grep -r evil standby/.git/config");
}

static void test_tree_bomb(void **state) {
        struct world *w = *state;

        run(w,
                "cd origin; t=$(printf '100644 blob %%s\\tf' $(echo x | git hash-object -w --stdin) | git mktree)\n"
                "for i in $(seq 12); do t=$(for j in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %%s\\t%%s\\n' $t $j; done | git mktree); done\n"
                "git update-ref refs/heads/main $(git commit-tree -p main -m bomb $t)");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "changes more than");
}

static void test_huge_blob(void **state) {
        struct world *w = *state;

        commit(w, "truncate -s 300M zeros");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED); /* it is left alone, and the rest follows */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_sh(w, "ls standby; cat standby/notes", "link\nmemory\nnotes\ntool\none\ntwo");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

static void test_runs_nothing(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby/.git; for h in post-checkout post-merge pre-commit post-commit reference-transaction post-index-change; do\n"
                "printf '#!/bin/sh\ntouch %%s/ran\n' \"$PWD/../..\" >hooks/$h; chmod +x hooks/$h; done\n"
                "cd ..; git config core.fsmonitor \"touch $PWD/../ran\"; git config core.sshCommand \"touch $PWD/../ran\"\n"
                "git config filter.evil.clean \"touch $PWD/../ran\"; git config filter.evil.smudge \"touch $PWD/../ran\"\n"
                "echo mine >mine; rm -f ../ran");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        run(w, "not test -e ran");
}

/* Without it no attributes can be read. What passed for private for that does so no longer. */
static void test_saves_without_an_index(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo staged >staged; git add staged; rm staged; git update-index --split-index; rm memory/b; echo mine >mine");
        assert_sync(w, SYNC_REFUSED);
        run(w, "cd standby; not git cat-file -e %s:memory/b; git cat-file -e %s-private:mine", saved(w),
                saved(w));
        mend(w);
        assert_sync(w, SYNC_UPDATED);
        assert_false(sync_branch_is_private(saved(w)));
        assert_saved(w, "mine", "mine");
        run(w, "cd standby; git cat-file -e $(git branch --list 'failover/*-private' --format='%%(refname)' | tail -1):staged");
        assert_follows(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_refuses),
                TEST(test_a_branch_without_a_commit),
                TEST(test_a_branch_without_a_commit_before_a_fetch),
                TEST(test_an_index_without_a_checksum),
                TEST(test_refs_that_cannot_be_written),
                TEST(test_names_are_no_commands),
                TEST(test_hidden_changes_are_work),
                TEST(test_modes_that_do_not_count),
                TEST(test_a_file_that_git_skips_is_not_deleted),
                TEST(test_lfs_that_no_file_has_is_fine),
                TEST(test_refuses_what_belongs_to_others),
                TEST(test_submodule_that_stays_is_left_alone),
                cmocka_unit_test(test_files_take_the_place_of_a_submodule),
                TEST(test_a_file_takes_the_place_of_a_submodule),
                TEST(test_stale_locks),
                TEST(test_two_at_once),
                TEST(test_things_in_the_way),
                TEST(test_never_writes_through_links),
                TEST(test_hostile_trees),
                TEST(test_tree_bomb),
                TEST(test_huge_blob),
                TEST(test_runs_nothing),
                TEST(test_saves_without_an_index),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
