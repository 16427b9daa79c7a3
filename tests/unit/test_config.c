/* The ini: what is read, printed and in bounds. */
#include "config_fixture.h"

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
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(everything_is_read),
                cmocka_unit_test(seniors_inherit),
                cmocka_unit_test(prints_what_it_reads),
                cmocka_unit_test(every_key_has_its_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
