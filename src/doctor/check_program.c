/* Can systemd run the program of the gateway's unit as the gateway's user? An OpenClaw from nvm is in a home
 * directory and begins with "#!/usr/bin/env node", and a system unit's PATH lacks nvm. */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor/look.h"
#include "lib/text.h"

/* systemd's PATH for system services and bare names in ExecStart= (systemd.exec(5), file-hierarchy(7)). */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Whether PATH is a file that this user may access(2) in MODE. If not, errno says why. */
static bool is_file(const char *path, int mode) {
        struct stat st;

        return access(path, mode) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Looks NAME up in PATH, glob(7) patterns with colons between. Of a pattern's matches, only the last counts.
 * Returns the first that is_file(), for the caller to free, or NULL. */
static char *look_up(const char *path, const char *name, int mode) {
        _cleanup_free_ char *copy = strdup(path);
        char *save = NULL, *result = NULL;

        for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir && !result;
                dir = strtok_r(NULL, ":", &save)) {
                _cleanup_free_ char *pattern = NULL;
                glob_t found;

                if (asprintf(&pattern, "%s/%s", dir, name) < 0 || glob(pattern, 0, NULL, &found) != 0)
                        continue;
                if (is_file(found.gl_pathv[found.gl_pathc - 1], mode))
                        result = strdup(found.gl_pathv[found.gl_pathc - 1]);
                globfree(&found);
        }
        return result;
}

/* The file that ExecStart means, if it is_file(), for the caller to free; NULL if there is none. */
static char *find_program(const struct unit_facts *u, int mode) {
        const char *program = unit_program(u);

        if (*program != '/')
                return look_up(DEFAULT_PATH, program, mode);
        return is_file(program, mode) ? strdup(program) : NULL;
}

/* Looks NAME up where a user may have installed it, as with nvm. For the caller to free, or NULL. */
static char *find_installed(const char *name) {
        static const char *const places[] = { ".nvm/versions/node/*/bin", ".local/bin", ".npm-global/bin",
                ".volta/bin", ".openclaw/bin", ".local/share/fnm/node-versions/*/installation/bin",
                ".local/share/pnpm", ".bun/bin" };
        const char *home = getenv("HOME");
        char path[4096] = "";

        for (size_t i = 0; home && i < ELEMENTSOF(places); i++)
                (void) appendf(path, sizeof path, "%s/%s:", home, places[i]);
        return look_up(appendf(path, sizeof path, "%s", DEFAULT_PATH), name, X_OK);
}

/* The characters that mean nothing to systemd or a shell (systemd.service(5), "Command lines"). */
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:=@+,-"

/* Adds the drop-in that runs PROGRAM with the unit's own words. Adds nothing if a word needs quotes. */
static void fix_program(struct finding *f, const struct unit_facts *u, const char *program) {
        const json_t *item;
        char line[512] = "";
        size_t i;

        json_array_foreach (unit_words(u), i, item) {
                const char *word = i == 0 ? program : json_string_value(item);

                if (!*word || word[strspn(word, PLAIN)])
                        return;
                (void) appendf(line, sizeof line, " %s", word);
        }
        finding_fix_drop_in(f, u->name, "program", "ExecStart=\nExecStart=%s", line + 1);
}

json_t *parse_shebang(const char *text) {
        _cleanup_free_ char *line = strndup(text, strcspn(text, "\n"));
        json_t *words = json_array();
        char *save = NULL;

        if (!line || !begins_with(line, "#!"))
                return words;
        for (char *word = strtok_r(line + 2, " \t", &save); word; word = strtok_r(NULL, " \t", &save))
                (void) json_array_append_new(words, json_string(word));
        return words;
}

/* The words of the script PROGRAM's first line. A program that may be run but not read is no script. */
static json_t *read_shebang(const char *program) {
        _cleanup_fclose_ FILE *file = fopen(program, "re");
        char first[512];

        return parse_shebang(file && fgets(first, sizeof first, file) ? first : "");
}

static bool is_env(const char *program) {
        return strcmp(program, "/usr/bin/env") == 0 || strcmp(program, "/bin/env") == 0;
}

const char *find_command(const json_t *words) {
        const char *word = json_string_value(json_array_get(words, 0));

        if (!word || !is_env(word))
                return word;
        for (size_t i = 1; (word = json_string_value(json_array_get(words, i))); i++)
                if (*word != '-' && !strchr(word, '=')) /* env's own options and assignments */
                        return word;
        return NULL;
}

/* Looks at what else PROGRAM needs: the interpreter in its first line, the command in "/usr/bin/env node …",
 * or the script in "/usr/bin/node /srv/openclaw.mjs". */
static void look_for_need(const struct unit_facts *u, const char *program, struct finding *f) {
        const char *path = unit_environment(u, "PATH") ?: DEFAULT_PATH;
        const char *script = json_string_value(json_array_get(unit_words(u), 1)), *need;
        _cleanup_free_ char *found = NULL, *installed = NULL;
        json_auto_t *shebang = read_shebang(program);

        need = find_command(is_env(program) ? unit_words(u) : shebang);
        if (!need && script && *script == '/')
                need = script;
        if (!need || (*need == '/' ? access(need, F_OK) >= 0 : (found = look_up(path, need, X_OK)) != NULL))
                return;
        if (*need == '/') {
                finding_fail(f, "%s needs %s, which is not there", program, need);
                finding_fix(f, "sudo npm install -g openclaw");
                return;
        }
        installed = find_installed(need);
        /* Debian's Node.js is too old for OpenClaw, and to install another takes more than a command. */
        finding_fail(f, "%s needs %s, which is not on the PATH of %s (%s)%s", program, need, u->name, path,
                installed ? "" : ": install it for all users, Node.js as https://nodejs.org says");
        if (installed)
                finding_fix_drop_in(
                        f, u->name, "path", "Environment=\"PATH=%s:%s\"", dirname(installed), path);
}

void look_program(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->gateway;
        const char *user = checkup_gateway_user(c), *named = unit_program(u);
        _cleanup_free_ char *program = NULL, *closed = NULL, *installed = NULL;
        int error;

        if (!named) {
                finding_fail(f, "%s has no ExecStart=", u->name);
                return;
        }
        program = find_program(u, X_OK);
        if (program) {
                finding_ok(f, "%s can be run by user %s", program, user);
                look_for_need(u, program, f);
                return;
        }
        closed = find_program(u, F_OK);
        error = closed ? EACCES : *named == '/' ? errno : ENOENT;
        finding_fail(f, "%s cannot be run by user %s: %s", closed ?: named, user, strerror(error));
        installed = find_installed(strrchr(named, '/') ? strrchr(named, '/') + 1 : named);
        if (closed)
                finding_fix_as(f, "sudo chmod a+rx", user, "chmod u+rx", closed);
        else if (installed)
                fix_program(f, u, installed);
        else
                finding_fix(f, "sudo npm install -g openclaw");
}
