/* What one look of `doctor` found: a sentence, and the commands that fix it.
 *
 * A finding has a fixed size and owns nothing. So a look can run in a child process, as the user concerned,
 * and return its finding (child.h). */
#pragma once

#include <jansson.h>

#include "lib/util.h"

enum finding_kind {
        FINDING_OK,
        FINDING_FAIL,    /* a failover would fail, or be worse than necessary */
        FINDING_WARN,    /* a failover works, and a user should fix something */
        FINDING_OFF,     /* not used here: nothing depends on it */
        FINDING_SKIPPED, /* no look: this user may not, or another fix comes first */
        _FINDING_MAX,
};

struct finding {
        enum finding_kind kind;
        char text[512];
        char fix[2048]; /* shell commands, one a line, with sudo where root is needed; "": none is known */
};

/* Sets kind and text. A longer text is cut. */
void finding_set(struct finding *f, enum finding_kind kind, const char *format, ...) _printf_(3, 4);
#define finding_ok(f, ...) finding_set(f, FINDING_OK, __VA_ARGS__)
#define finding_warn(f, ...) finding_set(f, FINDING_WARN, __VA_ARGS__)
#define finding_fail(f, ...) finding_set(f, FINDING_FAIL, __VA_ARGS__)
#define finding_off(f, ...) finding_set(f, FINDING_OFF, __VA_ARGS__)
#define finding_skip(f, ...) finding_set(f, FINDING_SKIPPED, __VA_ARGS__)

/* Adds one command. A command that does not fit is left out: half a command is worse than none. The caller
 * passes words from elsewhere through shell_quote(). */
void finding_fix(struct finding *f, const char *format, ...) _printf_(2, 3);

/* Adds "AS_ROOT PATH" if is_roots_way(PATH), else "sudo -u USER AS_USER PATH". */
void finding_fix_as(
        struct finding *f, const char *as_root, const char *user, const char *as_user, const char *path);

/* Adds "BEFORE PATH AFTER", with PATH quoted for a shell. */
void finding_fix_path(struct finding *f, const char *before, const char *path, const char *after);

/* Adds the commands that set lines ("Key=value", separated by newlines) in [Service] of UNIT's drop-in NAME.
 * Its file sorts behind a user's own, since the last counts (systemd.unit(5)). */
void finding_fix_drop_in(struct finding *f, const char *unit, const char *name, const char *format, ...)
        _printf_(4, 5);

/* Adds the command that makes PATH's directories and writes LINES, separated by newlines, to PATH. */
void finding_fix_file(struct finding *f, const char *path, const char *lines);

/* Prints "✓ ok    title  text" and the commands, in COLOUR for a terminal. */
void finding_print(const struct finding *f, const char *title, bool colour, FILE *out);
/* F as an object: title, kind, text, and fix, an array. A new reference, or NULL without memory. */
json_t *finding_json(const struct finding *f, const char *title);
