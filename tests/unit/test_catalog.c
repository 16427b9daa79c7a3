/* The catalogs in systemd/ explain every journal entry of events.c, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>

#include "events.h"
#include "lib/file.h"

#define CATALOG "systemd/openclaw-failover.catalog"
#define CHINESE "systemd/openclaw-failover.zh_CN.catalog"

static int read_catalog(void **state) {
        char *text = NULL;

        if (read_file(*state, 1 << 20, &text) < 0)
                fail_msg("%s cannot be read: run this from the top of the source tree",
                        (const char *) *state);
        *state = text;
        return 0;
}

static int free_catalog(void **state) {
        free(*state);
        return 0;
}

/* The entry of EVENT in TEXT, from its "-- ID" on; NULL if there is none. */
static const char *entry_of(const char *text, enum role_event event) {
        char head[64];

        (void) snprintf(head, sizeof head, "\n# %s\n-- %s\n", event_name(event), event_message_id(event));
        return strstr(text, head);
}

static void test_complete(void **state) {
        const char *text = *state;

        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++) {
                const char *name = event_name((enum role_event) e);
                const char *entry = entry_of(text, (enum role_event) e), *subject, *body;

                if (!entry)
                        fail_msg("%s is missing, or its name or identifier is another", name);
                subject = strstr(entry, "\nSubject: ");
                body = strstr(entry, "\n\n");
                if (!subject || !body || subject > body || isspace((unsigned char) body[2]))
                        fail_msg("%s lacks a subject or a text", name);
        }
}

static void test_nothing_else(void **state) {
        const char *text = *state;
        int n = 0;

        for (const char *at = text; (at = strstr(at, "\n-- ")); at++)
                n++;
        assert_int_equal(n, _EVENT_MAX - 1);
}

/* A field that journal_send_event() does not send would stay as "@…@". */
static void test_fields(void **state) {
        static const char *const fields[] = { "@FAILOVER_UNIT@", "@FAILOVER_PRIMARY@", "@FAILOVER_REASON@",
                "@FAILOVER_MODE@", "@FAILOVER_TO@", "@FAILOVER_FROM@" };
        const char *text = *state;

        for (const char *at = text; (at = strchr(at, '@'));) {
                size_t i = 0, length = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") + 2;

                if (at[length - 1] != '@') { /* "openclaw@" */
                        at++;
                        continue;
                }
                while (i < ELEMENTSOF(fields) && strncmp(at, fields[i], length) != 0)
                        i++;
                if (i == ELEMENTSOF(fields))
                        fail_msg("%.*s is no field of every entry", (int) length, at);
                at += length;
        }
}

#define OF(test, path)                                                                                      \
        {                                                                                                   \
                .name = #test " " path, .test_func = (test), .setup_func = read_catalog,                    \
                .teardown_func = free_catalog, .initial_state = (void *) (path)                             \
        }

int main(void) {
        static const struct CMUnitTest tests[] = {
                OF(test_complete, CATALOG),
                OF(test_nothing_else, CATALOG),
                OF(test_fields, CATALOG),
                OF(test_complete, CHINESE),
                OF(test_nothing_else, CHINESE),
                OF(test_fields, CHINESE),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
