/* The manual says what the program's tables say: keys, properties, JSON keys and journal entries. (test_config_shipped.c checks the
 * shipped ini.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "config/config_keys.h"
#include "core/verdict.h"
#include "events.h"
#include "lib/file.h"
#include "lib/text.h"
#include "status_properties.h"

#define MANUAL "src/man/org.openclaw.Failover1.5"
#define INI_MANUAL "src/man/openclaw-failover.ini.5"

static char *read_text(const char *path) {
        char *text = NULL;

        if (read_file(path, 1 << 20, &text) < 0)
                fail_msg("%s cannot be read: run this from the top of the source tree", path);
        return text;
}

/* The page's words without what troff needs for some characters: "~" and "…" are as in the table then. */
static char *read_page(const char *path) {
        static const struct {
                const char *escape, *is;
        } escapes[] = { { "\\(ti", "~" }, { "\\[u2026]", "…" }, { "\\(dq", "\"" }, { "\\&", "" } };
        char *text = read_text(path), *to = text;

        for (const char *s = text; *s;) {
                size_t i = 0;

                while (i < ELEMENTSOF(escapes) &&
                        strncmp(s, escapes[i].escape, strlen(escapes[i].escape)) != 0)
                        i++;
                if (i == ELEMENTSOF(escapes)) {
                        *to++ = *s++;
                        continue;
                }
                s += strlen(escapes[i].escape);
                to = stpcpy(to, escapes[i].is);
        }
        *to = '\0';
        return text;
}

/* A copy of what is in TEXT from the line HEAD to the next line that begins with END; NULL if there is no such line. */
static char *part(const char *text, const char *head, const char *end) {
        _cleanup_free_ char *line = NULL;
        const char *from, *to;

        assert_true(asprintf(&line, "\n%s\n", head) > 0);
        from = strstr(text, line);
        if (!from)
                return NULL;
        from += strlen(line);
        to = strstr(from - 1, end);
        return to ? strndup(from - 1, (size_t) (to - from) + 2) : strdup(from - 1);
}

static const char *fallback_of(const struct config_key *k) {
        return !k->fallback ? "required" : *k->fallback ? k->fallback : "none";
}

/* The section that says of K what it is: [senior] refers to [primary] for what both have. */
static const char *described_in(const struct config_key *k) {
        for (size_t i = 0; i < n_config_keys; i++)
                if (strcmp(config_keys[i].section, "primary") == 0 &&
                        strcmp(config_keys[i].name, k->name) == 0 && strcmp(k->section, "senior") == 0)
                        return "primary";
        return k->section;
}

static void check_key(const char *page, const struct config_key *k, const char *section) {
        _cleanup_free_ char *head = NULL, *item = NULL, *chapter = NULL, *entry = NULL, *says = NULL;

        assert_true(asprintf(&head, ".Sh %s", section) > 0);
        for (char *c = head + strlen(".Sh "); *c; c++)
                *c = (char) (*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        chapter = part(page, head, "\n.Sh ");
        if (!chapter)
                fail_msg(INI_MANUAL " has no '%s'", head);
        assert_true(asprintf(&item, ".It Cm %s", k->name) > 0);
        entry = part(chapter, item, "\n.It ");
        if (!entry)
                fail_msg(INI_MANUAL ": [%s] lacks %s", section, k->name);
        assert_true(asprintf(&says, "\n.br\nDefault: %s.\nAllowed: %s.\n", fallback_of(k), k->allowed) > 0);
        if (!strstr(entry, says))
                fail_msg(INI_MANUAL ": %s of [%s] does not say:%s", k->name, section, says);
}

static unsigned count(const char *text, const char *word) {
        unsigned n = 0;

        for (; (text = strstr(text, word)); text++)
                n++;
        return n;
}

static void test_every_key(void **state _unused_) {
        _cleanup_free_ char *page = read_page(INI_MANUAL), *senior = part(page, ".Sh SENIOR", "\n.Sh ");
        size_t described = 0;

        for (size_t i = 0; i < n_config_keys; i++) {
                const char *section = described_in(&config_keys[i]);

                check_key(page, &config_keys[i], section);
                if (strcmp(section, config_keys[i].section) == 0)
                        described++;
                else if (!strstr(senior, config_keys[i].name))
                        fail_msg(INI_MANUAL ": [senior] does not mention %s", config_keys[i].name);
        }
        assert_int_equal(count(page, "\nDefault: "), described);
}

static void test_properties(void **state _unused_) {
        _cleanup_free_ char *page = read_page(MANUAL);
        size_t n;
        const struct property *p = properties(&n);

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *head = NULL;

                assert_true(asprintf(&head, "\n.It Va %s Pq %s , Cm %s\n", p[i].name,
                                    property_signature(&p[i]), p[i].key) > 0);
                if (!strstr(page, head))
                        fail_msg(MANUAL " lacks:%s", head);
        }
        assert_int_equal(count(page, "\n.It Va "), n);
}

/* "up, not-ready or down", as the page has the words that a property may be. */
static void check_words(const char *page, const char *item, const char *const *names, int n) {
        _cleanup_free_ char *entry = part(page, item, "\n.It ");
        char list[128] = "";

        for (int i = 0; i < n; i++)
                (void) appendf(list, sizeof list, "%s%s", i == 0 ? "" : i < n - 1 ? ", " : " or ", names[i]);
        if (!entry || !strstr(entry, list))
                fail_msg(MANUAL ": '%s' does not say: %s", item, list);
}

static void test_words(void **state _unused_) {
        _cleanup_free_ char *page = read_page(MANUAL);

        check_words(page, ".It Va State Pq s , Cm state", role_state_names, _ROLE_MAX);
        check_words(page, ".It Va Mode Pq s , Cm mode", role_mode_names, _MODE_MAX);
        check_words(page, ".It Va Health Pq s , Cm health", health_level_names, _HEALTH_MAX);
        check_words(page, ".It Va LastCheckVerdict Pq s , Cm check_verdict", verdict_names, _VERDICT_MAX);
        check_words(page, ".It Va GatewayState Pq s , Cm gateway_state", unit_state_names, _UNIT_STATE_MAX);
}

static void test_events(void **state _unused_) {
        static const char *const levels[] = {
                [LOG_ERR] = "err", [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info"
        };
        _cleanup_free_ char *page = read_page(MANUAL), *journal = part(page, ".Sh JOURNAL", "\n.Sh ");

        assert_non_null(journal);
        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++) {
                _cleanup_free_ char *head = NULL;

                assert_true(asprintf(&head, "\n.It Cm %s , %s\n.Li %s\n", event_name((enum role_event) e),
                                    levels[event_level((enum role_event) e)],
                                    event_message_id((enum role_event) e)) > 0);
                if (!strstr(journal, head))
                        fail_msg(MANUAL " lacks:%s", head);
        }
        assert_int_equal(count(journal, "\n.It Cm "), _EVENT_MAX - 1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_properties),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_events),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
