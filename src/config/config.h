/* The ini file becomes a struct config, or a list of all its errors.
 *
 * config_keys.h has the keys. The values here are valid: no code checks them again.
 *
 * Syntax: "key = value". A comment is a line that begins with '#' or ';', or what follows " ;" on any line.
 * A '#' within a value begins no comment: a URL may contain it. Nothing is expanded or unquoted, no line
 * continues another. */
#pragma once

#include "lib/util.h"

enum scheme { SCHEME_HTTP, SCHEME_HTTPS, SCHEME_TCP };
enum expect { EXPECT_OPENCLAW, EXPECT_2XX };
enum not_ready { NOT_READY_PROMOTE, NOT_READY_ALERT, NOT_READY_IGNORE };
enum failback { FAILBACK_AUTO, FAILBACK_MANUAL };
enum save { SAVE_LOCAL, SAVE_PUSH };
enum alert_format { ALERT_JSON, ALERT_DISCORD, ALERT_SLACK, ALERT_TELEGRAM, ALERT_NTFY };

/* A gateway on another machine: [primary], or a [senior NAME]. */
struct peer_config {
        char *name; /* "primary", or the NAME of [senior NAME] */
        char *host; /* an address (IPv6 without [ ]) or a name */
        unsigned port;
        enum scheme scheme;
        enum { TLS_VERIFY_NO, TLS_VERIFY_YES } tls_verify;
        char *path; /* begins with '/' */
        enum expect expect;
        usec_t check_interval; /* [primary] only */
        usec_t retry_interval; /* [primary] only; at most check_interval */
        usec_t timeout;        /* at most check_interval */
        unsigned fail_threshold;
        usec_t silent_timeout;
        unsigned recover_threshold;
        enum failback failback;   /* [primary] only */
        usec_t restart_grace;     /* [primary] only; 0: none */
        enum not_ready not_ready; /* [primary] only */
        usec_t ready_timeout;     /* [primary] only */
        usec_t head_start;        /* [senior] only */
};

struct gateway_config {
        char *unit;
        enum { GATEWAY_COLD, GATEWAY_WARM } warm;
        char *url; /* NULL: loopback, then this node's tailnet address */
        unsigned tls_verify;
        usec_t start_timeout;
        usec_t hang_timeout; /* 0: never */
        usec_t drain_timeout;
};

struct workspace_config {
        char *path; /* "": no workspace sync */
        char *remote;
        char *branch;     /* NULL: the remote's HEAD */
        char *ssh_key;    /* NULL: the agent, then the user's usual keys */
        char *token_file; /* NULL: none */
        usec_t timeout;
        usec_t refresh; /* of workspace and secrets; 0: only at failover */
        enum save save;
};

struct secrets_config {
        char *host; /* "user@host"; NULL: no secrets sync */
        char *source;
        char *target;
        usec_t timeout;
        unsigned delete; /* also remove here what the source no longer has */
};

struct alert_config {
        char *url_file; /* NULL: none */
        char *url;      /* NULL: none */
        char *reach;    /* how to reach the standby, in a user's words; NULL: none */
        enum alert_format format;
};

struct heartbeat_config {
        char *url_file;
        char *url;
        usec_t interval;
};

struct witness_config {
        char *url;           /* a URL, WITNESS_TAILSCALE or WITNESS_NONE (validate.h) */
        usec_t cut_off_wait; /* USEC_INFINITY: for ever */
};

#define SENIORS_MAX 4

struct config {
        struct peer_config primary;
        struct peer_config seniors[SENIORS_MAX];
        size_t n_seniors;
        struct witness_config witness;
        struct gateway_config gateway;
        struct workspace_config workspace;
        struct secrets_config secrets;
        struct alert_config alert;
        struct heartbeat_config heartbeat;
        char *metrics_textfile; /* NULL: none */
};

/* Called for each error. LINE is 0 if no line is wrong (a missing key). WHAT says what is wrong and what is
 * allowed, without the file's name. It is safe to print, and never repeats what may be a secret. */
typedef void (*config_error_t)(const char *path, unsigned line, const char *what, void *userdata);

/* Logs the error. */
void config_log_error(const char *path, unsigned line, const char *what, void *userdata);
/* Keeps the first error, with its place, in the char * at USERDATA. The caller frees it. */
void config_keep_error(const char *path, unsigned line, const char *what, void *userdata);

/* Reads PATH, and passes every error to ERROR, not only the first. 0; -EINVAL after an error, *RET
 * untouched; another negative errno if the file cannot be read, which ERROR gets, too; -ENOMEM. */
int config_load(const char *path, config_error_t error, void *userdata, struct config **ret);
/* Reads TEXT, for tests and fuzzers. PATH is only for messages. */
int config_parse(
        const char *path, const char *text, config_error_t error, void *userdata, struct config **ret);
/* Reads what is right of [alert] in PATH, whatever is wrong with the rest: if the file keeps the daemon from
 * running, an alert must say so. 0, or a negative errno if the file cannot be read. */
int config_load_alert(const char *path, struct config **ret);
/* Whether PATH configures no standby: there is no such file, or its only error is that [primary] names no
 * host, as in the shipped file. A file that cannot be read counts as in use. */
bool config_is_unused(const char *path);
struct config *config_free(struct config *c);
DEFINE_CLEANUP(struct config *, config_free)

/* Writes the effective configuration as an ini file, from which config_load() reads the same. */
void config_print(const struct config *c, FILE *out);
