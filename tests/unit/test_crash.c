/* The workspace's worker killed at any of its system calls: whatever was on disk then, the next run ends with the
 * remote's tree, everything that the standby had on a branch, and a repository without a fault.
 *
 * POINTS=250 in the environment: at so many places, spread over all of a run (default: 40). */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "scratch.h"
#include "sync/workspace.h"

struct world {
        char dir[64];
        char path[100];
        struct workspace_config config;
        struct sync_result result;
};

static bool yes(void *userdata _unused_) {
        return true;
}

static void do_sync(struct world *w) {
        struct workspace_job job = { &w->config, "box", yes, yes, w };

        cleanup_look_for_git(&w->config, &job.git);
        w->result = (struct sync_result){ 0 };
        workspace_sync(&job, &w->result);
}

/* A standby that is two commits behind, ahead by one, and has work of every kind. */
static int new_world(void **state) {
        struct world *w = calloc(1, sizeof *w);

        assert_non_null(w);
        scratch_make(w->dir, "test_crash");
        (void) snprintf(w->path, sizeof w->path, "%s/standby", w->dir);
        w->config = (struct workspace_config){
                .path = w->path, .remote = (char *) "origin", .timeout = 60 * USEC_PER_SEC
        };
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org\n"
                "git config --global init.defaultBranch main\n"
                "git init -q --bare origin; git clone -q origin primary 2>/dev/null; cd primary\n"
                "mkdir memory gone; for i in $(seq 12); do echo $i >memory/$i; echo $i >gone/$i; done; echo one >notes; echo '*.log' >.gitignore\n"
                "git add .; git commit -qm first; git push -q origin main; cd ..; git clone -q origin pristine\n"
                "cd primary; rm -r gone; echo file >gone; for i in $(seq 3 12); do echo new $i >memory/$i; done; ln -s notes link\n"
                "git add .; git commit -qm second; mkdir -p a/b; echo theirs >a/b/c.log; git add -f .; git commit -qm third; git push -q\n"
                "cd ../pristine; echo mine >committed; git add .; git commit -qm mine; echo mine >>memory/3; echo staged >notes; git add notes\n"
                "echo changed >notes; rm memory/4; echo untracked >untracked; echo KEY=1 >.env; echo ignored >a.log; echo in-the-way >a\n"
                "echo inner >gone/inner.log");
        *state = w;
        return 0;
}

static int end_world(void **state) {
        struct world *w = *state;

        scratch_remove(w->dir);
        free(w);
        return 0;
}

/* Runs a sync and kills it at its system call stop number STOP, counted from 0; two for each call, before and after. Returns
 * how many there were. Its own children are not followed: they die with it. */
static long sync_until(struct world *w, long stop) {
        long n = 0;
        int status;
        pid_t pid;

        run(w, "rm -rf standby; cp -a pristine standby");
        pid = fork();
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                (void) raise(SIGSTOP);
                do_sync(w);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(
                ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
                0);
        for (long signal_number = 0;; signal_number = WSTOPSIG(status)) {
                if (n == stop)
                        (void) kill(pid, SIGKILL);
                /* A stop of a system call is marked with 0x80; anything else is a signal that it is to get. */
                if (signal_number == (SIGTRAP | 0x80) || signal_number == SIGSTOP)
                        signal_number = 0;
                (void) ptrace(PTRACE_SYSCALL, pid, NULL, (void *) signal_number);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (!WIFSTOPPED(status))
                        return n;
                n += WSTOPSIG(status) == (SIGTRAP | 0x80);
        }
}

static void assert_whole(struct world *w, long stop) {
        /* The lock goes with the last of the killed one's children. What is as old as a tick of the clock is not stale. */
        run(w, "flock -w 20 standby/.git true; sleep 0.01");
        do_sync(w);
        if (w->result.workspace != SYNC_UPDATED && w->result.workspace != SYNC_UNCHANGED)
                fail_msg("killed at stop %ld, then: %s", stop, words(&w->result.workspace_why));
        run(w,
                "cd standby; echo killed at stop %ld\n"
                "test $(git rev-parse HEAD) = $(git -C ../origin rev-parse main); git symbolic-ref HEAD | grep -qx refs/heads/main\n"
                "test -z \"$(git diff HEAD; git diff --cached)\"; test \"$(cat untracked .env a.log)\" = \"$(printf 'untracked\\nKEY=1\\nignored')\"\n"
                "not test -e .git/failover-intent; test -z \"$(find .git -name '*.lock' -o -name '*_git2_*')\"\n"
                "git fsck --strict 2>&1 | not grep -v dangling\n"
                "public=$(git branch --list 'failover/*Z' --format='%%(refname)' | tail -1)\n"
                "test \"$(git show $public:memory/3)\" = \"$(printf '3\\nmine')\"; test $(git show $public:a) = in-the-way\n"
                "test $(git show $public:committed) = mine; test $(git show $public:notes) = changed; not git cat-file -e $public:memory/4 2>/dev/null\n"
                "test $(git show $public:gone/inner.log) = inner; test $(git show $public:untracked) = untracked\n"
                "not git cat-file -e $public:.env 2>/dev/null; test $(git show $public-private:.env) = KEY=1\n"
                "test $(git show $public-private^:notes) = staged",
                stop);
}

static void test_killed_at_each_system_call(void **state) {
        struct world *w = *state;
        const char *points_text = getenv("POINTS");
        long points = points_text ? atol(points_text) : 40, total = sync_until(w, -1);

        assert_whole(w, -1);
        assert_true(points > 0 && total > points);
        for (long i = 0; i < points; i++) {
                long stop = i * total / points;

                (void) sync_until(w, stop);
                assert_whole(w, stop);
        }
        print_message("killed at %ld of %ld points around system calls\n", points, total);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_killed_at_each_system_call, new_world, end_world),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
