/* Is this text a host, a path, a unit name …? See validate.h. */
#include "config/validate.h"

#include <regex.h>
#include <stdbool.h>
#include <string.h>

#include "lib/network.h"
#include "lib/text.h"
#include "lib/url.h"

/* An extended regular expression (regex(7)) that a text must not match, or with a '!' before it must match,
 * and what is wrong otherwise. The first rule that is broken decides. */
struct rule {
        const char *pattern, *why;
};

#define OUT_OF_MEMORY "cannot be looked at: out of memory"

/* FLAGS are those of regcomp(3): REG_ICASE or 0. */
static const char *check(const struct rule *rules, const char *text, int flags) {
        for (; rules->pattern; rules++) {
                bool must = *rules->pattern == '!', found;
                regex_t regex;

                if (regcomp(&regex, rules->pattern + must, REG_EXTENDED | REG_NOSUB | flags) != 0)
                        return OUT_OF_MEMORY;
                found = regexec(&regex, text, 0, NULL, 0) == 0;
                regfree(&regex);
                if (found != must)
                        return rules->why;
        }
        return NULL;
}

/* Defines the function NAME, which checks a text against the rules that follow. */
#define DEFINE_CHECK(name, ...)                                                                             \
        const char *name(const char *text) {                                                                \
                static const struct rule rules[] = { __VA_ARGS__, {} };                                     \
                return check(rules, text, 0);                                                               \
        }

#define EMPTY                                                                                               \
        { "^$", "is empty" }
#define DASH                                                                                                \
        { "^-", "begins with a '-'" }
#define DOT_DOT                                                                                             \
        { "(^|/)\\.\\.(/|$)", "holds '..'" }
#define NO_HOST "is neither an address nor a DNS name"

/* IPv6 with or without [ ], IPv4 without. */
static bool is_address(const char *text) {
        _cleanup_free_ char *bare = without_brackets(text);

        return bare && (text[0] != '[' || strchr(bare, ':')) && network_is_address(bare);
}

const char *validate_host(const char *text) {
        /* RFC 1035 2.3.4: labels of 1 to 63, 253 in all, at most one dot at the end; real names use '_'. A
         * last label of digits makes an address (RFC 1123 2.1); is_address() accepts the good ones. */
        static const struct rule rules[] = {
                EMPTY,
                { "://", "is a URL: give the host alone here, the rest in scheme, port and path" },
                { "^[^:[]*:[^:]*$", "holds a ':': a port belongs in the key port" },
                { "[]:[]", "is not an IPv6 address" },
                { "@", "holds a '@': no user is needed here" },
                { "[^A-Za-z0-9._-]", "holds a quote, a blank or another character that no host has" },
                { ".{255}", "is longer than a DNS name can be" },
                { "(^|\\.)[.-]|-(\\.|$)|[^.]{64}", NO_HOST },
                { "(^|\\.)[0-9]+\\.?$", "looks like an IPv4 address and is none" },
                {},
        };

        return is_address(text) ? NULL : check(rules, text, 0);
}

const char *validate_ssh_host(const char *text) {
        /* ssh and rsync take a leading '-' for an option: "-oProxyCommand=…" runs a command. In rsync's
         * HOST:PATH a ':' outside of [ ] ends the host; "::" means a daemon's module (rsync(1)). */
        static const struct rule rules[] = {
                EMPTY,
                { "^-|@-[^@]*$", "begins with a '-'" },
                { "^@[^@]*$", "has no user before the '@'" },
                { "[^A-Za-z0-9._-].*@", "has a user name with characters that no user name has" },
                { "(^|@)[^@[][^@]*:",
                        "holds a ':': write an IPv6 address in [ ], a port in the user's ~/.ssh/config, a path in source" },
                {},
        };
        const char *at = strrchr(text, '@'), *why = check(rules, text, 0);

        return why ? why : validate_host(at ? at + 1 : text);
}

/* clang-format off */
DEFINE_CHECK(validate_path,
        EMPTY,
        { "^~", "begins with '~', which is not expanded here" },
        { "^[^/]", "does not begin with '/'" },
        DOT_DOT,
        { "^[/.]*$", "is the root directory" })

DEFINE_CHECK(validate_remote_path,
        EMPTY,
        DASH,
        { "^:", "begins with a ':'" },
        { "[\001-$&-*;<>?[\\^`{|}\177]|]|.~|^~[^/]|^~$",
                "holds blanks, wildcards or other characters that the shell on that host would expand" },
        DOT_DOT)

DEFINE_CHECK(validate_url_path,
        { "!^/", "does not begin with '/'" },
        { "[^!-~]", "holds blanks or characters that a URL writes as %XX" },
        { "#", "holds a '#', which is never sent" })

/* systemd allows a '-' at the beginning. But messages name systemctl(1), which takes that for an option. */
DEFINE_CHECK(validate_service,
        { "!.\\.service$", "does not end in .service" },
        { ".{256}|^@|[^A-Za-z0-9:._@\\-]|@.*@", "is not a unit's name" },
        { "@\\.service$", "is a template: put the instance between '@' and '.service'" },
        DASH)

DEFINE_CHECK(validate_git_name,
        EMPTY,
        DASH,
        { "://", "is a URL: give the name that git knows it by (see `git remote`)" },
        { "[^!-~]|[~^:?*[\\]", "holds characters that a git name cannot have" },
        { "(^|/)(\\.|/|$)|\\.lock(/|$)|\\.$|\\.\\.|@\\{|^@$", "is not a git name" })

DEFINE_CHECK(validate_reach,
        { ".{121}", "is longer than 120 bytes" })
/* clang-format on */

const char *validate_prom_path(const char *text) {
        static const struct rule rules[] = { { "!\\.prom$", "does not end in .prom" }, {} };
        const char *why = validate_path(text);

        return why ? why : check(rules, text, 0);
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

        return url ? check_url_parts(url, text) : OUT_OF_MEMORY;
}

const char *validate_witness(const char *text) {
        bool word = strcmp(text, WITNESS_TAILSCALE) == 0 || strcmp(text, WITNESS_NONE) == 0;

        return word ? NULL : validate_url(text);
}

const char *validate_public_url(const char *text) {
        /* Hosts whose URL paths are secrets: https://discord.com/developers/docs/resources/webhook,
         * https://api.slack.com/messaging/webhooks, https://core.telegram.org/bots/api#authorizing-your-bot.
         * And parameters with the names of secrets. */
        static const struct rule loopback[] = { { "!^(localhost|\\[::1\\]|127\\.[0-9.]+)$", "" }, {} };
        static const struct rule hosts[] = {
                { "(^|\\.)(discord(app)?\\.com|hooks\\.slack(-gov)?\\.com|api\\.telegram\\.org)\\.?$",
                        "is itself a secret, and this file is readable by everybody on this machine: put it in a file of "
                        "root's with mode 0600 and name that in url_file" },
                {},
        };
        static const struct rule queries[] = {
                { "(^|&)(auth|(access_)?token|(api_?)?key|secret|password)=",
                        "holds a secret after the '?', and this file is readable by everybody on this machine: put it in a file "
                        "of root's with mode 0600 and name that in url_file" },
                {},
        };
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
        _cleanup_part_ char *host = NULL, *query = NULL;
        const char *why = url ? check_url_parts(url, text) : OUT_OF_MEMORY;

        if (why)
                return why;
        host = url_part(url, CURLUPART_HOST);
        query = url_part(url, CURLUPART_QUERY);
        if (!host)
                return "is not a URL";
        if (!check(loopback, host, REG_ICASE))
                return NULL;
        why = check(hosts, host, REG_ICASE);
        return !why && query ? check(queries, query, REG_ICASE) : why;
}

const char *validate_senior_name(const char *text) {
        static const struct rule rules[] = {
                { "^$", "is missing" },
                { ".{33}|^[^A-Za-z0-9]|[^A-Za-z0-9._-]",
                        "is not 1 to 32 of A-Z a-z 0-9 - _ . beginning with a letter or digit" },
                { "^primary$", "is taken by the primary itself" },
                {},
        };

        return check(rules, text, REG_ICASE);
}

/* Skips "/", "//" and "/./" up to the next name in PATH. */
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
