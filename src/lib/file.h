/* Reads files whole, locks them, and writes them so that a crash leaves the old or the new one. */
#pragma once

#include <fts.h>

#include "lib/util.h"

DEFINE_CLEANUP(FTS *, fts_close)

/* Whether a command of root's may change PATH: PATH is no link, and only root could make it or a directory
 * above it one. Else another user could redirect the command. */
bool is_roots_way(const char *path);

/* Returns the first symbolic link on the way to PATH, or PATH itself, in words: "/home/x is a symbolic link
 * to /etc". A link on the way that only root can have made, such as /bin, does not count. NULL if there is
 * none. The caller frees it. */
char *find_link(const char *path);

/* PATH without slashes at its end, which make chown(1) and lstat(2) follow a link. The caller frees it. */
char *without_slash(const char *path);

/* Takes the lock of FD (flock(2)). Waits for it until UNTIL (CLOCK_BOOTTIME) or child_stop. 0, or a negative
 * errno: -EWOULDBLOCK if another process keeps the lock for longer. */
int lock_until(int fd, usec_t until);

/* Reads a whole regular file of at most MAX bytes as a string; the caller frees *RET. 0, -EFBIG for a longer
 * file, -EISDIR for a directory, -EINVAL for another file that is not regular or for a NUL, or the negative
 * errno of open(2), read(2). */
int read_file(const char *path, size_t max, char **ret);

/* Writes all of DATA, SIZE bytes, to FD. 0 or a negative errno. */
int write_all(int fd, const char *data, size_t size);

/* Writes TEXT to PATH so that a reader, or a crash at any instant, sees the old file or the new one: a
 * temporary file beside it, fsync(2) if DURABLE, rename(2). Without DURABLE the loop never waits for a disk,
 * and after a power cut the file may be old, new or empty. MODE is the new file's. If TEXT is NULL, removes
 * the file if there is one. 0 or a negative errno. */
int replace_file(const char *path, const char *text, mode_t mode, bool durable);
#define write_file_atomic(path, text, mode) replace_file(path, text, mode, true)
