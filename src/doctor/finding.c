/* What one look of `doctor` found; see finding.h. */
#include "doctor/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/text.h"

void finding_set(struct finding *f, enum finding_kind kind, const char *format, ...) {
        va_list ap;

        f->kind = kind;
        va_start(ap, format);
        (void) vsnprintf(f->text, sizeof f->text, format, ap);
        va_end(ap);
}

void finding_fix(struct finding *f, const char *format, ...) {
        _cleanup_free_ char *command = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&command, format, ap) < 0)
                command = NULL;
        va_end(ap);
        if (command && strlen(f->fix) + strlen("\n") + strlen(command) < sizeof f->fix)
                (void) appendf(f->fix, sizeof f->fix, "%s%s", *f->fix ? "\n" : "", command);
}

void finding_fix_path(struct finding *f, const char *before, const char *path, const char *after) {
        _cleanup_free_ char *quoted = shell_quote(path);

        if (quoted)
                finding_fix(f, "%s %s%s", before, quoted, after);
}

void finding_fix_as(
        struct finding *f, const char *as_root, const char *user, const char *as_user, const char *path) {
        char as[160];

        (void) snprintf(as, sizeof as, "sudo -u %s %s", user, as_user);
        if (is_roots_way(path))
                finding_fix_path(f, as_root, path, "");
        else
                finding_fix_path(f, as, path, "");
}

void finding_fix_file(struct finding *f, const char *path, const char *lines) {
        _cleanup_free_ char *copy = strdup(lines), *quoted_path = shell_quote(path);
        char words[1024] = "";
        char *save = NULL;

        for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
                line = strtok_r(NULL, "\n", &save)) {
                _cleanup_free_ char *word = shell_quote(line);

                (void) appendf(words, sizeof words, " %s", word ? word : "");
        }
        if (quoted_path && strlen(words) + 1 < sizeof words)
                finding_fix(
                        f, "printf '%%s\\n'%s | sudo install -D -m 0644 /dev/stdin %s", words, quoted_path);
}

void finding_fix_drop_in(struct finding *f, const char *unit, const char *name, const char *format, ...) {
        char path[320], lines[1024], text[sizeof lines + 16];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(lines, sizeof lines, format, ap);
        va_end(ap);
        (void) snprintf(text, sizeof text, "[Service]\n%s", lines);
        (void) snprintf(path, sizeof path, "/etc/systemd/system/%s.d/zz-%s.conf", unit, name);
        finding_fix_file(f, path, text);
        finding_fix(f, "sudo systemctl daemon-reload");
}

static const struct {
        const char *sign, *word, *colour;
} kinds[_FINDING_MAX] = {
        [FINDING_OK] = { "✓", "ok", "\033[32m" },
        [FINDING_FAIL] = { "✗", "FAIL", "\033[1;31m" },
        [FINDING_WARN] = { "!", "warn", "\033[1;33m" },
        [FINDING_OFF] = { "·", "off", "\033[2m" },
        [FINDING_SKIPPED] = { "?", "skip", "\033[33m" },
};

json_t *finding_json(const struct finding *f, const char *title) {
        char command[sizeof f->fix];
        _cleanup_free_ char *commands = strdup(f->fix);
        json_t *fix = json_array();
        char *save = NULL;

        for (char *line = commands ? strtok_r(commands, "\n", &save) : NULL; line;
                line = strtok_r(NULL, "\n", &save))
                (void) json_array_append_new(fix, json_string(safe_text(command, sizeof command, line)));
        return json_pack("{s:s, s:s, s:o, s:o}", "title", title, "kind",
                f->kind == FINDING_FAIL ? "fail" : kinds[f->kind].word, "text", json_text(f->text), "fix",
                fix);
}

void finding_print(const struct finding *f, const char *title, bool colour, FILE *out) {
        json_auto_t *j = finding_json(f, title);
        const json_t *command;
        size_t i;

        (void) fprintf(out, "%s%s %-4s%s  %-18s %s\n", colour ? kinds[f->kind].colour : "",
                kinds[f->kind].sign, kinds[f->kind].word, colour ? "\033[0m" : "", title,
                json_string_value(json_object_get(j, "text")) ?: "");
        json_array_foreach (json_object_get(j, "fix"), i, command)
                (void) fprintf(out, "                 $ %s\n", json_string_value(command));
}
