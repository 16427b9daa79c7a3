/* config.c and config_keys.c: defaults, bounds, every error with its line, and the shipped ini held against the table of keys. */
#include "config/config_keys.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SHIPPED "etc/openclaw-failover.ini"
#define HOST "[primary]\nhost = 100.64.0.1\n"

/* What was complained of: "LINE: WHAT\n" for each. */
struct complaints {
        char text[8192];
        unsigned n;
};

static void note(const char *path _unused_, unsigned line, const char *what, void *userdata) {
        struct complaints *c = userdata;

        (void) appendf(c->text, sizeof c->text, "%u: %s\n", line, what);
        c->n++;
}

static struct config *parse(const char *text, struct complaints *c) {
        struct config *config = NULL;
        int r;

        *c = (struct complaints){};
        r = config_parse("test.ini", text, note, c, &config);
        if (r != (c->n > 0 ? -EINVAL : 0) || !config != (c->n > 0))
                fail_msg("config_parse() returned %d with %u errors:\n%s", r, c->n, c->text);
        return config;
}

static struct config *parse_good(const char *text) {
        struct complaints c;
        struct config *config = parse(text, &c);

        if (!config)
                fail_msg("refused:\n%s\nsaying:\n%s", text, c.text);
        return config;
}

static char *printed(const struct config *c) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        assert_int_equal(config_print(c, f), 0);
        assert_int_equal(fclose(f), 0);
        return text;
}

static void defaults(void **state _unused_) {
        _cleanup_(config_freep) struct config *c = parse_good(HOST);

        assert_string_equal(c->primary.name, "primary");
        assert_string_equal(c->primary.host, "100.64.0.1");
        assert_int_equal(c->primary.port, 18789);
        assert_int_equal(c->primary.scheme, SCHEME_HTTP);
        assert_string_equal(c->primary.path, "/health");
        assert_int_equal(c->primary.expect, EXPECT_OPENCLAW);
        assert_int_equal(c->primary.check_interval, 5 * USEC_PER_SEC);
        assert_int_equal(c->primary.retry_interval, 2 * USEC_PER_SEC);
        assert_int_equal(c->primary.timeout, 5 * USEC_PER_SEC);
        assert_int_equal(c->primary.fail_threshold, 3);
        assert_int_equal(c->primary.silent_timeout, 90 * USEC_PER_SEC);
        assert_int_equal(c->primary.recover_threshold, 3);
        assert_int_equal(c->primary.failback, FAILBACK_AUTO);
        assert_int_equal(c->primary.restart_grace, USEC_PER_MINUTE);
        assert_int_equal(c->n_seniors, 0);
        assert_string_equal(c->witness.url, "tailscale");
        assert_int_equal(c->witness.cut_off_wait, 5 * USEC_PER_MINUTE);
        assert_string_equal(c->gateway.unit, "openclaw.service");
        assert_int_equal(c->gateway.warm, GATEWAY_COLD);
        assert_null(c->gateway.url);
        assert_int_equal(c->gateway.start_timeout, 5 * USEC_PER_MINUTE);
        assert_int_equal(c->gateway.hang_timeout, 5 * USEC_PER_MINUTE);
        assert_int_equal(c->gateway.drain_timeout, 20 * USEC_PER_SEC);
        assert_string_equal(c->workspace.path, "/home/openclaw/.openclaw/workspace");
        assert_string_equal(c->workspace.remote, "origin");
        assert_null(c->workspace.branch);
        assert_null(c->workspace.ssh_key);
        assert_null(c->workspace.token_file);
        assert_int_equal(c->workspace.timeout, 15 * USEC_PER_SEC);
        assert_int_equal(c->workspace.refresh, 15 * USEC_PER_MINUTE);
        assert_int_equal(c->workspace.save, SAVE_LOCAL);
        assert_null(c->secrets.host);
        assert_string_equal(c->secrets.source, "~/.secrets/");
        assert_string_equal(c->secrets.target, "/home/openclaw/.secrets/");
        assert_int_equal(c->secrets.timeout, 15 * USEC_PER_SEC);
        assert_null(c->alert.url_file);
        assert_null(c->alert.url);
        assert_int_equal(c->alert.format, ALERT_JSON);
        assert_null(c->heartbeat.url_file);
        assert_null(c->heartbeat.url);
        assert_int_equal(c->heartbeat.interval, 5 * USEC_PER_MINUTE);
        assert_null(c->metrics_textfile);
}

/* Nothing at its default. */
static const char everything[] = "[primary]\n"
                                 "host = [fd7a:115c:a1e0::1]\n"
                                 "port = 1\n"
                                 "scheme = https\n"
                                 "path = /up?a=b\n"
                                 "expect = 2xx\n"
                                 "check_interval = 500ms\n"
                                 "timeout = 250ms\n"
                                 "fail_threshold = 4\n"
                                 "silent_timeout = 5s\n"
                                 "recover_threshold = 6\n"
                                 "failback = manual\n"
                                 "restart_grace = 90\n"
                                 "[senior one]\n"
                                 "host = one.example\n"
                                 "[senior two]\n"
                                 "host = two.example\n"
                                 "scheme = tcp\n"
                                 "port = 2\n"
                                 "path = /two\n"
                                 "head_start = 1h\n"
                                 "[witness]\n"
                                 "url = https://www.example.org/#top\n"
                                 "cut_off_wait = never\n"
                                 "[gateway]\n"
                                 "unit = other@x.service\n"
                                 "url = http://127.0.0.1:1/\n"
                                 "start_timeout = 1s\n"
                                 "hang_timeout = 0\n"
                                 "drain_timeout = 0\n"
                                 "[workspace]\n"
                                 "path =\n"
                                 "remote = upstream\n"
                                 "branch = a/b\n"
                                 "ssh_key = /k\n"
                                 "token_file = /t\n"
                                 "timeout = 2s\n"
                                 "refresh = 0\n"
                                 "save = push\n"
                                 "[secrets]\n"
                                 "host = u@h\n"
                                 "source = ./\n"
                                 "target = /x/\n"
                                 "timeout = 3s\n"
                                 "[alert]\n"
                                 "url_file = /a\n"
                                 "format = ntfy\n"
                                 "[heartbeat]\n"
                                 "url = https://hc-ping.com/x\n"
                                 "interval = 1m\n"
                                 "[metrics]\n"
                                 "textfile = /x.prom\n";

static void everything_is_read(void **state _unused_) {
        _cleanup_(config_freep) struct config *c = parse_good(everything);

        assert_string_equal(c->primary.host, "fd7a:115c:a1e0::1");
        assert_int_equal(c->primary.scheme, SCHEME_HTTPS);
        assert_int_equal(c->primary.expect, EXPECT_2XX);
        assert_int_equal(c->primary.check_interval, 500 * USEC_PER_MSEC);
        assert_int_equal(c->primary.failback, FAILBACK_MANUAL);
        assert_int_equal(c->primary.restart_grace, 90 * USEC_PER_SEC);
        assert_string_equal(c->witness.url, "https://www.example.org/#top");
        assert_int_equal(c->witness.cut_off_wait, USEC_INFINITY);
        assert_string_equal(c->gateway.unit, "other@x.service");
        assert_int_equal(c->gateway.hang_timeout, 0);
        assert_string_equal(c->workspace.path, "");
        assert_string_equal(c->workspace.branch, "a/b");
        assert_int_equal(c->workspace.refresh, 0);
        assert_int_equal(c->workspace.save, SAVE_PUSH);
        assert_string_equal(c->secrets.host, "u@h");
        assert_int_equal(c->alert.format, ALERT_NTFY);
        assert_string_equal(c->heartbeat.url, "https://hc-ping.com/x");
        assert_string_equal(c->metrics_textfile, "/x.prom");
}

/* A senior has the primary's values, wherever [primary] stands, but for what it says itself. */
static void seniors_inherit(void **state _unused_) {
        _cleanup_(config_freep) struct config *c = parse_good(everything), *late = NULL;

        assert_int_equal(c->n_seniors, 2);
        assert_string_equal(c->seniors[0].name, "one");
        assert_string_equal(c->seniors[0].host, "one.example");
        assert_int_equal(c->seniors[0].port, 1);
        assert_int_equal(c->seniors[0].scheme, SCHEME_HTTPS);
        assert_string_equal(c->seniors[0].path, "/up?a=b");
        assert_int_equal(c->seniors[0].expect, EXPECT_2XX);
        assert_int_equal(c->seniors[0].timeout, 250 * USEC_PER_MSEC);
        assert_int_equal(c->seniors[0].fail_threshold, 4);
        assert_int_equal(c->seniors[0].silent_timeout, 5 * USEC_PER_SEC);
        assert_int_equal(c->seniors[0].recover_threshold, 6);
        assert_int_equal(c->seniors[0].failback, FAILBACK_AUTO);
        assert_int_equal(c->seniors[0].restart_grace, 0);
        assert_int_equal(c->seniors[0].head_start, 5 * USEC_PER_MINUTE);
        assert_int_equal(c->seniors[1].port, 2);
        assert_int_equal(c->seniors[1].scheme, SCHEME_TCP);
        assert_string_equal(c->seniors[1].path, "/two");
        assert_int_equal(c->seniors[1].timeout, 250 * USEC_PER_MSEC);
        assert_int_equal(c->seniors[1].head_start, USEC_PER_HOUR);

        late = parse_good("[senior a]\nhost = a\n[primary]\nport = 7\nhost = p\n");
        assert_int_equal(late->seniors[0].port, 7);
}

static void prints_what_it_reads(void **state _unused_) {
        const char *const texts[] = { HOST, everything, "[primary]\nhost=h\ncheck_interval=11ms\n" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_freep) struct config *first = parse_good(texts[i]), *second = NULL;
                _cleanup_free_ char *one = printed(first), *two = NULL;

                second = parse_good(one);
                two = printed(second);
                assert_string_equal(one, two);
        }
}

static void print_reports_a_full_disk(void **state _unused_) {
        _cleanup_(config_freep) struct config *c = parse_good(HOST);
        _cleanup_fclose_ FILE *full = fopen("/dev/full", "we");

        assert_non_null(full);
        assert_int_equal(config_print(c, full), -EIO);
}

/* --- every key, from the table --------------------------------------------------------------------- */

/* An ini in which K has VALUE, and nothing else is wrong. */
static char *ini_with(const struct config_key *k, const char *value) {
        bool senior = strcmp(k->section, "senior") == 0, host = strcmp(k->name, "host") == 0;
        /* So that any timeout is at most as long, but when it is check_interval that is tried. */
        const char *interval = strcmp(k->name, "check_interval") == 0 ? "" : "check_interval = 1h\n";
        char *text;
        int n;

        if (strcmp(k->section, "primary") == 0)
                n = asprintf(&text, "[primary]\n%s%s%s = %s\n", host ? "" : "host = p\n", interval, k->name,
                        value);
        else
                n = asprintf(&text, "[primary]\nhost = p\n%s[%s%s]\n%s%s = %s\n", interval, k->section,
                        senior ? " s" : "", senior && !host ? "host = s\n" : "", k->name, value);
        assert_true(n > 0);
        return text;
}

static void try_value(const struct config_key *k, const char *value, bool good) {
        _cleanup_free_ char *text = ini_with(k, value);
        _cleanup_(config_freep) struct config *config = NULL;
        char allowed[512];
        struct complaints c;

        config = parse(text, &c);
        if (!config == good)
                fail_msg("[%s] %s = '%s' was %s: %s", k->section, k->name, value, good ? "refused" : "taken",
                        c.text);
        (void) snprintf(allowed, sizeof allowed, "allowed: %s\n", k->allowed);
        if (!good && (c.n != 1 || !strstr(c.text, k->name) || !strstr(c.text, allowed)))
                fail_msg("[%s] %s = '%s' was refused with: %s", k->section, k->name, value, c.text);
}

static void try_number(const struct config_key *k, uint64_t number, const char *suffix, bool good) {
        char value[64];

        (void) snprintf(value, sizeof value, "%" PRIu64 "%s", number, suffix);
        try_value(k, value, good);
}

static void try_count(const struct config_key *k) {
        char words[64];

        try_number(k, k->min, "", true);
        try_number(k, k->max, "", true);
        try_number(k, k->min - 1, "", false);
        try_number(k, k->max + 1, "", false);
        try_number(k, k->min + (UINT64_C(1) << 32), "", false);
        try_value(k, "", false);
        try_value(k, "-1", false);
        try_value(k, "+1", false);
        try_value(k, "1x", false);
        try_value(k, "0x1", false);
        try_value(k, "99999999999999999999", false);
        (void) snprintf(words, sizeof words, "%" PRIu64 " to %" PRIu64, k->min, k->max);
        assert_string_equal(k->allowed, words);
}

static void try_span(const struct config_key *k) {
        usec_t low = USEC_INFINITY, high = USEC_INFINITY;
        char first[16] = "", second[16] = "";
        const char *words = k->allowed;

        try_number(k, k->min / USEC_PER_MSEC, "ms", true);
        try_number(k, k->max / USEC_PER_MSEC, "ms", true);
        if (k->min > 0)
                try_number(k, k->min / USEC_PER_MSEC - 1, "ms", k->or_none && k->min == USEC_PER_MSEC);
        try_number(k, k->max / USEC_PER_MSEC + 1, "ms", false);
        try_value(k, "0", k->min == 0 || k->or_none);
        try_value(k, "", false);
        try_value(k, "-1", false);
        try_value(k, "1.5s", false);
        try_value(k, "1d", false);
        try_value(k, "never", k->or_never);
        assert_true(k->or_never == (strstr(words, ", or never") != NULL));
        try_value(k, "99999999999999999999h", false);

        /* The words say the same as the bounds. */
        if (k->or_none) {
                assert_memory_equal(words, "0 (", 3);
                words = strstr(words, ", or ") + strlen(", or ");
        }
        assert_int_equal(sscanf(words, "%15s to %15[^,]", first, second), 2);
        assert_int_equal(parse_span(first, &low), 0);
        assert_int_equal(parse_span(second, &high), 0);
        assert_int_equal(low, k->min);
        assert_int_equal(high, k->max);
}

static void try_words(const struct config_key *k) {
        char words[128] = "";

        for (size_t i = 0; k->words[i]; i++) {
                const char *before = i == 0 ? "" : k->words[i + 1] ? ", " : " or ";

                try_value(k, k->words[i], true);
                (void) appendf(words, sizeof words, "%s%s", before, k->words[i]);
        }
        assert_string_equal(k->allowed, words);
        try_value(k, "", false);
        try_value(k, "maybe", false);
        try_value(k, "AUTO", false);
}

static void try_text(const struct config_key *k) {
        try_value(k, "a\x01", false);
        try_value(k, "/a\xff", false);
        try_value(k, "/a  b", false);
        try_value(k, " ", k->or_none || (k->fallback && !*k->fallback));
        try_value(k, "", k->or_none || (k->fallback && !*k->fallback));
        if (k->fallback && *k->fallback)
                try_value(k, k->fallback, true);
}

static void every_key_has_its_bounds(void **state _unused_) {
        for (size_t i = 0; i < n_config_keys; i++) {
                switch (config_keys[i].type) {
                case CONFIG_COUNT:
                        try_count(&config_keys[i]);
                        break;
                case CONFIG_SPAN:
                        try_span(&config_keys[i]);
                        break;
                case CONFIG_WORD:
                        try_words(&config_keys[i]);
                        break;
                case CONFIG_TEXT:
                        try_text(&config_keys[i]);
                        break;
                }
                assert_true(*config_keys[i].help != '\0' && strlen(config_keys[i].help) < 100);
        }
}

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
                { HOST "[gatway]\nunit = 1\n", { "3: unknown section [gatway]; did you mean [gateway]?" } },
                { HOST "[Primary]\n", { "3: unknown section [Primary]; did you mean [primary]?" } },
                { HOST "[zebra]\n", { "3: unknown section [zebra]; allowed: [primary], [senior NAME]" } },
                { HOST "[]\n", { "3: unknown section []" } },
                { HOST "[primary x]\n", { "3: unknown section [primary x]" } },
                { HOST "[gateway\nunit = x\n", { "3: not a section header" } },
                { HOST "[gateway] x\n", { "3: not a section header" } },
                { HOST "hots = b\n", { "3: unknown key 'hots' in [primary]; did you mean 'host'?" } },
                { HOST "FAIL_TRESHOLD = 3\n",
                        { "3: unknown key 'FAIL_TRESHOLD' in [primary]; did you mean "
                          "'fail_threshold'?" } },
                { HOST "unit = a.service\n",
                        { "3: unknown key 'unit' in [primary]: it belongs in [gateway]" } },
                { HOST "head_start = 5m\n",
                        { "3: unknown key 'head_start' in [primary]: it belongs in [senior]" } },
                { HOST "[senior x]\nhost = x\nfailback = auto\n",
                        { "5: unknown key 'failback' in [senior]: it belongs in [primary]" } },
                { HOST "[gateway]\nzebra = 1\n",
                        { "4: unknown key 'zebra' in [gateway]; allowed: unit, warm, url, tls_verify, "
                          "start_timeout, hang_timeout, drain_timeout" } },
                { HOST "= 1\n", { "3: unknown key ''" } },
                { HOST "port\n", { "3: not understood" } },
                { HOST "port ; = 1\n", { "3: not understood" } },
                { HOST "port = 1\nport = 1\n", { "4: port: given twice, first in line 3" } },
                { HOST "port = x\nport = 1\n", { "3: port: is not a number", "4: port: given twice" } },
                { HOST "[gateway]\n[primary]\nport = x\n",
                        { "4: a second [primary], the first is in line 1", "5: port: is not a number" } },
                { HOST "timeout = 6s\n", { "3: timeout: is more than check_interval" } },
                { HOST "timeout = 5001ms\n", { "3: timeout: is more than check" } },
                { HOST "check_interval = 4s\ntimeout = 5s\n", { "4: timeout: is more than check" } },
                { HOST "timeout = 5s\ncheck_interval = 4s\n", { "3: timeout: is more than check" } },
                { HOST "retry_interval = 6s\n", { "3: retry_interval: is more than check" } },
                { HOST "check_interval = 4s\n[senior x]\nhost = x\ntimeout = 4500ms\n",
                        { "6: timeout: is more than check" } },
                { HOST "[senior x]\nhost = x\ncheck_interval = 4s\n",
                        { "5: unknown key 'check_interval' in [senior]: it belongs in [primary]" } },
                { HOST "check_interval = x\ntimeout = 20m\n", { "3: check_interval: is not a time" } },
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
                        { "2: host: is empty", "3: port: is out of bounds", "4: unknown key 'zebra'",
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

static void load(const char *path, int result, const char *words) {
        _cleanup_(config_freep) struct config *config = NULL;
        struct complaints c = {};

        assert_int_equal(config_load(path, note, &c, &config), result);
        assert_int_equal(!config, result < 0);
        assert_int_equal(c.n, result < 0);
        if (words && !strstr(c.text, words))
                fail_msg("'%s' instead of '%s'", c.text, words);
}

static void files(void **state _unused_) {
        char directory[] = "/tmp/test-config.XXXXXX", path[64];
        static const char nul[] = HOST "path = /a\0b\n";
        _cleanup_free_ char *large = malloc(70 * 1024);

        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof path, "%s/ini", directory);
        load(path, -ENOENT, "0: cannot be read: no such file");
        load(directory, -EINVAL, "0: cannot be read: not a text file");
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

/* --- examples -------------------------------------------------------------------------------------- */

/* Parses what stands in TEXT from a line "[section]" to the next ".Ed". How many there were. */
static unsigned parse_examples(const char *text) {
        unsigned n = 0;

        for (const char *s = text, *next; *s; s = next) {
                _cleanup_free_ char *ini = NULL;
                size_t size;
                FILE *f;

                next = strchrnul(s, '\n') + 1;
                if (s[0] != '[' || !islower((unsigned char) s[1])) /* systemd's are [Unit], [Service] */
                        continue;
                f = open_memstream(&ini, &size);
                assert_non_null(f);
                if (!begins_with(s, "[primary]"))
                        (void) fputs(HOST, f);
                for (; !begins_with(s, ".Ed"); s = next) {
                        next = strchrnul(s, '\n') + 1;
                        (void) fprintf(f, "%.*s", (int) (next - s), s);
                }
                assert_int_equal(fclose(f), 0);
                config_free(parse_good(ini));
                n++;
                next = s;
        }
        return n;
}

/* What a person may paste is not refused. */
static void examples(void **state _unused_) {
        static const struct {
                const char *path;
                unsigned n;
        } rows[] = {
                { "src/man/openclaw-failover.ini.5", 2 },
                { "src/man/openclaw-failover-guide.7", 5 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(read_file(rows[i].path, (size_t) 128 * 1024, &text), 0);
                assert_int_equal(parse_examples(text), rows[i].n);
        }
}

/* --- the shipped file ------------------------------------------------------------------------------ */

/* The text of SECTION in the shipped file: from its header, which may be commented out, to the next. */
static char *shipped_section(const char *ini, const char *section) {
        char header[32];
        const char *start = NULL, *end;

        (void) snprintf(header, sizeof header, "[%s", section);
        for (const char *s = ini; (s = strstr(s, header)); s++)
                if ((s[strlen(header)] == ']' || s[strlen(header)] == ' ') &&
                        (s[-1] == '\n' || (s[-1] == '#' && s[-2] == '\n'))) {
                        assert_null(start);
                        start = s;
                }
        if (!start)
                fail_msg("[%s] is not in " SHIPPED, section);
        end = start;
        do
                end = strchr(end, '\n') + 1;
        while (*end && *end != '[' && !(end[0] == '#' && end[1] == '['));
        return strndup(start, (size_t) (end - start));
}

/* Comment text as one line: "# a\n# b" becomes " a b". */
static void flatten(char *text) {
        char *to = text;

        for (const char *s = text; *s; s++)
                if (s[0] == '\n' && s[1] == '#' && s[2] == ' ')
                        s++;
                else
                        *to++ = *s;
        *to = '\0';
}

static void shipped_file_holds_every_key(void **state _unused_) {
        _cleanup_free_ char *ini = NULL;

        assert_int_equal(read_file(SHIPPED, (size_t) 64 * 1024, &ini), 0);
        for (size_t i = 0; i < n_config_keys; i++) {
                const struct config_key *k = &config_keys[i];
                _cleanup_free_ char *section = shipped_section(ini, k->section);
                char line[128];
                bool inherits = strcmp(k->section, "senior") == 0 && strcmp(k->name, "head_start") != 0;

                if (!k->fallback)
                        (void) snprintf(line, sizeof line, "\n%s%s =", inherits ? "#" : "", k->name);
                else
                        (void) snprintf(line, sizeof line, "\n#%s =%s%s\n", k->name, *k->fallback ? " " : "",
                                k->fallback);
                if (!strstr(section, line))
                        fail_msg("[%s] lacks '%s'", k->section, line + 1);
                flatten(section);
                if (!inherits && !strstr(section, k->allowed))
                        fail_msg("[%s] does not say what %s allows: %s", k->section, k->name, k->allowed);
        }
}

/* Works once host is set, and with every line uncommented it says the same: nothing in it but defaults. */
static void shipped_file_works(void **state _unused_) {
        _cleanup_free_ char *ini = NULL, *set = NULL, *open = NULL, *effective = NULL, *opened = NULL;
        _cleanup_(config_freep) struct config *minimal = parse_good(HOST), *all = NULL;
        char *to;

        assert_int_equal(read_file(SHIPPED, (size_t) 64 * 1024, &ini), 0);
        load(SHIPPED, -EINVAL, "host: is empty");

        to = strstr(ini, "\nhost =\n");
        assert_non_null(to);
        *to = '\0';
        assert_true(asprintf(&set, "%s\nhost = 100.64.0.1\n%s", ini, to + strlen("\nhost =\n")) > 0);
        {
                _cleanup_(config_freep) struct config *shipped = parse_good(set);

                effective = printed(shipped);
        }
        opened = printed(minimal);
        assert_string_equal(effective, opened);

        open = strdup(set);
        to = open;
        for (const char *s = open; *s; s++)
                if (s[0] != '#' || (s != open && s[-1] != '\n') || strchr("# -\n", s[1]))
                        *to++ = *s;
        *to = '\0';
        all = parse_good(open);
        assert_int_equal(all->n_seniors, 1);
        config_free(minimal);
        minimal = parse_good(HOST "[senior standby1]\nhost = 100.64.0.2\n");
        free(effective);
        free(opened);
        effective = printed(all);
        opened = printed(minimal);
        assert_string_equal(effective, opened);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(everything_is_read),
                cmocka_unit_test(seniors_inherit),
                cmocka_unit_test(prints_what_it_reads),
                cmocka_unit_test(print_reports_a_full_disk),
                cmocka_unit_test(every_key_has_its_bounds),
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
                cmocka_unit_test(examples),
                cmocka_unit_test(shipped_file_holds_every_key),
                cmocka_unit_test(shipped_file_works),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
