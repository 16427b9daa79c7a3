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

/* Whether PATH is a file that this user may access(2) in MODE. */
static bool is_file(const char *path, int mode) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, mode) == 0;
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

/* The PATH that the gateway will have. */
static const char *unit_path(const struct unit_facts *u) {
        const char *path = unit_environment(u, "PATH");

        return path ? path : DEFAULT_PATH;
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

void finding_fix_program(
        struct finding *f, const struct unit_facts *u, const char *program, const char *without) {
        size_t i, n = without ? strlen(without) : 0;
        const json_t *item;
        char line[512] = "";

        json_array_foreach (unit_words(u), i, item) {
                const char *word = json_string_value(item);

                if (i == 0)
                        continue;
                if (n > 0 && begins_with(word, without) && (!word[n] || word[n] == '=')) {
                        i += !word[n]; /* its value is the next word */
                        continue;
                }
                if (!*word || word[strspn(word, PLAIN)])
                        return;
                (void) appendf(line, sizeof line, " %s", word);
        }
        finding_fix_drop_in(f, u->name, "program", "ExecStart=\nExecStart=%s%s", program, line);
}

void look_program(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->gateway;
        const char *user = checkup_gateway_user(c), *named = unit_program(u);
        _cleanup_free_ char *program = NULL, *closed = NULL, *installed = NULL;

        if (!named) {
                finding_fail(f, "%s has no ExecStart=", u->name);
                return;
        }
        program = find_program(u, X_OK);
        if (program) {
                finding_ok(f, "%s can be run by user %s", program, user);
                return;
        }
        closed = find_program(u, F_OK);
        if (closed) {
                finding_fail(f, "%s may not be run by user %s", closed, user);
                finding_fix_as(f, "sudo chmod a+rx", user, "chmod u+rx", closed);
                return;
        }
        if (*named == '/' && access(named, F_OK) < 0 && errno != ENOENT)
                finding_fail(f, "%s cannot be reached by user %s: %s", named, user, strerror(errno));
        else
                finding_fail(f, "%s, which %s runs, is not there", named, u->name);
        installed = find_installed(strrchr(named, '/') ? strrchr(named, '/') + 1 : named);
        if (installed)
                finding_fix_program(f, u, installed, NULL);
        else
                finding_fix(f, "sudo npm install -g openclaw");
}

static bool is_env(const char *program) {
        return strcmp(program, "/usr/bin/env") == 0 || strcmp(program, "/bin/env") == 0;
}

int parse_shebang(const char *text, char *buf, size_t size, bool *ret_env) {
        _cleanup_free_ char *line = NULL;
        char *save = NULL, *word;
        bool env;

        if (strncmp(text, "#!", 2) != 0)
                return -ENOENT;
        line = strndup(text + 2, strcspn(text + 2, "\n"));
        word = line ? strtok_r(line, " \t", &save) : NULL;
        if (!word)
                return -ENOENT;
        env = is_env(word);
        if (env)
                do /* env's own options and assignments: "env -S NODE_ENV=production node --x" */
                        word = strtok_r(NULL, " \t", &save);
                while (word && (*word == '-' || strchr(word, '=')));
        if (!word)
                return -ENOENT;
        (void) snprintf(buf, size, "%s", word);
        *ret_env = env && !strchr(word, '/');
        return 0;
}

/* Finds what else the program needs: the interpreter in its first line, the command in "/usr/bin/env node
 * …", or the script in "/usr/bin/node /srv/openclaw.mjs", if that is missing. */
static int find_need(
        const struct unit_facts *u, const char *program, char *buf, size_t size, bool *ret_env) {
        const char *script = json_string_value(json_array_get(unit_words(u), 1));
        _cleanup_fclose_ FILE *file = fopen(program, "re");
        char first[512];
        const json_t *item;
        size_t i;

        if (is_env(program)) {
                json_array_foreach (unit_words(u), i, item) {
                        const char *word = json_string_value(item);

                        if (i == 0 || *word == '-' || strchr(word, '='))
                                continue;
                        (void) snprintf(buf, size, "%s", word);
                        *ret_env = !strchr(word, '/');
                        return 0;
                }
                return -ENOENT;
        }
        if (script && *script == '/' && access(script, F_OK) < 0) {
                (void) snprintf(buf, size, "%s", script);
                *ret_env = false;
                return 0;
        }
        if (!file || !fgets(first, sizeof first, file))
                return -ENOENT; /* a program that may be run but not read is no script */
        return parse_shebang(first, buf, size, ret_env);
}

void look_interpreter(const struct checkup *c, struct finding *f) {
        const struct unit_facts *u = &c->gateway;
        _cleanup_free_ char *program = find_program(u, X_OK), *found = NULL, *installed = NULL;
        char need[256];
        bool env, no_node;

        if (!program || find_need(u, program, need, sizeof need, &env) < 0) {
                finding_ok(f, "none is needed");
                return;
        }
        if (!env) {
                if (access(need, F_OK) >= 0)
                        finding_ok(f, "%s is there", need);
                else {
                        finding_fail(f, "%s needs %s, which is not there", program, need);
                        finding_fix(f, "sudo npm install -g openclaw");
                }
                return;
        }
        found = look_up(unit_path(u), need, X_OK);
        if (found) {
                finding_ok(f, "%s is %s", need, found);
                return;
        }
        installed = find_installed(need);
        /* Debian's Node.js is too old for OpenClaw, and to install another takes more than a command. */
        no_node = !installed && strcmp(need, "node") == 0;
        finding_fail(f, "%s needs %s, which is not on the PATH of %s (%s)%s", program, need, u->name,
                unit_path(u), no_node ? ": install it for all users, as https://nodejs.org says" : "");
        if (installed)
                finding_fix_drop_in(
                        f, u->name, "path", "Environment=\"PATH=%s:%s\"", dirname(installed), unit_path(u));
        else if (!no_node)
                finding_fix(f, "sudo apt-get install %s", need);
}
