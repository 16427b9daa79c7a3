/* The ini file becomes a struct config; see config.h.
 *
 * inih splits lines into keys and values. It tells nobody of an empty section, of line numbers, or of any
 * error but the first, and takes an indented line for the continuation of a value: so the reader that
 * feeds it, next_line(), reads the section headers itself and keeps account of lines. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "hint.h"
#include "log.h"
#include "valid.h"

#define FILE_MAX ((size_t) 64 * 1024)

static const char *const scheme_words[] = { "http", "https", "tcp", NULL };
static const char *const expect_words[] = { "openclaw", "2xx", NULL };
static const char *const failback_words[] = { "auto", "manual", NULL };
static const char *const save_words[] = { "local", "push", NULL };
static const char *const alert_format_words[] = { "json", "discord", "slack", "telegram", "ntfy", NULL };

#define AT(type, member) .offset = offsetof(struct type, member)
#define COUNT(lo, hi) .type = CONFIG_COUNT, .min = (lo), .max = (hi)
#define SPAN(lo, hi) .type = CONFIG_SPAN, .min = (lo), .max = (hi)
#define WORD(list) .type = CONFIG_WORD, .words = (list)
#define TEXT(function) .type = CONFIG_TEXT, .check = (function)
/* A row of [primary] and the same one of [senior NAME]. */
#define PEER(...)                                                                                           \
        { "primary", __VA_ARGS__ }, {                                                                       \
                "senior", __VA_ARGS__                                                                       \
        }

#define HOST_ALLOWED "an IPv4 or IPv6 address, or a DNS name"
#define PATH_ALLOWED "an absolute path"
#define URL_ALLOWED "an http:// or https:// URL without user and password"
#define PUBLIC_URL_ALLOWED URL_ALLOWED " that is no secret"

/* Every key there is. config_print() and the documents keep this order. */
static const struct config_key keys[] = {
        PEER("host", NULL, HOST_ALLOWED, "the gateway's Tailscale address (best) or MagicDNS name",
                TEXT(check_host), AT(peer_config, host)),
        PEER("port", "18789", "1 to 65535", "the gateway's port", COUNT(1, 65535), AT(peer_config, port)),
        PEER("scheme", "http", "http, https or tcp", "how to ask; tcp: a connect is enough",
                WORD(scheme_words), AT(peer_config, scheme)),
        PEER("path", "/health", "a URL's path, which begins with /", "what to GET", TEXT(check_url_path),
                AT(peer_config, path)),
        PEER("expect", "openclaw", "openclaw or 2xx",
                "openclaw: 2xx and a JSON object with \"ok\": true; 2xx: any 2xx", WORD(expect_words),
                AT(peer_config, expect)),
        { "primary", "check_interval", "10s", "10ms to 1h",
                "from the start of one check to the start of the next",
                SPAN(10 * USEC_PER_MSEC, USEC_PER_HOUR), AT(peer_config, check_interval) },
        PEER("timeout", "5s", "5ms to 30m, and at most half of check_interval",
                "of one check: name, connect and answer", SPAN(5 * USEC_PER_MSEC, 30 * USEC_PER_MINUTE),
                AT(peer_config, timeout)),
        PEER("fail_threshold", "3", "1 to 1000", "failed checks in a row before promotion", COUNT(1, 1000),
                AT(peer_config, fail_threshold)),
        PEER("unclear_threshold", "9", "1 to 1000",
                "the same for failures that prove no death, such as a silent gateway", COUNT(1, 1000),
                AT(peer_config, unclear_threshold)),
        PEER("recover_threshold", "3", "1 to 1000", "good checks in a row before demotion", COUNT(1, 1000),
                AT(peer_config, recover_threshold)),
        { "primary", "failback", "auto", "auto or manual",
                "auto: demote when the primary is back; manual: stay promoted until told to",
                WORD(failback_words), AT(peer_config, failback) },
        { "primary", "restart_grace", "0", "0 to 1h",
                "wait this much longer for a primary that said it is restarting", SPAN(0, USEC_PER_HOUR),
                AT(peer_config, restart_grace) },
        { "senior", "head_start", "5m", "0 to 24h",
                "how long this senior has, after the primary is down, before this node promotes too",
                SPAN(0, USEC_PER_DAY), AT(peer_config, head_start) },

        { "witness", "url", "", URL_ALLOWED,
                "an address outside the tailnet: if it fails too, this node is cut off", TEXT(check_url),
                AT(witness_config, url) },
        { "witness", "hold", "5m", "0 to 1h",
                "how long a node that is cut off waits before it promotes anyway", SPAN(0, USEC_PER_HOUR),
                AT(witness_config, hold) },

        { "gateway", "unit", "openclaw.service", "a unit's name that ends in .service",
                "what to start and stop", TEXT(check_service), AT(gateway_config, unit) },
        { "gateway", "url", "", URL_ALLOWED,
                "where the standby's own gateway answers; none: on loopback, then on the tailnet address",
                TEXT(check_url), AT(gateway_config, url) },
        { "gateway", "start_timeout", "5m", "1s to 1h", "say so if the gateway has not answered by then",
                SPAN(USEC_PER_SEC, USEC_PER_HOUR), AT(gateway_config, start_timeout) },
        { "gateway", "hang_timeout", "5m", "0 (never), or 1s to 24h",
                "a promoted gateway that is silent for this long is stopped and started",
                SPAN(USEC_PER_SEC, USEC_PER_DAY), .or_none = true, AT(gateway_config, hang_timeout) },
        { "gateway", "drain_patience", "20s", "0 to 1h",
                "a draining gateway is waited for this long when the primary is down again",
                SPAN(0, USEC_PER_HOUR), AT(gateway_config, drain_patience) },

        { "workspace", "path", "/home/openclaw/.openclaw/workspace",
                PATH_ALLOWED ", or empty (no workspace sync)", "the git clone to keep current",
                TEXT(check_path), .or_none = true, AT(workspace_config, path) },
        { "workspace", "remote", "origin", "a git remote's name", "the remote to fetch from",
                TEXT(check_git_name), AT(workspace_config, remote) },
        { "workspace", "branch", "", "a git branch's name", "the branch to follow; none: the remote's HEAD",
                TEXT(check_git_name), AT(workspace_config, branch) },
        { "workspace", "ssh_key", "", PATH_ALLOWED,
                "the private key for ssh; none: the gateway user's usual ones", TEXT(check_path),
                AT(workspace_config, ssh_key) },
        { "workspace", "token_file", "", PATH_ALLOWED, "the file that holds the token for https",
                TEXT(check_path), AT(workspace_config, token_file) },
        { "workspace", "timeout", "15s", "1s to 10m", "of the fetch",
                SPAN(USEC_PER_SEC, 10 * USEC_PER_MINUTE), AT(workspace_config, timeout) },
        { "workspace", "refresh", "15m", "0 (only at failover), or 1s to 24h",
                "sync workspace and secrets this often while on standby", SPAN(USEC_PER_SEC, USEC_PER_DAY),
                .or_none = true, AT(workspace_config, refresh) },
        { "workspace", "save", "local", "local or push",
                "where the standby's own changes go: to a branch here, or to the remote as well",
                WORD(save_words), AT(workspace_config, save) },

        { "secrets", "host", "", "user@host or host", "where the secrets are; none: no secrets sync",
                TEXT(check_ssh_host), AT(secrets_config, host) },
        { "secrets", "source", "~/.secrets/",
                "a path there without blanks or wildcards: absolute, relative to the home, or ~/…",
                "what to copy; a / at the end means what is in it", TEXT(check_remote_path),
                AT(secrets_config, source) },
        { "secrets", "target", "/home/openclaw/.secrets/", PATH_ALLOWED " outside the workspace",
                "where to copy it to", TEXT(check_path), AT(secrets_config, target) },
        { "secrets", "timeout", "15s", "1s to 10m", "of the copy", SPAN(USEC_PER_SEC, 10 * USEC_PER_MINUTE),
                AT(secrets_config, timeout) },

        { "alert", "url_file", "", PATH_ALLOWED,
                "the file, root's and 0600, that holds the address to post to", TEXT(check_path),
                AT(alert_config, url_file) },
        { "alert", "url", "", PUBLIC_URL_ALLOWED, "the address to post to, if it is no secret",
                TEXT(check_public_url), AT(alert_config, url) },
        { "alert", "format", "json", "json, discord, slack, telegram or ntfy", "what to post",
                WORD(alert_format_words), AT(alert_config, format) },

        { "heartbeat", "url_file", "", PATH_ALLOWED,
                "the file, root's and 0600, that holds the address to ping", TEXT(check_path),
                AT(heartbeat_config, url_file) },
        { "heartbeat", "url", "", PUBLIC_URL_ALLOWED,
                "the address to ping while all is well, if it is no secret", TEXT(check_public_url),
                AT(heartbeat_config, url) },
        { "heartbeat", "interval", "5m", "1s to 24h", "how often", SPAN(USEC_PER_SEC, USEC_PER_DAY),
                AT(heartbeat_config, interval) },

        { "metrics", "textfile", "", PATH_ALLOWED " that ends in .prom",
                "Prometheus text file to write, for node_exporter's textfile collector",
                TEXT(check_prom_path), AT(config, metrics_textfile) },
};

enum section_kind {
        SECTION_PRIMARY,
        SECTION_SENIOR,
        SECTION_WITNESS,
        SECTION_GATEWAY,
        SECTION_WORKSPACE,
        SECTION_SECRETS,
        SECTION_ALERT,
        SECTION_HEARTBEAT,
        SECTION_METRICS,
        _SECTION_MAX,
};

/* Where a section's struct is in struct config; [senior]: the first of them. */
static const struct {
        const char *name;
        size_t offset;
} kinds[_SECTION_MAX] = {
        [SECTION_PRIMARY] = { "primary", offsetof(struct config, primary) },
        [SECTION_SENIOR] = { "senior", offsetof(struct config, seniors) },
        [SECTION_WITNESS] = { "witness", offsetof(struct config, witness) },
        [SECTION_GATEWAY] = { "gateway", offsetof(struct config, gateway) },
        [SECTION_WORKSPACE] = { "workspace", offsetof(struct config, workspace) },
        [SECTION_SECRETS] = { "secrets", offsetof(struct config, secrets) },
        [SECTION_ALERT] = { "alert", offsetof(struct config, alert) },
        [SECTION_HEARTBEAT] = { "heartbeat", offsetof(struct config, heartbeat) },
        [SECTION_METRICS] = { "metrics", 0 },
};

const struct config_key *config_keys(size_t *ret_n) {
        *ret_n = ELEMENTSOF(keys);
        return keys;
}

/* The struct of a section: KIND, and which of the [senior] ones. */
static void *section_base(const struct config *c, enum section_kind kind, size_t senior) {
        return (char *) c + kinds[kind].offset +
                (kind == SECTION_SENIOR ? senior * sizeof(struct peer_config) : 0);
}

static bool key_is_of(const struct config_key *k, enum section_kind kind) {
        return strcmp(k->section, kinds[kind].name) == 0;
}

static const struct config_key *find_key(enum section_kind kind, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (key_is_of(&keys[i], kind) && strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

static void *key_target(const struct config_key *k, void *base) {
        return (char *) base + k->offset;
}

/* --- values -------------------------------------------------------------------------------------------- */

static const char *set_count(const struct config_key *k, const char *value, unsigned *target) {
        unsigned long n;
        char *end;

        if (!isdigit((unsigned char) *value)) /* strtoul() would take blanks and signs */
                return "is not a number";
        errno = 0;
        n = strtoul(value, &end, 10);
        if (*end)
                return "is not a number";
        if (errno || n < k->min || n > k->max)
                return "is out of bounds";
        *target = (unsigned) n;
        return NULL;
}

static const char *set_span(const struct config_key *k, const char *value, usec_t *target) {
        usec_t span;
        int r = parse_span(value, &span);

        if (r == -EINVAL)
                return "is not a time such as 10, 10s, 500ms, 5m or 1h";
        if (r < 0 || ((span < k->min || span > k->max) && !(k->or_none && span == 0)))
                return "is out of bounds";
        *target = span;
        return NULL;
}

static const char *set_word(const struct config_key *k, const char *value, unsigned *target) {
        for (unsigned i = 0; k->words[i]; i++)
                if (strcmp(k->words[i], value) == 0) {
                        *target = i; /* GCC and clang make an enum without negative values an unsigned */
                        return NULL;
                }
        return "is not a word that is known here";
}

static const char *set_text(const struct config_key *k, const char *value, char **target) {
        size_t size = strlen(value) + 1;
        _cleanup_free_ char *safe = malloc(size);
        const char *why;

        if (!safe)
                return "cannot be read: out of memory";
        if (strcmp(safe_text(safe, size, value), value) != 0)
                return "holds control characters, blanks in a row, or bytes that are no UTF-8";
        why = k->check(value);
        if (*value && why)
                return strstr(value, " #")
                        ? "is wrong (a comment after a value begins with ' ;', not with '#')"
                        : why;
        if (!*value && k->fallback && !*k->fallback)
                return NULL; /* none, as if it were not there */
        if (!*value && !k->or_none)
                return "is empty";
        *target = TAKE(safe);
        return NULL;
}

/* Sets K in the section at BASE, whose texts are still NULL. NULL, or what is wrong with VALUE. */
static const char *set_value(const struct config_key *k, void *base, const char *value) {
        void *target = key_target(k, base);

        switch (k->type) {
        case CONFIG_COUNT:
                return set_count(k, value, target);
        case CONFIG_SPAN:
                return set_span(k, value, target);
        case CONFIG_WORD:
                return set_word(k, value, target);
        case CONFIG_TEXT:
                return set_text(k, value, target);
        }
        abort();
}

/* Gives K of a [senior] at BASE the value that [primary] has. */
static int inherit_value(const struct config_key *k, void *base, const struct peer_config *primary) {
        const char *from = (const char *) primary + k->offset;
        char *to = key_target(k, base);

        switch (k->type) {
        case CONFIG_COUNT:
        case CONFIG_WORD:
                (void) memcpy(to, from, sizeof(unsigned));
                return 0;
        case CONFIG_SPAN:
                (void) memcpy(to, from, sizeof(usec_t));
                return 0;
        case CONFIG_TEXT:
                *(char **) to = strdup(*(char *const *) from);
                return *(char **) to ? 0 : -ENOMEM;
        }
        abort();
}

/* --- the parser ---------------------------------------------------------------------------------------- */

struct section {
        enum section_kind kind;
        size_t senior;                    /* which one, of [senior NAME] */
        unsigned line;                    /* of its header; 0: not in the file */
        unsigned lines[ELEMENTSOF(keys)]; /* where each key was given; 0: it was not */
        bool bad[ELEMENTSOF(keys)];       /* it was, wrongly */
};

struct parser {
        const char *path;
        const char *text; /* what is still to be read */
        unsigned line;
        bool expects_key; /* inih has a line that must turn out to be a key */
        config_error_t error;
        void *userdata;
        bool failed;
        struct section *section; /* the current one; NULL before the first and in a bad one … */
        bool skipping;           /* … whose keys cannot be judged */
        struct section fixed[_SECTION_MAX];
        struct section seniors[SENIORS_MAX];
        struct config *config;
};

static void _printf_(3, 4) complain(struct parser *p, unsigned line, const char *format, ...) {
        char raw[1024], what[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        p->failed = true;
        if (p->error)
                p->error(p->path, line, safe_text(what, sizeof what, raw), p->userdata);
}

/* Room for a word from the file in a message. */
#define SHORT_MAX 48

static void unknown_section(struct parser *p, const char *name) {
        char word[SHORT_MAX];
        struct hint h = {};

        for (size_t i = 0; i < _SECTION_MAX; i++)
                hint_try(&h, name, kinds[i].name);
        complain(p, p->line,
                "unknown section [%s]; %s%s%sallowed: [primary], [senior NAME], [witness], [gateway], "
                "[workspace], [secrets], [alert], [heartbeat], [metrics]",
                safe_text(word, sizeof word, name), h.name ? "did you mean [" : "", h.name ? h.name : "",
                h.name ? "]? " : "");
}

static void unknown_key(struct parser *p, const char *name) {
        char word[SHORT_MAX], known[512] = "";
        struct hint h = {};
        const char *elsewhere = NULL;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (key_is_of(&keys[i], p->section->kind)) {
                        hint_try(&h, name, keys[i].name);
                        (void) appendf(known, sizeof known, "%s%s", *known ? ", " : "", keys[i].name);
                } else if (strcmp(keys[i].name, name) == 0)
                        elsewhere = keys[i].section;

        (void) safe_text(word, sizeof word, name);
        if (elsewhere)
                complain(p, p->line, "unknown key '%s' in [%s]: it belongs in [%s]; allowed here: %s", word,
                        kinds[p->section->kind].name, elsewhere, known);
        else
                complain(p, p->line, "unknown key '%s' in [%s]; %s%s%sallowed: %s", word,
                        kinds[p->section->kind].name, h.name ? "did you mean '" : "", h.name ? h.name : "",
                        h.name ? "'? " : "", known);
}

/* The [senior NAME] to read on in, or NULL. */
static struct section *open_senior(struct parser *p, const char *name) {
        struct config *c = p->config;
        const char *why = check_senior_name(name);
        struct section *s;

        if (why) {
                complain(p, p->line, "[senior NAME]: the name %s", why);
                return NULL;
        }
        for (size_t i = 0; i < c->n_seniors; i++)
                if (strcasecmp(c->seniors[i].name, name) == 0) {
                        complain(p, p->line, "a second [senior %s], the first is in line %u", name,
                                p->seniors[i].line);
                        return NULL;
                }
        if (c->n_seniors == SENIORS_MAX) {
                complain(p, p->line, "too many [senior NAME] sections; allowed: %d", SENIORS_MAX);
                return NULL;
        }
        c->seniors[c->n_seniors].name = strdup(name);
        if (!c->seniors[c->n_seniors].name) {
                complain(p, p->line, "out of memory");
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
                if (strlen(kinds[i].name) != word || strncmp(kinds[i].name, name, word) != 0)
                        continue;
                if (i == SECTION_SENIOR)
                        return open_senior(p, rest);
                if (*rest)
                        break;
                if (p->fixed[i].line > 0) {
                        /* What it says is looked at all the same: one reading shows every error. */
                        complain(p, p->line, "a second [%s], the first is in line %u: put them together",
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
                complain(p, p->line, "not a section header; allowed: [NAME] and nothing after it");
                return;
        }
        line += 1 + strspn(line + 1, " \t");
        for (n = line < end ? (size_t) (end - line) : 0; n > 0 && isblank((unsigned char) line[n - 1]); n--)
                ;
        name = strndup(line, n);
        if (!name) {
                complain(p, p->line, "out of memory");
                return;
        }
        p->section = open_section(p, name);
        if (p->section && p->section->line == 0)
                p->section->line = p->line;
}

/* inih is done with the last line it was given: was that one a key as it should have been? */
static void settle(struct parser *p) {
        if (p->expects_key)
                complain(p, p->line, "not understood; allowed: [section], key = value, # comment");
        p->expects_key = false;
}

/* Gives inih the next line, as fgets(3) would: a line that is its business as it is, an empty one for
 * others. */
static char *next_line(char *buf, int size, void *userdata) {
        struct parser *p = userdata;
        size_t length, room = (size_t) size - 2; /* newline and NUL */
        _cleanup_free_ char *line = NULL;

        settle(p);
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
                complain(p, p->line, "the last line does not end in a newline: is this file half written?");

        if (!line)
                complain(p, p->line, "out of memory");
        else if (*line == '[')
                read_header(p, line);
        else if (*line && !strchr(";#\r", *line)) {
                if (length > room)
                        complain(p, p->line, "line too long; allowed: %zu bytes", room);
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
                        complain(p, p->line, "key before any [section]");
                return 1;
        }
        k = find_key(p->section->kind, name);
        if (!k) {
                unknown_key(p, name);
                return 1;
        }
        i = (size_t) (k - keys);
        if (p->section->lines[i] > 0) {
                complain(p, p->line, "%s: given twice, first in line %u", name, p->section->lines[i]);
                return 1;
        }
        p->section->lines[i] = p->line;
        why = set_value(k, section_base(p->config, p->section->kind, p->section->senior), value);
        if (why) {
                p->section->bad[i] = true;
                complain(p, p->line, "%s: %s; allowed: %s", name, why, k->allowed);
        }
        return 1;
}

/* --- what the file does not say, and what keys say of each other --------------------------------------- */

/* Keys that were not given get their default: what [primary] has for a [senior], or the table's. */
static void fill_section(struct parser *p, struct section *s) {
        void *base = section_base(p->config, s->kind, s->senior);

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const struct config_key *k = &keys[i];

                if (!key_is_of(k, s->kind) || s->lines[i] > 0)
                        continue;
                if (!k->fallback) {
                        complain(p, s->line, "[%s%s%s]: %s is missing; allowed: %s", k->section,
                                s->kind == SECTION_SENIOR ? " " : "",
                                s->kind == SECTION_SENIOR ? ((struct peer_config *) base)->name : "",
                                k->name, k->allowed);
                        s->bad[i] = true;
                } else if (s->kind == SECTION_SENIOR && find_key(SECTION_PRIMARY, k->name)) {
                        if (!p->failed && inherit_value(k, base, &p->config->primary) < 0)
                                complain(p, s->line, "out of memory");
                } else if (*k->fallback && set_value(k, base, k->fallback))
                        complain(p, s->line, "[%s]: %s: out of memory", k->section, k->name);
        }
}

/* A check must be over well before the next one begins. Seniors are checked when the primary is. */
static void settle_timeout(struct parser *p, struct section *s) {
        struct peer_config *peer = section_base(p->config, s->kind, s->senior);
        size_t timeout = (size_t) (find_key(s->kind, "timeout") - keys);
        size_t interval = (size_t) (find_key(SECTION_PRIMARY, "check_interval") - keys);
        usec_t most = p->config->primary.check_interval / 2;
        char half[SPAN_MAX];

        if (s->bad[timeout] || p->fixed[SECTION_PRIMARY].bad[interval] || peer->timeout <= most)
                return;
        if (s->lines[timeout] > 0)
                complain(p, s->lines[timeout],
                        "timeout: is more than half of check_interval; allowed here: up to %s",
                        format_span(half, most));
        else
                peer->timeout = most / USEC_PER_MSEC * USEC_PER_MSEC;
}

/* The line in which the text NAME was given, and not as empty; 0: it was not. */
static unsigned text_line(struct parser *p, const struct section *s, const char *name) {
        const struct config_key *k = find_key(s->kind, name);
        char *const *text = key_target(k, section_base(p->config, s->kind, s->senior));

        return s->bad[k - keys] || *text ? s->lines[k - keys] : 0;
}

static void settle_urls(struct parser *p, const struct section *s) {
        unsigned file = text_line(p, s, "url_file"), url = text_line(p, s, "url");

        if (file > 0 && url > 0)
                complain(p, MAX(file, url), "both url_file and url; allowed: one of them");
}

/* The next name in PATH, of which "/", "//" and "/./" are nothing. */
static const char *next_part(const char *path) {
        path += strspn(path, "/");
        while (path[0] == '.' && (path[1] == '/' || !path[1]))
                path += 1 + strspn(path + 1, "/");
        return path;
}

/* Whether the directory INNER is OUTER, or below it. */
static bool is_within(const char *inner, const char *outer) {
        for (;;) {
                size_t n;

                inner = next_part(inner);
                outer = next_part(outer);
                n = strcspn(outer, "/");
                if (n == 0)
                        return true;
                if (strcspn(inner, "/") != n || strncmp(inner, outer, n) != 0)
                        return false;
                inner += n;
                outer += n;
        }
}

/* What is in the workspace is committed, and with save = push it leaves this machine. */
static void settle_target(struct parser *p) {
        unsigned path = text_line(p, &p->fixed[SECTION_WORKSPACE], "path");
        unsigned target = text_line(p, &p->fixed[SECTION_SECRETS], "target");
        const struct config *c = p->config;

        if (c->secrets.host && c->secrets.target && c->workspace.path && *c->workspace.path &&
                (is_within(c->secrets.target, c->workspace.path) ||
                        is_within(c->workspace.path, c->secrets.target)))
                complain(p, MAX(path, target),
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

static void finish(struct parser *p) {
        struct config *c = p->config;

        for (size_t i = 0; i < _SECTION_MAX; i++)
                if (i != SECTION_SENIOR)
                        fill_section(p, &p->fixed[i]);
        settle_timeout(p, &p->fixed[SECTION_PRIMARY]);
        strip_brackets(c->primary.host);
        for (size_t i = 0; i < c->n_seniors; i++) {
                fill_section(p, &p->seniors[i]);
                settle_timeout(p, &p->seniors[i]);
                strip_brackets(c->seniors[i].host);
        }
        settle_urls(p, &p->fixed[SECTION_ALERT]);
        settle_urls(p, &p->fixed[SECTION_HEARTBEAT]);
        settle_target(p);
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

        /* Its result is the first bad line, which settle() has told us of; -2 is its want of memory. */
        if (ini_parse_stream(next_line, p, on_key, p) == -2)
                return -ENOMEM;
        settle(p);
        finish(p);
        return p->failed ? -EINVAL : 0;
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
                complain(&p, 0, "cannot be read: larger than %zu KiB", FILE_MAX / 1024);
        else if (r == -EINVAL)
                complain(&p, 0, "cannot be read: not a text file");
        else if (r == -ENOENT)
                complain(&p, 0,
                        "cannot be read: no such file; it needs at least a [primary] section with host");
        else if (r < 0)
                complain(&p, 0, "cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;
        return config_parse(path, text, error, userdata, ret);
}

void config_log_error(const char *path, unsigned line, const char *what, void *userdata _unused_) {
        if (line > 0)
                log_error("%s:%u: %s", path, line, what);
        else
                log_error("%s: %s", path, what);
}

/* --- and back ------------------------------------------------------------------------------------------ */

static void free_texts(enum section_kind kind, void *base) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].type == CONFIG_TEXT && key_is_of(&keys[i], kind))
                        free(*(char **) key_target(&keys[i], base));
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

/* In the largest unit that says it exactly, for parse_span(): whence it came, in whole milliseconds. */
static void print_span(usec_t span, FILE *out) {
        static const struct {
                const char *suffix;
                usec_t factor;
        } units[] = { { "h", USEC_PER_HOUR }, { "m", USEC_PER_MINUTE }, { "s", USEC_PER_SEC },
                { "ms", USEC_PER_MSEC } };

        if (span == 0)
                (void) fputs("0", out);
        for (size_t i = 0; span > 0 && i < ELEMENTSOF(units); i++)
                if (span % units[i].factor == 0) {
                        (void) fprintf(out, "%" PRIu64 "%s", span / units[i].factor, units[i].suffix);
                        return;
                }
}

static void print_section(enum section_kind kind, const char *name, void *base, FILE *out) {
        (void) fprintf(out, "%s[%s%s%s]\n", kind == SECTION_PRIMARY ? "" : "\n", kinds[kind].name,
                *name ? " " : "", name);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const struct config_key *k = &keys[i];
                void *target = key_target(k, base);

                if (!key_is_of(k, kind))
                        continue;
                (void) fprintf(out, "%s = ", k->name);
                if (k->type == CONFIG_COUNT)
                        (void) fprintf(out, "%u", *(unsigned *) target);
                else if (k->type == CONFIG_SPAN)
                        print_span(*(usec_t *) target, out);
                else if (k->type == CONFIG_WORD)
                        (void) fputs(k->words[*(unsigned *) target], out);
                else if (*(char **) target)
                        (void) fputs(*(char **) target, out);
                (void) fputc('\n', out);
        }
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
