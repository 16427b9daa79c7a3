/* Is this text a host, a path, a unit name …? See validate.h. */
#include "config/validate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/text.h"
#include "lib/url.h"
#include "lib/util.h"

static bool is_ascii_alnum(char c) {
        return isascii((unsigned char) c) && isalnum((unsigned char) c);
}

/* Every byte of TEXT is an ASCII letter, a digit or one of OTHERS. */
static bool made_of(const char *text, const char *others) {
        for (; *text; text++)
                if (!is_ascii_alnum(*text) && !strchr(others, *text))
                        return false;
        return true;
}

static bool ends_with(const char *text, const char *suffix) {
        size_t n = strlen(text), m = strlen(suffix);

        return n >= m && strcasecmp(text + n - m, suffix) == 0;
}

static bool is_ipv4(const char *text) {
        struct in_addr a;

        return inet_pton(AF_INET, text, &a) == 1;
}

static bool is_ipv6(const char *text) {
        struct in6_addr a;

        return inet_pton(AF_INET6, text, &a) == 1;
}

static bool is_bracketed_ipv6(const char *text) {
        char inside[INET6_ADDRSTRLEN];
        size_t n = strlen(text);

        if (n < 2 || n - 2 >= sizeof inside || text[0] != '[' || text[n - 1] != ']')
                return false;
        (void) memcpy(inside, text + 1, n - 2);
        inside[n - 2] = '\0';
        return is_ipv6(inside);
}

/* Labels of 1 to 63, 253 in all, one dot at the end at most (RFC 1035 2.3.4); '_' is seen in the wild. A
 * last label of digits makes it an address (RFC 1123 2.1), and what is a good one has been accepted
 * before. */
static const char *check_dns_name(const char *text) {
        size_t length = strlen(text);
        const char *label = text, *last = text;

        if (length > 253 + 1)
                return "is longer than a DNS name can be";
        while (*label) {
                size_t n = strcspn(label, ".");

                if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-')
                        return "is neither an address nor a DNS name";
                last = label;
                label += n + (label[n] == '.');
        }
        if (last[strspn(last, "0123456789.")] == '\0')
                return "looks like an IPv4 address and is none";
        return NULL;
}

const char *validate_host(const char *text) {
        const char *colon = strchr(text, ':');

        if (is_ipv4(text) || is_ipv6(text) || is_bracketed_ipv6(text))
                return NULL;
        if (!*text)
                return "is empty";
        if (strstr(text, "://"))
                return "is a URL: give the host alone here, the rest in scheme, port and path";
        if (colon && colon == strrchr(text, ':') && text[0] != '[')
                return "holds a ':': a port belongs in the key port";
        if (colon || strpbrk(text, "[]"))
                return "is not an IPv6 address";
        if (strchr(text, '@'))
                return "holds a '@': no user is needed here";
        if (!made_of(text, "-_."))
                return "is neither an address nor a DNS name";
        return check_dns_name(text);
}

const char *validate_ssh_host(const char *text) {
        const char *at = strrchr(text, '@'), *host = at ? at + 1 : text;

        if (!*text)
                return "is empty";
        /* ssh and rsync would take it for an option: "-oProxyCommand=…" runs what it names. */
        if (text[0] == '-' || host[0] == '-')
                return "begins with a '-'";
        if (at == text)
                return "has no user before the '@'";
        for (const char *s = text; at && s < at; s++)
                if (!is_ascii_alnum(*s) && !strchr("._-", *s))
                        return "has a user name with characters that no user name has";
        /* In rsync's HOST:PATH a ':' outside of [ ] ends the host; "::" means a daemon's module
         * (rsync(1)). */
        if (strchr(host, ':') && host[0] != '[')
                return "holds a ':': write an IPv6 address in [ ], a port in the user's ~/.ssh/config, "
                       "a path in source";
        return validate_host(host);
}

static bool has_dot_dot(const char *path) {
        for (const char *s = path; s; s = strchr(s, '/')) {
                s += *s == '/';
                if (s[0] == '.' && s[1] == '.' && (s[2] == '/' || s[2] == '\0'))
                        return true;
        }
        return false;
}

const char *validate_remote_path(const char *text) {
        const char *s = begins_with(text, "~/") ? text + 2 : text;

        if (!*text)
                return "is empty";
        if (text[0] == '-')
                return "begins with a '-'";
        if (text[0] == ':')
                return "begins with a ':'";
        for (; *s; s++)
                if (isascii((unsigned char) *s) && !is_ascii_alnum(*s) && !strchr("._-/+@,%=:", *s))
                        return "holds blanks, wildcards or other characters that the shell on that host "
                               "would expand";
        if (has_dot_dot(text))
                return "holds '..'";
        return NULL;
}

const char *validate_path(const char *text) {
        if (!*text)
                return "is empty";
        if (text[0] == '~')
                return "begins with '~', which is not expanded here";
        if (text[0] != '/')
                return "does not begin with '/'";
        if (text[strspn(text, "/.")] == '\0' && !has_dot_dot(text))
                return "is the root directory";
        if (has_dot_dot(text))
                return "holds '..'";
        return NULL;
}

const char *validate_prom_path(const char *text) {
        const char *why = validate_path(text);

        if (why)
                return why;
        return ends_with(text, ".prom") ? NULL : "does not end in .prom";
}

const char *validate_url_path(const char *text) {
        if (text[0] != '/')
                return "does not begin with '/'";
        for (; *text; text++)
                if (!isascii((unsigned char) *text) || !isgraph((unsigned char) *text))
                        return "holds blanks or characters that a URL writes as %XX";
                else if (*text == '#')
                        return "holds a '#', which is never sent";
        return NULL;
}

static const char *check_url_parts(CURLU *url, const char *text) {
        _cleanup_part_ char *scheme = NULL, *user = NULL, *password = NULL;

        if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
                return "is not a URL";
        scheme = url_part(url, CURLUPART_SCHEME);
        if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
                return "is not an http:// or https:// URL";
        user = url_part(url, CURLUPART_USER);
        password = url_part(url, CURLUPART_PASSWORD);
        if (user || password)
                return "holds a user or password: this file is readable by everybody on this machine";
        return NULL;
}

const char *validate_url(const char *text) {
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();

        return url ? check_url_parts(url, text) : "cannot be looked at: out of memory";
}

const char *validate_witness(const char *text) {
        bool word = strcmp(text, WITNESS_TAILSCALE) == 0 || strcmp(text, WITNESS_NONE) == 0;

        return word ? NULL : validate_url(text);
}

static bool is_loopback(const char *host) {
        return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                (begins_with(host, "127.") && is_ipv4(host));
}

/* HOST is DOMAIN or below it; the root's dot at the end changes nothing. */
static bool in_domain(const char *host, const char *domain) {
        size_t n = strlen(host), m = strlen(domain);

        if (n > 0 && host[n - 1] == '.')
                n--;
        return n >= m && strncasecmp(host + n - m, domain, m) == 0 && (n == m || host[n - m - 1] == '.');
}

/* A parameter whose name says that its value is a secret. */
static bool query_has_secret(const char *query) {
        static const char *const names[] = { "auth", "token", "access_token", "key", "apikey", "api_key",
                "secret", "password" };

        for (const char *s = query; s; s = strchr(s, '&')) {
                s += *s == '&';
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (strncasecmp(s, names[i], strlen(names[i])) == 0 && s[strlen(names[i])] == '=')
                                return true;
        }
        return false;
}

const char *validate_reach(const char *text) {
        return strlen(text) > 120 ? "longer than 120 bytes" : NULL;
}

const char *validate_public_url(const char *text) {
        /* Where the path is the password: https://discord.com/developers/docs/resources/webhook,
         * https://api.slack.com/messaging/webhooks,
         * https://core.telegram.org/bots/api#authorizing-your-bot */
        static const char *const domains[] = { "discord.com", "discordapp.com", "hooks.slack.com",
                "hooks.slack-gov.com", "api.telegram.org" };
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
        _cleanup_part_ char *host = NULL, *query = NULL;
        const char *why;

        if (!url)
                return "cannot be looked at: out of memory";
        why = check_url_parts(url, text);
        if (why)
                return why;
        host = url_part(url, CURLUPART_HOST);
        query = url_part(url, CURLUPART_QUERY);
        if (!host)
                return "is not a URL";
        if (is_loopback(host))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(domains); i++)
                if (in_domain(host, domains[i]))
                        return "is itself a secret, and this file is readable by everybody on this machine: "
                               "put it in a file of root's with mode 0600 and name that in url_file";
        if (query && query_has_secret(query))
                return "holds a secret after the '?', and this file is readable by everybody on this "
                       "machine: put it in a file of root's with mode 0600 and name that in url_file";
        return NULL;
}

const char *validate_service(const char *text) {
        static const char suffix[] = ".service";
        size_t n = strlen(text), m = strlen(suffix);
        const char *at = strchr(text, '@');

        if (n <= m || strcmp(text + n - m, suffix) != 0)
                return "does not end in .service";
        if (n > 255 || text[0] == '@' || !made_of(text, ":-_.\\@") || (at && strchr(at + 1, '@')))
                return "is not a unit's name";
        if (at && strcmp(at + 1, suffix) == 0)
                return "is a template: put the instance between '@' and '.service'";
        /* systemd itself would take it, but systemctl(1) in our advice takes it for an option. */
        if (text[0] == '-')
                return "begins with a '-'";
        return NULL;
}

static bool bad_component(const char *s, size_t n) {
        return n == 0 || s[0] == '.' || (n >= 5 && strncmp(s + n - 5, ".lock", 5) == 0);
}

const char *validate_git_name(const char *text) {
        size_t n = strlen(text);

        if (n == 0)
                return "is empty";
        if (text[0] == '-')
                return "begins with a '-'";
        if (strstr(text, "://"))
                return "is a URL: give the name that git knows it by (see `git remote`)";
        for (const char *s = text; *s; s++)
                if (!isascii((unsigned char) *s) || !isgraph((unsigned char) *s) || strchr("~^:?*[\\", *s))
                        return "holds characters that a git name cannot have";
        for (const char *s = text;; s++) {
                size_t length = strcspn(s, "/");

                if (bad_component(s, length))
                        return "is not a git name";
                s += length;
                if (!*s)
                        break;
        }
        if (text[n - 1] == '.' || strstr(text, "..") || strstr(text, "@{") || strcmp(text, "@") == 0)
                return "is not a git name";
        return NULL;
}

const char *validate_senior_name(const char *text) {
        if (!*text)
                return "is missing";
        if (strlen(text) > 32 || !is_ascii_alnum(*text) || !made_of(text, "-_."))
                return "is not 1 to 32 of A-Z a-z 0-9 - _ . beginning with a letter or digit";
        if (strcasecmp(text, "primary") == 0)
                return "is taken by the primary itself";
        return NULL;
}

/* The next name in PATH, of which "/", "//" and "/./" are nothing. */
static const char *next_part(const char *path) {
        path += strspn(path, "/");
        while (path[0] == '.' && (path[1] == '/' || !path[1]))
                path += 1 + strspn(path + 1, "/");
        return path;
}

bool path_is_within(const char *inner, const char *outer) {
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
