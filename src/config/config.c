/* The ini file becomes a struct config; see config.h.
 *
 * inih splits a line into key and value. It reports no empty section, no line numbers and only the first
 * error, and takes an indented line for a continuation. So it gets single lines, and no headers. */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "config/config_keys.h"
#include "config/validate.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/text.h"

#define FILE_MAX ((size_t) 64 * 1024)
#define LINE_LONGEST (INI_MAX_LINE - 2) /* a newline and a NUL */

/* The parser. */

struct section {
        enum section_kind kind;
        void *base;               /* the section's struct in the configuration; NULL: none yet */
        const char *name;         /* NAME of a [senior NAME]; else "" */
        unsigned line;            /* of its header; 0: not in the file */
        unsigned given[KEYS_MAX]; /* the line of each key; 0: not in the file */
};

struct parser {
        const char *path;
        unsigned line;
        config_error_t error;
        void *userdata;
        unsigned errors;
        bool no_memory;
        bool names_primary;      /* [primary] host has a value, even a wrong one */
        struct section *section; /* the current one; NULL before the first and in a bad one … */
        bool skipping;           /* … whose keys are skipped */
        struct section sections[_SECTION_MAX + SENIORS_MAX]; /* by kind, then the seniors */
        struct config *config;
};

static unsigned *line_of(struct section *s, const struct config_key *k) {
        return &s->given[k - config_keys];
}

static void _printf_(3, 4) report_error(struct parser *p, unsigned line, const char *format, ...) {
        char raw[1024], what[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        p->errors++;
        if (p->error)
                p->error(p->path, line, safe_text(what, sizeof what, raw), p->userdata);
}

/* Room for a word from the file in a message. */
#define SHORT_MAX 48

static void unknown_key(struct parser *p, const char *name) {
        char word[SHORT_MAX], known[512] = "", elsewhere[64] = "";

        for (const struct config_key *k = config_keys; k < config_keys + n_config_keys; k++)
                if (key_is_of(k, p->section->kind))
                        (void) appendf(known, sizeof known, "%s%s", *known ? ", " : "", k->name);
                else if (strcmp(k->name, name) == 0)
                        (void) snprintf(elsewhere, sizeof elsewhere, ": it belongs in [%s]", k->section);
        report_error(p, p->line, "unknown key '%s' in [%s]%s; allowed here: %s",
                safe_text(word, sizeof word, name), section_name(p->section->kind), elsewhere, known);
}

/* Returns the section of [senior NAME], or NULL after an error. */
static struct section *open_senior(struct parser *p, const char *name) {
        struct section *seniors = &p->sections[_SECTION_MAX], *s;
        struct config *c = p->config;
        const char *why = validate_senior_name(name);

        if (why) {
                report_error(p, p->line, "[senior NAME]: the name %s", why);
                return NULL;
        }
        for (size_t i = 0; i < c->n_seniors; i++)
                if (strcasecmp(seniors[i].name, name) == 0) {
                        report_error(p, p->line, "a second [senior %s], the first is in line %u", name,
                                seniors[i].line);
                        return NULL;
                }
        if (c->n_seniors == SENIORS_MAX) {
                report_error(p, p->line, "too many [senior NAME] sections; allowed: %d", SENIORS_MAX);
                return NULL;
        }
        s = &seniors[c->n_seniors];
        s->kind = SECTION_SENIOR;
        s->base = &c->seniors[c->n_seniors];
        s->name = c->seniors[c->n_seniors].name = strdup(name);
        if (!s->name) {
                p->no_memory = true;
                return NULL;
        }
        c->n_seniors++;
        return s;
}

/* NAME is the text in [ ], without blanks around it. */
static struct section *open_section(struct parser *p, const char *name) {
        size_t word = strcspn(name, " \t");
        char unknown[SHORT_MAX];
        const char *rest = name + word + strspn(name + word, " \t");

        for (size_t i = 0; i < _SECTION_MAX; i++) {
                if (strlen(section_name(i)) != word || strncmp(section_name(i), name, word) != 0)
                        continue;
                if (i == SECTION_SENIOR)
                        return open_senior(p, rest);
                if (*rest)
                        break;
                if (p->sections[i].line > 0) /* its keys are read too: one run reports every error */
                        report_error(p, p->line, "a second [%s], the first is in line %u: put them together",
                                name, p->sections[i].line);
                return &p->sections[i];
        }
        report_error(p, p->line,
                "unknown section [%s]; allowed: [primary], [senior NAME], [witness], [gateway], "
                "[workspace], [secrets], [alert], [heartbeat], [metrics]",
                safe_text(unknown, sizeof unknown, name));
        return NULL;
}

/* LINE begins with '['. */
static void read_header(struct parser *p, char *line) {
        char *end = strchr(line, ']'), *rest = end ? end + 1 + strspn(end + 1, " \t\r") : NULL;

        p->section = NULL;
        p->skipping = true;
        if (!end || (*rest && *rest != ';' && *rest != '#')) {
                report_error(p, p->line, "not a section header; allowed: [NAME] and nothing after it");
                return;
        }
        line += 1 + strspn(line + 1, " \t");
        while (end > line && isblank((unsigned char) end[-1]))
                end--;
        *end = '\0';
        p->section = open_section(p, line);
        if (p->section && p->section->line == 0)
                p->section->line = p->line;
}

/* Texts may be secrets, and so may all values in [alert] and [heartbeat]: no message repeats them. */
static bool may_repeat(const struct config_key *k) {
        return k->type != CONFIG_TEXT && strcmp(k->section, "alert") != 0 &&
                strcmp(k->section, "heartbeat") != 0;
}

/* inih found "NAME = VALUE". It gets no headers, so its section is not used. */
static int on_key(void *userdata, const char *section _unused_, const char *name, const char *value) {
        struct parser *p = userdata;
        const struct config_key *k;
        const char *why;
        unsigned *line;

        if (!p->section) {
                if (!p->skipping)
                        report_error(p, p->line, "key before any [section]");
                return 1;
        }
        k = key_find(p->section->kind, name);
        if (!k) {
                unknown_key(p, name);
                return 1;
        }
        line = line_of(p->section, k);
        if (*line > 0) {
                report_error(p, p->line, "%s: given twice, first in line %u", name, *line);
                return 1;
        }
        *line = p->line;
        if (*value && p->section->kind == SECTION_PRIMARY && strcmp(name, "host") == 0)
                p->names_primary = true;
        why = key_set(k, p->section->base, value);
        if (why && may_repeat(k))
                report_error(p, p->line, "%s: '%s' %s; allowed: %s", name, value, why, k->allowed);
        else if (why)
                report_error(p, p->line, "%s: %s; allowed: %s", name, why, k->allowed);
        return 1;
}

static void read_key(struct parser *p, const char *line) {
        if (strlen(line) > LINE_LONGEST)
                report_error(p, p->line, "line too long; allowed: %d bytes", LINE_LONGEST);
        else if (ini_parse_string(line, on_key, p) != 0)
                report_error(p, p->line, "not understood; allowed: [section], key = value, # comment");
}

static void read_lines(struct parser *p, char *rest) {
        char *line;

        while ((line = strsep(&rest, "\n")) && (rest || *line)) {
                p->line++;
                if (!rest)
                        report_error(p, p->line,
                                "the last line does not end in a newline: is this file half written?");
                line += strspn(line, " \t");
                if (*line == '[')
                        read_header(p, line);
                else if (*line && !strchr(";#\r", *line))
                        read_key(p, line);
        }
}

/* Defaults, and what keys require of each other. */

/* Gives each missing key its default: [primary]'s value for a [senior], otherwise the table's. */
static void fill_section(struct parser *p, struct section *s) {
        for (size_t i = 0; i < n_config_keys; i++) {
                const struct config_key *k = &config_keys[i];

                if (!key_is_of(k, s->kind) || s->given[i] > 0)
                        continue;
                if (!k->fallback)
                        report_error(p, s->line, "[%s%s%s]: %s is missing; allowed: %s", k->section,
                                *s->name ? " " : "", s->name, k->name, k->allowed);
                else if (s->kind == SECTION_SENIOR && key_find(SECTION_PRIMARY, k->name)) {
                        if (p->errors == 0 && key_inherit(k, s->base, &p->config->primary) < 0)
                                p->no_memory = true;
                } else if (*k->fallback && key_set(k, s->base, k->fallback))
                        p->no_memory = true;
        }
}

/* Limits NAME of S to check_interval: reports a longer span, shortens a longer default. 0: invalid. */
static void limit_to_interval(struct parser *p, struct section *s, const char *name) {
        const struct config_key *k = key_find(s->kind, name);
        usec_t *span = key_target(k, s->base), most = p->config->primary.check_interval;
        char text[SPAN_MAX];

        if (most == 0 || *span <= most)
                return;
        if (*line_of(s, k) > 0)
                report_error(p, *line_of(s, k), "%s: is more than check_interval; allowed here: up to %s",
                        name, format_span(text, most));
        else
                *span = most;
}

static unsigned given_in(struct parser *p, enum section_kind kind, const char *name) {
        return *line_of(&p->sections[kind], key_find(kind, name));
}

static void check_urls(struct parser *p, enum section_kind kind, const char *file, const char *url) {
        if (file && url)
                report_error(p, MAX(given_in(p, kind, "url_file"), given_in(p, kind, "url")),
                        "both url_file and url; allowed: one of them");
}

/* A sync commits what is in the workspace. With save = push, that leaves this machine. */
static void check_target(struct parser *p) {
        const struct config *c = p->config;
        const char *target = c->secrets.target, *path = c->workspace.path;

        if (c->secrets.host && target && path && *path &&
                (path_is_within(target, path) || path_is_within(path, target)))
                report_error(p,
                        MAX(given_in(p, SECTION_WORKSPACE, "path"), given_in(p, SECTION_SECRETS, "target")),
                        "[secrets] target and [workspace] path overlap: secrets would be committed with the workspace; "
                        "allowed: neither within the other");
}

/* A user may write "[::1]"; getaddrinfo(3) needs "::1". */
static void strip_brackets(struct parser *p, char **host) {
        char *bare = *host ? without_brackets(*host) : NULL;

        p->no_memory = p->no_memory || (*host && !bare);
        free(*host);
        *host = bare;
}

static void fill_and_check(struct parser *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->sections); i++) {
                struct section *s = &p->sections[i];

                if (!s->base)
                        continue;
                fill_section(p, s);
                if (s->kind == SECTION_PRIMARY)
                        limit_to_interval(p, s, "retry_interval");
                if (s->kind == SECTION_PRIMARY || s->kind == SECTION_SENIOR) {
                        limit_to_interval(p, s, "timeout");
                        strip_brackets(p, &((struct peer_config *) s->base)->host);
                }
        }
        check_urls(p, SECTION_ALERT, p->config->alert.url_file, p->config->alert.url);
        check_urls(p, SECTION_HEARTBEAT, p->config->heartbeat.url_file, p->config->heartbeat.url);
        check_target(p);
}

/* Reads TEXT into P's configuration, even after errors. 0, -EINVAL after an error, -ENOMEM. */
static int parse(struct parser *p, const char *text) {
        static const char bom[] = "\xef\xbb\xbf";
        _cleanup_free_ char *copy = strdup(text + (begins_with(text, bom) ? strlen(bom) : 0));

        p->config = calloc(1, sizeof *p->config);
        if (!copy || !p->config || !(p->config->primary.name = strdup("primary")))
                return -ENOMEM;
        for (enum section_kind i = 0; i < _SECTION_MAX; i++)
                p->sections[i] = (struct section){
                        .kind = i,
                        .base = i == SECTION_SENIOR ? NULL : section_base(p->config, i, 0),
                        .name = "",
                };
        read_lines(p, copy);
        fill_and_check(p);
        return p->no_memory ? -ENOMEM : p->errors > 0 ? -EINVAL : 0;
}

/* As parse(), from P's file. If the file cannot be read, there is no configuration. */
static int parse_file(struct parser *p) {
        _cleanup_free_ char *text = NULL;
        int r = read_file(p->path, FILE_MAX, &text);

        if (r >= 0)
                return parse(p, text);
        report_error(p, 0, "cannot be read: %s",
                r == -EFBIG            ? "larger than 64 KiB"
                        : r == -EINVAL ? "not a text file"
                        : r == -ENOENT ? "no such file; it needs at least a [primary] section with host"
                                       : strerror(-r));
        return r;
}

/* Hands over P's configuration, unless R is an error. */
static int hand_over(struct parser *p, int r, struct config **ret) {
        _cleanup_(config_freep) struct config *c = p->config;

        if (r >= 0)
                *ret = TAKE(c);
        return r;
}

int config_parse(
        const char *path, const char *text, config_error_t error, void *userdata, struct config **ret) {
        struct parser p = { .path = path, .error = error, .userdata = userdata };

        return hand_over(&p, parse(&p, text), ret);
}

int config_load(const char *path, config_error_t error, void *userdata, struct config **ret) {
        struct parser p = { .path = path, .error = error, .userdata = userdata };

        return hand_over(&p, parse_file(&p), ret);
}

int config_load_alert(const char *path, struct config **ret) {
        struct parser p = { .path = path };
        int r = parse_file(&p);

        return hand_over(&p, r == -EINVAL && p.config ? 0 : r, ret);
}

bool config_is_unused(const char *path) {
        struct parser p = { .path = path };
        int r = parse_file(&p);

        config_free(p.config);
        return r == -ENOENT || (r == -EINVAL && p.config && p.errors == 1 && !p.names_primary);
}

void config_keep_error(const char *path, unsigned line, const char *what, void *userdata) {
        char **first = userdata, place[16] = "";

        if (line > 0)
                (void) snprintf(place, sizeof place, ":%u", line);
        if (!*first && asprintf(first, "%s%s: %s", path, place, what) < 0)
                *first = NULL;
}

void config_log_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        _cleanup_free_ char *text = NULL;

        config_keep_error(path, line, what, &text);
        log_error("%s", text ? text : what);
}

/* Freeing and printing. */

static size_t n_sections(const struct config *c, enum section_kind kind) {
        return kind == SECTION_SENIOR ? c->n_seniors : 1;
}

struct config *config_free(struct config *c) {
        if (!c)
                return NULL;
        for (enum section_kind kind = 0; kind < _SECTION_MAX; kind++)
                for (size_t i = 0; i < n_sections(c, kind); i++)
                        for (const struct config_key *k = config_keys; k < config_keys + n_config_keys; k++)
                                if (k->type == CONFIG_TEXT && key_is_of(k, kind))
                                        free(*(char **) key_target(k, section_base(c, kind, i)));
        for (size_t i = 0; i < c->n_seniors; i++)
                free(c->seniors[i].name);
        free(c->primary.name);
        free(c);
        return NULL;
}

static void print_section(enum section_kind kind, const void *base, FILE *out) {
        bool senior = kind == SECTION_SENIOR;

        (void) fprintf(out, "%s[%s%s%s]\n", kind == SECTION_PRIMARY ? "" : "\n", section_name(kind),
                senior ? " " : "", senior ? ((const struct peer_config *) base)->name : "");
        for (size_t i = 0; i < n_config_keys; i++)
                if (key_is_of(&config_keys[i], kind))
                        key_print(&config_keys[i], base, out);
}

void config_print(const struct config *c, FILE *out) {
        for (enum section_kind kind = 0; kind < _SECTION_MAX; kind++)
                for (size_t i = 0; i < n_sections(c, kind); i++)
                        print_section(kind, section_base(c, kind, i), out);
}
