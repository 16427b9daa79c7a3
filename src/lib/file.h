/* Files: read whole, written so that a crash leaves the old or the new one, locked. */
#pragma once

#include "lib/util.h"

/* Whether PATH is no link, and only root could make it or a directory on the way one: otherwise a command of root's that changes
 * PATH would change what another user chooses by it. */
bool is_roots_way(const char *path);

/* PATH without slashes at its end, with which chown(1) and lstat(2) follow a link; for the caller to free. */
char *without_slash(const char *path);

/* Takes the lock of FD (flock(2)), for which it waits until UNTIL, of CLOCK_BOOTTIME, or child_stop. 0, or a negative errno:
 * -EWOULDBLOCK if another process has it for longer. */
int lock_until(int fd, usec_t until);

/* Reads a whole regular file of at most MAX bytes as a string, which may hold no NUL; the caller frees *RET.
 * 0, -EFBIG if it is longer, -EISDIR if it is a directory, -EINVAL on a NUL or if it is no regular file either, or the negative
 * errno of open(2), read(2). */
int read_file(const char *path, size_t max, char **ret);

/* Writes all of DATA, SIZE bytes, to FD. 0 or a negative errno. */
int write_all(int fd, const char *data, size_t size);

/* Writes TEXT to PATH so that a reader, or a crash at any instant, sees the old file or the new one: a temporary file beside it,
 * fsync(2) if it is to be DURABLE, rename(2). Without, the loop never waits for a disk, and after a power cut the file may be the
 * old one, the new one, or empty. MODE is that of the new file. If TEXT is NULL, removes the file, which need not be there. 0 or a
 * negative errno. */
int replace_file(const char *path, const char *text, mode_t mode, bool durable);
#define write_file_atomic(path, text, mode) replace_file(path, text, mode, true)
