/* Keeps a small file up to date from a child process, since a disk may hang and the loop must not. There is
 * one child at a time. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "lib/util.h"

struct kept_file {
        char *path;          /* owned */
        const char *advice;  /* added to the log line if the daemon may not write the file; NULL: none */
        const char *meaning; /* added to the log line of any failure; NULL: none */
        bool secret;         /* only the owner may read it */
        bool in_memory;      /* the file is in /run: the loop writes it without a child */
        bool durable;        /* with fsync(2) */
        pid_t writer;        /* the child that writes; 0: none */
        bool unwritten;      /* the last write failed, and is logged */
};

/* Replaces the file, or removes it if TEXT is NULL. Waits for at most 100 ms, too short to make a check
 * late. A failure is logged once. The caller retries. */
void kept_file_write(struct kept_file *f, const char *text);
/* Writes J as text, and consumes J. If J is NULL or memory is short, the file stays as it is. */
void kept_file_write_json(struct kept_file *f, json_t *j);
