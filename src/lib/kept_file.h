/* A small file that is kept up to date by a child, since a disk may hang and the loop may not. While a child is at work, no other
 * is started. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "lib/util.h"

struct kept_file {
        char *path;          /* owned */
        const char *advice;  /* what the journal adds if it may not be written; NULL: nothing */
        const char *meaning; /* what it adds in any case; NULL: nothing */
        bool secret;         /* for its owner alone */
        bool in_memory;      /* in /run, so that no child has to wait for a disk */
        bool durable;        /* with fsync(2) */
        pid_t writer;        /* the child at work; 0: none */
        bool unwritten;      /* the file is not what it should be; the journal has that */
};

/* Replaces the file, or removes it if TEXT is NULL, and waits for that as long as no check is late by it. What fails is logged,
 * once, and is for the caller to try again. */
void kept_file_write(struct kept_file *f, const char *text);
/* The same of J, which is consumed. If J is NULL or there is no memory for its text, the file stays as it is. */
void kept_file_write_json(struct kept_file *f, json_t *j);
