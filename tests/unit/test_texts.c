/* Every sentence for a person, compared with texts.txt, the one place that repeats them. After a change of words:
 * TEXTS=write build/tests/test_texts, and look at the difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/status_print.h"
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
                        show_status(f, &s, "", SCENE_NOW, false, "");
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
        put_block(f, "well");
        put_block(f, "promoted and alerts");
        put_block(f, "unmerged");
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
