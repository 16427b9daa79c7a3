/* Files that a child writes, while the loop goes on. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/kept_file.h"

static char directory[] = "/tmp/test-kept-file-XXXXXX", path[sizeof directory + 8];

static int set_up(void **state _unused_) {
        (void) snprintf(path, sizeof path, "%s/file", mkdtemp(directory));
        return 0;
}

static int tear_down(void **state _unused_) {
        (void) unlink(path);
        return rmdir(directory);
}

/* A busy machine may take longer than a write is waited for: it is tried again while its child is at work. */
static bool writes(struct kept_file *f, const char *text) {
        kept_file_write(f, text);
        for (unsigned i = 0; f->writer > 0 && i < 30000; i++) {
                (void) usleep(1000);
                kept_file_write(f, text);
        }
        return !f->unwritten;
}

static void test_writes_and_removes(void **state _unused_) {
        _cleanup_free_ char *text = NULL;
        struct kept_file file = { .path = path };

        assert_true(writes(&file, "first"));
        assert_true(writes(&file, "second"));
        assert_int_equal(read_file(path, 100, &text), 0);
        assert_string_equal(text, "second");
        assert_true(writes(&file, NULL));
        assert_int_equal(access(path, F_OK), -1);
        assert_true(writes(&file, NULL));
        file.path = (char *) "/nowhere/file";
        assert_false(writes(&file, "x"));
        assert_int_equal(file.writer, 0);
}

/* A child that a disk holds up: nothing is written until it has ended, and nobody waits for that. */
static void test_hangs(void **state _unused_) {
        struct kept_file file = { .path = path, .writer = fork() };

        if (file.writer == 0) {
                (void) pause();
                _exit(0);
        }
        kept_file_write(&file, "x");
        (void) kill(file.writer, SIGKILL);
        assert_true(file.unwritten);
        assert_int_equal(access(path, F_OK), -1);
        assert_true(writes(&file, "x"));
        assert_int_equal(access(path, F_OK), 0);
}

/* A file that is not wanted any more says nothing about the disk. */
static void test_removed_is_not_written(void **state _unused_) {
        struct kept_file file = { .path = (char *) "/nowhere/file", .in_memory = true };
        int fds[2], saved = dup(STDERR_FILENO);
        char log[512] = "";

        assert_int_equal(pipe(fds), 0);
        (void) dup2(fds[1], STDERR_FILENO);
        assert_false(writes(&file, "x"));
        assert_true(writes(&file, NULL));
        (void) dup2(saved, STDERR_FILENO);
        assert_true(read(fds[0], log, sizeof log - 1) > 0);
        (void) close(fds[0]);
        (void) close(fds[1]);
        (void) close(saved);
        assert_non_null(strstr(log, "cannot be written"));
        assert_null(strstr(log, "again"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writes_and_removes),
                cmocka_unit_test(test_hangs),
                cmocka_unit_test(test_removed_is_not_written),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
