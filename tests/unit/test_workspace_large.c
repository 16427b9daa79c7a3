/* What large and many files add to a sync. Printed: by how much it outlasts its deadline without a refresh before, and how long it
 * takes with one. */
#include "workspace_fixture.h"

/* In milliseconds. A sync without a look at the clock would outlast its deadline by more. */
#define OVER_MAX 2000

/* How many bytes this process has read until now (proc(5)). */
static long long bytes_read(void) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/io", "re");
        long long n = -1;

        return f && fscanf(f, "rchar: %lld", &n) == 1 ? n : -1;
}

/* Runs a sync of so much time. Returns how long it took, in milliseconds. */
static int measure(struct world *w, usec_t timeout) {
        usec_t begin = now_usec(CLOCK_BOOTTIME);

        w->config.timeout = timeout;
        (void) do_sync(w);
        return (int) ((now_usec(CLOCK_BOOTTIME) - begin) / USEC_PER_MSEC);
}

static int over(int took, usec_t timeout) {
        return MAX(0, took - (int) (timeout / USEC_PER_MSEC));
}

static void test_large(void **state) {
        static const struct {
                const char *name, *script;
        } cases[] = {
                { "nothing", ":" },
                { "5 GB untracked", "truncate -s 5G standby/large" },
                { "5 GB tracked",
                        "cd primary; echo x >large; git add large; git commit -qm large; git push -q; cd ../standby; git pull -q; truncate -s 5G large" },
                { "60,000 small files untracked",
                        "mkdir standby/many; cd standby/many; for d in $(seq 60); do mkdir $d; (cd $d; seq 1000 | split -l 1 -a 4 -); done" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                int first, second, before, after, again, more;
                long long read;

                run(w, "%s", cases[i].script);
                read = bytes_read();
                first = over(measure(w, USEC_PER_SEC), USEC_PER_SEC);
                second = over(measure(w, USEC_PER_SEC), USEC_PER_SEC);
                before = measure(w, 5 * USEC_PER_MINUTE);
                assert_int_equal(w->result.workspace, SYNC_UNCHANGED);
                after = measure(w, 5 * USEC_PER_MINUTE);
                again = measure(w, 5 * USEC_PER_MINUTE);
                read = bytes_read() - read;
                assert_int_equal(w->result.workspace, SYNC_UNCHANGED);
                assert_string_equal(w->result.saved, "");
                run(w, "echo more >standby/more");
                more = measure(w, 5 * USEC_PER_MINUTE);
                assert_saved(w, "more", "more");
                print_message(
                        "%s: past a deadline of 1 s by %d ms, then by %d ms; the refresh %d ms, after it %d and %d ms, with one more file %d ms; in all, %lld kB read\n",
                        cases[i].name, first, second, before, after, again, more, read / 1000);
                assert_in_range(MAX(first, second), 0, OVER_MAX);
                assert_in_range(
                        more, 0, 3 * MAX(after, again) + 1000); /* it does not pay for the others again */
                assert_in_range(
                        MAX(read, 0), 0, 64 << 20); /* what is remembered, and the tree that was saved */
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* Whether the remote has a branch's work is asked for each file, of each new commit there. */
static void test_many_that_were_merged(void **state) {
        struct world *w = *state;
        int took;

        run(w, "mkdir standby/many; cd standby/many; for d in $(seq 20); do mkdir $d; (cd $d; seq 1000 | split -l 1 -a 4 -); done");
        (void) measure(w, 5 * USEC_PER_MINUTE);
        run(w, "cd primary; cp -r ../standby/many .; git add .; git commit -qm squashed; git push -q; git -C ../standby fetch -q");
        took = over(measure(w, USEC_PER_SEC), USEC_PER_SEC);
        print_message("20,000 files that were merged: past a deadline of 1 s by %d ms\n", took);
        assert_in_range(took, 0, OVER_MAX);
}

int main(void) {
#ifdef __SANITIZE_ADDRESS__ /* minutes, for what is no finding of a sanitizer's */
        return 0;
#endif
        const struct CMUnitTest tests[] = { TEST(test_large), TEST(test_many_that_were_merged) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
