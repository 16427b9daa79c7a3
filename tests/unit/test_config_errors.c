/* The ini: what is refused, in which words, and syntax. */
#include "config_fixture.h"

/* --- what is wrong --------------------------------------------------------------------------------- */

static void errors(void **state _unused_) {
        /* Each error is a line of WANT: its line number, and a part of its words. */
        static const struct {
                const char *text, *want[6];
        } rows[] = {
                { "", { "0: [primary]: host is missing" } },
                { "# nothing\n\n", { "0: [primary]: host is missing" } },
                { "\n[primary]\n", { "2: [primary]: host is missing" } },
                { HOST "[senior x]\n", { "3: [senior x]: host is missing" } },
                { "host = a\n" HOST, { "1: key before any [section]" } },
                { HOST "[gatway]\nunit = 1\n",
                        { "3: unknown section [gatway]; allowed: [primary], [senior" } },
                { HOST "[Primary]\n", { "3: unknown section [Primary]; allowed: [primary]" } },
                { HOST "[zebra]\n", { "3: unknown section [zebra]; allowed: [primary], [senior NAME]" } },
                { HOST "[]\n", { "3: unknown section []" } },
                { HOST "[primary x]\n", { "3: unknown section [primary x]" } },
                { HOST "[gateway\nunit = x\n", { "3: not a section header" } },
                { HOST "[gateway] x\n", { "3: not a section header" } },
                { HOST "hots = b\n", { "3: unknown key 'hots' in [primary]; allowed here: host, port" } },
                { HOST "FAIL_TRESHOLD = 3\n",
                        { "3: unknown key 'FAIL_TRESHOLD' in [primary]; allowed here: host, "
                          "port" } },
                { HOST "unit = a.service\n",
                        { "3: unknown key 'unit' in [primary]: it belongs in [gateway]" } },
                { HOST "head_start = 5m\n",
                        { "3: unknown key 'head_start' in [primary]: it belongs in [senior]" } },
                { HOST "[senior x]\nhost = x\nfailback = auto\n",
                        { "5: unknown key 'failback' in [senior]: it belongs in [primary]" } },
                { HOST "[gateway]\nzebra = 1\n",
                        { "4: unknown key 'zebra' in [gateway]; allowed here: unit, warm, url, tls_verify, "
                          "start_timeout, hang_timeout, drain_timeout" } },
                { HOST "= 1\n", { "3: unknown key ''" } },
                { HOST "port\n", { "3: not understood" } },
                { HOST "port ; = 1\n", { "3: not understood" } },
                { HOST "port = 1\nport = 1\n", { "4: port: given twice, first in line 3" } },
                { HOST "port = x\nport = 1\n", { "3: port: 'x' is not a number", "4: port: given twice" } },
                { HOST "[gateway]\n[primary]\nport = x\n",
                        { "4: a second [primary], the first is in line 1",
                                "5: port: 'x' is not a number" } },
                { HOST "timeout = 6s\n", { "3: timeout: is more than check_interval" } },
                { HOST "timeout = 5001ms\n", { "3: timeout: is more than check" } },
                { HOST "check_interval = 4s\ntimeout = 5s\n", { "4: timeout: is more than check" } },
                { HOST "timeout = 5s\ncheck_interval = 4s\n", { "3: timeout: is more than check" } },
                { HOST "retry_interval = 6s\n", { "3: retry_interval: is more than check" } },
                { HOST "check_interval = 4s\n[senior x]\nhost = x\ntimeout = 4500ms\n",
                        { "6: timeout: is more than check" } },
                { HOST "[senior x]\nhost = x\ncheck_interval = 4s\n",
                        { "5: unknown key 'check_interval' in [senior]: it belongs in [primary]" } },
                { HOST "check_interval = x\ntimeout = 20m\n", { "3: check_interval: 'x' is not a time" } },
                { HOST "[alert]\nurl = http://a/\nurl_file = /a\n", { "5: both url_file and url" } },
                { HOST "[heartbeat]\nurl_file = /a\nurl = http://a/\n", { "5: both url_file and url" } },
                { HOST "[secrets]\nhost = h\ntarget = /home/openclaw/.openclaw/workspace/.secrets/\n",
                        { "5: [secrets] target and [workspace] path overlap" } },
                { HOST "[secrets]\nhost = h\ntarget = /a//b/./c\n[workspace]\npath = /a/b/c/\n",
                        { "7: [secrets] target and [workspace] path overlap" } },
                { HOST "[workspace]\npath = /home/openclaw/.secrets/w\n[secrets]\nhost = h\n",
                        { "4: [secrets] target and [workspace] path overlap" } },
                { HOST "[senior]\n", { "3: [senior NAME]: the name is missing" } },
                { HOST "[senior a b]\nhost = x\n", { "3: [senior NAME]: the name is not" } },
                { HOST "[senior primary]\n", { "3: [senior NAME]: the name is taken" } },
                { HOST "[senior a]\nhost = x\n[senior A]\nhost = y\n",
                        { "5: a second [senior A], the first is in line 3" } },
                { HOST "[senior a]\nhost=a\n[senior b]\nhost=b\n[senior c]\nhost=c\n[senior d]\nhost=d\n"
                       "[senior e]\nhost=e\n",
                        { "11: too many [senior NAME] sections; allowed: 4" } },
                { "[primary]\nhost = a # the old one\n",
                        { "2: host: is wrong (a comment after a value begins with ' ;'" } },
                { "[primary]\nhost = a      # the old one\n",
                        { "2: host: is wrong (a comment after a value begins with ' ;'" } },
                { "[primary]\nhost = a  b\n", { "2: host: holds control characters, blanks in a row" } },
                { "[primary]\nhost = a", { "2: the last line does not end in a newline" } },
                { "[primary",
                        { "1: the last line does not end", "1: not a section header",
                                "0: [primary]: host" } },
                { "[primary]\nhost =\nport = 0\nzebra = 1\n[zebra]\n",
                        { "2: host: is empty", "3: port: '0' is out of bounds", "4: unknown key 'zebra'",
                                "5: unknown section [zebra]" } },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct complaints c;
                _cleanup_(config_freep) struct config *config _unused_ = parse(rows[i].text, &c);
                unsigned n = 0;
                const char *at = c.text;

                for (; n < ELEMENTSOF(rows[i].want) && rows[i].want[n]; n++) {
                        at = strstr(at, rows[i].want[n]);
                        if (!at || (at > c.text && at[-1] != '\n'))
                                fail_msg("in:\n%s\nmissing \"%s\" from:\n%s", rows[i].text, rows[i].want[n],
                                        c.text);
                }
                if (c.n != n)
                        fail_msg(
                                "in:\n%s\nfound %u errors instead of %u:\n%s", rows[i].text, c.n, n, c.text);
        }
}

/* What may be a secret in the wrong place is not repeated. */
static void secrets_stay_secret(void **state _unused_) {
        static const char *const texts[] = {
                HOST "[alert]\nurl = https://discord.com/api/webhooks/1/hunter2\n",
                HOST "[alert]\nurl = https://u:hunter2@example.org/\n",
                HOST "[alert]\nurl = hunter2\n",
                HOST "[alert]\nurl_file = hunter2\n",
                HOST "[alert]\nhttps://discord.com/api/webhooks/1/hunter2\n",
                HOST "[alert]\nformat = hunter2\n",
                HOST "[alert]\ntoken = hunter2\n",
                HOST "[workspace]\nremote = https://x:hunter2@github.com/a/b\n",
                HOST "[workspace]\ntoken_file = hunter2\n",
                HOST "[secrets]\nhost = u:hunter2@h\n",
                HOST "hunter2\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct complaints c;
                _cleanup_(config_freep) struct config *config = parse(texts[i], &c);

                assert_null(config);
                if (c.n != 1 || strstr(c.text, "hunter2"))
                        fail_msg("in:\n%s\nsaid: %s", texts[i], c.text);
        }
}

static void messages_are_safe(void **state _unused_) {
        static const char *const texts[] = {
                HOST "[\x1b[31m]\n",
                HOST "\x1b[31m = x\n",
                HOST "a\x9b\xff = x\n",
                HOST "[senior \x1b[31m]\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct complaints c;
                _cleanup_(config_freep) struct config *config = parse(texts[i], &c);
                char safe[sizeof c.text];

                assert_null(config);
                c.text[strcspn(c.text, "\n")] = '\0';
                assert_string_equal(safe_text(safe, sizeof safe, c.text), c.text);
        }
}

/* --- how it may be written ------------------------------------------------------------------------- */

static void syntax(void **state _unused_) {
        static const struct {
                const char *text, *path;
        } rows[] = {
                { "\xef\xbb\xbf" HOST "path = /a\n", "/a" },
                { "\xef\xbb\xbf# comment\n" HOST "path = /a\n", "/a" },
                { "[primary]\r\nhost = a\r\n\r\npath = /a\r\n", "/a" },
                { HOST "path=/a\n", "/a" },
                { HOST "path : /a\n", "/a" },
                { HOST "  \t path \t = \t /a \t \n", "/a" },
                { HOST "path = /a ; comment\n", "/a" },
                { HOST "path = /a;b\n", "/a;b" },
                { HOST "path = /a=b:c\n", "/a=b:c" },
                { HOST "# path = /b\n; path = /c\n  # path = /d\npath = /a\n", "/a" },
                { "  [ primary ] ; comment\n  host = a\n  path = /a\n", "/a" },
                { "[primary] # comment\nhost = a\npath = /a\n", "/a" },
                { "\n\n \t\n[gateway]\n[primary]\nhost = a\npath = /a\n[secrets]\n", "/a" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(config_freep) struct config *c = parse_good(rows[i].text);

                assert_string_equal(c->primary.path, rows[i].path);
        }
}

static void a_hash_in_a_url_survives(void **state _unused_) {
        _cleanup_(config_freep) struct config *c =
                parse_good(HOST "[witness]\nurl = https://example.org/a;b#c ; comment\n");

        assert_string_equal(c->witness.url, "https://example.org/a;b#c");
}

static void default_timeout_fits_the_interval(void **state _unused_) {
        static const struct {
                const char *interval;
                usec_t timeout;
        } rows[] = {
                { "1h", 5 * USEC_PER_SEC },
                { "10s", 5 * USEC_PER_SEC },
                { "4999ms", 4999 * USEC_PER_MSEC },
                { "1s", USEC_PER_SEC },
                { "10ms", 10 * USEC_PER_MSEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(config_freep) struct config *c = NULL;
                char text[128];

                (void) snprintf(text, sizeof text, HOST "check_interval = %s\n", rows[i].interval);
                c = parse_good(text);
                assert_int_equal(c->primary.timeout, rows[i].timeout);
                assert_int_equal(c->primary.retry_interval, MIN(rows[i].timeout, 2 * USEC_PER_SEC));
        }
}

/* inih cuts lines at 200 bytes without a word; we do not. */
static void secrets_beside_the_workspace_are_fine(void **state _unused_) {
        static const char *const good[] = {
                HOST "[secrets]\nhost = h\ntarget = /a/bc\n[workspace]\npath = /a/b\n",
                HOST "[secrets]\nhost = h\ntarget = /a/b\n[workspace]\npath = /a/bc\n",
                HOST "[secrets]\nhost = h\ntarget = /a/b\n[workspace]\npath =\n",
                HOST "[secrets]\ntarget = /a/b\n[workspace]\npath = /a\n", /* no secrets sync */
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                config_free(parse_good(good[i]));
}

static void long_lines(void **state _unused_) {
        for (size_t length = 190; length < 420; length++) {
                _cleanup_(config_freep) struct config *config = NULL;
                struct complaints c;
                char text[1024] = HOST;
                size_t start = strlen(text);

                (void) strcat(text, "path = /");
                while (strlen(text) < start + length)
                        (void) strcat(text, "a");
                (void) strcat(text, "\nport = 1\n");
                config = parse(text, &c);
                if (length <= 198) {
                        assert_non_null(config);
                        assert_int_equal(strlen(config->primary.path), length - strlen("path = "));
                } else {
                        assert_int_equal(c.n, 1);
                        assert_non_null(strstr(c.text, "3: line too long; allowed: 198 bytes"));
                }
        }
}

/* A file that was cut anywhere is refused, unless it was cut between two lines. */
static void half_written(void **state _unused_) {
        for (size_t n = 0; n < strlen(everything); n++) {
                _cleanup_free_ char *text = strndup(everything, n);
                _cleanup_(config_freep) struct config *config = NULL;
                struct complaints c;

                config = parse(text, &c);
                if (n == 0 || text[n - 1] != '\n')
                        assert_null(config);
        }
}

static void files(void **state _unused_) {
        char directory[] = "/tmp/test-config.XXXXXX", path[64];
        static const char nul[] = HOST "path = /a\0b\n";
        _cleanup_free_ char *large = malloc(70 * 1024);

        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof path, "%s/ini", directory);
        load(path, -ENOENT, "0: cannot be read: no such file");
        load(directory, -EISDIR, "0: cannot be read: Is a directory");
        assert_int_equal(write_file_atomic(path, HOST, 0600), 0);
        load(path, 0, NULL);
        assert_int_equal(write_file_atomic(path, "x\n" HOST, 0600), 0);
        load(path, -EINVAL, "1: not understood");
        (void) memset(large, '\n', 70 * 1024);
        large[70 * 1024 - 1] = '\0';
        assert_int_equal(write_file_atomic(path, large, 0600), 0);
        load(path, -EFBIG, "0: cannot be read: larger than 64 KiB");
        {
                _cleanup_fclose_ FILE *f = fopen(path, "we");

                assert_non_null(f);
                assert_int_equal(fwrite(nul, sizeof nul - 1, 1, f), 1);
        }
        load(path, -EINVAL, "0: cannot be read: not a text file");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(path, path), 0);
        load(path, -ELOOP, "0: cannot be read: Too many levels");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(directory), 0);
}

/* What is wrong with an ini does not tell that nobody meant it. */
static void unused(void **state _unused_) {
        static const struct {
                const char *text;
                bool unused;
        } cases[] = {
                { HOST, false },
                { "[primary]\nhost =\n", true },
                { "[primary]\nhost = ; not yet\n", true },
                { "[primary]\n", true },
                { "", true },
                { HOST "prot = 1\n", false },
                { HOST "port = x\n", false },
                { "[primary]\nhots = 100.64.0.1\n", false },
                { "[primary]\nhost = http://a\n", false },
                { "[primary]\nhost =\nport = x\n", false },
                { HOST "[senior a]\nhost =\n", false },
                { "[primary]\nhost = 100.64.0.1", false },
        };
        char directory[] = "/tmp/test-config.XXXXXX", path[64];

        assert_true(config_is_unused(SHIPPED));
        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof path, "%s/ini", directory);
        assert_true(config_is_unused(path));
        assert_false(config_is_unused(directory));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(write_file_atomic(path, cases[i].text, 0600), 0);
                if (config_is_unused(path) != cases[i].unused)
                        fail_msg("%s is %sunused", cases[i].text, cases[i].unused ? "not " : "");
        }
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(path, path), 0); /* as unreadable as one without permission, for root too */
        assert_false(config_is_unused(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(errors),
                cmocka_unit_test(secrets_stay_secret),
                cmocka_unit_test(messages_are_safe),
                cmocka_unit_test(syntax),
                cmocka_unit_test(a_hash_in_a_url_survives),
                cmocka_unit_test(default_timeout_fits_the_interval),
                cmocka_unit_test(secrets_beside_the_workspace_are_fine),
                cmocka_unit_test(long_lines),
                cmocka_unit_test(half_written),
                cmocka_unit_test(files),
                cmocka_unit_test(unused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
