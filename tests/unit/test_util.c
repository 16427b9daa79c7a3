/* lib: spans, text made safe, files read whole and written whole, a child with a deadline. */
#include "lib/child.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/text.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <cmocka.h>

static void format_spans(void **state _unused_) {
        static const struct {
                usec_t span;
                const char *text;
        } rows[] = {
                { 0, "0 ms" },
                { 499, "0 ms" },
                { 500, "1 ms" },
                { 350 * USEC_PER_MSEC, "350 ms" },
                { 994 * USEC_PER_MSEC, "994 ms" },
                { 995 * USEC_PER_MSEC, "1.0 s" },
                { USEC_PER_SEC, "1.0 s" },
                { 41200 * USEC_PER_MSEC, "41.2 s" },
                { 59900 * USEC_PER_MSEC, "59.9 s" },
                { 59949 * USEC_PER_MSEC, "59.9 s" },
                { 59950 * USEC_PER_MSEC, "1 min 0 s" },
                { 60 * USEC_PER_SEC - 1, "1 min 0 s" },
                { 60 * USEC_PER_SEC, "1 min 0 s" },
                { 185 * USEC_PER_SEC, "3 min 5 s" },
                { USEC_PER_HOUR - 1, "59 min 59 s" },
                { USEC_PER_HOUR, "1 h 0 min" },
                { 2 * USEC_PER_HOUR + 4 * USEC_PER_MINUTE, "2 h 4 min" },
                { USEC_PER_DAY - 1, "23 h 59 min" },
                { USEC_PER_DAY, "1 d 0 h" },
                { 3 * USEC_PER_DAY + 2 * USEC_PER_HOUR, "3 d 2 h" },
                { USEC_INFINITY, "213503982 d 8 h" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char buf[SPAN_MAX];

                assert_ptr_equal(format_span(buf, rows[i].span), buf);
                assert_string_equal(buf, rows[i].text);
        }
}

static void parse_spans(void **state _unused_) {
        static const struct {
                const char *text;
                int result;
                usec_t span;
        } rows[] = {
                { "0", 0, 0 },
                { "0ms", 0, 0 },
                { "10", 0, 10 * USEC_PER_SEC },
                { "010", 0, 10 * USEC_PER_SEC },
                { "10s", 0, 10 * USEC_PER_SEC },
                { "500ms", 0, 500 * USEC_PER_MSEC },
                { "5m", 0, 5 * USEC_PER_MINUTE },
                { "1h", 0, USEC_PER_HOUR },
                { "18446744073708ms", 0, 18446744073708ULL * 1000000 / 1000 },
                { "18446744073709551ms", 0, 18446744073709551000ULL },
                { "18446744073709552ms", -ERANGE },
                { "5124095577h", -ERANGE },
                { "18446744073709551615", -ERANGE },
                { "18446744073709551616", -ERANGE },
                { "99999999999999999999999999h", -ERANGE },
                { "", -EINVAL },
                { " 1", -EINVAL },
                { "1 ", -EINVAL },
                { "1 s", -EINVAL },
                { "+1", -EINVAL },
                { "-1", -EINVAL },
                { "1.5s", -EINVAL },
                { "1S", -EINVAL },
                { "1us", -EINVAL },
                { "1d", -EINVAL },
                { "1min", -EINVAL },
                { "1h30m", -EINVAL },
                { "0x10", -EINVAL },
                { "s", -EINVAL },
                { "soon", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                usec_t span = 12345;
                int r = parse_span(rows[i].text, &span);

                if (r != rows[i].result || span != (r < 0 ? 12345 : rows[i].span))
                        fail_msg("parse_span(\"%s\") = %d, %" PRIu64, rows[i].text, r, span);
        }
}

static void safe_texts(void **state _unused_) {
        static const struct {
                size_t size;
                const char *text, *safe;
        } rows[] = {
                { 64, "", "" },
                { 64, "plain", "plain" },
                { 64, "Grüße, 世界 🦀", "Grüße, 世界 🦀" },
                { 64, "a\nb\r\n\tc \v\f d", "a b c d" },
                { 64, "\x1b[31mred\x07\x7f", "?[31mred??" },
                { 64,
                        "csi \xc2\x9b"
                        "31m",
                        "csi ?31m" },                           /* C1, which some terminals obey */
                { 64, "\xc2\xa0", "\xc2\xa0" },                 /* the first after C1 */
                { 64, "a\xff\xfe", "a??" },                     /* never in UTF-8 */
                { 64, "a\xc3", "a?" },                          /* cut off */
                { 64, "a\xe2\x82", "a??" },                     /* cut off */
                { 64, "\xc0\xaf", "??" },                       /* too long a form of '/' */
                { 64, "\xe0\x80\xaf", "???" },                  /* and again */
                { 64, "\xed\xa0\x80", "???" },                  /* half of a surrogate pair */
                { 64, "\xf4\x90\x80\x80", "????" },             /* beyond U+10FFFF */
                { 64, "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
                { 64, "\xc3(", "?(" },                          /* what follows is not swallowed */
                { 6, "12345", "12345" },
                { 6, "123456", "12…" },
                { 6, "12345 ", "12…" },
                { 6, "äöü", "ä…" },
                { 6, "äöüä", "ä…" },
                { 6, "1ö3ä", "1…" },
                { 4, "1234", "…" },
                { 3, "123", "12" },
                { 2, "ä", "" },
                { 1, "abc", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char buf[64];

                (void) memset(buf, 'x', sizeof buf);
                assert_ptr_equal(safe_text(buf, rows[i].size, rows[i].text), buf);
                assert_string_equal(buf, rows[i].safe);
        }
}

static void safe_text_stays_within_its_room(void **state _unused_) {
        static const char text[] = "a\xc3\xa4\n\n\xe2\x82\xac \xf0\x9f\xa6\x80 \xff\x1b bc\xc2\x9b";

        for (size_t size = 0; size < sizeof text + 8; size++) {
                _cleanup_free_ char *buf = malloc(size + 1), *again = malloc(size + 1);

                (void) memset(buf, 'x', size + 1);
                (void) safe_text(buf, size, text);
                assert_int_equal(buf[size], 'x');
                if (size == 0)
                        continue;
                assert_true(strlen(buf) < size);
                assert_string_equal(safe_text(again, size, buf), buf); /* safe is safe */
        }
}

static void appends(void **state _unused_) {
        char buf[8] = "";

        (void) appendf(buf, sizeof buf, "%d,", 1);
        assert_string_equal(appendf(buf, sizeof buf, "%s", "two"), "1,two");
        assert_string_equal(appendf(buf, sizeof buf, "%s", "three"), "1,twoth");
        assert_string_equal(appendf(buf, sizeof buf, "%s", "four"), "1,twoth");
}

/* However long it is, what is cut off is whole characters. */
static void appends_no_half_character(void **state _unused_) {
        static const char text[] = "aé€𐍈é€𐍈";
        char buf[sizeof text + 1], safe[sizeof text];

        for (size_t size = 1; size <= sizeof buf; size++) {
                size_t n;

                buf[0] = '\0';
                n = strlen(appendf(buf, size, "%s", text));
                assert_true(n < size && n + 4 >= MIN(size, sizeof text));
                assert_memory_equal(buf, text, n);
                assert_string_equal(safe_text(safe, sizeof safe, buf), buf);
        }
        /* Nor is anything taken away from what was there before. */
        (void) strcpy(buf, "aé");
        assert_string_equal(appendf(buf, 4, "%s", "é"), "aé");
        assert_string_equal(appendf(buf, 5, "%s", "é"), "aé");
        buf[0] = '\0';
        assert_string_equal(appendf(buf, 2, "%s", "é"), "");
}

/* --- files ----------------------------------------------------------------------------------------- */

static int make_directory(void **state) {
        char template[] = "/tmp/test-util.XXXXXX";

        if (!mkdtemp(template) || chdir(template) < 0)
                return -1;
        *state = strdup(template);
        return 0;
}

static int remove_directory(void **state) {
        static const char *const all[] = { "file", "file.new", "link", "fifo", "empty" };

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                (void) unlink(all[i]);
        (void) rmdir("file.new");
        if (rmdir(*state) < 0)
                return -1;
        free(*state);
        return 0;
}

static void put(const char *path, const void *bytes, size_t n) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, n), n);
}

static void assert_reads(const char *path, size_t max, int result, const char *text) {
        _cleanup_free_ char *got = NULL;

        assert_int_equal(read_file(path, max, &got), result);
        if (result < 0)
                assert_null(got);
        else
                assert_string_equal(got, text);
}

static void reads_files(void **state _unused_) {
        put("empty", "", 0);
        put("file", "12345", 5);
        assert_reads("empty", 0, 0, "");
        assert_reads("empty", 100, 0, "");
        assert_reads("file", 100, 0, "12345");
        assert_reads("file", 5, 0, "12345");
        assert_reads("file", 4, -EFBIG, NULL);
        put("file", "12\0005", 4);
        assert_reads("file", 100, -EINVAL, NULL);
        assert_reads("missing", 100, -ENOENT, NULL);
        assert_reads(".", 100, -EISDIR, NULL);
        assert_reads("file/x", 100, -ENOTDIR, NULL);
        assert_reads("/dev/zero", 100, -EINVAL, NULL);
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_reads("fifo", 100, -EINVAL, NULL); /* and does not wait for a writer */
        /* One that says it is of size 0 and is not. */
        assert_reads("/proc/self/limits", 10, -EFBIG, NULL);
}

static void writes_files(void **state _unused_) {
        struct stat st;
        mode_t mask = umask(077);

        assert_int_equal(write_file_atomic("file", "one\n", 0644), 0);
        assert_reads("file", 100, 0, "one\n");
        assert_int_equal(stat("file", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644); /* whatever the umask */
        assert_int_equal(write_file_atomic("file", "", 0600), 0);
        assert_reads("file", 100, 0, "");
        assert_int_equal(stat("file", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(write_file_atomic("missing/file", "x", 0600), -ENOENT);
        (void) umask(mask);
}

/* The old file is whole for as long as somebody has it open: it is replaced, not written over. */
static void replaces_and_never_overwrites(void **state _unused_) {
        _cleanup_close_ int fd = -1;
        char old[8] = "";

        assert_int_equal(write_file_atomic("file", "old", 0600), 0);
        fd = open("file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(write_file_atomic("file", "new", 0600), 0);
        assert_int_equal(read(fd, old, sizeof old), 3);
        assert_string_equal(old, "old");
        assert_reads("file", 100, 0, "new");
}

/* What a crash left under the temporary name, or what somebody put there, is not written through. */
static void temporary_name_is_taken(void **state _unused_) {
        put("file", "old", 3);
        put("link", "victim", 6);
        assert_int_equal(symlink("link", "file.new"), 0);
        assert_int_equal(write_file_atomic("file", "new", 0600), 0);
        assert_reads("file", 100, 0, "new");
        assert_reads("link", 100, 0, "victim");
        assert_int_equal(access("file.new", F_OK), -1);

        assert_int_equal(mkdir("file.new", 0700), 0);
        assert_int_equal(write_file_atomic("file", "newer", 0600), -EISDIR);
        assert_reads("file", 100, 0, "new");
}

static void failed_write_leaves_nothing(void **state _unused_) {
        assert_int_equal(mkdir("file", 0700), 0);
        assert_int_equal(write_file_atomic("file", "x", 0600), -EISDIR);
        assert_int_equal(access("file.new", F_OK), -1);
        assert_int_equal(rmdir("file"), 0);
}

static void assert_link(const char *dir, const char *path, const char *expected) {
        _cleanup_free_ char *full = NULL, *link = NULL;

        assert_true(asprintf(&full, "%s/%s", dir, path) > 0);
        link = find_link(full);
        if (!expected)
                assert_null(link);
        else {
                assert_non_null(link);
                assert_true(begins_with(link, dir));
                assert_string_equal(link + strlen(dir) + 1, expected);
        }
}

static void test_find_link(void **state _unused_) {
        char dir[] = "/tmp/test_util.XXXXXX"; /* below a directory in which others may make links */

        assert_non_null(mkdtemp(dir));
        assert_int_equal(chdir(dir), 0);
        assert_int_equal(mkdir("real", 0700), 0);
        assert_int_equal(mkdir("real/x", 0700), 0);
        assert_int_equal(symlink("real", "link"), 0);
        assert_link(dir, "real/x", NULL);
        assert_link(dir, "real/x//", NULL);
        assert_link(dir, "nothing/x", NULL);
        assert_link(dir, "link", "link is a symbolic link to real");
        assert_link(dir, "link//", "link is a symbolic link to real");
        assert_link(dir, "link/x", "link is a symbolic link to real");
        assert_null(find_link("/proc/self/status")); /* root's own */
        assert_int_equal(unlink("link"), 0);
        assert_int_equal(rmdir("real/x"), 0);
        assert_int_equal(rmdir("real"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(dir), 0);
}

static void test_way_of_root(void **state _unused_) {
        assert_true(is_roots_way("/etc/passwd"));
        assert_true(is_roots_way("/usr/bin/"));
        assert_true(is_roots_way("/usr/is/not/there"));
        assert_false(is_roots_way("/tmp/x"));
        assert_false(is_roots_way("/proc/self/root/usr")); /* by a link */
}

static void answer_then_hang(const void *task, void *answer) {
        *(int *) answer = *(const int *) task;
        if (*(int *) answer < 0)
                (void) pause();
}

/* What a child had made of its answer by the deadline is none. */
static void test_child(void **state _unused_) {
        const int whole = 7, half = -7;
        struct child c;
        int answer = 0;

        assert_int_equal(child_start(&c, answer_then_hang, &whole, sizeof answer, USEC_PER_MINUTE), 0);
        assert_int_equal(child_finish(&c, &answer, sizeof answer), 0);
        assert_int_equal(answer, 7);
        assert_int_equal(child_start(&c, answer_then_hang, &half, sizeof answer, 300 * USEC_PER_MSEC), 0);
        assert_int_equal(child_finish(&c, &answer, sizeof answer), -ETIMEDOUT);
        assert_int_equal(answer, 7);
}

/* As rsync does when it sees the end of ssh's output before ssh is a zombie. */
static void test_status_of_what_a_program_left(void **state _unused_) {
        static const char script[] = "import os\n"
                                     "left = os.fork() or os._exit(255)\n"
                                     "os.waitid(os.P_PID, left, os.WEXITED | os.WNOWAIT)\n"
                                     "os._exit(12)";
        const char *const argv[] = { "python3", "-c", script, NULL };
        _cleanup_free_ char *first = NULL, *second = NULL;
        int left;

        assert_int_equal(program_run_group(argv, USEC_INFINITY, &first, NULL, &left), 12);
        assert_int_equal(left, 0);
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        assert_int_equal(program_run_group(argv, USEC_INFINITY, &second, NULL, &left), 12);
        assert_int_equal(left, 255);
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int main(void) {
#define ON_FILES(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(format_spans),
                cmocka_unit_test(parse_spans),
                cmocka_unit_test(safe_texts),
                cmocka_unit_test(safe_text_stays_within_its_room),
                cmocka_unit_test(appends),
                cmocka_unit_test(appends_no_half_character),
                ON_FILES(reads_files),
                ON_FILES(writes_files),
                ON_FILES(replaces_and_never_overwrites),
                ON_FILES(temporary_name_is_taken),
                ON_FILES(failed_write_leaves_nothing),
                cmocka_unit_test(test_find_link),
                cmocka_unit_test(test_way_of_root),
                cmocka_unit_test(test_child),
                cmocka_unit_test(test_status_of_what_a_program_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
