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

bool finding_by_link(struct finding *f, const char *path) {
        _cleanup_free_ char *link = find_link(path);

        if (link)
                (void) appendf(f->text, sizeof f->text, ": %s", link);
        return link;
}

void finding_fix_file(struct finding *f, const char *path, const char *mode, const char *lines) {
        _cleanup_free_ char *copy = strdup(lines), *quoted_path = shell_quote(path);
        char words[1024] = "";
        char *save = NULL;

        if (!copy || !quoted_path)
                return;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                _cleanup_free_ char *word = shell_quote(line);

                if (!word)
                        return;
                (void) appendf(words, sizeof words, " %s", word);
        }
        if (strlen(words) + 1 < sizeof words)
                finding_fix(f, "printf '%%s\\n'%s | sudo install -D -m %s /dev/stdin %s", words, mode,
                        quoted_path);
}

void finding_fix_drop_in(
        struct finding *f, const char *unit, const char *name, const char *section, const char *lines) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        if (asprintf(&path, "/etc/systemd/system/%s.d/zz-%s.conf", unit, name) < 0)
                return;
        if (asprintf(&text, "[%s]\n%s", section, lines) < 0)
                return;
        finding_fix_file(f, path, "0644", text);
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
        char text[sizeof f->text], command[sizeof f->fix + 64], word[8];
        const char *rest = f->fix;
        json_t *fix = json_array();

        while (fix && next_command(&rest, as_root, command, sizeof command))
                (void) json_array_append_new(fix, json_string(command));
        (void) snprintf(word, sizeof word, "%s", f->kind == FINDING_FAIL ? "fail" : kinds[f->kind].word);
        return json_pack("{s:s, s:s, s:s, s:o}", "title", title, "kind", word, "text",
                safe_text(text, sizeof text, f->text), "fix", fix);
}
