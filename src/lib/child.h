/* A function that runs in a child process and is killed at a deadline: for work that the network may hold up.
 *
 * The child hands back one answer of fixed size. It cannot outlive its parent, and it is never dumped,
 * since what logs in somewhere holds keys. It is in a session of its own: nothing in it can ask a question on the terminal, and
 * what it started goes with it. */
#pragma once

#include "lib/program.h"

struct child {
        pid_t pid;
        void *answer;             /* shared with it */
        usec_t timeout, deadline; /* the latter of CLOCK_BOOTTIME */
};

/* Runs in the child: fills ANSWER, which is zeroed, from TASK. */
typedef void (*child_function_t)(const void *task, void *answer);

/* Starts FUNCTION. C is then to be finished with child_finish(). 0 or a negative errno, and nothing runs. */
int child_start(
        struct child *c, child_function_t function, const void *task, size_t answer_size, usec_t timeout);
/* Waits for the answer, at most until the deadline: then the child is killed. It is gone when this returns.
 * 0, -ETIMEDOUT, or -EPIPE if it died without an answer; then ANSWER stays as it was. */
int child_finish(struct child *c, void *answer, size_t answer_size);
