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
        SYNC_SKIPPED,    /* the gateway runs: fetched, but nothing moved */
        SYNC_INCOMPLETE, /* done but for some files, which .why names */
        SYNC_REFUSED,    /* cannot be done right: .why says why, and what to do */
        SYNC_FAILED,     /* .why says why */
        _SYNC_PART_MAX,
};

/* Why something was not done. Programs decide by the code; the words are for a person. */
enum refusal_code {
        REFUSAL_NONE,
        REFUSAL_ERROR, /* a call or a program failed, in its own words */
        /* The workspace here. */
        REFUSAL_NO_REPOSITORY, /* missing, bare, a linked worktree */
        REFUSAL_OWNER,         /* it belongs to another user */
        REFUSAL_READ_ONLY,
        REFUSAL_UNWRITABLE,
        REFUSAL_UNREADABLE,
        REFUSAL_SETTING,   /* of the repository, that a sync cannot follow */
        REFUSAL_UNDER_WAY, /* a merge, a rebase */
        REFUSAL_DETACHED,
        REFUSAL_UNBORN,
        REFUSAL_BRANCH, /* another one is checked out */
        REFUSAL_INDEX,
        REFUSAL_LOCKED, /* by git */
        REFUSAL_BUSY,   /* another sync */
        REFUSAL_IN_THE_WAY,
        REFUSAL_CHANGED,  /* meanwhile */
        REFUSAL_DISK,     /* full */
        REFUSAL_HALF,     /* the tree is between two commits */
        REFUSAL_LEFT_OUT, /* some paths, which are named */
        /* The remote, or the secrets' host. */
        REFUSAL_NO_REMOTE,
        REFUSAL_NO_BRANCH,
        REFUSAL_REMOTE, /* git or libgit2 failed, in its own words */
        REFUSAL_SSH,    /* ssh failed */
        REFUSAL_LOGIN,  /* the token */
        REFUSAL_TIMEOUT,
        REFUSAL_TOO_LARGE,
        REFUSAL_CONTENT,  /* what no honest one sends, or what cannot be checked out */
        REFUSAL_REJECTED, /* a push */
        REFUSAL_NOT_PUSHED,
        /* The secrets. */
        REFUSAL_TARGET,
        REFUSAL_NO_RSYNC_HERE,
        REFUSAL_NO_RSYNC,
        REFUSAL_RESTRICTED,   /* the key reads one directory, which is not the source */
        REFUSAL_UNRESTRICTED, /* source = ./ and the key reads everything */
        REFUSAL_NOISY,        /* the login shell there prints */
        REFUSAL_NO_SOURCE,
        REFUSAL_INCOMPLETE,
        _REFUSAL_MAX,
};

struct refusal {
        enum refusal_code code;
        char text[256];    /* one line, safe to print; "" if there is nothing to say */
        char command[256]; /* that helps; "": none is known. Never cut */
};

#define SYNC_UNMERGED_MAX 4
/* Ends the name of a branch of what is never pushed: secrets, large files. */
#define SYNC_PRIVATE_SUFFIX "-private"
struct sync_branch {
        char name[100];
        bool pushed; /* it is at the remote too, under the same name */
};

struct sync_result {
        enum sync_part workspace;
        char from[41], to[41]; /* commits before and after; "" where unknown */
        unsigned commits;      /* how many came in */
        char saved[128];       /* the branch that this run saved the standby's own work to; "" if none */
        struct sync_branch unmerged[SYNC_UNMERGED_MAX]; /* whose work the remote lacks, the newest first */
        unsigned n_unmerged;                            /* how many there are, more perhaps than are named */
        struct refusal workspace_why; /* with the other parts, a remark ("not pushed: …") */
        enum sync_part secrets;
        unsigned files; /* how many secrets files were transferred */
        struct refusal secrets_why;
};

/* Writes R as one line without a newline; reasons are made safe, and cut if they must be. 0, -ENOBUFS if even that does
 * not fit, -EINVAL if a field holds what it may not (a branch not named as ours), -ENOMEM. */
int sync_result_format(const struct sync_result *r, char buf[static SYNC_RESULT_MAX]);
/* Reads such a line. -EINVAL on anything that sync_result_format() would not have written: *RET is untouched. */
int sync_result_parse(const char *line, struct sync_result *ret);
/* For a person: "workspace a1b2c3d..e4f5a6b (5 commits), secrets synced (3 files)". Returns BUF. */
char *sync_result_say(const struct sync_result *r, char *buf, size_t size);

/* Whether a branch of this name may be printed: a shell, a terminal and git all read it the same way. */
bool sync_branch_is_valid(const char *name);
bool sync_branch_is_private(const char *name);
/* "a, b and 3 more". Returns BUF. */
char *sync_result_say_unmerged(const struct sync_result *r, char *buf, size_t size);

/* The commands, one a line, to be typed on the primary, that merge those branches; what is private is only fetched, since what is
 * merged would be pushed. PATH is the workspace there and here, which USER owns on HOST, this machine. Returns BUF. */
char *sync_result_merge_commands(const struct sync_result *r, const char *path, const char *remote,
        const char *user, const char *host, char *buf, size_t size);

/* As the line has it: "under-way". */
const char *refusal_code_name(enum refusal_code code);
/* Sets code and text, made safe and cut, and no command. -ECANCELED, for "return refusal_set(…)". */
int refusal_set(struct refusal *f, enum refusal_code code, const char *format, ...) _printf_(3, 4);
/* Adds the command, unless it does not fit. Names in it have been through shell_quote(). -ECANCELED. */
int refusal_set_command(struct refusal *f, const char *format, ...) _printf_(2, 3);
/* "text: command", cut. Returns BUF. */
char *refusal_say(const struct refusal *f, char *buf, size_t size);

/* The same for the workspace, whose part it sets, too. */
int sync_end(struct sync_result *r, enum sync_part part, enum refusal_code code, const char *format, ...)
        _printf_(4, 5);
#define sync_refuse(r, ...) sync_end(r, SYNC_REFUSED, __VA_ARGS__)
#define sync_fail(r, ...) sync_end(r, SYNC_FAILED, __VA_ARGS__)
#define sync_command(r, ...) refusal_set_command(&(r)->workspace_why, __VA_ARGS__)
/* A remark leaves the part as it is, and is added to those that are there. */
void sync_remark(struct sync_result *r, enum refusal_code code, const char *format, ...) _printf_(3, 4);
/* The workspace's part of FROM, with its reason, becomes R's. */
void sync_take(struct sync_result *r, const struct sync_result *from);
