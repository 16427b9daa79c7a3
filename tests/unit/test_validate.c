/* validate.c: what is a host, a path, a URL … and what is not. */
#include "config/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strv.h"
#include "lib/util.h"

typedef const char *(*check_t)(const char *text);

struct row {
        const char *text;
        const char *why; /* part of what is wrong with it; NULL: it is good */
};

static void run(check_t check, const struct row *rows, size_t n) {
        assert_non_null(check(""));
        for (size_t i = 0; i < n; i++) {
                const char *why = check(rows[i].text);

                if (!why != !rows[i].why || (why && !strstr(why, rows[i].why)))
                        fail_msg("'%s': got \"%s\", want \"%s\"", rows[i].text, why, rows[i].why);
        }
}

#define X63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void hosts(void **state _unused_) {
        static const struct row rows[] = {
                { "100.64.0.1" },
                { "fd7a:115c:a1e0::1" },
                { "[fd7a:115c:a1e0::1]" },
                { "::1" },
                { "::ffff:100.64.0.1" },
                { "localhost" },
                { "primary.tail1234.ts.net" },
                { "primary.tail1234.ts.net." },
                { "_gateway" },
                { "3com.example" },
                { "1-2" },
                { X63 ".example" },
                { X63 "." X63 "." X63 "."
                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi" },
                { X63 "." X63 "." X63 "." X63 "." X63, "longer" },
                { X63 "x.example", "neither" },
                { "100.64.0", "looks like" },
                { "100.64.0.300", "looks like" },
                { "100.64.0.1.", "looks like" },
                { "18789", "looks like" },
                { "example.18789", "looks like" },
                { "http://100.64.0.1:18789/health", "URL" },
                { "100.64.0.1:18789", "port" },
                { "primary:18789", "port" },
                { "[fd7a:115c:a1e0::1]:18789", "IPv6" },
                { "[100.64.0.1]", "IPv6" },
                { "[", "IPv6" },
                { "[]", "IPv6" },
                { "fd7a:115c:a1e0::g", "IPv6" },
                { "fe80::1%eth0", "IPv6" },
                { "root@primary", "user" },
                { "a b", "character" },
                { "\"100.64.0.1\"", "character" },
                { "100.64.0.1\xc2\xa0", "character" },
                { "a/b", "character" },
                { "a..b", "neither" },
                { ".a", "neither" },
                { "-a", "neither" },
                { "a-.b", "neither" },
                { "pr\xc3\xadmary", "character" },
                { ".", "neither" },
        };

        run(validate_host, rows, ELEMENTSOF(rows));
}

static void ssh_hosts(void **state _unused_) {
        static const struct row rows[] = {
                { "primary" },
                { "openclaw@primary" },
                { "open.claw_1-x@100.64.0.1" },
                { "openclaw@[fd7a:115c:a1e0::1]" },
                { "-oProxyCommand=touch /tmp/x", "'-'" },
                { "openclaw@-oProxyCommand=x", "'-'" },
                { "-l@primary", "'-'" },
                { "@primary", "no user" },
                { "openclaw@", "empty" },
                { "open claw@primary", "user name" },
                { "a;b@primary", "user name" },
                { "a@b@primary", "user name" },
                { "openclaw@fd7a:115c:a1e0::1", "':'" },
                { "openclaw@primary:22", "':'" },
                { "openclaw@primary::module", "':'" },
                { "openclaw@primary:/home", "':'" },
                { "primary /x", "character" },
                { "rsync://primary", "':'" },
        };

        run(validate_ssh_host, rows, ELEMENTSOF(rows));
}

static void remote_paths(void **state _unused_) {
        static const struct row rows[] = {
                { "~/.secrets/" },
                { "./" },
                { ".secrets" },
                { "/home/openclaw/.secrets/" },
                { "a:b" },
                { "k\xc3\xbc" },
                { "..x/y..z" },
                { "-e", "'-'" },
                { ":module", "':'" },
                { "~", "expand" },
                { "~root/x", "expand" },
                { "a b", "expand" },
                { "a*", "expand" },
                { "$HOME", "expand" },
                { "`id`", "expand" },
                { "a;b", "expand" },
                { "a\\b", "expand" },
                { "{a,b}", "expand" },
                { "..", "'..'" },
                { "../x", "'..'" },
                { "~/../x", "'..'" },
                { "/a/..", "'..'" },
        };

        run(validate_remote_path, rows, ELEMENTSOF(rows));
}

static void paths(void **state _unused_) {
        static const struct row rows[] = {
                { "/a" },
                { "/home/open claw/.x/" },
                { "/..a/b.." },
                { "/.a" },
                { "a/b", "does not begin" },
                { "./a", "does not begin" },
                { "$HOME/a", "does not begin" },
                { "~/a", "not expanded" },
                { "/", "root" },
                { "//", "root" },
                { "/./", "root" },
                { "/..", "'..'" },
                { "/a/../b", "'..'" },
                { "/a/..", "'..'" },
        };
        static const struct row proms[] = {
                { "/var/lib/prometheus/node-exporter/openclaw.prom" },
                { "/var/lib/openclaw.txt", ".prom" },
                { "openclaw.prom", "does not begin" },
        };

        run(validate_path, rows, ELEMENTSOF(rows));
        run(validate_prom_path, proms, ELEMENTSOF(proms));
}

static void url_paths(void **state _unused_) {
        static const struct row rows[] = {
                { "/" },
                { "/health?x=%20&y" },
                { "health", "does not begin" },
                { "/a b", "blanks" },
                { "/\xc3\xa4", "blanks" },
                { "/a\x7f", "blanks" },
                { "/a#b", "'#'" },
        };

        run(validate_url_path, rows, ELEMENTSOF(rows));
}

static void urls(void **state _unused_) {
        static const struct row rows[] = {
                { "http://127.0.0.1:18789/health" },
                { "HTTPS://[fd7a:115c:a1e0::1]/x#y" },
                { "https://example.org" },
                { "example.org", "not a" },
                { "/health", "not a" },
                { "http://", "not a" },
                { "http://a b/", "not a" },
                { "http://a:99999/", "not a" },
                { "ftp://example.org/", "not an http" },
                { "file:///etc/passwd", "not an http" },
                { "http://u@example.org/", "user or password" },
                { "http://u:p@example.org/", "user or password" },
                { "http://:p@example.org/", "user or password" },
        };

        run(validate_url, rows, ELEMENTSOF(rows));
        run(validate_public_url, rows, ELEMENTSOF(rows));
}

static void public_urls(void **state _unused_) {
        static const struct row rows[] = {
                { "https://ntfy.sh/my-failover-topic" },
                { "https://hc-ping.com/6d1b1b1a-0000-4000-8000-000000000000" },
                { "https://kuma.example.org/api/push/abc?status=up&msg=OK&ping=" },
                { "http://127.0.0.1:9/bot1:a/sendMessage?token=x" },
                { "http://localhost/?auth=x" },
                { "http://[::1]/?auth=x" },
                { "https://notdiscord.com/" },
                { "https://example.org/discord.com/api/webhooks/1/x" },
                { "https://example.org/?tokens=1&monkey=2" },
                { "https://discord.com/api/webhooks/1/x", "itself a secret" },
                { "https://DISCORD.com/api/webhooks/1/x", "itself a secret" },
                { "https://discord.com./api/webhooks/1/x", "itself a secret" },
                { "https://ptb.discord.com/api/webhooks/1/x", "itself a secret" },
                { "https://discordapp.com/api/webhooks/1/x", "itself a secret" },
                { "https://hooks.slack.com/services/T0/B0/x", "itself a secret" },
                { "https://hooks.slack-gov.com/services/T0/B0/x", "itself a secret" },
                { "https://api.telegram.org/bot1:x/sendMessage?chat_id=1", "itself a secret" },
                { "https://api.telegram.org:443/bot1:x/sendMessage", "itself a secret" },
                { "https://127.evil.example/?auth=x", "after the '?'" },
                { "https://ntfy.sh/topic?auth=x", "after the '?'" },
                { "https://example.org/?a=b&TOKEN=x", "after the '?'" },
        };

        run(validate_public_url, rows, ELEMENTSOF(rows));
}

static void services(void **state _unused_) {
        static const struct row rows[] = {
                { "openclaw.service" },
                { "openclaw@web.service" },
                { "a-b_c.d:e\\x2d.service" },
                { "openclaw", "end in" },
                { "openclaw.timer", "end in" },
                { ".service", "end in" },
                { "openclaw.service ", "end in" },
                { "open claw.service", "not a unit" },
                { "a/b.service", "not a unit" },
                { "a*.service", "not a unit" },
                { "@a.service", "not a unit" },
                { "a@b@c.service", "not a unit" },
                { "openclaw@.service", "template" },
                { "-a.service", "'-'" },
        };
        char longest[256 + 1];

        run(validate_service, rows, ELEMENTSOF(rows));
        (void) memset(longest, 'a', sizeof longest);
        (void) strcpy(longest + 255 - strlen(".service"), ".service");
        assert_null(validate_service(longest));
        (void) memset(longest, 'a', sizeof longest);
        (void) strcpy(longest + 256 - strlen(".service"), ".service");
        assert_non_null(validate_service(longest));
}

static void git_names(void **state _unused_) {
        static const struct row rows[] = {
                { "origin" },
                { "main" },
                { "feature/x.y_z-1" },
                { "a@b" },
                { "-f", "'-'" },
                { "https://x:token@github.com/a/b", "URL" },
                { "git@github.com:a/b", "characters" },
                { "a b", "characters" },
                { "a~1", "characters" },
                { "a^", "characters" },
                { "a?", "characters" },
                { "a*", "characters" },
                { "a[", "characters" },
                { "a\\b", "characters" },
                { "a\x7f", "characters" },
                { "/a", "not a git name" },
                { "a/", "not a git name" },
                { "a//b", "not a git name" },
                { ".a", "not a git name" },
                { "a/.b", "not a git name" },
                { "a.lock", "not a git name" },
                { "a.lock/b", "not a git name" },
                { "a.", "not a git name" },
                { "a..b", "not a git name" },
                { "a@{1}", "not a git name" },
                { "@", "not a git name" },
        };

        run(validate_git_name, rows, ELEMENTSOF(rows));
}

static void senior_names(void **state _unused_) {
        static const struct row rows[] = {
                { "standby1" },
                { "1.a_b-c" },
                { "abcdefghijklmnopqrstuvwxyz012345" },
                { "abcdefghijklmnopqrstuvwxyz0123456", "1 to 32" },
                { "-a", "1 to 32" },
                { "a b", "1 to 32" },
                { "Primary", "taken" },
        };

        run(validate_senior_name, rows, ELEMENTSOF(rows));
}

static void paths_within_paths(void **state _unused_) {
        assert_true(path_is_within("/a/b", "/a"));
        assert_true(path_is_within("/a", "/a"));
        assert_true(path_is_within("//a/./b/", "/./a//b/."));
        assert_true(path_is_within("/a", "/"));
        assert_false(path_is_within("/a", "/a/b"));
        assert_false(path_is_within("/ab", "/a"));
        assert_false(path_is_within("/a", "/ab"));
        assert_false(path_is_within("/a/.b", "/a/b"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts),
                cmocka_unit_test(ssh_hosts),
                cmocka_unit_test(remote_paths),
                cmocka_unit_test(paths),
                cmocka_unit_test(url_paths),
                cmocka_unit_test(urls),
                cmocka_unit_test(public_urls),
                cmocka_unit_test(services),
                cmocka_unit_test(git_names),
                cmocka_unit_test(senior_names),
                cmocka_unit_test(paths_within_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
