/* What may be written to after landlock_confine_writes(), in a child: it is for good. */
#include "sync/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static int make(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno;
        (void) close(fd);
        return 0;
}

/* The line of the first thing that is not as it should be, or 0. */
static int confined(void) {
        static const char *const paths[] = { "in", "missing", "/dev/null" };
        int r = landlock_confine_writes(paths, ELEMENTSOF(paths));

        if (r == -EOPNOTSUPP)
                return -1;
#define CHECK(what)                                                                                         \
        if (!(what))                                                                                        \
        return __LINE__
        CHECK(r == 0);
        CHECK(make("in/file") == 0);
        CHECK(mkdir("in/d", 0700) == 0);
        CHECK(rename("in/file", "in/d/file") == 0);
        CHECK(make("out/file") == EACCES);
        CHECK(make("file") == EACCES);
        CHECK(make("out/there") == EACCES);
        CHECK(unlink("out/there") < 0 && errno == EACCES);
        CHECK(rename("out/there", "in/there") < 0);
        CHECK(link("out/there", "in/there") < 0);
        CHECK(mkdir("out/d", 0700) < 0);
        CHECK(symlink("/etc", "out/l") < 0);
        CHECK(access("out/there", R_OK) == 0 && open("out/there", O_RDONLY | O_CLOEXEC) >= 0);
        CHECK(make("/dev/null") == 0);
        /* And what it starts is no freer. */
        CHECK(system("echo x 2>/dev/null >in/shell") == 0);
        CHECK(system("(echo x >out/shell) 2>/dev/null") != 0);
        return 0;
}

static void test_confined(void **state) {
        char dir[] = "/tmp/test_confine.XXXXXX", command[100];
        int status;
        pid_t pid;

        (void) state;
        assert_non_null(mkdtemp(dir));
        pid = fork();
        if (pid == 0) {
                int line;

                if (chdir(dir) < 0 || mkdir("in", 0700) < 0 || mkdir("out", 0700) < 0 ||
                        make("out/there") != 0)
                        _exit(1);
                line = confined();
                if (line > 0)
                        (void) fprintf(stderr, "test_confine.c:%d\n", line);
                _exit(line < 0 ? 77 : line > 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void) snprintf(command, sizeof command, "rm -rf %s", dir);
        assert_int_equal(system(command), 0);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip(); /* the kernel has no Landlock, or an old one */
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_confined) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
