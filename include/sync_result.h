/* What a sync did, as one line of text: written by the sync worker as its STATUS=, read by the daemon.
 *
 * The line is JSON on one line of at most SYNC_RESULT_MAX bytes. It comes from the agent's user, so the daemon
 * believes none of it: it is parsed strictly, made safe to print, and informs reports only. */
#pragma once

#include "lib/util.h"

#define SYNC_RESULT_MAX 1024

enum sync_part {
        SYNC_NONE,      /* not configured, or not done this time */
        SYNC_UNCHANGED, /* nothing new */
        SYNC_UPDATED,
        SYNC_SKIPPED, /* the gateway runs: fetched, but nothing moved */
        SYNC_REFUSED, /* cannot be done right: .why says why and how to mend it */
        SYNC_FAILED,  /* .why says why */
        _SYNC_PART_MAX,
};

struct sync_result {
        enum sync_part workspace;
        char from[41], to[41];   /* commits before and after; "" where unknown */
        unsigned commits;        /* how many came in */
        char saved[128];         /* the branch that this run saved the standby's own work to; "" if none */
        char unmerged[128];      /* the newest saved branch that the remote's branch lacks; "" if none */
        bool pushed;             /* .unmerged is at the remote too, under the same name */
        char workspace_why[256]; /* with the other parts, a remark ("not pushed: …") or "" */
        size_t workspace_command; /* where in .workspace_why the mending command begins; 0: there is none. Not told */
        enum sync_part secrets;
        unsigned files; /* how many secrets files were transferred */
        char secrets_why[192];
};

/* Writes R as one line without a newline; reasons are made safe, and cut if they must be. 0, -ENOBUFS if even that does
 * not fit, -EINVAL if a field holds what it may not (a branch not named as ours), -ENOMEM. */
int sync_result_format(const struct sync_result *r, char buf[static SYNC_RESULT_MAX]);
/* Reads such a line. -EINVAL on anything that sync_result_format() would not have written: *RET is untouched. */
int sync_result_parse(const char *line, struct sync_result *ret);
/* For a person: "workspace a1b2c3d..e4f5a6b (5 commits), secrets synced (3 files)". Returns BUF. */
char *sync_result_say(const struct sync_result *r, char *buf, size_t size);

/* Set the workspace's part of R and say why, made safe and cut. The mending command is what FORMAT says from "sudo " on:
 * what it is given may hold such a word too, and is never taken for one. Whoever puts names into a command quotes them
 * with shell_quote(). Both return -ECANCELED, for "return sync_refuse(…)". */
int sync_refuse(struct sync_result *r, const char *format, ...) _printf_(2, 3);
int sync_fail(struct sync_result *r, const char *format, ...) _printf_(2, 3);
/* The same for a remark, which leaves the workspace's part as it is. */
void sync_remark(struct sync_result *r, const char *format, ...) _printf_(2, 3);
/* The workspace's part of FROM, with its reason, becomes R's. */
void sync_take(struct sync_result *r, const struct sync_result *from);
