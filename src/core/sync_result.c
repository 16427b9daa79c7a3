/* What a sync did, as one line of JSON; see sync_result.h. */
#include "sync_result.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "lib/text.h"

static const char *const part_names[_SYNC_PART_MAX] = {
        [SYNC_NONE] = "none",
        [SYNC_UNCHANGED] = "unchanged",
        [SYNC_UPDATED] = "updated",
        [SYNC_SKIPPED] = "skipped",
        [SYNC_INCOMPLETE] = "incomplete",
        [SYNC_REFUSED] = "refused",
        [SYNC_FAILED] = "failed",
};

static const char *const code_names[_REFUSAL_MAX] = {
        [REFUSAL_NONE] = "none",
        [REFUSAL_ERROR] = "error",
        [REFUSAL_NO_REPOSITORY] = "no-repository",
        [REFUSAL_OWNER] = "owner",
        [REFUSAL_READ_ONLY] = "read-only",
        [REFUSAL_UNWRITABLE] = "unwritable",
        [REFUSAL_UNREADABLE] = "unreadable",
        [REFUSAL_SETTING] = "setting",
        [REFUSAL_UNDER_WAY] = "under-way",
        [REFUSAL_DETACHED] = "detached",
        [REFUSAL_UNBORN] = "unborn",
        [REFUSAL_BRANCH] = "branch",
        [REFUSAL_INDEX] = "index",
        [REFUSAL_LOCKED] = "locked",
        [REFUSAL_BUSY] = "busy",
        [REFUSAL_IN_THE_WAY] = "in-the-way",
        [REFUSAL_CHANGED] = "changed",
        [REFUSAL_DISK] = "disk",
        [REFUSAL_HALF] = "half",
        [REFUSAL_LEFT_OUT] = "left-out",
        [REFUSAL_NO_REMOTE] = "no-remote",
        [REFUSAL_NO_BRANCH] = "no-branch",
        [REFUSAL_REMOTE] = "remote",
        [REFUSAL_SSH] = "ssh",
        [REFUSAL_LOGIN] = "login",
        [REFUSAL_TIMEOUT] = "timeout",
        [REFUSAL_TOO_LARGE] = "too-large",
        [REFUSAL_CONTENT] = "content",
        [REFUSAL_REJECTED] = "rejected",
        [REFUSAL_NOT_PUSHED] = "not-pushed",
        [REFUSAL_TARGET] = "target",
        [REFUSAL_NO_RSYNC_HERE] = "no-rsync-here",
        [REFUSAL_NO_RSYNC] = "no-rsync",
        [REFUSAL_UNRESTRICTED] = "unrestricted",
        [REFUSAL_NOISY] = "noisy",
        [REFUSAL_NO_SOURCE] = "no-source",
        [REFUSAL_INCOMPLETE] = "incomplete",
};

const char *refusal_code_name(enum refusal_code code) {
        return code_names[code];
}

static bool commit_is_valid(const char *s) {
        return *s == '\0' || (strlen(s) == 40 && strspn(s, "0123456789abcdef") == 40);
}

bool sync_branch_is_valid(const char *name) {
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.+=,@";
        size_t n = strlen(name);

        return n > 0 && n < sizeof((struct sync_branch *) 0)->name && *name != '-' &&
                name[strspn(name, allowed)] == '\0';
}

bool sync_branch_is_private(const char *name) {
        size_t n = strlen(name), suffix = strlen(SYNC_PRIVATE_SUFFIX);

        return n > suffix && strcmp(name + n - suffix, SYNC_PRIVATE_SUFFIX) == 0;
}

static bool branches_are_valid(const struct sync_result *r) {
        for (size_t i = 0; i < MIN(r->n_unmerged, (unsigned) SYNC_UNMERGED_MAX); i++)
                if (r->unmerged[i].name[0] && !sync_branch_is_valid(r->unmerged[i].name))
                        return false;
        return !*r->saved || (strncmp(r->saved, "failover/", 9) == 0 && sync_branch_is_valid(r->saved));
}

static bool result_is_valid(const struct sync_result *r) {
        return r->workspace < _SYNC_PART_MAX && r->secrets < _SYNC_PART_MAX &&
                r->workspace_why.code < _REFUSAL_MAX && r->secrets_why.code < _REFUSAL_MAX &&
                commit_is_valid(r->from) && commit_is_valid(r->to) && branches_are_valid(r);
}

/* Makes the text safe and cuts it to MAX bytes with its NUL. Omits a command that is longer or not safe. */
static json_t *format_refusal(const struct refusal *f, size_t max) {
        char text[sizeof f->text], command[sizeof f->command];

        safe_text(text, MIN(max, sizeof text), f->text);
        safe_text(command, sizeof command, f->command);
        if (strlen(command) >= max || strcmp(command, f->command) != 0)
                command[0] = '\0';
        return json_pack("{ss ss ss}", "code", code_names[f->code], "text", text, "command", command);
}

static json_t *format_branches(const struct sync_result *r, size_t named) {
        json_t *array = json_array();

        for (size_t i = 0; i < MIN(named, (size_t) r->n_unmerged) && r->unmerged[i].name[0]; i++)
                (void) json_array_append_new(array,
                        json_pack("{ss sb}", "name", r->unmerged[i].name, "pushed",
                                (int) r->unmerged[i].pushed));
        return array;
}

/* Writes the line with reasons cut to MAX bytes and NAMED branches. -ENOBUFS if that is still too long. */
static int format_cut(
        const struct sync_result *r, size_t max, size_t named, char buf[static SYNC_RESULT_MAX]) {
        json_auto_t *object = NULL;
        size_t n;

        object = json_pack("{ss ss ss sI ss so sI so ss sI so}", "workspace", part_names[r->workspace],
                "from", r->from, "to", r->to, "commits", (json_int_t) r->commits, "saved", r->saved,
                "unmerged", format_branches(r, named), "n_unmerged", (json_int_t) r->n_unmerged,
                "workspace_why", format_refusal(&r->workspace_why, max), "secrets", part_names[r->secrets],
                "files", (json_int_t) r->files, "secrets_why", format_refusal(&r->secrets_why, max));
        if (!object)
                return -ENOMEM;
        n = json_dumpb(object, buf, SYNC_RESULT_MAX, JSON_COMPACT);
        if (n == 0 || n >= SYNC_RESULT_MAX)
                return -ENOBUFS;
        buf[n] = '\0';
        return 0;
}

int sync_result_format(const struct sync_result *r, char buf[static SYNC_RESULT_MAX]) {
        int k = -ENOBUFS;

        if (!result_is_valid(r))
                return -EINVAL;
        for (size_t named = SYNC_UNMERGED_MAX; k == -ENOBUFS && named > 0; named--)
                for (size_t max = sizeof r->workspace_why.text; k == -ENOBUFS && max >= 64; max -= max / 4)
                        k = format_cut(r, max, named, buf);
        return k;
}

static void copy_text(char *buf, size_t size, const char *text) {
        (void) snprintf(buf, size, "%s", text);
}

/* An unknown code becomes _REFUSAL_MAX, which result_is_valid() refuses. */
static int parse_refusal(json_t *object, struct refusal *ret) {
        const char *code, *text, *command;

        if (json_unpack(object, "{s:s, s:s, s:s}", "code", &code, "text", &text, "command", &command) < 0)
                return -EINVAL;
        ret->code = (enum refusal_code) find_name(code, code_names, _REFUSAL_MAX);
        copy_text(ret->text, sizeof ret->text, text);
        copy_text(ret->command, sizeof ret->command, command);
        return 0;
}

static int parse_branches(json_t *array, struct sync_result *ret) {
        const char *name;
        int pushed;

        for (size_t i = 0; i < MIN(json_array_size(array), (size_t) SYNC_UNMERGED_MAX); i++) {
                if (json_unpack(json_array_get(array, i), "{s:s, s:b}", "name", &name, "pushed", &pushed) <
                        0)
                        return -EINVAL;
                copy_text(ret->unmerged[i].name, sizeof ret->unmerged[i].name, name);
                ret->unmerged[i].pushed = pushed;
        }
        return 0;
}

static int parse_object(json_t *object, struct sync_result *ret) {
        const char *workspace, *from, *to, *saved, *secrets;
        json_t *workspace_why, *secrets_why, *unmerged;
        json_int_t commits, files, n_unmerged;

        if (json_unpack(object, "{s:s s:s s:s s:I s:s s:o s:I s:o s:s s:I s:o}", "workspace", &workspace,
                    "from", &from, "to", &to, "commits", &commits, "saved", &saved, "unmerged", &unmerged,
                    "n_unmerged", &n_unmerged, "workspace_why", &workspace_why, "secrets", &secrets, "files",
                    &files, "secrets_why", &secrets_why) < 0)
                return -EINVAL;
        ret->workspace = (enum sync_part) find_name(workspace, part_names, _SYNC_PART_MAX);
        ret->secrets = (enum sync_part) find_name(secrets, part_names, _SYNC_PART_MAX);
        copy_text(ret->from, sizeof ret->from, from);
        copy_text(ret->to, sizeof ret->to, to);
        copy_text(ret->saved, sizeof ret->saved, saved);
        ret->commits = (unsigned) commits;
        ret->n_unmerged = (unsigned) n_unmerged;
        ret->files = (unsigned) files;
        return parse_branches(unmerged, ret) < 0 || parse_refusal(workspace_why, &ret->workspace_why) < 0 ||
                        parse_refusal(secrets_why, &ret->secrets_why) < 0
                ? -EINVAL
                : 0;
}

int sync_result_parse(const char *line, struct sync_result *ret) {
        struct sync_result result = { 0 };
        char again[SYNC_RESULT_MAX];
        json_auto_t *object = NULL;

        if (strnlen(line, SYNC_RESULT_MAX) >= SYNC_RESULT_MAX)
                return -EINVAL;
        object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!object || parse_object(object, &result) < 0)
                return -EINVAL;
        /* Formatting again shows what parsing cut or ignored: the line must come out the same. */
        if (sync_result_format(&result, again) < 0 || strcmp(again, line) != 0)
                return -EINVAL;
        *ret = result;
        return 0;
}

static void describe_why(const struct refusal *f, char *buf, size_t size) {
        if (*f->text)
                appendf(buf, size, ": %s%s%s", f->text, *f->command ? ": " : "", f->command);
}

static void describe_workspace(const struct sync_result *r, char *buf, size_t size) {
        appendf(buf, size, "workspace ");
        if (r->workspace == SYNC_SKIPPED)
                appendf(buf, size, "left alone");
        else if (r->workspace != SYNC_UPDATED)
                appendf(buf, size, "%s", part_names[r->workspace]);
        else if (strcmp(r->from, r->to) == 0)
                appendf(buf, size, "set back to %.7s", r->to);
        else
                appendf(buf, size, "%.7s..%.7s (%u commit%s)", r->from, r->to, r->commits,
                        r->commits == 1 ? "" : "s");
        if (r->saved[0])
                appendf(buf, size, ", own work saved to %s", r->saved);
        describe_why(&r->workspace_why, buf, size);
}

static void describe_secrets(const struct sync_result *r, char *buf, size_t size) {
        appendf(buf, size, "secrets ");
        if (r->secrets == SYNC_UPDATED)
                appendf(buf, size, "synced (%u file%s)", r->files, r->files == 1 ? "" : "s");
        else
                appendf(buf, size, "%s", part_names[r->secrets]);
        describe_why(&r->secrets_why, buf, size);
}

char *sync_result_describe(const struct sync_result *r, char *buf, size_t size) {
        buf[0] = '\0';
        if (r->workspace != SYNC_NONE)
                describe_workspace(r, buf, size);
        if (r->workspace != SYNC_NONE && r->secrets != SYNC_NONE)
                appendf(buf, size, ", ");
        if (r->secrets != SYNC_NONE)
                describe_secrets(r, buf, size);
        if (r->workspace == SYNC_NONE && r->secrets == SYNC_NONE)
                appendf(buf, size, "nothing to sync");
        return buf;
}

int refusal_set(struct refusal *f, enum refusal_code code, const char *format, ...) {
        char text[2 * sizeof f->text];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        *f = (struct refusal){ .code = code };
        safe_text(f->text, sizeof f->text, text);
        return -ECANCELED;
}

int refusal_set_command(struct refusal *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if ((size_t) vsnprintf(f->command, sizeof f->command, format, ap) >= sizeof f->command)
                f->command[0] = '\0'; /* half a command is worse than none */
        va_end(ap);
        return -ECANCELED;
}

void sync_remark(struct sync_result *r, enum refusal_code code, const char *format, ...) {
        struct refusal *why = &r->workspace_why;
        char remark[2 * sizeof why->text], both[sizeof why->text + sizeof remark + 4];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(remark, sizeof remark, format, ap);
        va_end(ap);
        if (!*why->text)
                why->code = code;
        (void) snprintf(both, sizeof both, "%s%s%s", why->text, *why->text ? "; " : "", remark);
        safe_text(why->text, sizeof why->text, both);
}

void sync_take(struct sync_result *r, const struct sync_result *from) {
        r->workspace = from->workspace;
        r->workspace_why = from->workspace_why;
}

char *sync_result_merge_commands(const struct sync_result *r, const char *path, const char *remote,
        const char *user, const char *host, char *buf, size_t size) {
        _cleanup_free_ char *here = shell_quote(path), *address = NULL, *there = NULL;
        unsigned named = 0, merged = 0;

        buf[0] = '\0';
        if (!here || asprintf(&address, "%s@%s:%s", user, host, path) < 0 || !(there = shell_quote(address)))
                return buf;
        for (; named < MIN(r->n_unmerged, (unsigned) SYNC_UNMERGED_MAX) && r->unmerged[named].name[0];
                named++) {
                const struct sync_branch *b = &r->unmerged[named];
                bool private = sync_branch_is_private(b->name);

                merged += !private;
                appendf(buf, size, "%sgit -C %s %s ", named > 0 ? "\n" : "", here,
                        private ? "fetch" : "pull --no-rebase --no-edit");
                appendf(buf, size, "%s %s", b->pushed ? remote : there, b->name);
                if (private)
                        appendf(buf, size, ":%s", b->name);
        }
        if (merged > 0)
                appendf(buf, size, "\ngit -C %s push", here);
        if (named > 0 && r->n_unmerged > named)
                appendf(buf, size, "\n# %u more branch%s: named when these are merged",
                        r->n_unmerged - named, r->n_unmerged - named == 1 ? "" : "es");
        return buf;
}
