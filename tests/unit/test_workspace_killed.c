/* A sync that is killed or loses power half-way, and the intent that it leaves. */
#include "workspace_fixture.h"

/* How many times to kill, of N without sanitizers, which make each sync several times as long. */
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS(n) ((n) / 2)
#else
#define ROUNDS(n) (n)
#endif

/* Starts a sync in a child; SIGKILL after a while of at most SPAN. */
static void kill_one(struct world *w, useconds_t span) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) do_sync(w);
                _exit(0);
        }
        (void) usleep((useconds_t) rand() % span);
        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* The lock goes with the last of its children. What is as old as a tick of the clock is not stale. */
        run(w, "flock -w 20 standby/.git true; sleep 0.01");
}

/* How long one takes here and now, so that kills fall into all of it. */
static useconds_t measure(struct world *w) {
        usec_t begin = now_usec(CLOCK_BOOTTIME);

        assert_sync(w, SYNC_UPDATED);
        return (useconds_t) (now_usec(CLOCK_BOOTTIME) - begin);
}

static void many_files(const struct world *w, int round) {
        run(w,
                "cd primary; mkdir -p many$((%d %% 2)); rm -rf many$(( (%d + 1) %% 2))\n"
                "for i in $(seq 1000); do echo \"$i %d\" >many$((%d %% 2))/$i; done; seq %d 20000 >large\n"
                "git add -A; git commit -qm %d; git push -q origin main",
                round, round, round, round, round, round);
}

/* Objects that were written last were not on disk yet. */
static void test_after_a_power_cut(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes");
        run(w,
                "cd standby; echo mine >mine; mkdir -p .git/objects/00; : >.git/objects/00/tmp_obj_a\n"
                "for id in $(git hash-object mine) $(git -C ../origin rev-parse main main^{tree}); do\n"
                "d=.git/objects/$(echo $id | cut -c1-2); mkdir -p $d; : >$d/$(echo $id | cut -c3-); done");
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "mine", "mine");
        run(w, "cd standby/.git; ls objects/00/tmp_obj_a; rm objects/00/tmp_obj_a");
        assert_follows(w);
}

/* Of the index git does not wait for the disk: it is refused when all is saved, and the printed command makes it anew. */
static void test_after_a_power_cut_without_an_index(void **state) {
        struct world *w = *state;
        const char *const left[] = { ": >.git/index", "head -c 300 /dev/zero >.git/index",
                "truncate -s -30 .git/index" };

        for (size_t i = 0; i < ELEMENTSOF(left); i++) {
                run(w, "cd standby; %s; echo mine%zu >>memory/a; echo new >new%zu", left[i], i, i);
                commit(w, "echo two >>notes");
                assert_sync(w, SYNC_REFUSED);
                assert_int_equal(w->result.workspace_why.code, REFUSAL_INDEX);
                run(w, "git -C standby show %s:memory/a | grep -qx mine%zu", saved(w), i);
                mend(w);
                assert_sync(w, SYNC_UPDATED);
                assert_follows(w);
        }
}

static void test_killed_in_a_checkout(void **state) {
        struct world *w = *state;
        unsigned seed = (unsigned) now_usec(CLOCK_REALTIME);
        useconds_t span;

        print_message("seed %u\n", seed);
        srand(seed);
        many_files(w, 0);
        span = measure(w);
        for (int round = 1; round <= ROUNDS(6); round++) {
                many_files(w, round);
                for (int i = 0; i < 4; i++)
                        kill_one(w, span);
                if (do_sync(w) > SYNC_UPDATED)
                        fail_msg("%s", words(&w->result.workspace_why));
                assert_follows(w);
                assert_sh(w, "git -C standby status --porcelain", "");
        }
}

static void test_killed_while_saving(void **state) {
        struct world *w = *state;
        unsigned seed = (unsigned) now_usec(CLOCK_REALTIME);
        useconds_t span;

        print_message("seed %u\n", seed);
        srand(seed);
        many_files(w, 0);
        span = measure(w) * 2;
        for (int round = 1; round <= ROUNDS(4); round++) {
                many_files(w, round);
                run(w,
                        "cd standby; for f in many*/*7; do echo mine %d >>$f; done; echo mine %d >own%d.log; echo KEY=%d >.env\n"
                        "echo s%d >notes; git add notes; echo t%d >notes",
                        round, round, round, round, round, round);
                run(w, "cd primary; echo theirs >own%d.log; git add -f .; git commit -qm own; git push -q origin HEAD:main",
                        round);
                for (int i = 0; i < 4; i++)
                        kill_one(w, span);
                if (do_sync(w) > SYNC_UPDATED)
                        fail_msg("%s", words(&w->result.workspace_why));
                assert_follows(w);
                /* Every version that the standby had is in some saved branch. */
                run(w,
                        "cd standby; all=$(git branch --list 'failover/*' --format='%%(refname)')\n"
                        "git rev-list --objects $all >../objects; for content in 's%d' 't%d' 'KEY=%d'; do\n"
                        "grep -q $(echo $content | git hash-object --stdin) ../objects; done\n"
                        "f=$(ls -d many*/997); grep -q $( { echo \"997 %d\"; echo mine %d; } | git hash-object --stdin) ../objects",
                        round, round, round, round - 1, round);
        }
}

/* The gateway ran on a half tree, and its agent worked there. */
static void test_work_on_half_a_tree(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes; echo new >new; rm memory/b; echo A >memory/a");
        run(w,
                "cd standby; git fetch -q; printf 'from %%s\\nto %%s\\n' $(git rev-parse HEAD origin/main) >.git/failover-intent\n"
                "printf 'one\\ntw' >notes; echo new >new; rm memory/b; rm tool; echo mine >>memory/a; echo own >own");
        w->gateway_runs = true;
        assert_sync(w, SYNC_SKIPPED);
        run(w, "test -e standby/.git/failover-intent");
        w->gateway_runs = false;
        commit(w, "echo three >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "memory/a", "alpha\nmine");
        assert_saved(w, "own", "own");
        /* What the checkout had written is nobody's work, but for what it had half written. */
        run(w, "cd standby; test \"$(git diff --name-only %s^ %s | tr '\\n' ' ')\" = 'memory/a notes own '",
                saved(w), saved(w));
}

/* A sync that leaves the tree alone, since the gateway runs, removes no lock, and must not forget whose it is. */
static void test_a_lock_of_ours_is_remembered(void **state) {
        struct world *w = *state;

        w->config.timeout = 2 * USEC_PER_SEC;
        run(w, "cd standby/.git; touch failover-busy; sleep 1; touch index.lock");
        commit(w, "echo two >>notes");
        w->gateway_runs = true;
        assert_sync(w, SYNC_SKIPPED);
        run(w, "test -e standby/.git/index.lock");
        w->gateway_runs = false;
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "test ! -e standby/.git/failover-busy");
}

/* A move was cut short on main, and somebody went on elsewhere. */
static void test_an_intent_is_for_its_branch(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL, *between = NULL;

        commit(w, "echo two >>notes; echo new >new");
        assert_int_equal(
                sync_around(w, "touch .git/index.lock", &between), -ECANCELED); /* neither there nor back */
        assert_why(w, "half old, half new");
        run(w,
                "cd standby; rm .git/index.lock; grep -x 'branch main' .git/failover-intent\n"
                "git switch -qc side; echo own >own; git add -A; git commit -qm own");
        before = fingerprint(w);
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_BRANCH);
        assert_why(w, "switch main");
        after = fingerprint(w);
        assert_string_equal(before, after);
        run(w, "cd standby; test -e .git/failover-intent; git switch -q main");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
        assert_sh(w, "git -C standby show side:own", "own");
}

/* Leaves the work tree and the intent of a sync that was cut short between A, what is checked out, and B, the remote's. */
static void cut_short(const struct world *w) {
        run(w,
                "cd standby; git fetch -q; printf 'from %%s\\nto %%s\\nbranch main\\n' $(git rev-parse HEAD origin/main) >.git/failover-intent\n"
                "git show origin/main:notes >notes");
}

/* Somebody went on by hand after a sync was cut short, and the remote is gone: what is newer is not taken back. */
static void test_an_intent_that_was_overtaken(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        commit(w, "echo two >>notes; echo new >new");
        cut_short(w);
        commit(w, "echo three >>notes; echo newer >new");
        run(w, "cd standby; git fetch -q; git reset -q --hard origin/main");
        before = fingerprint(w);
        run(w, "mv origin gone");
        assert_sync(w, SYNC_FAILED);
        after = fingerprint(w);
        assert_string_equal(before, after);
        assert_string_equal(w->result.saved, "");
        run(w, "mv gone origin");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* The same by a commit of one's own, on half a tree. */
static void test_an_intent_that_was_committed_over(void **state) {
        struct world *w = *state;

        commit(w, "echo two >>notes; echo new >new");
        cut_short(w);
        run(w, "cd standby; git reset -q origin/main; echo own >own; git add own; git commit -qm own; echo mine >>memory/a");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "own", "own");
        assert_saved(w, "memory/a", "alpha\nmine");
        assert_saved(w, "new", "new"); /* which was only not written yet */
}

/* Nor does a commit that was pruned stand in the way for ever. */
static void test_an_intent_to_nowhere(void **state) {
        struct world *w = *state;

        run(w,
                "cd standby; printf 'from %%s\\nto 1111111111111111111111111111111111111111\\nbranch main\\n' $(git rev-parse HEAD) >.git/failover-intent\n"
                "echo theirs >notes; rm tool");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        assert_saved(w, "notes", "theirs");
        assert_sync(w, SYNC_UNCHANGED);
        run(w,
                "cd standby; "
                "printf 'from 1111111111111111111111111111111111111111\\nto 2111111111111111111111111111111111111111\\nbranch main\\n' >.git/failover-intent\n"
                "mv ../origin ../gone; echo own >own; git add own; git commit -qm own; echo mine >>notes");
        assert_sync(w, SYNC_FAILED);
        assert_saved(w, "notes", "one\nmine");
        assert_sh(w, "cd standby; cat notes own", "one\nmine\nown");
        run(w, "mv gone origin");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "cd standby; test \"$(git show %s:own)\" = own", w->result.unmerged[0].name);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_after_a_power_cut),
                TEST(test_after_a_power_cut_without_an_index),
                TEST(test_killed_in_a_checkout),
                TEST(test_killed_while_saving),
                TEST(test_work_on_half_a_tree),
                TEST(test_a_lock_of_ours_is_remembered),
                TEST(test_an_intent_is_for_its_branch),
                TEST(test_an_intent_that_was_overtaken),
                TEST(test_an_intent_that_was_committed_over),
                TEST(test_an_intent_to_nowhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
