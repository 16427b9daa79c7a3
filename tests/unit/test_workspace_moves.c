/* How the tree moves: line endings, files that cannot be saved or removed, and changes meanwhile. */
#include "workspace_fixture.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

static void test_a_mirror_refspec_moves_no_branch(void **state) {
        struct world *w = *state;

        run(w, "cd standby; git config remote.origin.fetch '+refs/*:refs/*'; git branch precious");
        commit(w, "echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
        run(w, "git -C standby rev-parse precious");
}

static void test_line_endings_are_no_work(void **state) {
        struct world *w = *state;

        commit(w,
                "printf 'a\\r\\nb\\r\\n' >dos; printf '*.txt text eol=crlf\n' >.gitattributes; printf 'x\\ny\\n' >unix.txt");
        commit(w,
                "printf '* text=auto\n*.txt text eol=crlf\n' >.gitattributes; git update-index --assume-unchanged dos");
        assert_sync(w, SYNC_UPDATED);
        assert_string_equal(w->result.saved, "");
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
        assert_sh(w, "cd standby; od -c unix.txt | head -1", "0000000   x  \\r  \\n   y  \\r  \\n");
}

/* How many bytes this process has read until now (proc(5)). */
static long long bytes_read(void) {
        FILE *f = fopen("/proc/self/io", "re");
        long long n = -1;

        if (f && fscanf(f, "rchar: %lld", &n) != 1)
                n = -1;
        if (f)
                (void) fclose(f);
        return n;
}

static void test_what_is_untracked_is_read_once(void **state) {
        struct world *w = *state;
        long long before;

        run(w, "truncate -s 20M standby/video; sleep 0.02"); /* a file as old as the look is read again */
        assert_sync(w, SYNC_UNCHANGED);
        before = bytes_read();
        if (before < 0)
                skip(); /* not every kernel counts */
        assert_sync(w, SYNC_UNCHANGED);
        assert_in_range(bytes_read() - before, 0, 1 << 20);
}

/* What core.safecrlf does not let in is saved as it is. */
static void test_line_endings_that_git_refuses(void **state) {
        struct world *w = *state;

#ifdef __SANITIZE_ADDRESS__
        skip(); /* libgit2 1.5 loses eight bytes when it refuses a file, from where no suppression knows it */
#endif
        run(w, "cd standby; git config core.autocrlf input; git config core.safecrlf true; printf 'a\\r\\nb\\r\\n' >dos");
        assert_sync(w, SYNC_UNCHANGED);
        run(w, "cd standby; git cat-file blob %s:dos | cmp - dos", saved(w));
        assert_sync(w, SYNC_UNCHANGED);
        assert_string_equal(w->result.saved, "");
}

/* A file that cannot be saved is named, and holds up nothing, unless it is in the way. */
static void test_what_cannot_be_saved(void **state) {
        struct world *w = *state, *child;
        int status;
        pid_t pid;

        commit(w, "echo two >>notes");
        run(w, "cd standby; echo mine >mine; mkdir d.log; echo x >'d.log/git~1'; echo x >'git~1'");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_saved(w, "mine", "mine");
        assert_follows(w);
        commit(w, "echo theirs >d.log; git add -f d.log");
        assert_sync(w, SYNC_REFUSED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_IN_THE_WAY);
        run(w, "ls 'standby/d.log/git~1'; rm -r standby/d.log 'standby/git~1'");

        if (geteuid() != 0)
                skip(); /* only root is somebody else */
        child = mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(child, MAP_FAILED);
        run(w, "chmod 755 .. .; chown -R nobody .; echo x >standby/closed; chmod 600 standby/closed; echo 2 >standby/mine; chown nobody standby/mine");
        pid = fork();
        if (pid == 0) {
                if (setresuid(65534, 65534, 65534) < 0)
                        _exit(1);
                (void) do_sync(w);
                child->result = w->result;
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        w->result = child->result;
        (void) munmap(child, sizeof *child);
        assert_int_equal(w->result.workspace, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_why(w, "sudo chown -hR nobody: /");
        assert_true(*w->result.workspace_why.command);
        run(w, "chown -R root standby origin; cat standby/d.log | grep theirs; test \"$(git -C standby show %s:mine)\" = 2",
                saved(w));
}

static void test_the_configured_branch(void **state) {
        struct world *w = *state;

        w->config.branch = (char *) "live";
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "no branch live");
        run(w, "cd primary; git switch -qc live; echo l >l; git add l; git commit -qm l; git push -q origin live");
        assert_sync(w, SYNC_REFUSED);
        assert_why(w, "switch live");
        run(w, "cd standby; git switch -qc live");
        assert_sync(w, SYNC_UPDATED);
        assert_sh(w, "cat standby/l", "l");
}

static void test_disk_full(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        run(w, "mkdir small; unshare -m true");
        run(w, "mount -t tmpfs -o size=40m none small; cp -a standby small/");
        w->config.path = (char *) w->dir;
        (void) snprintf(w->path, sizeof w->path, "%s/small/standby", w->dir);
        w->config.path = w->path;
        commit(w, "head -c 20000000 /dev/urandom >big");
        (void) do_sync(w);
        run(w, "umount small");
        assert_int_equal(w->result.workspace, SYNC_REFUSED);
        assert_why(w, "is full");
}

/* What cannot be removed, found only half-way, is removed by the next sync that can. */
static void test_goes_on_from_half_way(void **state) {
        struct world *w = *state;

        if (geteuid() != 0)
                skip(); /* only root mounts */
        commit(w,
                "echo t >.first; echo t >notes; echo t >tool; echo t >zz; ln -sf tool link; rm -r memory; echo m >memory; echo t >build.log; git add -f build.log");
        run(w,
                "cd standby; echo mine >>notes; echo u >untracked; mkdir -p build.log/sub; echo s >build.log/sub/s\n"
                "mount --bind tool tool; mount --bind build.log/sub/s build.log/sub/s");
        (void) do_sync(w);
        assert_int_equal(w->result.workspace, SYNC_FAILED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_HALF);
        assert_why(w, "build.log");
        assert_saved(w, "notes", "one\nmine");
        assert_saved(w, "build.log/sub/s", "s");
        /* The gateway runs on half a tree, and somebody goes on there. */
        run(w, "cd standby; umount build.log/sub/s; echo learned >learned; echo more >>untracked");
        assert_sync(w, SYNC_FAILED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_HALF);
        assert_why(w, "tool");
        assert_saved(w, "learned", "learned");
        run(w, "umount standby/tool; cat standby/untracked | grep more");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
}

/* A directory in the way that cannot be emptied: that is seen before anything moves. Root can empty all. */
static void test_refuses_a_directory_that_stays(void **state) {
        struct world *w = *state;
        int status;
        pid_t pid;

        commit(w, "echo t >build.log; git add -f build.log; echo t >notes");
        run(w,
                "mkdir -p standby/build.log/sub; echo s >standby/build.log/sub/s; chmod 555 standby/build.log/sub\n"
                "test $(id -u) != 0 || { chmod 711 ..; chown -R nobody .; }");
        pid = fork();
        if (pid == 0) {
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(2);
                _exit(do_sync(w) != SYNC_REFUSED ||
                        !strstr(words(&w->result.workspace_why), "build.log/sub"));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        run(w, "test $(id -u) != 0 || chown -R root .; chmod 755 standby/build.log/sub");
        assert_sh(w, "cd standby; cat notes build.log/sub/s; not test -e .git/failover-intent", "one\ns");
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

static void test_what_is_mounted_stays(void **state) {
        static const char *const places[] = { "vol", "vol/deeper" };
        struct world *w = *state;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                skip(); /* only root mounts */
        commit(w, "echo theirs >vol; echo two >notes");
        run(w, "mkdir -p there standby/vol/deeper; echo precious >there/a");
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                run(w, "mount --bind there standby/%s", places[i]);
                assert_sync(w, SYNC_REFUSED);
                assert_int_equal(w->result.workspace_why.code, REFUSAL_IN_THE_WAY);
                run(w, "umount standby/%s; test $(cat there/a standby/notes | tr '\\n' -) = precious-one-",
                        places[i]);
        }
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* A sync by somebody who is not root, to whom all belongs but what CLOSE, a script, takes away. */
static void sync_as_nobody(struct world *w, const char *close) {
        struct world *child =
                mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int status;
        pid_t pid;

        assert_ptr_not_equal(child, MAP_FAILED);
        run(w, "test $(id -u) != 0 || { chmod 711 . ..; chown -hR nobody .; }; cd standby; %s", close);
        pid = fork();
        if (pid == 0) {
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(1);
                (void) do_sync(w);
                child->result = w->result;
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        w->result = child->result;
        (void) munmap(child, sizeof *child);
        run(w, "test $(id -u) != 0 || chown -hR root .");
}

/* Ours or not: that makes another command. What git replaces may be root's. */
static void test_what_is_closed_to_us(void **state) {
        static const char *const closed[] = { "objects", "objects/pack", "logs/HEAD", "logs/refs/heads/main",
                "logs/refs/remotes/origin/main" };
        /* A sync may need these, or not: only a failure shows that, in libgit2's words. */
        static const char *const deeper[] = { "objects/??", "refs/heads/failover/box", "refs/remotes/origin",
                "logs/refs/heads/failover" };
        struct world *w = *state;

        sync_as_nobody(w, "chmod a-w .git/objects");
        assert_int_equal(w->result.workspace, SYNC_REFUSED);
        assert_why(w, " chmod -R u+rwX /");
        mend(w);
        run(w, "test $(stat -c %%A standby/.git/objects | cut -c3) = w");
        sync_as_nobody(w, "echo x >>notes; chmod 0 notes; echo new >new");
        assert_int_equal(w->result.workspace, SYNC_UNCHANGED); /* it stays as it is, and the rest is saved */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_saved(w, "new", "new");
        assert_why(w, "sudo -u ");
        mend(w);
        commit(w, "echo two >>notes");
        if (geteuid() != 0)
                skip(); /* only root gives files away */
        sync_as_nobody(w, "chown root notes; chmod 600 notes");
        assert_int_equal(w->result.workspace, SYNC_REFUSED); /* it is in the way of what comes */
        assert_int_equal(w->result.workspace_why.code, REFUSAL_UNREADABLE);
        assert_why(w, "sudo chown -hR nobody: /");
        for (size_t i = 0; i < ELEMENTSOF(closed); i++) {
                char close[80];

                (void) snprintf(close, sizeof close, "chown root .git/%s", closed[i]);
                sync_as_nobody(w, close);
                assert_int_equal(w->result.workspace, SYNC_REFUSED);
                assert_why(w, closed[i]);
                assert_why(w, "sudo chown -hR nobody: /");
        }
        run(w, "cd standby/.git/objects; printf '%%02x\n' $(seq 0 255) | xargs mkdir -p");
        for (size_t i = 0; i < ELEMENTSOF(deeper); i++) {
                char close[160];

                commit(w, "echo more >>elsewhere");
                (void) snprintf(close, sizeof close,
                        "echo more >>own%zu; rm -rf .git/logs/refs/heads/failover/*; chown root .git/hooks .git/%s",
                        i, deeper[i]);
                sync_as_nobody(w, close);
                assert_int_equal(w->result.workspace, SYNC_FAILED);
                assert_why(w, "ermission denied");
                assert_why(w, "sudo chown -hR nobody: /");
        }
        sync_as_nobody(w, "chown root .git/objects; mv ../standby ../there; ln -s there ../standby");
        assert_why(w, "standby is a symbolic link to there");
        assert_string_equal(w->result.workspace_why.command, ""); /* root would follow it */
        run(w, "rm standby; mv there standby");
        run(w, "not test -e standby/.git/failover-intent");
        sync_as_nobody(w, "chown root .git/index .git/refs/heads/main");
        assert_int_equal(w->result.workspace, SYNC_UPDATED);
        assert_saved(w, "notes", "one\nx");
}

static void test_a_change_after_the_look_stays(void **state) {
        static const struct {
                const char *change, *path;
        } cases[] = {
                { "echo late >>notes", "notes" },
                { "echo late >later; touch -d 2001-01-01 later; mv later notes", "notes" },
                { "ln -sf late link", "link" },
                { "echo late >>untracked", "untracked" },
                { "echo late >appeared", "appeared" },
                { "echo late >d.log/late", "d.log" },
                { "mkdir ../old; echo late >../old/late; sleep 0.05; mv ../old d.log/", "d.log" },
                { "rm -r memory; ln -s late memory", "memory" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                _cleanup_free_ char *before = NULL, *after = NULL;

                commit(w,
                        "echo t >notes; ln -sf t link; echo t >untracked; echo t >d.log; echo t >memory/a; echo t >appeared; git add -f .");
                run(w, "cd standby; echo mine >>notes; echo u >untracked; mkdir d.log; echo i >d.log/i");
                if (sync_around(w, cases[i].change, &before) != -ECANCELED)
                        fail_msg("%s: it moved", cases[i].change);
                assert_why(w, cases[i].path);
                after = fingerprint(w);
                assert_string_equal(before, after);
                run(w, "not test -e standby/.git/failover-intent");

                assert_sync(w, SYNC_UPDATED);
                assert_follows(w);
                run(w, "cd standby; git grep -q late %s || git ls-tree -r %s | grep -q $(printf late | git hash-object --stdin)",
                        saved(w), saved(w));
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

/* A file that is as it was saved, or as it is to be, may go, whatever its time: that of a hard link is late as soon as we
 * remove the other. */
static void test_a_late_time_is_no_change(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL;

        commit(w, "echo t >notes; echo t >tool; echo t >new; rm memory/a");
        run(w, "cd standby; ln notes same; ln -f notes tool; echo mine >>notes");
        assert_int_equal(sync_around(w, "touch notes tool; chmod 600 memory/a; echo t >new", &before), 0);
        assert_follows(w);
        assert_sh(w, "cat standby/same", "one\nmine");
}

/* A git that locks the index between the look and the move costs the tree no file. */
static void test_a_lock_after_the_look(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL;

        commit(w, "echo two >notes; echo new >new; git rm -q tool");
        assert_int_equal(sync_around(w, "touch .git/index.lock", &before), -ECANCELED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_HALF);
        assert_sh(w, "cat standby/notes standby/new; rm standby/.git/index.lock", "two\nnew");
        assert_sync(w, SYNC_UNCHANGED);
        assert_follows(w);
        assert_int_equal(w->result.n_unmerged, 0);
}

/* A gateway that starts while work is looked for and saved keeps its tree, too. */
static void test_leaves_a_gateway_that_starts_alone(void **state) {
        struct world *w = *state;

        run(w, "echo mine >standby/x.log");
        commit(w, "echo theirs >x.log; git add -f x.log");
        w->gateway_runs_when = "standby/.git/refs/heads/failover"; /* only what is in the way is saved */
        assert_sync(w, SYNC_SKIPPED);
        assert_sh(w, "cat standby/x.log", "mine");
        assert_saved(w, "x.log", "mine");
        w->gateway_runs_when = NULL;
        assert_sync(w, SYNC_UPDATED);
        assert_follows(w);
}

/* What the remote has is neither too large to save nor in the way, though the index is too young to vouch for it. */
static void test_a_large_file_of_the_remote(void **state) {
        struct world *w = *state;

        for (int i = 0; i < 3; i++) {
                commit(w, "truncate -s 51M large; echo more >>large");
                assert_sync(w, SYNC_UPDATED);
                assert_follows(w);
                run(w, "touch standby/large");
                assert_sync(w, SYNC_UNCHANGED);
                assert_int_equal(w->result.workspace_why.code, REFUSAL_NONE);
                run(w, "cd primary; seq %d 100 >large; truncate -s 5M large", i);
        }
        run(w, "echo mine >>standby/large");
        assert_sync(w, SYNC_UNCHANGED);
        assert_why(w, "large is over 50 MB");
}

/* As with the ends of its lines: the file is no more to be saved than any that is so large, and the rest follows. */
static void test_a_large_file_in_another_form(void **state) {
        struct world *w = *state;

        commit(w, "echo '*.csv text eol=crlf' >.gitattributes; yes $(seq 200) | head -c 52M >large.csv");
        assert_sync(w, SYNC_UPDATED);
        assert_sync(w, SYNC_UNCHANGED);
        run(w, "touch standby/large.csv");
        commit(w, "echo more >>large.csv; echo two >>notes");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_why(w, "large.csv");
        assert_sh(w, "cat standby/notes", "one\ntwo");
        assert_sync(w, SYNC_UNCHANGED);
        assert_why(w, "large.csv");
        run(w, "cd standby; test $(wc -l <large.csv) -lt $(wc -l <../primary/large.csv)");
}

static void test_a_file_is_in_the_way_once(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL;

        run(w, "echo mine >standby/data.log");
        commit(w, "mkdir data.log; touch data.log/a data.log/b data.log/c; git add -f data.log");
        assert_int_equal(sync_around(w, ":", &before), 0);
        assert_int_equal(w->n_work, 1);
        assert_saved(w, "data.log", "mine");
}

static void test_what_happens_while_the_fetch_runs(void **state) {
        static const struct {
                const char *meanwhile;
                enum sync_part expected;
                enum refusal_code code;
                const char *saved; /* a file and its content */
        } cases[] = {
                { "echo new >new; git add new; rm new", SYNC_UPDATED, REFUSAL_NONE, "new" },
                { "echo new >memory/a; git commit -qam mine", SYNC_UPDATED, REFUSAL_NONE, "memory/a" },
                { "git commit -q --allow-empty -m mine", SYNC_UPDATED, REFUSAL_NONE, NULL },
                { "git merge -q --no-ff --no-commit side 2>/dev/null", SYNC_REFUSED, REFUSAL_UNDER_WAY,
                        "side" },
                { "touch .git/index.lock", SYNC_REFUSED, REFUSAL_LOCKED, NULL },
                { "git checkout -q --detach", SYNC_REFUSED, REFUSAL_DETACHED, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct world *w = *state;
                char script[128];

                commit(w, "echo two >>notes");
                run(w, "cd standby; git switch -qc side; echo new >side; git add side; git commit -qm side; git switch -q main");
                (void) snprintf(script, sizeof script, "cd standby; %s", cases[i].meanwhile);
                w->meanwhile = script;
                w->config.timeout = cases[i].code == REFUSAL_LOCKED ? 2 * USEC_PER_SEC : USEC_PER_MINUTE;
                if (do_sync(w) != cases[i].expected || w->result.workspace_why.code != cases[i].code)
                        fail_msg("%s: %d %s", script, w->result.workspace, words(&w->result.workspace_why));
                if (cases[i].saved)
                        assert_saved(w, cases[i].saved, "new");
                if (cases[i].expected == SYNC_UPDATED)
                        assert_follows(w);
                else
                        run(w, "cd standby; not test -e .git/failover-intent; test $(cat notes) = one");
                assert_int_equal(end_world(state), 0);
                assert_int_equal(new_world(state), 0);
        }
}

static char slow_disk[128];

/* In the C library's place: the time is over when the disk of a repository with that file has taken all. */
int syncfs(int fd) {
        child_stop = *slow_disk && access(slow_disk, F_OK) == 0;
        return (int) syscall(SYS_syncfs, fd);
}

static void test_nothing_moves_when_the_disk_took_all_the_time(void **state) {
        struct world *w = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;

        commit(w, "echo two >>notes");
        (void) snprintf(slow_disk, sizeof slow_disk, "%s/.git/slow", w->path);
        assert_int_equal(sync_around(w, "touch .git/slow", &before), -ECANCELED);
        slow_disk[0] = '\0';
        child_stop = 0;
        assert_int_equal(w->result.workspace_why.code, REFUSAL_TIMEOUT);
        after = fingerprint(w);
        assert_string_equal(before, after);
        run(w, "not test -e standby/.git/failover-intent");
}

/* What comes brings the filter along. */
static void test_a_change_is_no_pointer_for_a_new_filter(void **state) {
        struct world *w = *state;

        commit(w, "echo content >a.bin; echo content >b.bin");
        assert_sync(w, SYNC_UPDATED);
        run(w, "cd standby; echo mine >a.bin; rm b.bin");
        commit(w, "echo '*.bin filter=none' >.gitattributes; echo pointer >a.bin; echo pointer >b.bin");
        assert_sync(w, SYNC_UPDATED);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
        assert_sh(w, "cat standby/a.bin; test ! -e standby/b.bin", "mine");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_mirror_refspec_moves_no_branch),
                TEST(test_line_endings_are_no_work),
                TEST(test_what_is_untracked_is_read_once),
                TEST(test_line_endings_that_git_refuses),
                TEST(test_what_cannot_be_saved),
                TEST(test_the_configured_branch),
                TEST(test_disk_full),
                TEST(test_what_is_mounted_stays),
                TEST(test_what_is_closed_to_us),
                TEST(test_goes_on_from_half_way),
                TEST(test_refuses_a_directory_that_stays),
                TEST(test_a_change_after_the_look_stays),
                TEST(test_a_late_time_is_no_change),
                TEST(test_a_lock_after_the_look),
                TEST(test_leaves_a_gateway_that_starts_alone),
                TEST(test_a_large_file_of_the_remote),
                TEST(test_a_large_file_in_another_form),
                TEST(test_a_file_is_in_the_way_once),
                TEST(test_what_happens_while_the_fetch_runs),
                TEST(test_nothing_moves_when_the_disk_took_all_the_time),
                TEST(test_a_change_is_no_pointer_for_a_new_filter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
