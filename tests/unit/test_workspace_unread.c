/* Files that fail to read, or go while a sync saves. */
#include "workspace_fixture.h"

#include <sys/syscall.h>

static ino_t broken, fleeting; /* 0: none */
static char goes[128];         /* the path of the latter */
static unsigned reads;         /* after so many of which it goes */

/* In the C library's place: one file has a bad sector, and another goes. */
ssize_t read(int fd, void *buf, size_t n) {
        struct stat st;

        if (broken + fleeting > 0 && fstat(fd, &st) == 0 && st.st_ino == broken) {
                errno = EIO;
                return -1;
        }
        if (fleeting && st.st_ino == fleeting && --reads == 0)
                (void) unlink(goes);
        return (ssize_t) syscall(SYS_read, fd, buf, n);
}

static ino_t inode_of(const struct world *w, const char *file) {
        struct stat st;
        char path[160];

        (void) snprintf(path, sizeof path, "%s/%s", w->path, file);
        assert_int_equal(lstat(path, &st), 0);
        return st.st_ino;
}

/* It costs itself alone, unless it is in the way. */
static void test_a_file_that_fails_to_read(void **state) {
        struct world *w = *state;

        run(w, "cd standby; echo mine >mine; echo x >broken; echo x >>memory/a");
        commit(w, "echo two >>notes");
        for (int i = 0; i < 2; i++) {
                broken = inode_of(w, i ? "memory/a" : "broken");
                assert_sync(w, i ? SYNC_UNCHANGED : SYNC_UPDATED);
                assert_int_equal(w->result.workspace_why.code, REFUSAL_LEFT_OUT);
                assert_sh(w, "cat standby/notes", "one\ntwo");
                if (i == 0)
                        assert_saved(w, "mine", "mine");
                run(w, "echo y >>standby/memory/a");
        }
        commit(w, "echo theirs >memory/a");
        assert_sync(w, SYNC_FAILED);
        broken = 0;
        assert_sync(w, SYNC_UPDATED);
        assert_saved(w, "memory/a", "alpha\ny\ny");
        assert_follows(w);
}

static enum sync_part sync_with_fleeting(struct world *w, const char *file, unsigned n) {
        (void) snprintf(goes, sizeof goes, "%s/%s", w->path, file);
        fleeting = inode_of(w, file);
        reads = n;
        (void) do_sync(w);
        fleeting = 0;
        assert_int_equal(access(goes, F_OK), -1);
        assert_int_equal(w->result.workspace_why.code, REFUSAL_NONE);
        return w->result.workspace;
}

/* When it has been read once, it is not known yet; when twice, it is about to be saved. */
static void test_a_file_that_goes_meanwhile(void **state) {
        struct world *w = *state;

        for (unsigned n = 1; n <= 2; n++) {
                run(w, "cd standby; echo x%u >fleeting; echo mine%u >mine", n, n);
                assert_int_equal(sync_with_fleeting(w, "fleeting", n), SYNC_UNCHANGED);
                run(w, "cd standby; test $(git show %s:mine) = mine%u", saved(w), n);
                run(w, "cd standby; echo x%u >fleeting", n); /* if that is all, there is no work */
                assert_int_equal(sync_with_fleeting(w, "fleeting", n), SYNC_UNCHANGED);
                assert_string_equal(w->result.saved, "");
                run(w, "cd standby; echo x%u >>memory/b; echo mine >>mine", n);
                assert_true(sync_with_fleeting(w, "memory/b", n) <= SYNC_UPDATED);
                assert_true(do_sync(w) <= SYNC_UPDATED);
                assert_follows(w);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_file_that_fails_to_read),
                TEST(test_a_file_that_goes_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
