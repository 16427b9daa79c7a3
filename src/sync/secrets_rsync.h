/* One run of rsync: a process group of its own, its output read line by line, killed at the deadline.
 *
 * At the deadline the group is killed, without asking it first: a promotion waits for this, and rsync sleeps for 0.4 s before
 * it ends (sig_int() in its rsync.c). */
#pragma once

#include "config/config.h"
#include "sync/secrets_listing.h"
#include "sync_result.h"

/* Where rsync writes before it renames; on the same file system, and ours to empty. */
#define RSYNC_TEMPORARY ".openclaw-failover"

/* rsync's exit codes that a person can do something about (rsync(1), EXIT VALUES). */
enum {
        RSYNC_PROTOCOL = 2,    /* the other end does not speak it: a shell that prints, most likely */
        RSYNC_UNSUPPORTED = 4, /* it sends what nobody asked for */
        RSYNC_STREAM = 12,     /* the other end went away */
        RSYNC_PARTIAL = 23,    /* some files could not be read there, or written here */
        RSYNC_VANISHED = 24,
        RSYNC_TIMEOUT = 30,
        RSYNC_CONNECT_TIMEOUT = 35,
        RSYNC_ABSENT = 127,      /* the shell there has no such program */
        RSYNC_ABSENT_HERE = 200, /* ours */
        RSYNC_SSH = 255,         /* ssh itself failed */
};

struct rsync_run {
        const struct secrets_config *config;
        const char *ssh;
        const char *source; /* the configured one, or "./" to find out what the key may read */
        bool copies;        /* else it lists */
        struct sync_result *result;
        int target; /* directory, locked */
        pid_t pid;
        int out, err;
        usec_t deadline;
        char line[4200]; /* of OUT */
        size_t line_n;
        struct listing listing;
        unsigned files;
        char words[4096]; /* of ssh and rsync */
        size_t words_n;
};

/* Runs rsync for the SOURCE, listing or copying: its exit code, 0 for a listing that was stopped since it had said enough, -ETIMEDOUT
 * or another negative errno. */
int rsync_run(struct rsync_run *run, const char *source, bool copies);
/* The name of this process's user. */
const char *rsync_user(void);
