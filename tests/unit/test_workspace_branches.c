/* The branches that keep the standby's work: which there are, which count, and which go. */
#include "workspace_fixture.h"

static void test_unmerged_until_merged(void **state) {
        struct world *w = *state;
        char branch[128], help[512];

        run(w, "cd standby; echo learned >>notes; echo new >file");
        assert_sync(w, SYNC_UPDATED);
        (void) strcpy(branch, saved(w));
        commit(w, "echo meanwhile >elsewhere");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.unmerged[0].name, branch);

        /* The printed command, on the primary; only the host is another here. */
        (void) sync_result_merge_commands(
                &w->result, w->config.path, w->config.remote, "openclaw", "standby", help, sizeof help);
        run(w, "cat >help <<'EOT'\n%s\nEOT\nsed -i \"s,openclaw@[^:]*:,,;s,-C [^ ]*,-C '$PWD/primary',g\" help; sh -e help",
                help);
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        assert_string_equal(w->result.saved, ""); /* though the file was in the way of itself */
        assert_follows(w);
        assert_sh(w, "cat standby/notes", "one\nlearned");

        /* By another way than a merge. */
        run(w, "cd standby; echo more >>memory/a");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.unmerged[0].name, saved(w));
        commit(w, "echo more >>memory/a; echo x >>elsewhere");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
}

static void test_unmerged_work_is_never_pruned(void **state) {
        struct world *w = *state;
        char branch[128];

        run(w, "cd standby; echo learned >>notes");
        assert_sync(w, SYNC_UPDATED);
        (void) strcpy(branch, saved(w));
        for (int i = 0; i < 25; i++) {
                run(w, "echo %d >>standby/counter", i);
                assert_sync(w, SYNC_UNCHANGED);
                assert_true(*saved(w));
        }
        /* One that is written again and again takes one branch more, which has each version. */
        assert_int_equal(w->result.n_unmerged, 2);
        run(w,
                "cd standby; test $(git show %s:notes | tail -1) = learned\n"
                "for i in $(seq 1 25); do git log -p --format= -m %s -- counter | grep -q \"^+$((i-1))$\"; done",
                branch, w->result.unmerged[0].name);
        /* Merged, it goes. */
        run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s; git push -q", branch);
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 1);
        run(w, "not git -C standby rev-parse -q --verify %s", branch);
}

/* What was made and undone is in no tree of the branch's end, and lives in its commits alone. */
static void test_what_was_undone_is_kept(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo idea >idea; git add idea; git commit -qm idea; git rm -q idea; git commit -qm undo");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "cd standby; git rev-list --objects %s | grep $(echo idea | git hash-object --stdin)",
                saved(w));
        assert_int_equal(w->result.n_unmerged, 1);
}

/* A file .git/refs/heads/failover is where a directory of the saved branches should be; so is one below it. */
static void test_a_branch_of_our_name(void **state) {
        static const char *const names[] = { "failover", "failover/box" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                struct world *w = *state;

                run(w, "cd standby; git branch %s; echo learned >>notes", names[i]);
                commit(w, "echo two >new");
                assert_sync(w, SYNC_FAILED);
                assert_sh(w, "tail -n 1 standby/notes; test ! -e standby/new", "learned");
                mend(w);
                assert_sync(w, SYNC_UPDATED);
                assert_saved(w, "notes", "one\nlearned");
                assert_follows(w);
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* Without it, HEAD would have no commit. */
static void test_a_branch_that_is_checked_out_stays(void **state) {
        struct world *w = *state;
        char branch[128];

        run(w, "cd standby; echo learned >>notes");
        assert_sync(w, SYNC_UPDATED);
        (void) strcpy(branch, saved(w));
        run(w, "git -C standby switch -q %s", branch);
        run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s; git push -q", branch);
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_BRANCH);
        run(w, "git -C standby rev-parse -q --verify HEAD");
        mend(w);
        assert_sync(w, SYNC_UPDATED);
        run(w, "not git -C standby rev-parse -q --verify %s", branch);
}

/* The agent's own branches, a detached HEAD's commits, those of a host of another name, and names that no message repeats. */
static void test_every_branch_counts(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby; git switch -qc idea; echo i >i; git add i; git commit -qm i; git switch -q main\n"
                "git branch failover/other/20200101T000010Z idea; git branch same main; git branch failover/box/mine main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 2);
        assert_string_equal(w->result.unmerged[0].name, "failover/other/20200101T000010Z");
        assert_string_equal(w->result.unmerged[1].name, "idea");
        commit(w, "echo i >i"); /* squashed */
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        commit(w, "echo else >i"); /* and gone on since */
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        run(w, "cd standby; git rev-parse idea; not git rev-parse -q --verify failover/other/20200101T000010Z");

        run(w, "cd standby; git checkout -q --detach; echo d >d; git add d; git commit -qm d");
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.n_unmerged, 1);
        assert_saved(w, "d", "d");
        run(w, "cd standby; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 1);
        /* Nor are they lost where nothing is known of the remote yet. */
        run(w,
                "cd standby; git remote remove origin; git remote add origin ../origin\n"
                "git checkout -q --detach; echo n >n; git add n; git commit -qm n");
        assert_sync(w, SYNC_REFUSED);
        assert_saved(w, "n", "n");
        run(w, "cd standby; git switch -q main; git branch -D %s", saved(w));

        run(w, "cd standby; git switch -qc 'x;touch${IFS}ran' main; echo x >x; git add x; git commit -qm x; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_int_equal(w->result.n_unmerged, 2);
        assert_string_equal(w->result.unmerged[1].name, ""); /* no message repeats it */
        run(w, "cd standby; echo stashed >notes; git stash -q");
        for (int i = 0; i < 2; i++) {
                assert_sync(w, SYNC_UNCHANGED);
                assert_int_equal(w->result.n_unmerged, 3);
                run(w, "cd standby; test $(git show %s:notes) = stashed", w->result.unmerged[1].name);
        }
        commit(w, "echo stashed >notes");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 2);
        run(w, "cd standby; git rev-parse -q --verify refs/stash"); /* the agent's own */
}

/* What the last branch has only since it began there is no work that it keeps. */
static void test_an_older_state_is_work(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo u >u; echo 1 >token; git add token; git commit -qm token; git push -q");
        assert_sync(w, SYNC_UNCHANGED);
        commit(w, "git pull -q; echo two >notes; echo n >new; echo 2 >token");
        assert_sync(w, SYNC_UPDATED);
        run(w, "echo 1 >standby/token"); /* which is never pushed */
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "token", "1");
        run(w, "cd standby; echo one >notes; rm new");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "one");
        run(w, "cd standby; not git cat-file -e %s:new; test $(git show %s:u) = u", saved(w), saved(w));
        assert_follows(w);
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

/* Not only the last one, and what was untracked, which git keeps where a merge does not look. */
static void test_merges_all_that_was_stashed(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby; echo first >notes; git stash -q\n"
                "echo second >memory/a; echo untracked >u; git stash -qu; echo alone >alone; git stash -qu");
        for (int i = 0; i < 2; i++) {
                assert_sync(w, SYNC_UNCHANGED);
                assert_int_equal(w->result.n_unmerged, 3);
        }
        for (unsigned i = 0; i < w->result.n_unmerged; i++)
                run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s",
                        w->result.unmerged[i].name);
        assert_sh(w, "cd primary; git push -q origin HEAD:main; cat notes memory/a u alone",
                "first\nsecond\nuntracked\nalone");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
}

/* Whose history libgit2 cannot walk. */
static void test_a_stash_of_a_shallow_clone_is_kept_once(void **state) {
        struct world *w = *state;

#ifdef __SANITIZE_ADDRESS__ /* libgit2 1.5 loses memory where it cannot walk */
        skip();
#endif
        run(w,
                "git -C primary commit -q --allow-empty -m x; git -C primary push -q; rm -rf standby\n"
                "git clone -q --depth 1 file://$PWD/origin standby; cd standby; echo u >u; git stash -qu");
        for (int i = 0; i < 2; i++) {
                assert_sync(w, SYNC_REFUSED);
                assert_int_equal(w->result.n_unmerged, 1);
        }
}

/* Where there is no time to look through the remote's history, a branch counts as unmerged. */
static void test_naming_branches_has_an_end(void **state) {
        static const struct {
                usec_t until;
                size_t n;
        } cases[] = { { 1, 1 }, { 0, 0 } };
        struct world *w = *state;

        run(w, "cd standby; git switch -qc idea; echo i >i; git add i; git commit -qm i; git switch -q main");
        commit(w, "echo i >i");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_branches_ struct saved_branches unmerged = { 0 };
                struct repo repo;

                assert_int_equal(repo_open(&repo, &w->config, &w->result), 0);
                repo.until = cases[i].until;
                saved_review(&repo, true, &unmerged);
                assert_int_equal(unmerged.n, cases[i].n);
                repo_close(&repo);
                (void) git_libgit2_shutdown();
        }
}

/* The executable bit is work as well: a commit of the remote's that has it not is no merge. */
static void test_a_mode_is_merged_or_not(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git switch -qc bit; chmod +x notes; git commit -qam bit; git switch -q main");
        commit(w, "echo x >>elsewhere");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 1);
        commit(w, "chmod +x notes");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
}

static void test_work_that_was_undone_is_work_again(void **state) {
        struct world *w = *state;

        run(w, "echo mine >>standby/notes");
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd primary; git pull -q --no-rebase --no-edit ../standby %s; git push -q", saved(w));
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd primary; git revert --no-edit HEAD; git push -q");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.n_unmerged, 0);
        assert_sh(w, "cat standby/notes", "one");
        run(w, "echo mine >>standby/notes");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "notes", "one\nmine");
        assert_int_equal(w->result.n_unmerged, 1);
}

/* The clock was ahead once, and the agent has a branch whose name only looks like ours. */
static void test_names_that_sort_after_ours(void **state) {
        struct world *w = *state;
        char branch[128];

        run(w,
                "cd standby; for b in 20300101T000000Z 20309999T000000Z my.notes.of.2026; do\n"
                "git switch -qc failover/box/$b main; git commit -q --allow-empty -m $b; done; git switch -q main; echo mine >mine");
        assert_sync(w, SYNC_UNCHANGED);
        assert_saved(w, "mine", "mine");
        (void) strcpy(branch, saved(w));
        assert_string_equal(w->result.unmerged[0].name, branch);
        assert_string_equal(branch, "failover/box/20300101T000001Z");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_unmerged_until_merged),
                TEST(test_unmerged_work_is_never_pruned),
                TEST(test_what_was_undone_is_kept),
                TEST(test_a_branch_of_our_name),
                TEST(test_a_branch_that_is_checked_out_stays),
                TEST(test_every_branch_counts),
                TEST(test_an_older_state_is_work),
                TEST(test_merges_all_that_was_stashed),
                TEST(test_a_stash_of_a_shallow_clone_is_kept_once),
                TEST(test_naming_branches_has_an_end),
                TEST(test_a_mode_is_merged_or_not),
                TEST(test_work_that_was_undone_is_work_again),
                TEST(test_names_that_sort_after_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
