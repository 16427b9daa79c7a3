/* The ini file becomes a struct config; see config.h. */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
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

/* The parser. */

struct value {
        const char *text; /* as the file has it */
        unsigned line;    /* 0: not in the file */
};

struct section {
        enum section_kind kind;
        size_t senior; /* which [senior]; 0 for every other section */
        unsigned line; /* of its header; 0: not in the file */
        struct value values[KEYS_MAX];
};

struct parser {
        const char *path;
        unsigned line;
        config_error_t error;
        void *userdata;
        unsigned errors;
        struct section *section; /* the current one; NULL before the first and in a bad one … */
        bool skipping;           /* … whose keys are skipped */
        struct section sections[SECTION_SENIOR + SENIORS_MAX]; /* by kind; then the seniors */
        struct config *config;
};

static unsigned line_of(const struct section *s, const char *key) {
        return s->values[key_find(s->kind, key) - config_keys].line;
}

static void _printf_(3, 4) report_error(struct parser *p, unsigned line, const char *format, ...) {
        char raw[1024], what[1024], place[16] = "";
        _cleanup_free_ char *error = NULL;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        p->errors++;
        if (line > 0)
                (void) snprintf(place, sizeof place, ":%u", line);
        (void) safe_text(what, sizeof what, raw);
        if (p->error && asprintf(&error, "%s%s: %s", p->path, place, what) >= 0)
                p->error(error, p->userdata);
}

/* Cuts blanks from both ends of TEXT. */
static char *strip(char *text) {
        size_t n;

        text += strspn(text, " \t\r");
        n = strlen(text);
        while (n > 0 && strchr(" \t\r", text[n - 1]))
                n--;
        text[n] = '\0';
        return text;
}

/* Room for a word from the file in a message. */
#define SHORT_MAX 48

/* Returns the section of [senior NAME], a new one unless the file has had it; NULL after an error. */
static struct section *find_senior(struct parser *p, const char *name) {
        struct config *c = p->config;
        const char *why = validate_senior_name(name);
        size_t i = 0;

        if (why) {
                report_error(p, p->line, "[senior NAME]: the name %s", why);
                return NULL;
        }
        while (i < c->n_seniors && strcasecmp(c->seniors[i].name, name) != 0)
                i++;
        if (i == SENIORS_MAX) {
                report_error(p, p->line, "too many [senior NAME] sections; allowed: %d", SENIORS_MAX);
                return NULL;
        }
        if (i == c->n_seniors)
                (void) strcpy(c->seniors[c->n_seniors++].name, name);
        return &p->sections[SECTION_SENIOR + i];
}

/* TITLE is the text in [ ]. A second section's keys are read, too: one run reports every error. */
static void open_section(struct parser *p, char *title) {
        char word[SHORT_MAX], *rest = title + strcspn(title, " \t");
        struct section *s = NULL;
        int kind;

        p->skipping = true;
        (void) snprintf(word, sizeof word, "%.*s", (int) (rest - title), title);
        kind = find_name(word, section_names, _SECTION_MAX);
        if (kind == SECTION_SENIOR)
                s = find_senior(p, strip(rest));
        else if (kind < SECTION_SENIOR && !*rest)
                s = &p->sections[kind];
        else
                report_error(p, p->line,
                        "unknown section [%s]; allowed: [primary], [senior NAME], [witness], [gateway], "
                        "[workspace], [secrets], [alert], [heartbeat], [metrics]",
                        safe_text(word, sizeof word, title));
        if (s && s->line > 0)
                report_error(p, p->line, "a second [%s], the first is in line %u: put them together", title,
                        s->line);
        else if (s)
                s->line = p->line;
        p->section = s;
}

static void unknown_key(struct parser *p, const char *name) {
        char word[SHORT_MAX], known[512] = "", elsewhere[64] = "";

        for (const struct config_key *k = config_keys; k < config_keys + n_config_keys; k++)
                if (k->section == p->section->kind)
                        (void) appendf(known, sizeof known, "%s%s", *known ? ", " : "", k->name);
                else if (strcmp(k->name, name) == 0)
                        (void) snprintf(elsewhere, sizeof elsewhere, ": it belongs in [%s]",
                                section_names[k->section]);
        report_error(p, p->line, "unknown key '%s' in [%s]%s; allowed here: %s",
                safe_text(word, sizeof word, name), section_names[p->section->kind], elsewhere, known);
}

static void keep_value(struct parser *p, const char *name, const char *value) {
        const struct config_key *k = key_find(p->section->kind, name);
        struct value *v = k ? &p->section->values[k - config_keys] : NULL;

        if (!k)
                unknown_key(p, name);
        else if (v->line > 0)
                report_error(p, p->line, "%s: given twice, first in line %u", name, v->line);
        else if (*value || k->fallback) /* otherwise it is missing */
                *v = (struct value){ value, p->line };
}

static void read_line(struct parser *p, char *line) {
        char *end = line + strlen(line), *value = strpbrk(line, "=:");

        if (*line == '[' && end[-1] == ']') {
                end[-1] = '\0';
                open_section(p, strip(line + 1));
        } else if (!value)
                report_error(p, p->line, "not understood; allowed: [section], key = value, # comment");
        else if (p->section) {
                *value = '\0';
                keep_value(p, strip(line), strip(value + 1));
        } else if (!p->skipping)
                report_error(p, p->line, "key before any [section]");
}

static void read_lines(struct parser *p, char *rest) {
        char *line;

        while ((line = strsep(&rest, "\n")) && (rest || *line)) {
                p->line++;
                if (!rest)
                        report_error(p, p->line,
                                "the last line does not end in a newline: is this file half written?");
                for (char *c = line; (c = strchr(c, ';')); c++)
                        if (c == line || isblank((unsigned char) c[-1]))
                                *c = '\0';
                line = strip(line);
                if (*line && *line != '#')
                        read_line(p, line);
        }
}

/* Defaults, and what keys require of each other. */

/* Texts may be secrets, and so may all values in [alert] and [heartbeat]: no message repeats them. */
static bool may_repeat(const struct config_key *k) {
        return k->type != CONFIG_TEXT && k->section != SECTION_ALERT && k->section != SECTION_HEARTBEAT;
}

/* Sets K to its value in the file; in a [senior] without it, to [primary]'s; or else to its default. */
static void set_key(struct parser *p, const struct section *s, const struct config_key *k) {
        const struct config_key *inherited = k->fallback ? key_find(SECTION_PRIMARY, k->name) : NULL;
        const char *value = s->values[k - config_keys].text, *why;
        unsigned line = s->values[k - config_keys].line;

        if (!value && s->kind == SECTION_SENIOR && inherited)
                value = p->sections[SECTION_PRIMARY].values[inherited - config_keys].text;
        if (!value)
                value = k->fallback;
        why = value ? key_set(k, p->config, s->senior, value) : NULL;
        if (!value)
                report_error(p, s->line, "[%s]: %s is missing; allowed: %s", section_names[s->kind], k->name,
                        k->allowed);
        else if (why && line > 0 && may_repeat(k))
                report_error(p, line, "%s: '%s' %s; allowed: %s", k->name, value, why, k->allowed);
        else if (why && (line > 0 || p->errors == 0)) /* else it is [primary]'s, and reported there */
                report_error(p, line, "%s: %s; allowed: %s", k->name, why, k->allowed);
}

/* Reports a span that is longer than check_interval, and shortens a default. */
static void limit_to_interval(struct parser *p, const struct section *s, const char *name, usec_t *span) {
        usec_t most = p->config->primary.check_interval;

        if (line_of(s, name) > 0 && *span > most && most > 0) /* 0: it is wrong */
                report_error(p, line_of(s, name), "%s: is more than check_interval", name);
        *span = MIN(*span, most);
}

static void check_urls(struct parser *p, const struct section *s, const char *file, const char *url) {
        if (file && url)
                report_error(p, MAX(line_of(s, "url_file"), line_of(s, "url")),
                        "both url_file and url; allowed: one of them");
}

/* A sync commits what is in the workspace. With save = push, that leaves this machine. */
static void check_target(struct parser *p) {
        const struct config *c = p->config;
        const char *target = c->secrets.target, *path = c->workspace.path;

        if (c->secrets.host && target && path && *path &&
                (path_is_within(target, path) || path_is_within(path, target)))
                report_error(p, 0,
                        "[secrets] target and [workspace] path overlap: secrets would be committed with the workspace; "
                        "allowed: neither within the other");
}

static void set_and_check(struct parser *p) {
        struct section *sections = p->sections;
        struct config *c = p->config;

        for (struct section *s = sections; s < sections + SECTION_SENIOR + c->n_seniors; s++)
                for (const struct config_key *k = config_keys; k < config_keys + n_config_keys; k++)
                        if (k->section == s->kind)
                                set_key(p, s, k);
        limit_to_interval(p, &sections[SECTION_PRIMARY], "retry_interval", &c->primary.retry_interval);
        limit_to_interval(p, &sections[SECTION_PRIMARY], "timeout", &c->primary.timeout);
        for (size_t i = 0; i < c->n_seniors; i++)
                limit_to_interval(p, &sections[SECTION_SENIOR + i], "timeout", &c->seniors[i].timeout);
        check_urls(p, &sections[SECTION_ALERT], c->alert.url_file, c->alert.url);
        check_urls(p, &sections[SECTION_HEARTBEAT], c->heartbeat.url_file, c->heartbeat.url);
        check_target(p);
}

/* Reads P's file into its configuration, even after errors. 0, -EINVAL after an error, another negative errno
 * if the file cannot be read. */
static int parse(struct parser *p) {
        _cleanup_free_ char *text = NULL;
        int r = read_file(p->path, FILE_MAX, &text);

        if (r < 0) {
                report_error(p, 0, "cannot be read: %s", r == -EINVAL ? "not a text file" : strerror(-r));
                return r;
        }
        p->config = calloc(1, sizeof *p->config);
        if (!p->config)
                return -ENOMEM;
        (void) strcpy(p->config->primary.name, section_names[SECTION_PRIMARY]);
        for (size_t i = 0; i < ELEMENTSOF(p->sections); i++) {
                p->sections[i].kind = MIN(i, SECTION_SENIOR);
                p->sections[i].senior = i - p->sections[i].kind;
        }
        read_lines(p, text);
        set_and_check(p);
        return p->errors > 0 ? -EINVAL : 0;
}

int config_load(const char *path, config_error_t error, void *userdata, struct config **ret) {
        struct parser p = { .path = path, .error = error, .userdata = userdata };
        int r = parse(&p);

        if (r >= 0)
                *ret = TAKE(p.config);
        config_free(p.config);
        return r;
}

int config_load_alert(const char *path, struct config **ret) {
        struct parser p = { .path = path };
        int r = parse(&p);

        *ret = p.config;
        return r == -EINVAL && p.config ? 0 : r;
}

bool config_is_unused(const char *path) {
        struct parser p = { .path = path };
        int r = parse(&p);

        config_free(p.config);
        return r == -ENOENT ||
                (r == -EINVAL && p.config && p.errors == 1 &&
                        line_of(&p.sections[SECTION_PRIMARY], "host") == 0);
}

void config_keep_error(const char *error, void *first) {
        char **text = first;

        if (!*text)
                *text = strdup(error);
}

void config_log_error(const char *error, _unused_ void *userdata) {
        log_error("%s", error);
}

/* Freeing and printing. */

struct config *config_free(struct config *c) {
        for (const struct config_key *k = config_keys; c && k < config_keys + n_config_keys; k++)
                for (size_t i = 0; i < (k->section == SECTION_SENIOR ? c->n_seniors : 1); i++)
                        if (k->type == CONFIG_TEXT)
                                free(*(char **) key_target(k, c, i));
        free(c);
        return NULL;
}

void config_print(const struct config *c, FILE *out) {
        for (size_t i = 0; i < SECTION_SENIOR + c->n_seniors; i++) {
                enum section_kind kind = MIN(i, SECTION_SENIOR);
                const char *name = kind == SECTION_SENIOR ? c->seniors[i - kind].name : "";

                (void) fprintf(
                        out, "%s[%s%s%s]\n", i > 0 ? "\n" : "", section_names[kind], *name ? " " : "", name);
                for (const struct config_key *k = config_keys; k < config_keys + n_config_keys; k++)
                        if (k->section == kind)
                                key_print(k, c, i - kind, out);
        }
}
