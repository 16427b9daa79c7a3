/* One run of rsync; see secrets_rsync.h. */
#include "sync/secrets_rsync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/program.h"
#include "lib/text.h"

static int run_rsync(struct rsync_run *run, const char *const *options, const char *source,
        const char *target, char **ret_out) {
        char timeout[40], from[600];
        const char *argv[40] = { "rsync", "-rl", timeout, "-e", run->ssh };
        size_t n = 5;

        for (const char *const *o = options; *o; o++)
                argv[n++] = *o;
        argv[n++] = "--";
        argv[n++] = from;
        argv[n++] = target;
        (void) snprintf(timeout, sizeof timeout, "--timeout=%" PRIu64,
                (run->config->timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
        (void) snprintf(from, sizeof from, "%s:%s", run->config->host, source);
        free(run->errors);
        run->errors = *ret_out = NULL;
        return program_run(argv, run->deadline, ret_out, &run->errors);
}

/* Sizes in bytes, names as they are. */
int rsync_list(struct rsync_run *run, const char *source) {
        static const char *const options[] = { "--list-only", "--no-human-readable", NULL };

        free(run->listing);
        run->listing = NULL;
        return run_rsync(run, options, source, NULL, &run->listing);
}

/* Of --out-format=%i, '>' begins a file that was received and "cL" a link that was made (rsync(1), --itemize-changes). */
int rsync_copy(struct rsync_run *run, unsigned *ret_files) {
        const char *const options[] = { "-tp", "--chmod=D0700,Fgo=,Fu+rw", "--checksum", "--force",
                "--safe-links", "--no-devices", "--no-specials", "--fsync", "--temp-dir=" RSYNC_TEMPORARY,
                "--filter=P /" RSYNC_TEMPORARY, "--out-format=%i", "--max-size=64m",
                run->config->delete ? "--delete" : NULL, NULL };
        _cleanup_free_ char *target = NULL, *out = NULL;
        int code;

        if (asprintf(&target, "%s/", run->config->target) < 0)
                return -ENOMEM;
        code = run_rsync(run, options, run->config->source, target, &out);
        *ret_files = 0;
        for (const char *line = out; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
                *ret_files += *line == '>' || begins_with(line, "cL");
        return code;
}

/* "\\#012" is how rsync writes a byte that a terminal would not show. */
static void decode(char *name) {
        char *to = name;
        unsigned byte;

        for (const char *c = name; *c;)
                if (c[0] == '\\' && c[1] == '#' && sscanf(c + 2, "%3o", &byte) == 1 && byte < 256) {
                        *to++ = (char) byte;
                        c += 5;
                } else
                        *to++ = *c++;
        *to = '\0';
}

/* "-rw------- 12 2026/07/11 04:15:02 name", and of a link "name -> target". The name, in LINE; NULL: it is no such line. */
static char *parse_line(char *line, uint64_t *ret_size) {
        char *name, *arrow;
        int at = 0;

        if (sscanf(line, "%*s %" SCNu64 " %*u/%*u/%*u %*u:%*u:%*u%n", ret_size, &at) != 1 || line[at] != ' ')
                return NULL;
        name = line + at + 1;
        arrow = *line == 'l' ? strstr(name, " -> ") : NULL;
        if (arrow)
                *arrow = '\0';
        decode(name);
        return name;
}

static void compare_item(int target, char type, uint64_t size, const char *name, struct comparison *c) {
        static const char *const home[] = { ".ssh", ".bashrc", ".profile", ".bash_logout", ".bash_history" };
        struct stat st = { 0 };
        char safe[40];
        bool same;

        c->n++;
        for (size_t i = 0; i < ELEMENTSOF(home); i++)
                c->is_home = c->is_home || strcmp(name, home[i]) == 0;
        (void) fstatat(target, name, &st, AT_SYMLINK_NOFOLLOW);
        if (type == '-' && size <= SECRET_MAX) {
                c->there += (int64_t) size;
                c->here += S_ISREG(st.st_mode) ? st.st_size : 0;
        }
        same = type == '-' ? S_ISREG(st.st_mode) && (uint64_t) st.st_size == size
                           : type == 'd' || (type == 'l' && S_ISLNK(st.st_mode));
        if (!same && c->missing++ < 3)
                (void) appendf(c->names, sizeof c->names, "%s%s", c->missing > 1 ? ", " : "",
                        safe_text(safe, sizeof safe, name));
}

void rsync_compare(const struct rsync_run *run, struct comparison *ret) {
        _cleanup_free_ char *copy = strdup(run->listing ? run->listing : "");
        size_t n = copy ? strlen(copy) : 0;
        char *rest = copy, *line, *name;
        uint64_t size;

        *ret = (struct comparison){ .is_cut = n > 0 && copy[n - 1] != '\n' };
        while ((line = strsep(&rest, "\n")))
                if ((name = parse_line(line, &size)))
                        compare_item(run->target, *line, size, name, ret);
        if (ret->missing > 3)
                (void) appendf(ret->names, sizeof ret->names, " and %u more", ret->missing - 3);
}

void rsync_free(struct rsync_run *run) {
        free(run->listing);
        free(run->errors);
}
