/* A function that runs in a child process until a deadline: for work that may wait for the network.
 *
 * The child returns one answer of fixed size. It cannot outlive its parent. The kernel never dumps its core,
 * which may hold keys. It has a session of its own: it cannot ask on the terminal, and is killed with its
 * own children. */
#pragma once

#include "lib/program.h"

struct child {
        pid_t pid;
        void *answer;             /* shared with the child */
        usec_t timeout, deadline; /* .deadline: CLOCK_BOOTTIME */
};

/* Runs in the child: fills ANSWER, which is zeroed, from TASK. */
typedef void (*child_function_t)(const void *task, void *answer);

/* Starts FUNCTION. 0: the caller must call child_finish(). A negative errno: nothing runs. */
int child_start(
        struct child *c, child_function_t function, const void *task, size_t answer_size, usec_t timeout);
/* Waits for the answer, and kills the child at the deadline. No child is left when this returns.
 * 0, -ETIMEDOUT, or -EPIPE if the child died without an answer. After an error ANSWER stays as it was. */
int child_finish(struct child *c, void *answer, size_t answer_size);
