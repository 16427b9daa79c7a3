/* The ini file becomes a struct config; see config.h.
 *
 * inih splits lines into keys and values. It reports no empty section, no line numbers and no error but the first, and takes an indented line for the continuation of a value: so the reader that
 * feeds it, next_line(), reads the section headers itself and keeps account of lines. */
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
#include "lib/suggest.h"
#include "lib/text.h"

#define FILE_MAX ((size_t) 64 * 1024)

/* --- the parser ---------------------------------------------------------------------------------------- */

struct section {
        enum section_kind kind;
        size_t senior;            /* which one, of [senior NAME] */
        unsigned line;            /* of its header; 0: not in the file */
        unsigned lines[KEYS_MAX]; /* where each key was given; 0: it was not */
        bool bad[KEYS_MAX];       /* it was, wrongly */
};

struct parser {
        const char *path;
        const char *text; /* what is still to be read */
        unsigned line;
        bool expects_key; /* inih has a line that must turn out to be a key */
        config_error_t error;
        void *userdata;
        unsigned errors;
        bool names_primary;      /* [primary] host says something, be it wrong */
        struct section *section; /* the current one; NULL before the first and in a bad one … */
        bool skipping;           /* … whose keys cannot be judged */
        struct section fixed[_SECTION_MAX];
        struct section seniors[SENIORS_MAX];
        struct config *config;
};

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

static void unknown_section(struct parser *p, const char *name) {
        char word[SHORT_MAX];
        struct suggestion h = {};

        for (size_t i = 0; i < _SECTION_MAX; i++)
                suggest_try(&h, name, section_name(i));
        report_error(p, p->line,
                "unknown section [%s]; %s%s%sallowed: [primary], [senior NAME], [witness], [gateway], "
                "[workspace], [secrets], [alert], [heartbeat], [metrics]",
                safe_text(word, sizeof word, name), h.name ? "did you mean [" : "", h.name ? h.name : "",
                h.name ? "]? " : "");
}

static void unknown_key(struct parser *p, const char *name) {
        char word[SHORT_MAX], known[512] = "";
        struct suggestion h = {};
        const char *elsewhere = NULL;

        for (size_t i = 0; i < n_config_keys; i++)
                if (key_is_of(&config_keys[i], p->section->kind)) {
                        suggest_try(&h, name, config_keys[i].name);
                        (void) appendf(known, sizeof known, "%s%s", *known ? ", " : "", config_keys[i].name);
                } else if (strcmp(config_keys[i].name, name) == 0)
                        elsewhere = config_keys[i].section;

        (void) safe_text(word, sizeof word, name);
        if (elsewhere)
                report_error(p, p->line, "unknown key '%s' in [%s]: it belongs in [%s]; allowed here: %s",
                        word, section_name(p->section->kind), elsewhere, known);
        else
                report_error(p, p->line, "unknown key '%s' in [%s]; %s%s%sallowed: %s", word,
                        section_name(p->section->kind), h.name ? "did you mean '" : "", h.name ? h.name : "",
                        h.name ? "'? " : "", known);
}

/* The [senior NAME] to read on in, or NULL. */
static struct section *open_senior(struct parser *p, const char *name) {
        struct config *c = p->config;
        const char *why = validate_senior_name(name);
        struct section *s;

        if (why) {
                report_error(p, p->line, "[senior NAME]: the name %s", why);
                return NULL;
        }
        for (size_t i = 0; i < c->n_seniors; i++)
                if (strcasecmp(c->seniors[i].name, name) == 0) {
                        report_error(p, p->line, "a second [senior %s], the first is in line %u", name,
                                p->seniors[i].line);
                        return NULL;
                }
        if (c->n_seniors == SENIORS_MAX) {
                report_error(p, p->line, "too many [senior NAME] sections; allowed: %d", SENIORS_MAX);
                return NULL;
        }
        c->seniors[c->n_seniors].name = strdup(name);
        if (!c->seniors[c->n_seniors].name) {
                report_error(p, p->line, "out of memory");
                return NULL;
        }
        s = &p->seniors[c->n_seniors];
        s->senior = c->n_seniors++;
        return s;
}

/* NAME is what stands in [ ], without blanks around it. */
static struct section *open_section(struct parser *p, char *name) {
        size_t word = strcspn(name, " \t");
        const char *rest = name + word + strspn(name + word, " \t");

        for (size_t i = 0; i < _SECTION_MAX; i++) {
                if (strlen(section_name(i)) != word || strncmp(section_name(i), name, word) != 0)
                        continue;
                if (i == SECTION_SENIOR)
                        return open_senior(p, rest);
                if (*rest)
                        break;
                if (p->fixed[i].line > 0) {
                        /* It is read all the same: one reading shows every error. */
                        report_error(p, p->line, "a second [%s], the first is in line %u: put them together",
                                name, p->fixed[i].line);
                }
                return &p->fixed[i];
        }
        unknown_section(p, name);
        return NULL;
}

/* LINE begins with '['. */
static void read_header(struct parser *p, const char *line) {
        const char *end = strchr(line, ']'), *rest = end ? end + 1 + strspn(end + 1, " \t\r") : NULL;
        _cleanup_free_ char *name = NULL;
        size_t n;

        p->section = NULL;
        p->skipping = true;
        if (!end || (*rest && *rest != ';' && *rest != '#')) {
                report_error(p, p->line, "not a section header; allowed: [NAME] and nothing after it");
                return;
        }
        line += 1 + strspn(line + 1, " \t");
        for (n = line < end ? (size_t) (end - line) : 0; n > 0 && isblank((unsigned char) line[n - 1]); n--)
                ;
        name = strndup(line, n);
        if (!name) {
                report_error(p, p->line, "out of memory");
                return;
        }
        p->section = open_section(p, name);
        if (p->section && p->section->line == 0)
                p->section->line = p->line;
}

/* inih has read the last line that it was given: if that was no key, it is an error. */
static void reject_lone_line(struct parser *p) {
        if (p->expects_key)
                report_error(p, p->line, "not understood; allowed: [section], key = value, # comment");
        p->expects_key = false;
}

/* Gives inih the next line, as fgets(3) would: a line that is its business as it is, an empty one for
 * others. */
static char *next_line(char *buf, int size, void *userdata) {
        struct parser *p = userdata;
        size_t length, room = (size_t) size - 2; /* newline and NUL */
        _cleanup_free_ char *line = NULL;

        reject_lone_line(p);
        if (!*p->text)
                return NULL;
        p->line++;
        p->text += strspn(p->text, " \t");
        length = strcspn(p->text, "\n");
        (void) strcpy(buf, "\n");
        line = strndup(p->text, length);
        p->text += length;
        if (*p->text)
                p->text++;
        else
                report_error(
                        p, p->line, "the last line does not end in a newline: is this file half written?");

        if (!line)
                report_error(p, p->line, "out of memory");
        else if (*line == '[')
                read_header(p, line);
        else if (*line && !strchr(";#\r", *line)) {
                if (length > room)
                        report_error(p, p->line, "line too long; allowed: %zu bytes", room);
                else {
                        (void) stpcpy(stpcpy(buf, line), "\n");
                        p->expects_key = true;
                }
        }
        return buf;
}

/* inih found "NAME = VALUE". Its idea of the section is not used: it knows of no bad ones. */
static int on_key(void *userdata, const char *section _unused_, const char *name, const char *value) {
        struct parser *p = userdata;
        const struct config_key *k;
        const char *why;
        size_t i;

        p->expects_key = false;
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
        i = (size_t) (k - config_keys);
        if (p->section->lines[i] > 0) {
                report_error(p, p->line, "%s: given twice, first in line %u", name, p->section->lines[i]);
                return 1;
        }
        p->section->lines[i] = p->line;
        if (*value && k == key_find(SECTION_PRIMARY, "host"))
                p->names_primary = true;
        why = key_set(k, section_base(p->config, p->section->kind, p->section->senior), value);
        if (why) {
                p->section->bad[i] = true;
                report_error(p, p->line, "%s: %s; allowed: %s", name, why, k->allowed);
        }
        return 1;
}

/* --- what the file does not say, and what keys say of each other --------------------------------------- */

/* Keys that were not given get their default: what [primary] has for a [senior], or the table's. */
static void fill_section(struct parser *p, struct section *s) {
        void *base = section_base(p->config, s->kind, s->senior);

        for (size_t i = 0; i < n_config_keys; i++) {
                const struct config_key *k = &config_keys[i];

                if (!key_is_of(k, s->kind) || s->lines[i] > 0)
                        continue;
                if (!k->fallback) {
                        report_error(p, s->line, "[%s%s%s]: %s is missing; allowed: %s", k->section,
                                s->kind == SECTION_SENIOR ? " " : "",
                                s->kind == SECTION_SENIOR ? ((struct peer_config *) base)->name : "",
                                k->name, k->allowed);
                        s->bad[i] = true;
                } else if (s->kind == SECTION_SENIOR && key_find(SECTION_PRIMARY, k->name)) {
                        if (p->errors == 0 && key_inherit(k, base, &p->config->primary) < 0)
                                report_error(p, s->line, "out of memory");
                } else if (*k->fallback && key_set(k, base, k->fallback))
                        report_error(p, s->line, "[%s]: %s: out of memory", k->section, k->name);
        }
}

/* The span NAME of S is at most check_interval: an error where it is given, else it is shortened. */
static void limit_to_interval(struct parser *p, struct section *s, const char *name) {
        const struct config_key *key = key_find(s->kind, name);
        size_t interval = (size_t) (key_find(SECTION_PRIMARY, "check_interval") - config_keys);
        usec_t *span = key_target(key, section_base(p->config, s->kind, s->senior));
        usec_t most = p->config->primary.check_interval;
        unsigned line = s->lines[key - config_keys];
        char text[SPAN_MAX];

        if (s->bad[key - config_keys] || p->fixed[SECTION_PRIMARY].bad[interval] || *span <= most)
                return;
        if (line > 0)
                report_error(p, line, "%s: is more than check_interval; allowed here: up to %s", name,
                        format_span(text, most));
        else
                *span = most;
}

/* The line in which the text NAME was given, and not as empty; 0: it was not. */
static unsigned text_line(struct parser *p, const struct section *s, const char *name) {
        const struct config_key *k = key_find(s->kind, name);
        char *const *text = key_target(k, section_base(p->config, s->kind, s->senior));

        return s->bad[k - config_keys] || *text ? s->lines[k - config_keys] : 0;
}

static void check_urls(struct parser *p, const struct section *s) {
        unsigned file = text_line(p, s, "url_file"), url = text_line(p, s, "url");

        if (file > 0 && url > 0)
                report_error(p, MAX(file, url), "both url_file and url; allowed: one of them");
}

/* What is in the workspace is committed, and with save = push it leaves this machine. */
static void check_target(struct parser *p) {
        unsigned path = text_line(p, &p->fixed[SECTION_WORKSPACE], "path");
        unsigned target = text_line(p, &p->fixed[SECTION_SECRETS], "target");
        const struct config *c = p->config;

        if (c->secrets.host && c->secrets.target && c->workspace.path && *c->workspace.path &&
                (path_is_within(c->secrets.target, c->workspace.path) ||
                        path_is_within(c->workspace.path, c->secrets.target)))
                report_error(p, MAX(path, target),
                        "[secrets] target and [workspace] path overlap: secrets would be committed with the workspace; "
                        "allowed: neither within the other");
}

/* "[::1]" is how a person writes it; getaddrinfo(3) wants "::1". */
static void strip_brackets(char *host) {
        size_t n = host ? strlen(host) : 0;

        if (n > 2 && host[0] == '[') {
                (void) memmove(host, host + 1, n - 2);
                host[n - 2] = '\0';
        }
}

static void fill_and_check(struct parser *p) {
        struct config *c = p->config;

        for (size_t i = 0; i < _SECTION_MAX; i++)
                if (i != SECTION_SENIOR)
                        fill_section(p, &p->fixed[i]);
        limit_to_interval(p, &p->fixed[SECTION_PRIMARY], "timeout");
        limit_to_interval(p, &p->fixed[SECTION_PRIMARY], "retry_interval");
        strip_brackets(c->primary.host);
        for (size_t i = 0; i < c->n_seniors; i++) {
                fill_section(p, &p->seniors[i]);
                limit_to_interval(p, &p->seniors[i], "timeout");
                strip_brackets(c->seniors[i].host);
        }
        check_urls(p, &p->fixed[SECTION_ALERT]);
        check_urls(p, &p->fixed[SECTION_HEARTBEAT]);
        check_target(p);
}

/* Reads what P says to read. 0, -EINVAL if anything is wrong with it, -ENOMEM; P's configuration is filled in in the first
 * two cases. */
static int parse(struct parser *p) {
        static const char bom[] = "\xef\xbb\xbf";

        p->config->primary.name = strdup("primary");
        if (!p->config->primary.name)
                return -ENOMEM;
        for (size_t i = 0; i < _SECTION_MAX; i++)
                p->fixed[i].kind = (enum section_kind) i;
        for (size_t i = 0; i < SENIORS_MAX; i++)
                p->seniors[i].kind = SECTION_SENIOR;
        if (strncmp(p->text, bom, strlen(bom)) == 0)
                p->text += strlen(bom);

        /* Its result is the first bad line, which reject_lone_line() has reported; -2 means no memory. */
        if (ini_parse_stream(next_line, p, on_key, p) == -2)
                return -ENOMEM;
        reject_lone_line(p);
        fill_and_check(p);
        return p->errors > 0 ? -EINVAL : 0;
}

int config_parse(
        const char *path, const char *text, config_error_t error, void *userdata, struct config **ret) {
        _cleanup_(config_freep) struct config *c = calloc(1, sizeof *c);
        struct parser p = { .path = path, .text = text, .error = error, .userdata = userdata, .config = c };
        int r = c ? parse(&p) : -ENOMEM;

        if (r < 0)
                return r;
        *ret = TAKE(c);
        return 0;
}

int config_load_alert(const char *path, struct alert_config *ret) {
        _cleanup_(config_freep) struct config *c = calloc(1, sizeof *c);
        struct parser p = { .path = path, .config = c };
        _cleanup_free_ char *text = NULL;
        int r = read_file(path, FILE_MAX, &text);

        if (r < 0)
                return r;
        p.text = text;
        r = c ? parse(&p) : -ENOMEM;
        if (r < 0 && r != -EINVAL)
                return r;
        *ret = (struct alert_config){
                .url_file = TAKE(c->alert.url_file),
                .url = TAKE(c->alert.url),
                .format = c->alert.format,
        };
        return 0;
}

int config_load(const char *path, config_error_t error, void *userdata, struct config **ret) {
        struct parser p = { .path = path, .error = error, .userdata = userdata };
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_file(path, FILE_MAX, &text);
        if (r == -EFBIG)
                report_error(&p, 0, "cannot be read: larger than %zu KiB", FILE_MAX / 1024);
        else if (r == -EINVAL)
                report_error(&p, 0, "cannot be read: not a text file");
        else if (r == -ENOENT)
                report_error(&p, 0,
                        "cannot be read: no such file; it needs at least a [primary] section with host");
        else if (r < 0)
                report_error(&p, 0, "cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;
        return config_parse(path, text, error, userdata, ret);
}

bool config_is_unused(const char *path) {
        _cleanup_(config_freep) struct config *c = calloc(1, sizeof *c);
        struct parser p = { .path = path, .config = c };
        _cleanup_free_ char *text = NULL;
        int r = read_file(path, FILE_MAX, &text);

        if (r < 0)
                return r == -ENOENT;
        p.text = text;
        return c && parse(&p) == -EINVAL && p.errors == 1 && !p.names_primary;
}

/* PATH, LINE if there is one, what: an unsigned 0 of no digits is nothing. */
#define PLACED(line) (line) > 0 ? "%s:%u: %s" : "%s:%.0u %s"

void config_log_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        log_error(PLACED(line), path, line, what);
}

void config_keep_error(const char *path, unsigned line, const char *what, void *userdata) {
        char **first = userdata;

        if (!*first && asprintf(first, PLACED(line), path, line, what) < 0)
                *first = NULL;
}

/* --- and back ------------------------------------------------------------------------------------------ */

static void free_texts(enum section_kind kind, void *base) {
        for (size_t i = 0; i < n_config_keys; i++)
                if (config_keys[i].type == CONFIG_TEXT && key_is_of(&config_keys[i], kind))
                        free(*(char **) key_target(&config_keys[i], base));
}

struct config *config_free(struct config *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < _SECTION_MAX; i++)
                if (i != SECTION_SENIOR)
                        free_texts((enum section_kind) i, section_base(c, (enum section_kind) i, 0));
        for (size_t i = 0; i < c->n_seniors; i++) {
                free_texts(SECTION_SENIOR, &c->seniors[i]);
                free(c->seniors[i].name);
        }
        free(c->primary.name);
        free(c);
        return NULL;
}

static void print_section(enum section_kind kind, const char *name, const void *base, FILE *out) {
        (void) fprintf(out, "%s[%s%s%s]\n", kind == SECTION_PRIMARY ? "" : "\n", section_name(kind),
                *name ? " " : "", name);
        for (size_t i = 0; i < n_config_keys; i++)
                if (key_is_of(&config_keys[i], kind))
                        key_print(&config_keys[i], base, out);
}

int config_print(const struct config *c, FILE *out) {
        for (size_t i = 0; i < _SECTION_MAX; i++)
                if (i != SECTION_SENIOR)
                        print_section(
                                (enum section_kind) i, "", section_base(c, (enum section_kind) i, 0), out);
                else
                        for (size_t j = 0; j < c->n_seniors; j++)
                                print_section(SECTION_SENIOR, c->seniors[j].name,
                                        section_base(c, SECTION_SENIOR, j), out);
        return fflush(out) == EOF || ferror(out) ? -EIO : 0;
}
