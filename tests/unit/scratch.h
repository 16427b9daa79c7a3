/* What tests with real programs share: a directory that goes away, and shell scripts in it. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#include "lib/util.h"
#include "sync_result.h"

/* For the leak checker of sanitized builds: libgit2 1.5 forgets to free what PCRE2 needed if a pattern does not match. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libpcre2";
}

static inline int scratch_remove_entry(
        const char *path, const struct stat *st _unused_, int type, struct FTW *f _unused_) {
        return type == FTW_DP ? rmdir(path) : unlink(path);
}

static inline void scratch_remove(const char *dir) {
        (void) nftw(dir, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Removes BASE when the test program has ended, be it by SIGKILL: then nobody has the pipe open any more. */
static inline void scratch_watch(const char *base) {
        int fds[2];
        char byte;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        if (fork() != 0) {
                (void) close(fds[0]);
                return; /* the other end stays open as long as the program runs */
        }
        (void) setsid();
        for (int fd = 0; fd < 256; fd++) /* or whoever reads the test's output would wait for us */
                if (fd != fds[0])
                        (void) close(fd);
        while (read(fds[0], &byte, 1) > 0)
                ;
        scratch_remove(base);
        _exit(0);
}

/* Makes a directory, in memory if there is enough: the worker flushes its file system, which others keep busy. It is the
 * home of git and ssh too. */
static inline void scratch_make(char dir[static 64], const char *name) {
        struct statvfs fs;
        bool memory =
                statvfs("/dev/shm", &fs) == 0 && (uint64_t) fs.f_bavail * fs.f_frsize > (uint64_t) 512 << 20;
        char base[48];

        (void) snprintf(
                base, sizeof base, "%s/%.20s.%d", memory ? "/dev/shm" : "/tmp", name, (int) getpid());
        if (mkdir(base, 0700) == 0)
                scratch_watch(base);
        (void) snprintf(dir, 64, "%s/XXXXXX", base);
        assert_non_null(mkdtemp(dir));
        assert_int_equal(setenv("HOME", dir, true), 0);
        assert_int_equal(setenv("GIT_CONFIG_NOSYSTEM", "1", true), 0);
}

/* Runs a shell script in DIR; the test fails if the script does. "not COMMAND" is for what must fail, since set -e does
 * not see a "!". Returns its output without the last newlines, to be freed. */
static inline char *scratch_sh(const char *dir, const char *format, ...) _printf_(2, 3);
static inline char *scratch_sh(const char *dir, const char *format, ...) {
        _cleanup_free_ char *script = NULL, *command = NULL;
        char *out = calloc(1, 65536);
        va_list ap;
        FILE *f;

        assert_non_null(out);
        va_start(ap, format);
        assert_true(vasprintf(&script, format, ap) >= 0);
        va_end(ap);
        assert_true(asprintf(&command, "cd %s || exit; not() { ! \"$@\"; }; set -e; { %s\n} 2>&1", dir,
                            script) >= 0);
        f = popen(command, "re");
        assert_non_null(f);
        out[fread(out, 1, 65535, f)] = '\0';
        if (pclose(f) != 0)
                fail_msg("%s\n%s", script, out);
        while (*out && out[strlen(out) - 1] == '\n')
                out[strlen(out) - 1] = '\0';
        return out;
}

/* In the directory of the world W. */
#define sh(w, ...) scratch_sh((w)->dir, __VA_ARGS__)
#define run(w, ...) free(sh(w, __VA_ARGS__))
#define assert_sh(w, script, expected)                                                                      \
        do {                                                                                                \
                _cleanup_free_ char *_out = sh(w, "%s", script);                                            \
                assert_string_equal(_out, expected);                                                        \
        } while (false)

/* What a refusal says, with its command; until the next call. */
static inline const char *words(const struct refusal *why) {
        static char buf[sizeof *why];

        (void) snprintf(buf, sizeof buf, "%s%s%s", why->text, *why->command ? ": " : "", why->command);
        return buf;
}

static inline bool scratch_has(const char *dir, const char *name) {
        char path[300];

        (void) snprintf(path, sizeof path, "%s/%s", dir, name);
        return access(path, F_OK) == 0;
}
