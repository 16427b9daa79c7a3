/* Files that a child writes, since a disk may hang and the loop may not.
 *
 * The caller keeps the child's pid, 0 at first, for one file: while a child is at work, no other is started. */
#pragma once

#include <sys/types.h>

#include "lib/util.h"

/* How it ended: 0, also if there was none, or a negative errno; -EINPROGRESS if it has not yet. */
int writer_result(pid_t *child);
/* strerror(3) of what these functions return. */
const char *writer_error(int r);

/* As replace_file() does it; waits for it as long as no check is late by that. -EINPROGRESS: the disk hangs; what was to be
 * written is not, if an earlier child is still at work. */
int write_file_aside(pid_t *child, const char *path, const char *text, mode_t mode, bool durable);
