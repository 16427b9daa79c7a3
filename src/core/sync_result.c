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
        [SYNC_REFUSED] = "refused",
        [SYNC_FAILED] = "failed",
};

static bool commit_is_valid(const char *s) {
        return *s == '\0' || (strlen(s) == 40 && strspn(s, "0123456789abcdef") == 40);
}

/* The names that workspace_save.c makes, and nothing that a shell, a terminal or git would read differently. */
static bool branch_is_valid(const char *s) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/";

        return *s == '\0' || (strncmp(s, "failover/", 9) == 0 && s[strspn(s, allowed)] == '\0');
}

static bool result_is_valid(const struct sync_result *r) {
        return r->workspace >= 0 && r->workspace < _SYNC_PART_MAX && r->secrets >= 0 &&
                r->secrets < _SYNC_PART_MAX && commit_is_valid(r->from) && commit_is_valid(r->to) &&
                branch_is_valid(r->saved) && branch_is_valid(r->unmerged);
}

/* The line with each reason made safe and cut to WHY_MAX bytes, its NUL included; -ENOBUFS if that is still too long. */
static int format_cut(const struct sync_result *r, size_t why_max, char buf[static SYNC_RESULT_MAX]) {
        char workspace_why[sizeof r->workspace_why], secrets_why[sizeof r->secrets_why];
        json_t *object;
        size_t n;

        safe_text(workspace_why, MIN(why_max, sizeof workspace_why), r->workspace_why);
        safe_text(secrets_why, MIN(why_max, sizeof secrets_why), r->secrets_why);
        object = json_pack("{ss ss ss sI ss ss sb ss ss sI ss}", "workspace", part_names[r->workspace],
                "from", r->from, "to", r->to, "commits", (json_int_t) r->commits, "saved", r->saved,
                "unmerged", r->unmerged, "pushed", (int) r->pushed, "workspace_why", workspace_why,
                "secrets", part_names[r->secrets], "files", (json_int_t) r->files, "secrets_why",
                secrets_why);
        if (!object)
                return -ENOMEM;
        n = json_dumpb(object, buf, SYNC_RESULT_MAX, JSON_COMPACT);
        json_decref(object);
        if (n == 0)
                return -ENOMEM;
        if (n >= SYNC_RESULT_MAX)
                return -ENOBUFS;
        buf[n] = '\0';
        return 0;
}

int sync_result_format(const struct sync_result *r, char buf[static SYNC_RESULT_MAX]) {
        int k = -ENOBUFS;

        if (!result_is_valid(r))
                return -EINVAL;
        for (size_t why_max = sizeof r->workspace_why; k == -ENOBUFS && why_max >= 24; why_max /= 2)
                k = format_cut(r, why_max, buf);
        return k;
}

static int parse_part(const char *name, enum sync_part *ret) {
        for (int i = 0; i < _SYNC_PART_MAX; i++)
                if (strcmp(name, part_names[i]) == 0) {
                        *ret = (enum sync_part) i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_text(const char *text, char *ret, size_t size) {
        size_t n = strlen(text);

        if (n >= size)
                return -EINVAL;
        (void) memcpy(ret, text, n + 1);
        return 0;
}

static int parse_count(json_int_t n, unsigned *ret) {
        if (n < 0 || n > (json_int_t) UINT32_MAX)
                return -EINVAL;
        *ret = (unsigned) n;
        return 0;
}

static int parse_object(json_t *object, struct sync_result *ret) {
        const char *workspace, *from, *to, *saved, *unmerged, *workspace_why, *secrets, *secrets_why;
        json_int_t commits, files;
        int pushed;

        if (json_unpack_ex(object, NULL, JSON_STRICT, "{s:s s:s s:s s:I s:s s:s s:b s:s s:s s:I s:s}",
                    "workspace", &workspace, "from", &from, "to", &to, "commits", &commits, "saved", &saved,
                    "unmerged", &unmerged, "pushed", &pushed, "workspace_why", &workspace_why, "secrets",
                    &secrets, "files", &files, "secrets_why", &secrets_why) < 0)
                return -EINVAL;
        ret->pushed = pushed;
        if (parse_part(workspace, &ret->workspace) < 0 || parse_part(secrets, &ret->secrets) < 0 ||
                parse_text(from, ret->from, sizeof ret->from) < 0 ||
                parse_text(to, ret->to, sizeof ret->to) < 0 || parse_count(commits, &ret->commits) < 0 ||
                parse_text(saved, ret->saved, sizeof ret->saved) < 0 ||
                parse_text(unmerged, ret->unmerged, sizeof ret->unmerged) < 0 ||
                parse_text(workspace_why, ret->workspace_why, sizeof ret->workspace_why) < 0 ||
                parse_count(files, &ret->files) < 0 ||
                parse_text(secrets_why, ret->secrets_why, sizeof ret->secrets_why) < 0)
                return -EINVAL;
        return 0;
}

int sync_result_parse(const char *line, struct sync_result *ret) {
        struct sync_result result = { 0 };
        char again[SYNC_RESULT_MAX];
        json_t *object;
        int r;

        if (strnlen(line, SYNC_RESULT_MAX) >= SYNC_RESULT_MAX)
                return -EINVAL;
        object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!object)
                return -EINVAL;
        r = parse_object(object, &result);
        json_decref(object);
        if (r < 0)
                return r;

        /* Only what we would have written, to the byte: then there is no second way to say a thing, nor room to hide one. */
        if (sync_result_format(&result, again) < 0 || strcmp(again, line) != 0)
                return -EINVAL;
        *ret = result;
        return 0;
}

static void say_workspace(const struct sync_result *r, char *buf, size_t size) {
        appendf(buf, size, "workspace ");
        switch (r->workspace) {
        case SYNC_UNCHANGED:
                appendf(buf, size, "unchanged");
                break;
        case SYNC_UPDATED:
                if (strcmp(r->from, r->to) == 0)
                        appendf(buf, size, "set back to %.7s", r->to);
                else
                        appendf(buf, size, "%.7s..%.7s (%u commit%s)", r->from, r->to, r->commits,
                                r->commits == 1 ? "" : "s");
                break;
        case SYNC_SKIPPED:
                appendf(buf, size, "left alone");
                break;
        case SYNC_REFUSED:
                appendf(buf, size, "refused");
                break;
        default:
                appendf(buf, size, "failed");
        }
        if (r->saved[0])
                appendf(buf, size, ", own work saved to %s", r->saved);
        if (r->workspace_why[0])
                appendf(buf, size, ": %s", r->workspace_why);
}

static void say_secrets(const struct sync_result *r, char *buf, size_t size) {
        appendf(buf, size, "secrets ");
        switch (r->secrets) {
        case SYNC_UNCHANGED:
                appendf(buf, size, "unchanged");
                break;
        case SYNC_UPDATED:
                appendf(buf, size, "synced (%u file%s)", r->files, r->files == 1 ? "" : "s");
                break;
        case SYNC_SKIPPED:
                appendf(buf, size, "left alone");
                break;
        case SYNC_REFUSED:
                appendf(buf, size, "refused");
                break;
        default:
                appendf(buf, size, "failed");
        }
        if (r->secrets_why[0])
                appendf(buf, size, ": %s", r->secrets_why);
}

char *sync_result_say(const struct sync_result *r, char *buf, size_t size) {
        if (size > 0)
                buf[0] = '\0';
        if (r->workspace != SYNC_NONE)
                say_workspace(r, buf, size);
        if (r->workspace != SYNC_NONE && r->secrets != SYNC_NONE)
                appendf(buf, size, ", ");
        if (r->secrets != SYNC_NONE)
                say_secrets(r, buf, size);
        if (r->workspace == SYNC_NONE && r->secrets == SYNC_NONE)
                appendf(buf, size, "nothing to sync");
        return buf;
}

/* Where in WHY, which FORMAT and AP became, the command of FORMAT begins; 0 if it has none, or it was cut off. */
static size_t _printf_(2, 0) find_command(const char *why, const char *format, va_list ap) {
        static const char sudo[] = "sudo ";
        const char *command = strstr(format, sudo);
        _cleanup_free_ char *lead = command ? strndup(format, (size_t) (command - format)) : NULL;
        struct sync_result r;
        char raw[2 * sizeof r.workspace_why];
        size_t n;

        if (!lead)
                return 0;
/* It was checked as a part of FORMAT. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void) vsnprintf(raw, sizeof raw, lead, ap);
#pragma GCC diagnostic pop
        n = strlen(safe_text(r.workspace_why, sizeof r.workspace_why, raw));
        return n < strlen(why) && strncmp(why + n, sudo, strlen(sudo)) == 0 ? n : 0;
}

static void _printf_(3, 0)
        set_workspace(struct sync_result *r, enum sync_part part, const char *format, va_list ap) {
        char why[2 * sizeof r->workspace_why];
        va_list again;

        va_copy(again, ap);
        (void) vsnprintf(why, sizeof why, format, ap);
        r->workspace = part;
        safe_text(r->workspace_why, sizeof r->workspace_why, why);
        r->workspace_command = find_command(r->workspace_why, format, again);
        va_end(again);
}

int sync_refuse(struct sync_result *r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        set_workspace(r, SYNC_REFUSED, format, ap);
        va_end(ap);
        return -ECANCELED;
}

int sync_fail(struct sync_result *r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        set_workspace(r, SYNC_FAILED, format, ap);
        va_end(ap);
        return -ECANCELED;
}

void sync_remark(struct sync_result *r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        set_workspace(r, r->workspace, format, ap);
        va_end(ap);
}

void sync_take(struct sync_result *r, const struct sync_result *from) {
        r->workspace = from->workspace;
        (void) strcpy(r->workspace_why, from->workspace_why);
        r->workspace_command = from->workspace_command;
}
