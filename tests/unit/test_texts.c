/* Every sentence for a person, compared with texts.txt, the one place that repeats them. After a change of words:
 * TEXTS=write build/tests/test_texts, and look at the difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/conditions.h"
#include "cli/status_print.h"
#include "events.h"
#include "lib/file.h"
#include "scenes.h"

#define TEXTS "tests/unit/texts.txt"

static void put_status(FILE *f) {
        char text[SENTENCE_MAX];

        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]);

                (void) fprintf(f, "status, %s:\n  %s\n", scenes[i].name, status_sentence(&s, text));
                (void) fprintf(f, "  %s\n", status_next(&s, SCENE_NOW, text));
        }
}

static void put_block(FILE *f, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++)
                if (strcmp(scenes[i].name, name) == 0) {
                        struct status s = scene_status(&scenes[i]);

                        (void) fprintf(f, "block, %s:\n", name);
                        show_status(f, &s, "", SCENE_NOW, false);
                }
}

static void put_event(FILE *f, enum role_event event, const char *variant, const struct story *s) {
        char message[MESSAGE_MAX];

        (void) fprintf(f, "%s%s:\n  %s\n", event_name(event), variant, event_message(event, s, message));
}

/* Each event as it is most of the time, and what else it may say. */
static void put_events(FILE *f) {
        struct story s = plain_story();

        for (int e = EVENT_NONE + 1; e < _EVENT_MAX; e++)
                put_event(f, (enum role_event) e, "", &s);
        s.senior = "first";
        put_event(f, EVENT_DEMOTING, ", a senior", &s);
        put_event(f, EVENT_HOLD_OVER, ", a senior", &s);
        s = plain_story();
        s.again = true;
        put_event(f, EVENT_PROMOTING, ", again", &s);
        put_event(f, EVENT_PROMOTED, ", again", &s);
        put_event(f, EVENT_ADOPTED, ", again", &s);
        s = plain_story();
        s.by_hand = true;
        s.outage = USEC_INFINITY;
        for (s.mode = 0; s.mode < _MODE_MAX; s.mode++) {
                char variant[32];

                (void) snprintf(variant, sizeof variant, ", %s", role_mode_name(s.mode));
                put_event(f, EVENT_PROMOTING, variant, &s);
                put_event(f, EVENT_DEMOTING, variant, &s);
                put_event(f, EVENT_FOREIGN, variant, &s);
        }
        put_event(f, EVENT_PROMOTED, ", by hand", &s);
        s.by_hand = false;
        put_event(f, EVENT_PROMOTED, ", unknown", &s);
        s = plain_story();
        s.detecting = USEC_INFINITY;
        put_event(f, EVENT_PROMOTED, ", partly known", &s);
        s.syncing = s.starting = USEC_INFINITY;
        put_event(f, EVENT_PROMOTED, ", no part known", &s);
        s.ended_well = s.other = s.paused = true;
        put_event(f, EVENT_START_FAILED, ", by a user", &s);
        put_event(f, EVENT_SILENT, ", paused", &s);
        put_event(f, EVENT_STOP_FAILED, ", paused", &s);
        put_event(f, EVENT_DRILL_FAILED, ", another gateway", &s);
}

/* Whatever lasts for a day in each scene, and is over then. */
static void put_conditions(FILE *f) {
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]), good = scene_status(&scenes[0]);
                struct conditions c = {};
                struct alert_message m;

                (void) conditions_look(&c, &s, SCENE_NOW, S, &m);
                while (conditions_look(&c, &s, SCENE_NOW + USEC_PER_DAY, USEC_PER_DAY + S, &m))
                        (void) fprintf(f, "%s, %s:\n  %s\n  %s\n", m.event, scenes[i].name, m.title, m.text);
                while (conditions_look(&c, &good, SCENE_NOW + 2 * USEC_PER_DAY, 2 * USEC_PER_DAY + S, &m))
                        (void) fprintf(f, "%s, %s:\n  %s\n  %s\n", m.event, scenes[i].name, m.title, m.text);
        }
}

static void compare(const char *now, const char *before) {
        while (*now && *before) {
                size_t n = strcspn(now, "\n"), k = strcspn(before, "\n");

                if (n != k || strncmp(now, before, n) != 0)
                        fail_msg("now:    %.*s\nbefore: %.*s", (int) n, now, (int) k, before);
                now += n + (now[n] == '\n');
                before += k + (before[k] == '\n');
        }
        if (*now || *before)
                fail_msg("now:    %.80s\nbefore: %.80s", now, before);
}

static void texts(void **state _unused_) {
        _cleanup_free_ char *now = NULL, *before = NULL;
        size_t size;
        FILE *f = open_memstream(&now, &size);

        assert_non_null(f);
        put_status(f);
        put_events(f);
        put_conditions(f);
        put_block(f, "well");
        put_block(f, "promoted and alerts");
        put_block(f, "unmerged");
        put_block(f, "keys");
        put_block(f, "keys that last");
        put_block(f, "sync fails");
        assert_int_equal(fclose(f), 0);
        if (getenv("TEXTS"))
                assert_int_equal(write_file_atomic(TEXTS, now, 0644), 0);
        assert_int_equal(read_file(TEXTS, 1 << 20, &before), 0);
        compare(now, before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
