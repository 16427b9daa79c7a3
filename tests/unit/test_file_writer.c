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
#include "lib/file_writer.h"

static char directory[] = "/tmp/test-file-writer-XXXXXX", path[sizeof directory + 8];

static int set_up(void **state _unused_) {
        (void) snprintf(path, sizeof path, "%s/file", mkdtemp(directory));
        return 0;
}

static int tear_down(void **state _unused_) {
        (void) unlink(path);
        return rmdir(directory);
}

static void test_writes_and_removes(void **state _unused_) {
        _cleanup_free_ char *text = NULL;
        pid_t child = 0;

        assert_int_equal(write_file_aside(&child, path, "first", 0644, false), 0);
        assert_int_equal(write_file_aside(&child, path, "second", 0644, false), 0);
        assert_int_equal(read_file(path, 100, &text), 0);
        assert_string_equal(text, "second");
        assert_int_equal(write_file_aside(&child, path, NULL, 0, false), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(write_file_aside(&child, path, NULL, 0, false), 0);
        assert_int_equal(write_file_aside(&child, "/nowhere/file", "x", 0644, false), -ENOENT);
        assert_int_equal(writer_result(&child), 0);
}

/* A child that a disk holds up: nothing is written until it has ended, and nobody waits for that. */
static void test_hangs(void **state _unused_) {
        pid_t child = fork();

        if (child == 0) {
                (void) pause();
                _exit(0);
        }
        assert_int_equal(write_file_aside(&child, path, "x", 0644, false), -EINPROGRESS);
        assert_int_equal(access(path, F_OK), -1);
        (void) kill(child, SIGKILL);
        while (writer_result(&child) == -EINPROGRESS)
                (void) usleep(1000);
        assert_int_equal(write_file_aside(&child, path, "x", 0644, false), 0);
        assert_int_equal(access(path, F_OK), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writes_and_removes),
                cmocka_unit_test(test_hangs),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
