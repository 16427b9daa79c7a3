/* The workspace's worker killed at any of its system calls, or told by the kernel that the disk is full at any that could be:
 * whatever was on disk then, the next run ends with the remote's tree, everything that the standby had on a branch, and a
 * repository without a fault.
 *
 * POINTS=250 in the environment: at so many places of each kind, spread over all of a run (default: 40). SEED= moves them. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "scratch.h"
#include "sync/workspace.h"

/* After <sys/ptrace.h>, which declares the same. */
#include <linux/ptrace.h>

/* For the leak checker (<sanitizer/lsan_interface.h>): at some of these points libgit2 1.5 loses a path. What the worker owes to
 * libgit2 is looked for in all its other tests. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
        return 1;
}

struct world {
        char dir[64];
        char path[100], state_dir[100];
        struct workspace_config config;
        struct sync_result result;
};

static bool yes(void *userdata _unused_) {
        return true;
}

static void do_sync(struct world *w) {
        struct workspace_job job = { &w->config, "box", yes, yes, w, .state = w->state_dir };

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
        (void) snprintf(w->state_dir, sizeof w->state_dir, "%s/state", w->dir);
        run(w,
                "git config --global user.name T; git config --global user.email t@example.org\n"
                "git config --global init.defaultBranch main\n"
                "mkdir state; git init -q --bare origin; git clone -q origin primary 2>/dev/null; cd primary\n"
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

/* What is done to a sync, and where. */
enum fault {
        FAULT_NONE,
        FAULT_KILL, /* before or after a system call */
        FAULT_FULL, /* ENOSPC instead of one that could have it, and of all that follow; at odd points, of that one */
};

/* Whether a disk without room fails the call (open(2), write(2), mkdir(2), rename(2), link(2), symlink(2), fallocate(2)). */
static bool takes_room(const struct ptrace_syscall_info *call) {
        switch (call->entry.nr) {
#ifdef SYS_open /* what newer architectures no longer have */
        case SYS_open:
                return call->entry.args[1] & O_CREAT;
        case SYS_creat:
        case SYS_mkdir:
        case SYS_rename:
        case SYS_link:
        case SYS_symlink:
#endif
#ifdef SYS_renameat
        case SYS_renameat:
#endif
        case SYS_write:
        case SYS_writev:
        case SYS_pwrite64:
        case SYS_ftruncate:
        case SYS_fallocate:
        case SYS_mkdirat:
        case SYS_renameat2:
        case SYS_linkat:
        case SYS_symlinkat:
                return true;
        case SYS_openat:
                return call->entry.args[2] & O_CREAT;
        default:
                return false;
        }
}

/* The call that PID is about to make is not made: it is one that the kernel does not know. */
static void skip_call(pid_t pid) {
#ifdef __x86_64__
        struct user_regs_struct regs;

        assert_int_equal(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
        regs.orig_rax = (unsigned long long) -1;
        assert_int_equal(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
#else
        int number = -1;
        struct iovec io = { &number, sizeof number };

        assert_int_equal(ptrace(PTRACE_SETREGSET, pid, (void *) NT_ARM_SYSTEM_CALL, &io), 0);
#endif
}

/* And what PID gets for it is ENOSPC. */
static void fail_call(pid_t pid) {
        struct user_regs_struct regs;
        struct iovec io = { &regs, sizeof regs };

        assert_int_equal(ptrace(PTRACE_GETREGSET, pid, (void *) NT_PRSTATUS, &io), 0);
#ifdef __x86_64__
        regs.rax = (unsigned long long) -ENOSPC;
#else
        regs.regs[0] = (unsigned long long) -ENOSPC;
#endif
        assert_int_equal(ptrace(PTRACE_SETREGSET, pid, (void *) NT_PRSTATUS, &io), 0);
}

static pid_t start_sync(struct world *w) {
        int status;
        pid_t pid;

        run(w, "rm -rf standby state; mkdir state; cp -a pristine standby");
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
        return pid;
}

/* Runs a sync, with the FAULT at its point number AT, counted from 0. Returns how many points there were until then. Its own
 * children are not followed: they die with it, or have room. */
static long sync_with(struct world *w, enum fault fault, long at) {
        pid_t pid = start_sync(w);
        struct ptrace_syscall_info call;
        bool is_entry = true, skipped = false;
        long n = 0, signal_number = 0;
        int status;

        for (;;) {
                (void) ptrace(PTRACE_SYSCALL, pid, NULL, (void *) signal_number);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (!WIFSTOPPED(status))
                        return n;
                /* A stop of a system call is marked with 0x80; anything else is a signal that it is to get. */
                signal_number = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
                if (signal_number != 0)
                        continue;
                if (fault == FAULT_KILL && n++ == at)
                        (void) kill(pid, SIGKILL);
                if (fault == FAULT_FULL && is_entry &&
                        ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof call, &call) > 0 &&
                        takes_room(&call)) {
                        skipped = at >= 0 && (at % 2 ? n == at : n >= at);
                        n++;
                        if (skipped)
                                skip_call(pid);
                } else if (!is_entry && skipped) {
                        fail_call(pid);
                        skipped = false;
                }
                is_entry = !is_entry;
        }
}

static void assert_whole(struct world *w, const char *what, long at) {
        /* The lock goes with the last of the killed one's children. */
        run(w, "flock -w 20 standby/.git true");
        do_sync(w);
        if (w->result.workspace != SYNC_UPDATED && w->result.workspace != SYNC_UNCHANGED)
                fail_msg("%s at point %ld, then: %s", what, at, words(&w->result.workspace_why));
        run(w,
                "cd standby; echo %s at point %ld\n"
                "test $(git rev-parse HEAD) = $(git -C ../origin rev-parse main); git symbolic-ref HEAD | grep -qx refs/heads/main\n"
                "test -z \"$(git diff HEAD; git diff --cached)\"; test \"$(cat untracked .env a.log)\" = \"$(printf 'untracked\\nKEY=1\\nignored')\"\n"
                "not test -e .git/failover-intent; test -z \"$(find .git -name '*.lock' -o -name '*_git2_*')\"\n"
                "git fsck --strict 2>&1 | not grep -v dangling\n"
                "saved=$(git branch --list 'failover/*' --format='%%(refname)')\n"
                "has() { for b in $saved; do if test \"$(git show $b:$1 2>/dev/null)\" = \"$2\"; then return; fi; done; echo lost: $1; exit 1; }\n"
                "has memory/3 \"$(printf '3\\nmine')\"; has a in-the-way; has committed mine; has notes changed; has gone/inner.log inner\n"
                "has untracked untracked; has .env KEY=1; has notes.staged staged\n"
                "for b in $saved; do case $b in *Z) not git cat-file -e $b:.env 2>/dev/null;; esac; done\n"
                "deleted() { for b in $saved; do git cat-file -e $b:memory/4 2>/dev/null || return 0; done; return 1; }; deleted",
                what, at);
}

static void try_all(struct world *w, enum fault fault, const char *what, unsigned seed) {
        const char *text = getenv("POINTS");
        long points = text ? atol(text) : 40, total = sync_with(w, fault, -1), left = 0;

        assert_whole(w, what, -1);
        assert_true(points > 0 && total > 0);
        points = MIN(points, total);
        for (long i = 0; i < points; i++) {
                long at = (i * total / points + (long) (seed % (unsigned) (total / points))) % total;

                (void) sync_with(w, fault, at);
                assert_whole(w, what, at);
                left++;
        }
        print_message("%s at %ld of %ld points: nothing lost\n", what, left, total);
}

static void test_faults(void **state) {
        const char *text = getenv("SEED");
        unsigned seed = text ? (unsigned) atoi(text) : (unsigned) now_usec(CLOCK_REALTIME);

        print_message("seed %u\n", seed);
        try_all(*state, FAULT_KILL, "killed", seed);
        try_all(*state, FAULT_FULL, "without room", seed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_faults, new_world, end_world),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
