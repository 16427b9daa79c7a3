/* Who we are to a git remote, and who it is to us; see credentials.h. */
#include "sync/credentials.h"

#include <errno.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h> /* since libgit2 1.8; before, git2.h has it all */
#endif
#include <string.h>

#include "lib/file.h"
#include "lib/text.h"
#include "sync/ssh_transport.h"

/* GitHub takes a token as the password of any user; this is the name that its own documents use. */
#define TOKEN_USER "x-access-token"
#define TOKEN_MAX 4096

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

const char *credentials_open(struct credentials *l, const struct workspace_config *c, const char *url) {
        static const char *const schemes[] = { "https", "http", "git", "file" };
        struct ssh_address address;

        *l = (struct credentials){ .config = c, .url = strdup(url) };
        if (!l->url)
                return "does not fit into memory";
        if (strstr(url,
                    "::")) /* gitremote-helpers(7): "ext::" runs any command; an IPv6 address is in [ ] */
                if (!has_scheme(url, "ssh") && !has_scheme(url, "https") && !has_scheme(url, "http") &&
                        !has_scheme(url, "git") && !strchr(url, '['))
                        return "needs a remote helper, which we do not run: use ssh, https or a path";
        if (url[0] == '/')
                return NULL;
        if (is_scp(url) || has_scheme(url, "ssh") || has_scheme(url, "ssh+git") ||
                has_scheme(url, "git+ssh"))
                return ssh_address_parse(url, &address) < 0 ? "has an address that ssh would misread" : NULL;
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

/* The token, once, and only for its host: over TLS, to the host in the remote's own address. */
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

        if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT)
                r = give_token(l, ret, url, user);
        if (r == GIT_EAUTH) {
                l->no_credential = true;
                git_error_set_str(GIT_ERROR_NET, "no login that the remote takes");
        }
        return r;
}

bool credentials_failed(const struct credentials *l, struct sync_result *r) {
        char host[128];

        credentials_host(l, host, sizeof host);
        if (l->token_error < 0)
                (void) sync_fail(r, REFUSAL_LOGIN, "token_file %s: %s", l->config->token_file,
                        strerror(-l->token_error));
        else if (l->wants_token && l->no_credential)
                (void) sync_fail(r, REFUSAL_LOGIN, "%s %s", host,
                        l->token_given ? "does not take the token in token_file"
                                : l->config->token_file
                                ? "wants a login, and the token goes over https alone"
                                : "wants a login: set token_file= in [workspace]");
        else
                return false;
        return true;
}
