/* What a sync did, as one line of JSON: the sync worker sends the line as its STATUS=, the daemon reads it.
 *
 * The line has less than SYNC_RESULT_MAX bytes. It comes from the agent's user, so the daemon does not trust
 * it: the daemon parses it strictly, makes it safe to print, and uses it for reports only. */
#pragma once

#include "lib/util.h"

#define SYNC_RESULT_MAX 1024

enum sync_part {
        SYNC_NONE,      /* not configured, or not done this time */
        SYNC_UNCHANGED, /* nothing new */
        SYNC_UPDATED,
        SYNC_SKIPPED,    /* the gateway runs: fetched, but nothing moved */
        SYNC_INCOMPLETE, /* done except for some files, which the …_why names */
        SYNC_REFUSED,    /* cannot be done right: the …_why says why, and what to do */
        SYNC_FAILED,     /* the …_why says why */
        _SYNC_PART_MAX,
};

/* Why something was not done. Programs decide by the code; the words are for a user. */
enum refusal_code {
        REFUSAL_NONE,
        REFUSAL_ERROR, /* a call or a program failed; the text quotes its words */
        /* The workspace here. */
        REFUSAL_NO_REPOSITORY, /* missing, bare, a linked worktree */
        REFUSAL_OWNER,         /* the workspace belongs to another user */
        REFUSAL_READ_ONLY,
        REFUSAL_UNWRITABLE,
        REFUSAL_UNREADABLE,
        REFUSAL_SETTING,   /* a sync cannot follow a setting of the repository */
        REFUSAL_UNDER_WAY, /* a merge, a rebase */
        REFUSAL_DETACHED,
        REFUSAL_UNBORN,
        REFUSAL_BRANCH, /* another branch is checked out */
        REFUSAL_INDEX,
        REFUSAL_LOCKED, /* git holds a lock */
        REFUSAL_BUSY,   /* another sync is running */
        REFUSAL_IN_THE_WAY,
        REFUSAL_CHANGED,  /* a file changed during the sync */
        REFUSAL_DISK,     /* the disk is full */
        REFUSAL_HALF,     /* the tree is between two commits */
        REFUSAL_LEFT_OUT, /* the sync left out some paths, which the text names */
        /* The remote, or the secrets' host. */
        REFUSAL_NO_REMOTE,
        REFUSAL_NO_BRANCH,
        REFUSAL_REMOTE, /* git or libgit2 failed; the text quotes its words */
        REFUSAL_SSH,    /* ssh failed */
        REFUSAL_LOGIN,  /* the token is missing, unreadable or refused */
        REFUSAL_TIMEOUT,
        REFUSAL_TOO_LARGE,
        REFUSAL_CONTENT,  /* the remote's content is hostile, or cannot be checked out */
        REFUSAL_REJECTED, /* the remote rejected a push */
        REFUSAL_NOT_PUSHED,
        /* The secrets. */
        REFUSAL_TARGET,
        REFUSAL_NO_RSYNC_HERE,
        REFUSAL_NO_RSYNC,
        REFUSAL_UNRESTRICTED, /* source = ./ and the key reads everything */
        REFUSAL_NOISY,        /* the login shell there prints text, which breaks rsync's protocol */
        REFUSAL_NO_SOURCE,
        REFUSAL_INCOMPLETE,
        _REFUSAL_MAX,
};

struct refusal {
        enum refusal_code code;
        char text[256];    /* one line, safe to print; "": nothing to say */
        char command[256]; /* the command that helps, never cut; "": none is known */
};

#define SYNC_UNMERGED_MAX 4
/* Ends the name of a branch that holds what is never pushed: secrets, large files. */
#define SYNC_PRIVATE_SUFFIX "-private"
struct sync_branch {
        char name[100];
        bool pushed; /* the remote has this branch too, under the same name */
};

struct sync_result {
        enum sync_part workspace;
        char from[41], to[41]; /* commits before and after; "": unknown */
        unsigned commits;      /* how many came in */
        char saved[128];       /* the branch to which this run saved the standby's own work; "": none */
        struct sync_branch unmerged[SYNC_UNMERGED_MAX]; /* the remote lacks their work; the newest first */
        unsigned n_unmerged;          /* how many there are, perhaps more than .unmerged has */
        struct refusal workspace_why; /* a remark ("not pushed: …") unless .workspace is refused or failed */
        enum sync_part secrets;
        unsigned files; /* how many secrets files were transferred */
        struct refusal secrets_why;
};

/* Writes R as one line without a newline. Reasons are made safe; if the line is too long, reasons are cut
 * and branches left out. 0, -ENOBUFS if it still does not fit, -EINVAL if a field is not valid, -ENOMEM. */
int sync_result_format(const struct sync_result *r, char buf[static SYNC_RESULT_MAX]);
/* Reads such a line. 0, or -EINVAL if sync_result_format() would not have written it: *RET is untouched. */
int sync_result_parse(const char *line, struct sync_result *ret);
/* For a user: "workspace a1b2c3d..e4f5a6b (5 commits), secrets synced (3 files)". Returns BUF. */
char *sync_result_describe(const struct sync_result *r, char *buf, size_t size);

/* Whether NAME is safe to print: a shell, a terminal and git all read it the same way. */
bool sync_branch_is_valid(const char *name);
bool sync_branch_is_private(const char *name);
/* The commands that merge them on the primary, one a line. A private branch is only fetched: a merge would
 * push it. PATH is the workspace there and on HOST, this machine, where USER owns it. Returns BUF. */
char *sync_result_merge_commands(const struct sync_result *r, const char *path, const char *remote,
        const char *user, const char *host, char *buf, size_t size);

/* The code's name in the line: "under-way". */
const char *refusal_code_name(enum refusal_code code);
/* Sets code and text, made safe and cut; clears the command. -ECANCELED, for "return refusal_set(…)". */
int refusal_set(struct refusal *f, enum refusal_code code, const char *format, ...) _printf_(3, 4);
/* Sets the command if it fits. The caller passes names in it through shell_quote(). -ECANCELED. */
int refusal_set_command(struct refusal *f, const char *format, ...) _printf_(2, 3);

/* Like refusal_set() for the workspace of R; set .workspace, too. */
#define sync_refuse(r, ...) ((r)->workspace = SYNC_REFUSED, refusal_set(&(r)->workspace_why, __VA_ARGS__))
#define sync_fail(r, ...) ((r)->workspace = SYNC_FAILED, refusal_set(&(r)->workspace_why, __VA_ARGS__))
#define sync_command(r, ...) refusal_set_command(&(r)->workspace_why, __VA_ARGS__)
/* Adds a remark to those of the workspace. .workspace stays as it is. */
void sync_remark(struct sync_result *r, enum refusal_code code, const char *format, ...) _printf_(3, 4);
/* Copies .workspace and its reason from FROM to R. */
void sync_take(struct sync_result *r, const struct sync_result *from);
