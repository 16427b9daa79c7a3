/* Who we are to a git remote, and who it is to us; see credentials.h. */
#include "sync/credentials.h"

#include <errno.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h> /* since libgit2 1.8; before, git2.h has it all */
#endif
#include <pwd.h>
#include <string.h>

#include "lib/file.h"
#include "lib/text.h"

/* GitHub takes a token as the password of any user; this is the name that its own documents use. */
#define TOKEN_USER "x-access-token"
#define TOKEN_MAX 4096
#define KEY_MAX 65536

static bool is_scp(const char *url) {
        const char *colon = strchr(url, ':'), *slash = strchr(url, '/');

        return colon && (!slash || colon < slash) && strncmp(colon, "://", 3) != 0;
}

static bool has_scheme(const char *url, const char *scheme) {
        size_t n = strlen(scheme);

        return strncmp(url, scheme, n) == 0 && strncmp(url + n, "://", 3) == 0;
}

/* Whether the login in an http address holds what must be percent-encoded there, so that nobody can tell where it ends: of
 * such an address not even the host may be repeated. After the host, an "@" is nothing special. */
static bool has_raw_login(const char *url) {
        const char *begin = strstr(url, "://") + 3, *at = NULL, *port;
        size_t n = strcspn(begin, "/?#");

        for (size_t i = 0; i < n; i++)
                if (begin[i] == '@')
                        at = begin + i;
        for (const char *c = begin; at && c < at; c++)
                if (*c == '@' || (unsigned char) *c <= ' ')
                        return true;
        if (at || !strchr(begin, '@'))
                return false;
        /* What looks like a host and its port is a login, if it is no port. */
        port = memchr(begin, *begin == '[' ? ']' : ':', n);
        if (port && *port == ']')
                port++;
        return strcspn(begin, " \t") < n ||
                (port && port < begin + n &&
                        strspn(port + 1, "0123456789") < (size_t) (begin + n - port - 1));
}

const char *credentials_open(
        struct credentials *l, const struct workspace_config *c, const char *url, const char *user) {
        static const char *const schemes[] = { "ssh", "ssh+git", "git+ssh", "https", "http", "git", "file" };

        *l = (struct credentials){ .config = c, .user = user, .url = strdup(url) };
        if (!l->url)
                return "does not fit into memory";
        if (strstr(url,
                    "::")) /* gitremote-helpers(7): "ext::" runs any command; an IPv6 address is in [ ] */
                if (!has_scheme(url, "ssh") && !has_scheme(url, "https") && !has_scheme(url, "http") &&
                        !has_scheme(url, "git") && !strchr(url, '['))
                        return "needs a remote helper, which we do not run: use ssh, https or a path";
        if (url[0] == '/' || is_scp(url))
                return NULL;
        if ((has_scheme(url, "https") || has_scheme(url, "http")) && has_raw_login(url))
                return "has a login in its address, and it must be percent-encoded (better: token_file=)";
        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (has_scheme(url, schemes[i]))
                        return NULL;
        return "has an address that is neither ssh, https, http, git, file nor an absolute path";
}

/* The authority part, "user@host:port" or scp's "user@host". */
static void authority(const char *url, const char **ret, size_t *ret_n) {
        const char *scheme = strstr(url, "://");

        *ret = scheme ? scheme + 3 : url;
        *ret_n = strcspn(*ret, scheme ? "/" : ":");
        for (size_t i = *ret_n; i > 0; i--)
                if ((*ret)[i - 1] == '@') {
                        *ret += i;
                        *ret_n -= i;
                        break;
                }
}

char *credentials_host(const struct credentials *l, char *buf, size_t size) {
        const char *host;
        char raw[256];
        size_t n;

        authority(l->url, &host, &n);
        if (l->url[0] == '/' || has_scheme(l->url, "file"))
                (void) snprintf(raw, sizeof raw, "the local remote");
        else
                (void) snprintf(raw, sizeof raw, "%.*s", (int) MIN(n, (size_t) 200), host);
        return safe_text(buf, size, raw);
}

static const char *home_directory(void) {
        const char *home = getenv("HOME");
        const struct passwd *pw = home && *home ? NULL : getpwuid(geteuid());

        return home && *home ? home : pw ? pw->pw_dir : "/";
}

/* OpenSSH's own format says in its first bytes that nothing is encrypted (PROTOCOL.key in OpenSSH); the older ones say in
 * words that something is. */
static bool has_passphrase(const char *path) {
        static const char plain[] = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"; /* "openssh-key-v1", cipher "none" */
        _cleanup_free_ char *text = NULL;
        bool encrypted;

        if (read_file(path, KEY_MAX, &text) < 0)
                return false;
        encrypted = strstr(text, "BEGIN OPENSSH PRIVATE KEY") ? !strstr(text, plain)
                                                              : strstr(text, "ENCRYPTED") != NULL;
        explicit_bzero(text, strlen(text));
        return encrypted;
}

/* A key file, with its public half beside it if that is there: not every libssh2 can derive it. */
static int key_from_file(struct credentials *l, git_credential **ret, const char *user, const char *path) {
        _cleanup_free_ char *public = NULL;

        if (access(path, R_OK) < 0) {
                l->key_error = -errno;
                return GIT_EAUTH;
        }
        if (asprintf(&public, "%s.pub", path) < 0)
                return GIT_ERROR;
        l->passphrase = l->passphrase || has_passphrase(path);
        l->rsa = l->rsa || strstr(path, "rsa");
        appendf(l->keys, sizeof l->keys, "%s%s", l->keys[0] ? ", " : "", path);
        return git_credential_ssh_key_new(ret, user, access(public, R_OK) == 0 ? public : NULL, path, NULL);
}

/* The usual keys in ssh(1)'s order, each once; 0, or GIT_EAUTH when there is none left. */
static int next_key(struct credentials *l, git_credential **ret, const char *user) {
        static const char *const usual[] = { "id_ed25519", "id_ecdsa", "id_rsa" };

        if (l->config->ssh_key)
                return l->next++ == 0 ? key_from_file(l, ret, user, l->config->ssh_key) : GIT_EAUTH;
        if (l->next == 0) {
                l->next++;
                if (getenv("SSH_AUTH_SOCK")) {
                        appendf(l->keys, sizeof l->keys, "the agent's");
                        return git_credential_ssh_key_from_agent(ret, user);
                }
        }
        while (l->next <= ELEMENTSOF(usual)) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/.ssh/%s", home_directory(), usual[l->next++ - 1]) < 0)
                        return GIT_ERROR;
                if (access(path, R_OK) == 0)
                        return key_from_file(l, ret, user, path);
        }
        return GIT_EAUTH;
}

/* The token, once, and only to whom it belongs: over TLS, to the host in the remote's own address. */
static int give_token(struct credentials *l, git_credential **ret, const char *url, const char *user) {
        _cleanup_free_ char *token = NULL;
        const char *host, *ours;
        size_t n, ours_n;
        int r;

        l->wants_token = true;
        authority(url, &host, &n);
        authority(l->url, &ours, &ours_n);
        if (!l->config->token_file || l->token_given || !has_scheme(url, "https") || n != ours_n ||
                strncmp(host, ours, n) != 0)
                return GIT_EAUTH;
        l->token_given = true;
        l->token_error = read_file(l->config->token_file, TOKEN_MAX, &token);
        if (l->token_error < 0)
                return GIT_EAUTH;
        token[strcspn(token, "\r\n")] = '\0';
        r = git_credential_userpass_plaintext_new(ret, user ? user : TOKEN_USER, token);
        explicit_bzero(token, strlen(token));
        return r;
}

int credentials_next(
        struct credentials *l, git_credential **ret, const char *url, const char *user, unsigned allowed) {
        int r = GIT_EAUTH;

        if (allowed & GIT_CREDENTIAL_SSH_KEY)
                r = next_key(l, ret, user ? user : l->user);
        else if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT && !is_scp(url) && !strstr(url, "ssh://"))
                r = give_token(l, ret, url, user);
        else if (allowed & GIT_CREDENTIAL_USERNAME)
                return git_credential_username_new(ret, l->user);
        if (r == GIT_EAUTH) {
                l->no_credential = true;
                git_error_set_str(GIT_ERROR_NET, "no login that the remote takes");
        }
        return r;
}

int credentials_check_host(struct credentials *l, const git_cert *cert, int valid) {
        if (valid)
                return 0;
        l->unknown_host = cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2;
        git_error_set_str(GIT_ERROR_NET,
                l->unknown_host ? "unknown host key"
                                : "its certificate is not valid for this name or not trusted");
        return GIT_ECERTIFICATE;
}

/* The host is from the address, which is the agent's to write: it goes through two shells as one word. */
static int refuse_host_key(const struct credentials *l, const char *host, struct sync_result *r) {
        const char *port = is_scp(l->url) ? NULL : strrchr(host, ':');
        bool has_port = port && port[1] && strspn(port + 1, "0123456789") == strlen(port + 1);
        _cleanup_free_ char *part = strndup(host, has_port ? (size_t) (port - host) : strlen(host)),
                            *name = part ? without_brackets(part) : NULL,
                            *word = name ? shell_quote(name) : NULL, *scan = NULL, *script = NULL;

        if (word &&
                asprintf(&scan, "ssh-keyscan%s%s %s >>~/.ssh/known_hosts", has_port ? " -p " : "",
                        has_port ? port + 1 : "", word) > 0)
                script = shell_quote(scan);
        if (!script)
                return sync_fail(r, REFUSAL_ERROR, "out of memory");
        return sync_refuse(r, REFUSAL_SSH,
                       "the host key of %s is not in ~%s/.ssh/known_hosts, or has changed: check it", host,
                       l->user),
               sync_command(r, "sudo -u %s sh -c %s", l->user, script);
}

bool credentials_failed(const struct credentials *l, struct sync_result *r) {
        char host[128];

        credentials_host(l, host, sizeof host);
        if (l->unknown_host)
                (void) refuse_host_key(l, host, r);
        else if (l->key_error < 0)
                (void) sync_fail(
                        r, REFUSAL_SSH, "ssh_key %s: %s", l->config->ssh_key, strerror(-l->key_error));
        else if (l->token_error < 0)
                (void) sync_fail(r, REFUSAL_LOGIN, "token_file %s: %s", l->config->token_file,
                        strerror(-l->token_error));
        else if (l->wants_token && l->no_credential)
                (void) sync_fail(r, REFUSAL_REJECTED, "%s %s", host,
                        l->token_given ? "does not take the token in token_file"
                                : l->config->token_file
                                ? "wants a login, and the token goes over https alone"
                                : "wants a login: set token_file= in [workspace]");
        else if (l->no_credential && l->keys[0])
                (void) sync_fail(r, REFUSAL_SSH, "%s takes no key of %s (tried %s)%s", host, l->user,
                        l->keys,
                        l->passphrase
                                ? "; a key with a passphrase is of no use here: nobody is there to type it"
                                : l->rsa ? "; RSA keys do not work with older libssh2: make an ed25519 one"
                                         : "");
        else if (l->no_credential)
                (void) sync_fail(r, REFUSAL_SSH, "%s wants an ssh key, and %s has none", host, l->user),
                        sync_command(r, "sudo -u %s ssh-keygen -t ed25519", l->user);
        else
                return false;
        return true;
}
