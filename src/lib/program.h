/* Another program: started, given until a deadline, ended with all that it started.
 *
 * It is in a process group of its own, dies with its parent, even by SIGKILL, and speaks English. */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "lib/util.h"

/* More than that of output is not taken: the program cannot write it. */
#define PROGRAM_OUTPUT_MAX ((size_t) 4 << 20)
/* The exit status where there is no such program here. */
#define PROGRAM_ABSENT 200

/* Set by a signal handler: every wait ends, as if its deadline were over. */
extern volatile sig_atomic_t child_stop;

/* Starts ARGV with the descriptors IN, OUT and ERR as its first three. Its process, or a negative errno. */
pid_t program_start(const char *const argv[], int in, int out, int err);
/* Waits until UNTIL (CLOCK_BOOTTIME; USEC_INFINITY: for good), then kills what is left of the group, without asking: somebody
 * waits. None of it lives when this returns. The exit status; -ETIMEDOUT, or -EIO if it died otherwise. */
int program_end(pid_t pid, usec_t until);

/* A place for a program's output, bounded, which needs nobody to read while it is written. The descriptor, or a negative errno. */
int program_memory(void);
/* What was written there, a NUL as '?'; for the caller to free, NULL without memory. */
char *program_text(int memory);

/* Starts ARGV with nothing to read and waits as program_end(). *RET_OUT and *RET_ERR are its output and its errors, for the caller
 * to free; RET_ERR may be NULL: then both are in *RET_OUT. An exit status or a negative errno; with the latter, too, there may be
 * output. */
int program_run(const char *const argv[], usec_t until, char **ret_out, char **ret_err);
/* The same in a subreaper (PR_SET_CHILD_SUBREAPER). *RET_LEFT: the highest exit status of what the program left behind, unless that had
 * to be killed; 0 if there was none. */
int program_run_group(const char *const argv[], usec_t until, char **ret_out, char **ret_err, int *ret_left);
