/* Runs another program until a deadline, and kills it with all that it started.
 *
 * The program has a process group of its own, dies with its parent, even by SIGKILL, and speaks English. */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "lib/util.h"

/* The program cannot write more output than this. */
#define PROGRAM_OUTPUT_MAX ((size_t) 4 << 20)
/* The exit status if this machine has no such program. */
#define PROGRAM_ABSENT 200

/* A signal handler sets this: then every wait ends as at its deadline. */
extern volatile sig_atomic_t child_stop;

/* Starts ARGV with IN, OUT and ERR as its first three descriptors. Its process, or a negative errno. */
pid_t program_start(const char *const argv[], int in, int out, int err);
/* Waits until UNTIL (CLOCK_BOOTTIME; USEC_INFINITY: for ever), then sends SIGKILL to the group: no process
 * of it is left. The exit status; -ETIMEDOUT, or -EIO if a signal killed the program. *RET_LEFT, unless
 * NULL: the highest exit status of the group's others, as far as they have become our children. */
int program_end(pid_t pid, usec_t until, int *ret_left);

/* Bounded memory for a program's output, to read when it has ended. A descriptor, or a negative errno. */
int program_memory(void);
/* The text in MEMORY, with '?' for a NUL. The caller frees it; NULL without memory. */
char *program_text(int memory);

/* Starts ARGV with an empty standard input, and waits like program_end(). The caller frees *RET_OUT, the
 * output, and *RET_ERR, the errors (RET_ERR NULL: both are in *RET_OUT). There may be output after a
 * negative errno, too. */
int program_run(const char *const argv[], usec_t until, char **ret_out, char **ret_err);
/* Like program_run(), for a subreaper (PR_SET_CHILD_SUBREAPER). *RET_LEFT: the highest exit status of the
 * processes that the program left behind, without those that had to be killed; 0: none. */
int program_run_group(const char *const argv[], usec_t until, char **ret_out, char **ret_err, int *ret_left);
