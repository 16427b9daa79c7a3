/* Runs a program and, at the Nth system call that changes something, kills it and all its children: for the tests that
 * crash the daemon and the worker at every step.
 *
 *   crash DIRECTORY PROGRAM [ARGUMENT]...
 *
 * When a file DIRECTORY/at appears, with a number in it, it is removed and counting begins. The kill comes before the
 * call with that number is carried out; 0 never kills. DIRECTORY/log gets a line for each call that was counted: its
 * number, its name, the program, and the path it is about, and "killed" at the end of the last.
 *
 * A system call is the right place to crash at: nothing that a process does between two of them is seen by anybody.
 * Counted are those that change a file or send a message; what goes to pipes and to the network changes nothing here.
 *
 * The program keeps this process's number, so that for systemd it is the main process. The tracer is a child that left.
 * With its end the kernel kills all that it traces (PTRACE_O_EXITKILL, ptrace(2)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* After <sys/ptrace.h>, which declares the same. */
#include <linux/ptrace.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof *(a))
#define NO_PATH (-1)

static const struct call {
        int number;
        const char *name;
        int path; /* which argument is one */
} calls[] = {
#define CALL(name, path)                                                                                    \
        { SYS_##name, #name, path }
        CALL(execve, 0),
        CALL(fallocate, NO_PATH),
        CALL(fchmod, NO_PATH),
        CALL(fchmodat, 1),
        CALL(fchownat, 1),
        CALL(fdatasync, NO_PATH),
        CALL(fsync, NO_PATH),
        CALL(ftruncate, NO_PATH),
        CALL(linkat, 3),
        CALL(mkdirat, 1),
        CALL(openat, 1),
        CALL(pwrite64, NO_PATH),
        CALL(renameat2, 1),
        CALL(sendmsg, NO_PATH),
        CALL(symlinkat, 2),
        CALL(syncfs, NO_PATH),
        CALL(truncate, 0),
        CALL(unlinkat, 1),
        CALL(utimensat, 1),
        CALL(write, NO_PATH),
        CALL(writev, NO_PATH),
#ifdef SYS_open /* what newer architectures no longer have */
        CALL(chmod, 0),
        CALL(creat, 0),
        CALL(link, 1),
        CALL(mkdir, 0),
        CALL(open, 0),
        CALL(rename, 0),
        CALL(renameat, 1),
        CALL(rmdir, 0),
        CALL(symlink, 1),
        CALL(unlink, 0),
#endif
};

struct tracer {
        const char *directory;
        int log;
        bool counting;
        unsigned long count, at;
};

static void die(const char *what) {
        (void) fprintf(stderr, "crash: %s: %s\n", what, strerror(errno));
        _exit(EXIT_FAILURE);
}

static const struct call *find(uint64_t number) {
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                if ((uint64_t) calls[i].number == number)
                        return &calls[i];
        return NULL;
}

/* The tracer. */

/* From one on, if the test says so now. */
static void begin_counting(struct tracer *t) {
        char path[300], text[32];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof path, "%s/at", t->directory);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        n = read(fd, text, sizeof text - 1);
        (void) close(fd);
        (void) unlink(path);
        if (n < 0)
                return;
        text[n] = '\0';
        t->at = strtoul(text, NULL, 10);
        t->count = 0;
        t->counting = true;
}

/* Pipes, sockets and terminals are no files; of a process that hides itself it is not known. */
static bool is_file(pid_t pid, uint64_t fd) {
        struct stat st;
        char path[64];

        (void) snprintf(path, sizeof path, "/proc/%d/fd/%d", (int) pid, (int) fd);
        return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static bool changes_something(pid_t pid, const struct call *call, const __u64 *args) {
        switch (call->number) {
        case SYS_openat:
                return args[2] & (O_CREAT | O_TRUNC);
#ifdef SYS_open
        case SYS_open:
                return args[1] & (O_CREAT | O_TRUNC);
#endif
        case SYS_write:
        case SYS_writev:
                return is_file(pid, args[0]);
        default:
                return true;
        }
}

static void read_string(pid_t pid, __u64 address, char *ret, size_t size) {
        struct iovec here = { ret, size - 1 }, there = { (void *) (uintptr_t) address, size - 1 };
        ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

        if (n < 0) { /* perhaps it ends near the end of what is mapped */
                here.iov_len = there.iov_len = 4096 - address % 4096;
                n = here.iov_len < size ? process_vm_readv(pid, &here, 1, &there, 1, 0) : -1;
        }
        ret[n < 0 ? 0 : n] = '\0';
        for (char *c = ret; *c; c++)
                if (*c < ' ')
                        *c = '?';
}

static void program_name(pid_t pid, char ret[static 32]) {
        char path[64];
        ssize_t n;
        int fd;

        (void) snprintf(path, sizeof path, "/proc/%d/comm", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, ret, 31);
        (void) close(fd);
        ret[n < 1 ? 0 : n - 1] = '\0'; /* without its newline */
}

static void on_call(struct tracer *t, pid_t pid) {
        struct ptrace_syscall_info info;
        char path[256] = "", program[32];
        const struct call *call;
        bool kill_now;

        begin_counting(t);
        if (!t->counting || ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof info, &info) <= 0 ||
                info.op != PTRACE_SYSCALL_INFO_SECCOMP)
                return;
        call = find(info.seccomp.nr);
        if (!call || !changes_something(pid, call, info.seccomp.args))
                return;
        kill_now = ++t->count == t->at;
        program_name(pid, program);
        if (call->path != NO_PATH)
                read_string(pid, info.seccomp.args[call->path], path, sizeof path);
        (void) dprintf(
                t->log, "%lu %s %s %s%s\n", t->count, call->name, program, path, kill_now ? " killed" : "");
        if (kill_now)
                _exit(EXIT_SUCCESS);
}

/* What a stopped process is to be continued with (ptrace(2), "Attaching and detaching"). */
static void on_stop(struct tracer *t, pid_t pid, int status) {
        int signal = WSTOPSIG(status), event = status >> 16;

        if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
                (void) ptrace(PTRACE_LISTEN, pid, NULL, NULL);
                return;
        }
        if (event == PTRACE_EVENT_SECCOMP)
                on_call(t, pid);
        (void) ptrace(PTRACE_CONT, pid, NULL, (void *) (intptr_t) (event ? 0 : signal));
}

static void trace(const char *directory, pid_t pid, int ready) {
        struct tracer t = { .directory = directory };
        char path[300];
        long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                PTRACE_O_TRACECLONE;

        (void) snprintf(path, sizeof path, "%s/log", directory);
        t.log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (t.log < 0)
                die(path);
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *) options) < 0)
                die("PTRACE_SEIZE");
        if (write(ready, "", 1) != 1)
                die("write");
        (void) close(ready);
        for (;;) {
                int status;

                pid = waitpid(-1, &status, __WALL);
                if (pid < 0 && errno != EINTR)
                        _exit(EXIT_SUCCESS);
                if (pid > 0 && WIFSTOPPED(status))
                        on_stop(&t, pid, status);
        }
}

/* The program. */

/* Only the calls above stop: nothing else is slowed down. */
static void stop_at_calls(void) {
        struct sock_filter filter[2 * ELEMENTSOF(calls) + 2];
        struct sock_fprog program = { .len = ELEMENTSOF(filter), .filter = filter };
        size_t n = 0;

        filter[n++] =
                (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                filter[n++] = (struct sock_filter) BPF_JUMP(
                        BPF_JMP | BPF_JEQ | BPF_K, (unsigned) calls[i].number, 0, 1);
                filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
        }
        filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                die("seccomp");
}

int main(int argc, char **argv) {
        pid_t self = getpid(), middle;
        int ready[2];
        char byte;

        if (argc < 3) {
                (void) fprintf(stderr, "usage: crash DIRECTORY PROGRAM [ARGUMENT]...\n");
                return EXIT_FAILURE;
        }
        if (pipe2(ready, O_CLOEXEC) < 0)
                die("pipe");
        (void) prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* where Yama allows parents only */
        middle = fork();
        if (middle < 0)
                die("fork");
        if (middle == 0) {
                (void) setsid();
                if (fork() == 0) {
                        (void) close(ready[0]);
                        trace(argv[1], self, ready[1]);
                }
                _exit(EXIT_SUCCESS);
        }
        (void) close(ready[1]);
        if (waitpid(middle, NULL, 0) < 0 || read(ready[0], &byte, 1) != 1)
                return EXIT_FAILURE;
        stop_at_calls();
        (void) execv(argv[2], argv + 2);
        die(argv[2]);
}
