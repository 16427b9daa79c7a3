/* What one check of `doctor` found; see finding.h. */
#include "doctor/finding.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "lib/file.h"
#include "lib/text.h"

void finding_say(struct finding *f, enum finding_kind kind, const char *format, ...) {
        va_list ap;

        f->kind = kind;
        va_start(ap, format);
        (void) vsnprintf(f->text, sizeof f->text, format, ap);
        va_end(ap);
}

void finding_fix(struct finding *f, const char *format, ...) {
        size_t used = strlen(f->fix), room = sizeof f->fix - used;
        size_t separator = used > 0 ? 1 : 0;
        va_list ap;
        int n;

        if (room <= separator)
                return;
        va_start(ap, format);
        n = vsnprintf(f->fix + used + separator, room - separator, format, ap);
        va_end(ap);
        if (n < 0 || (size_t) n >= room - separator)
                f->fix[used] = '\0';
        else if (separator)
                f->fix[used] = '\n';
}

void finding_fix_path(struct finding *f, const char *before, const char *path, const char *after) {
        _cleanup_free_ char *quoted = shell_quote(path);

        if (quoted)
                finding_fix(f, "%s %s%s", before, quoted, after);
}

bool finding_by_link(struct finding *f, const char *path) {
        _cleanup_free_ char *link = find_link(path);

        if (link)
                (void) appendf(f->text, sizeof f->text, ": %s", link);
        return link;
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
        char path[320], text[1024] = "[Service]\n";
        size_t used = strlen(text);
        va_list ap;
        int n;

        (void) snprintf(path, sizeof path, "/etc/systemd/system/%s.d/zz-%s.conf", unit, name);
        va_start(ap, format);
        n = vsnprintf(text + used, sizeof text - used, format, ap);
        va_end(ap);
        if (n < 0 || (size_t) n >= sizeof text - used)
                return;
        finding_fix_file(f, path, text);
        finding_fix(f, "sudo systemctl daemon-reload");
}

/* Writes COMMAND as root gives it: without "sudo ", which begins a word wherever it stands, and with runuser(1), which
 * asks nothing, for "sudo -u ". */
static void without_sudo(char *buf, size_t size, const char *command) {
        static const char sudo[] = "sudo ", as[] = "-u ";

        buf[0] = '\0';
        for (const char *c = command; *c;) {
                if ((c == command || strchr(" (", c[-1])) && strncmp(c, sudo, strlen(sudo)) == 0) {
                        c += strlen(sudo);
                        if (strncmp(c, as, strlen(as)) == 0) {
                                size_t n = strlen(as) + strcspn(c + strlen(as), " ");

                                (void) appendf(buf, size, "runuser %.*s --", (int) n, c);
                                c += n;
                        }
                } else
                        (void) appendf(buf, size, "%c", *c++);
        }
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

/* The next command of *REST, ready to be pasted; false: there is none. */
static bool next_command(const char **rest, bool as_root, char *buf, size_t size) {
        char line[sizeof((struct finding *) 0)->fix], plain[sizeof line + 64];
        size_t n = strcspn(*rest, "\n");

        if (!**rest)
                return false;
        (void) snprintf(line, sizeof line, "%.*s", (int) n, *rest);
        if (as_root)
                without_sudo(plain, sizeof plain, line);
        (void) safe_text(buf, size, as_root ? plain : line);
        *rest += n + ((*rest)[n] == '\n');
        return true;
}

void finding_print(const struct finding *f, const char *title, bool colour, bool as_root, FILE *out) {
        char text[sizeof f->text], command[sizeof f->fix + 64];
        const char *rest = f->fix;

        safe_text(text, sizeof text, f->text);
        (void) fprintf(out, "%s%s %-4s%s  %-18s %s\n", colour ? kinds[f->kind].colour : "",
                kinds[f->kind].sign, kinds[f->kind].word, colour ? "\033[0m" : "", title, text);
        while (next_command(&rest, as_root, command, sizeof command))
                (void) fprintf(out, "                 $ %s\n", command);
}

json_t *finding_json(const struct finding *f, const char *title, bool as_root) {
        char text[sizeof f->text], command[sizeof f->fix + 64];
        const char *rest = f->fix;
        json_t *fix = json_array();

        while (fix && next_command(&rest, as_root, command, sizeof command))
                (void) json_array_append_new(fix, json_string(command));
        return json_pack("{s:s, s:s, s:s, s:o}", "title", title, "kind",
                f->kind == FINDING_FAIL ? "fail" : kinds[f->kind].word, "text",
                safe_text(text, sizeof text, f->text), "fix", fix);
}
