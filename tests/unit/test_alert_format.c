/* What is posted, byte by byte, in each format. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <jansson.h>

#include "alert/alert_format.h"

#define TIME (1763694765 * USEC_PER_SEC) /* 2025-11-21 03:12:45 UTC */

static const struct alert_message promoted = {
        .event = "promoted",
        .level = LOG_NOTICE,
        .title = "Standby has taken over",
        .text = "Promoted: the gateway here answers.",
        .primary = "100.64.0.1:18789",
        .reason = "connection refused",
        .time = TIME,
        .since = TIME - 41 * USEC_PER_SEC,
        .outage = 41200 * USEC_PER_MSEC,
};
static const struct alert_context context = { .host = "standby1", .instance = "", .now = TIME };

/* B and E enclose a label. */
#define FACTS(b, e)                                                                                         \
        "\n\n" b "Primary:" e " 100.64.0.1:18789, connection refused\n" b "Since:" e                        \
        " 2025-11-21 03:12:04 UTC\n" b "Outage, at most:" e " 41.2 s"

static struct alert_request *render(
        enum alert_format format, const struct alert_message *m, const struct alert_context *x) {
        struct alert_request *r = alert_render(format, m, x);

        assert_non_null(r);
        return r;
}

/* Header number I; NULL: there are not so many. */
static const char *header(const struct alert_request *r, unsigned i) {
        const struct curl_slist *h = r->headers;

        for (; h && i > 0; i--)
                h = h->next;
        return h ? h->data : NULL;
}

static const char *member(json_t *j, const char *name) {
        return json_string_value(json_object_get(j, name));
}

static void test_json(_unused_ void **state) {
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_JSON, &promoted, &context);

        assert_string_equal(header(r, 0), "Content-Type: application/json");
        assert_null(header(r, 1));
        assert_string_equal(r->body,
                "{\"version\":1,\"event\":\"promoted\",\"level\":\"notice\",\"title\":\"Standby has taken over\",\"text\":\"Promoted: the gateway here answers.\","
                "\"commands\":[],"
                "\"host\":\"standby1\",\"instance\":\"\",\"primary\":\"100.64.0.1:18789\",\"reason\":\"connection refused\","
                "\"time\":\"2025-11-21T03:12:45.000000Z\",\"since\":\"2025-11-21T03:12:04.000000Z\",\"outage_seconds\":41.2,"
                "\"lasted_seconds\":null,\"late_seconds\":0.0,\"dropped\":0}");
}

static void test_json_of_anything(_unused_ void **state) {
        struct alert_message m = { .event = "x",
                .level = LOG_ERR,
                .text = "a \"b\"\n\x01 \xff é",
                .time = TIME,
                .lasted = 7 * USEC_PER_SEC };
        struct alert_context x = {
                .host = "h\"", .instance = "two", .now = TIME + USEC_PER_HOUR, .dropped = 3
        };
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_JSON, &m, &x);
        json_auto_t *j = json_loads(r->body, 0, NULL);

        assert_non_null(j);
        assert_string_equal(member(j, "text"), "a \"b\" ? ? é");
        assert_string_equal(member(j, "host"), "h\"");
        assert_string_equal(member(j, "instance"), "two");
        assert_string_equal(member(j, "level"), "error");
        assert_string_equal(member(j, "primary"), "");
        assert_true(json_is_null(json_object_get(j, "since")));
        assert_true(json_is_null(json_object_get(j, "outage_seconds")));
        assert_true(json_real_value(json_object_get(j, "lasted_seconds")) == 7);
        assert_true(json_real_value(json_object_get(j, "late_seconds")) == 3600);
        assert_int_equal(json_integer_value(json_object_get(j, "dropped")), 3);
}

/* PATH is "embeds.0.title". */
static const char *inner(json_t *j, const char *path) {
        char copy[64], *save = NULL;

        (void) snprintf(copy, sizeof copy, "%s", path);
        for (char *word = strtok_r(copy, ".", &save); word; word = strtok_r(NULL, ".", &save))
                j = *word >= '0' && *word <= '9' ? json_array_get(j, (size_t) atoi(word))
                                                 : json_object_get(j, word);
        return json_string_value(j);
}

static void test_discord(_unused_ void **state) {
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_DISCORD, &promoted, &context);
        json_auto_t *j = json_loads(r->body, 0, NULL), *mentions = json_pack("{s:[]}", "parse");

        assert_non_null(j);
        assert_int_equal(json_object_size(j), 2);
        assert_string_equal(inner(j, "embeds.0.title"), "Standby has taken over (standby1)");
        assert_string_equal(
                inner(j, "embeds.0.description"), "Promoted: the gateway here answers." FACTS("**", "**"));
        assert_true(json_equal(json_object_get(j, "allowed_mentions"), mentions));
}

static void test_discord_markup(_unused_ void **state) {
        struct alert_message m = {
                .event = "x", .text = "# a-b > *c* _d_ `*e*` ~~f~~ ||g|| <@1> [h](i) \\j `k", .time = TIME
        };
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_DISCORD, &m, &context);
        json_auto_t *j = json_loads(r->body, 0, NULL);

        assert_string_equal(inner(j, "embeds.0.title"), "x (standby1)");
        assert_string_equal(inner(j, "embeds.0.description"),
                "\\# a-b > \\*c\\* \\_d\\_ `*e*` \\~\\~f\\~\\~ \\|\\|g\\|\\| \\<@1> \\[h\\](i) \\\\j `k`");
}

/* What is posted, if it is valid UTF-8. */
static json_t *posted(const struct alert_request *r) {
        return json_loads(r->body, 0, NULL);
}

/* Each service shows them as a block, which no name in them ends. */
static void test_commands(_unused_ void **state) {
        static const struct {
                enum alert_format format;
                const char *path, *shown;
        } services[] = {
                { ALERT_DISCORD, "embeds.0.description", "\n```\ngit pull a_b\nx'''<b>&\n```\n" },
                { ALERT_SLACK, "blocks.1.text.text", "\n```\ngit pull a_b\nx'''&lt;b&gt;&amp;\n```\n" },
                { ALERT_TELEGRAM, "text", "\n<pre>git pull a_b\nx'''&lt;b&gt;&amp;</pre>\n" },
        };
        struct alert_message m = promoted;
        char many[2 * ALERT_COMMANDS_MAX] = "";

        m.commands = "git pull a_b\nx```<b>&";
        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                _cleanup_(alert_request_freep) struct alert_request *r =
                        render(services[i].format, &m, &context);
                json_auto_t *j = posted(r);

                if (!strstr(inner(j, services[i].path), services[i].shown))
                        fail_msg("%s", inner(j, services[i].path));
        }
        m.commands = memset(many, 'x', sizeof many - 1);
        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                _cleanup_(alert_request_freep) struct alert_request *r =
                        render(services[i].format, &m, &context);

                assert_null(strstr(r->body, "xx"));
        }
}

static void test_slack(_unused_ void **state) {
        struct alert_message m = promoted;
        _cleanup_(alert_request_freep) struct alert_request *r = NULL;
        json_auto_t *j = NULL;

        m.text = "<!channel> & no markup";
        r = render(ALERT_SLACK, &m, &context);
        j = json_loads(r->body, 0, NULL);
        assert_int_equal(json_object_size(j), 2);
        assert_string_equal(member(j, "text"), "🟢 Standby has taken over (standby1)");
        assert_string_equal(inner(j, "blocks.0.text.text"), "🟢 Standby has taken over (standby1)");
        assert_string_equal(
                inner(j, "blocks.1.text.text"), "&lt;!channel&gt; &amp; no markup" FACTS("*", "*"));
}

static void test_telegram(_unused_ void **state) {
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_TELEGRAM, &promoted, &context);
        json_auto_t *j = posted(r), *link = json_pack("{s:b}", "is_disabled", 1);

        assert_string_equal(header(r, 0), "Content-Type: application/json");
        assert_int_equal(json_object_size(j), 3);
        assert_string_equal(member(j, "parse_mode"), "HTML");
        assert_true(json_equal(json_object_get(j, "link_preview_options"), link));
        assert_string_equal(member(j, "text"),
                "<b>🟢 Standby has taken over (standby1)</b>\nPromoted: the gateway here answers." FACTS(
                        "<b>", "</b>"));
}

static void test_telegram_address(_unused_ void **state) {
        static const char good[] =
                "https://api.telegram.org/bot12:SECRET/sendMessage?message_thread_id=7&chat_id=%40mine";
        static const char *const wrong[] = { "https://api.telegram.org/bot12:SECRET/sendMessage",
                "https://api.telegram.org/bot12:SECRET/sendMessage?chat=1",
                "https://api.telegram.org/bot12:SECRET/?chat_id=1", "https://api.telegram.org" };

        assert_null(alert_wrong_address(ALERT_TELEGRAM, good));
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                const char *why = alert_wrong_address(ALERT_TELEGRAM, wrong[i]);

                assert_non_null(strstr(why, "chat_id"));
                assert_null(strstr(why, "SECRET"));
                assert_null(alert_wrong_address(ALERT_JSON, wrong[i]));
        }
}

static void test_ntfy(_unused_ void **state) {
        struct alert_context x = { .host = "standby1", .instance = "two", .now = TIME };
        struct alert_message m = promoted;
        _cleanup_(alert_request_freep) struct alert_request *r = render(ALERT_NTFY, &m, &x);
        _cleanup_(alert_request_freep) struct alert_request *bad = NULL;

        assert_string_equal(r->body, "Promoted: the gateway here answers." FACTS("", ""));
        assert_string_equal(header(r, 0), "Content-Type: text/plain; charset=utf-8");
        assert_string_equal(header(r, 1), "Title: Standby has taken over (standby1@two)");
        assert_string_equal(header(r, 2), "Priority: 3");
        assert_string_equal(header(r, 3), "Tags: information_source");
        assert_null(header(r, 4));

        m.level = LOG_ERR;
        bad = render(ALERT_NTFY, &m, &x);
        assert_string_equal(header(bad, 2), "Priority: 5");
        assert_string_equal(header(bad, 3), "Tags: rotating_light");
}

static void test_header_is_one_line(_unused_ void **state) {
        struct alert_message m = promoted;
        _cleanup_(alert_request_freep) struct alert_request *r = NULL;

        m.title = "x\r\nEvil: yes";
        r = render(ALERT_NTFY, &m, &context);
        assert_string_equal(header(r, 1), "Title: x Evil: yes (standby1)");
}

static void test_late(_unused_ void **state) {
        struct alert_context x = context;
        struct alert_message m = promoted;
        _cleanup_(alert_request_freep) struct alert_request *in_time = NULL, *late = NULL;

        x.now = TIME + ALERT_LATE;
        in_time = render(ALERT_NTFY, &m, &x);
        assert_null(strstr(in_time->body, "Late:"));

        x.now = TIME + 2 * USEC_PER_HOUR;
        x.dropped = 1;
        m.lasted = 90 * USEC_PER_MINUTE;
        late = render(ALERT_NTFY, &m, &x);
        assert_non_null(strstr(late->body,
                "\nLasted: 1 h 30 min\nLate: this happened at 2025-11-21 03:12:45 UTC, 2 h 0 min ago\nLost: 1 alert before this one."));
}

/* What a service counts: UTF-16 units are never more than bytes of UTF-8. */
static void test_limits(_unused_ void **state) {
        static const struct {
                enum alert_format format;
                const char *member;
                size_t limit;
        } services[] = { { ALERT_DISCORD, "embeds.0.description", 2000 },
                { ALERT_SLACK, "blocks.1.text.text", 3000 }, { ALERT_TELEGRAM, "text", 4096 } };
        static const char *const fillers[] = { "*", "&", "é", "😀", "a", "`" };
        char text[ALERT_TEXT_MAX], reason[512] = "";

        for (size_t i = 0; i < ELEMENTSOF(services); i++)
                for (size_t k = 0; k < ELEMENTSOF(fillers); k++) {
                        struct alert_message m = promoted;
                        _cleanup_(alert_request_freep) struct alert_request *r = NULL;
                        json_auto_t *j = NULL;
                        const char *said;

                        text[0] = '\0';
                        while (strlen(text) + strlen(fillers[k]) < sizeof text)
                                (void) strcat(text, fillers[k]);
                        reason[0] = '\0';
                        while (strlen(reason) + strlen(fillers[k]) < sizeof reason)
                                (void) strcat(reason, fillers[k]);
                        m.text = text;
                        m.reason = reason;
                        r = render(services[i].format, &m, &context);
                        j = posted(r);
                        assert_non_null(j);
                        said = inner(j, services[i].member);
                        assert_true(strlen(said) <= services[i].limit);
                        assert_non_null(strstr(said, "2025-11-21 03:12:04 UTC"));
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_of_anything),
                cmocka_unit_test(test_discord),
                cmocka_unit_test(test_discord_markup),
                cmocka_unit_test(test_commands),
                cmocka_unit_test(test_slack),
                cmocka_unit_test(test_telegram),
                cmocka_unit_test(test_telegram_address),
                cmocka_unit_test(test_ntfy),
                cmocka_unit_test(test_header_is_one_line),
                cmocka_unit_test(test_late),
                cmocka_unit_test(test_limits),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
