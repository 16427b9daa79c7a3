/* The table of keys, and how their values are read and printed; see config_keys.h. A key sets a member that
 * config.h declares. */
#include "config/config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "config/validate.h"
#include "lib/clock.h"
#include "lib/text.h"

#define COUNT(lo, hi) .type = CONFIG_COUNT, .min = (lo), .max = (hi)
#define SPAN(lo, hi) .type = CONFIG_SPAN, .min = (lo), .max = (hi)
#define WORD(...)                                                                                           \
        .type = CONFIG_WORD, .words = (const char *const[]) {                                               \
                __VA_ARGS__, NULL                                                                           \
        }
#define TEXT(function) .type = CONFIG_TEXT, .check = (function)
/* A key has the name of the member that it sets. */
#define KEY(section, type, member, ...)                                                                     \
        { section, #member, __VA_ARGS__, .offset = offsetof(struct type, member) }
#define PRIMARY(...) KEY("primary", peer_config, __VA_ARGS__)
#define SENIOR(...) KEY("senior", peer_config, __VA_ARGS__)
#define PEER(...) PRIMARY(__VA_ARGS__), SENIOR(__VA_ARGS__)
#define WITNESS(...) KEY("witness", witness_config, __VA_ARGS__)
#define GATEWAY(...) KEY("gateway", gateway_config, __VA_ARGS__)
#define WORKSPACE(...) KEY("workspace", workspace_config, __VA_ARGS__)
#define SECRETS(...) KEY("secrets", secrets_config, __VA_ARGS__)
#define ALERT(...) KEY("alert", alert_config, __VA_ARGS__)
#define HEARTBEAT(...) KEY("heartbeat", heartbeat_config, __VA_ARGS__)

#define HOST_ALLOWED "an IPv4 or IPv6 address, or a DNS name"
#define PATH_ALLOWED "an absolute path"
#define URL_ALLOWED "an http:// or https:// URL without user and password"
#define PUBLIC_URL_ALLOWED URL_ALLOWED " that is no secret"

const struct config_key config_keys[] = {
        PEER(host, NULL, HOST_ALLOWED, TEXT(validate_host)),
        PEER(port, "18789", "1 to 65535", COUNT(1, 65535)),
        PEER(scheme, "http", "http, https or tcp", WORD("http", "https", "tcp")),
        PEER(tls_verify, "yes", "no or yes", WORD("no", "yes")),
        PEER(path, "/health", "a URL's path, which begins with /", TEXT(validate_url_path)),
        PEER(expect, "openclaw", "openclaw or 2xx", WORD("openclaw", "2xx")),
        PRIMARY(check_interval, "5s", "10ms to 1h", SPAN(10 * USEC_PER_MSEC, USEC_PER_HOUR)),
        PRIMARY(retry_interval, "2s", "10ms to 1h, and at most check_interval",
                SPAN(10 * USEC_PER_MSEC, USEC_PER_HOUR)),
        PEER(timeout, "5s", "5ms to 1h, and at most check_interval", SPAN(5 * USEC_PER_MSEC, USEC_PER_HOUR)),
        PEER(fail_threshold, "3", "1 to 1000", COUNT(1, 1000)),
        PEER(silent_timeout, "90s", "0 to 24h", SPAN(0, USEC_PER_DAY)),
        PEER(recover_threshold, "3", "1 to 1000", COUNT(1, 1000)),
        PRIMARY(failback, "auto", "auto or manual", WORD("auto", "manual")),
        PRIMARY(restart_grace, "1m", "0 to 1h", SPAN(0, USEC_PER_HOUR)),
        PRIMARY(not_ready, "promote", "promote, alert or ignore", WORD("promote", "alert", "ignore")),
        PRIMARY(ready_timeout, "5m", "0 to 24h", SPAN(0, USEC_PER_DAY)),
        SENIOR(head_start, "5m", "0 to 24h", SPAN(0, USEC_PER_DAY)),

        WITNESS(url, WITNESS_TAILSCALE, "tailscale, none, or " URL_ALLOWED, TEXT(validate_witness)),
        WITNESS(cut_off_wait, "5m", "0 to 24h, or never", SPAN(0, USEC_PER_DAY), .or_never = true),

        GATEWAY(unit, "openclaw.service", "a unit's name that ends in .service", TEXT(validate_service)),
        GATEWAY(warm, "no", "no or yes", WORD("no", "yes")),
        GATEWAY(url, "", URL_ALLOWED, TEXT(validate_url)),
        GATEWAY(tls_verify, "yes", "no or yes", WORD("no", "yes")),
        GATEWAY(start_timeout, "5m", "1s to 1h", SPAN(USEC_PER_SEC, USEC_PER_HOUR)),
        GATEWAY(hang_timeout, "5m", "0 (never), or 1s to 24h", SPAN(USEC_PER_SEC, USEC_PER_DAY),
                .or_none = true),
        GATEWAY(drain_timeout, "20s", "0 to 1h", SPAN(0, USEC_PER_HOUR)),

        WORKSPACE(path, "/home/openclaw/.openclaw/workspace", PATH_ALLOWED ", or empty (no workspace sync)",
                TEXT(validate_path), .or_none = true),
        WORKSPACE(remote, "origin", "a git remote's name", TEXT(validate_git_name)),
        WORKSPACE(branch, "", "a git branch's name", TEXT(validate_git_name)),
        WORKSPACE(ssh_key, "", PATH_ALLOWED, TEXT(validate_path)),
        WORKSPACE(token_file, "", PATH_ALLOWED, TEXT(validate_path)),
        WORKSPACE(timeout, "15s", "1s to 10m", SPAN(USEC_PER_SEC, 10 * USEC_PER_MINUTE)),
        WORKSPACE(refresh, "15m", "0 (only at failover), or 1s to 24h", SPAN(USEC_PER_SEC, USEC_PER_DAY),
                .or_none = true),
        WORKSPACE(save, "local", "local or push", WORD("local", "push")),

        SECRETS(host, "", "user@host or host", TEXT(validate_ssh_host)),
        SECRETS(source, "~/.secrets/",
                "a path there without blanks or wildcards: absolute, relative to the home, or ~/…",
                TEXT(validate_remote_path)),
        SECRETS(target, "/home/openclaw/.secrets/", PATH_ALLOWED " outside the workspace",
                TEXT(validate_path)),
        SECRETS(delete, "no", "no or yes", WORD("no", "yes")),
        SECRETS(timeout, "15s", "1s to 10m", SPAN(USEC_PER_SEC, 10 * USEC_PER_MINUTE)),

        ALERT(url_file, "", PATH_ALLOWED, TEXT(validate_path)),
        ALERT(url, "", PUBLIC_URL_ALLOWED, TEXT(validate_public_url)),
        ALERT(format, "json", "json, discord, slack, telegram or ntfy",
                WORD("json", "discord", "slack", "telegram", "ntfy")),
        ALERT(reach, "", "words, at most 120 bytes", TEXT(validate_reach)),

        HEARTBEAT(url_file, "", PATH_ALLOWED, TEXT(validate_path)),
        HEARTBEAT(url, "", PUBLIC_URL_ALLOWED, TEXT(validate_public_url)),
        HEARTBEAT(interval, "5m", "1s to 24h", SPAN(USEC_PER_SEC, USEC_PER_DAY)),

        { "metrics", "textfile", "", PATH_ALLOWED " that ends in .prom", TEXT(validate_prom_path),
                .offset = offsetof(struct config, metrics_textfile) },
};

_Static_assert(ELEMENTSOF(config_keys) <= KEYS_MAX, "KEYS_MAX is too small");
const size_t n_config_keys = ELEMENTSOF(config_keys);

/* The place of a section's struct in struct config; for [senior], the first one's. */
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

const char *section_name(enum section_kind kind) {
        return kinds[kind].name;
}

void *section_base(const struct config *c, enum section_kind kind, size_t senior) {
        return (char *) c + kinds[kind].offset +
                (kind == SECTION_SENIOR ? senior * sizeof(struct peer_config) : 0);
}

bool key_is_of(const struct config_key *k, enum section_kind kind) {
        return strcmp(k->section, kinds[kind].name) == 0;
}

const struct config_key *key_find(enum section_kind kind, const char *name) {
        for (size_t i = 0; i < n_config_keys; i++)
                if (key_is_of(&config_keys[i], kind) && strcmp(config_keys[i].name, name) == 0)
                        return &config_keys[i];
        return NULL;
}

void *key_target(const struct config_key *k, void *base) {
        return (char *) base + k->offset;
}

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
        int r;

        if (k->or_never && strcmp(value, "never") == 0) {
                *target = USEC_INFINITY;
                return NULL;
        }
        r = parse_span(value, &span);
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
        why = strcmp(safe_text(safe, size, value), value) != 0
                ? "holds control characters, blanks in a row, or bytes that are no UTF-8"
                : k->check(value);
        if (*value && why)
                return strstr(value, " #")
                        ? "is wrong (a comment after a value begins with ' ;', not with '#')"
                        : why;
        if (!*value && k->fallback && !*k->fallback)
                return NULL; /* the same as a missing key */
        if (!*value && !k->or_none)
                return "is empty";
        *target = TAKE(safe);
        return NULL;
}

const char *key_set(const struct config_key *k, void *base, const char *value) {
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

int key_inherit(const struct config_key *k, void *base, const struct peer_config *primary) {
        const void *from = (const char *) primary + k->offset;
        void *to = key_target(k, base);

        if (k->type != CONFIG_TEXT) {
                (void) memcpy(to, from, k->type == CONFIG_SPAN ? sizeof(usec_t) : sizeof(unsigned));
                return 0;
        }
        *(char **) to = strdup(*(char *const *) from);
        return *(char **) to ? 0 : -ENOMEM;
}

void key_print(const struct config_key *k, const void *base, FILE *out) {
        const void *value = (const char *) base + k->offset;
        char span[SPAN_MAX];

        (void) fprintf(out, "%s = ", k->name);
        switch (k->type) {
        case CONFIG_COUNT:
                (void) fprintf(out, "%u", *(const unsigned *) value);
                break;
        case CONFIG_SPAN:
                (void) fputs(*(const usec_t *) value == USEC_INFINITY
                                ? "never"
                                : print_span(span, *(const usec_t *) value),
                        out);
                break;
        case CONFIG_WORD:
                (void) fputs(k->words[*(const unsigned *) value], out);
                break;
        case CONFIG_TEXT:
                if (*(char *const *) value)
                        (void) fputs(*(char *const *) value, out);
                break;
        }
        (void) fputc('\n', out);
}
