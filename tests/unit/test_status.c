/* status.c: how bad a status is, by its fields. Its words are in texts.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenes.h"

static void levels(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]);

                if (status_level(&s) != scenes[i].level)
                        fail_msg("%s: %s", scenes[i].name, status_level_name(status_level(&s)));
        }
}

/* Nobody is told to look elsewhere, and no sentence is cut. */
static void sentences_fit(void **state _unused_) {
        char text[SENTENCE_MAX];

        for (size_t i = 0; i < ELEMENTSOF(scenes); i++) {
                struct status s = scene_status(&scenes[i]);

                assert_true(strlen(status_sentence(&s, text)) < SENTENCE_MAX - 1);
                assert_true(strlen(status_next(&s, SCENE_NOW, text)) < SENTENCE_MAX - 1);
        }
}

/* With the default settings. */
static void detection(void **state _unused_) {
        struct status s = {};

        status_set_detection(&s, 5 * S, 2 * S, 5 * S, 90 * S, 3);
        assert_true(
                s.detect_refused == 9 * S && s.detect_unanswered == 14 * S && s.detect_silent == 100 * S);
        status_set_detection(&s, 5 * S, 2 * S, 1 * S, 0, 1);
        assert_true(s.detect_refused == 5 * S && s.detect_unanswered == 6 * S && s.detect_silent == 6 * S);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(levels),
                cmocka_unit_test(sentences_fit),
                cmocka_unit_test(detection),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
