/* Lets this process write in the places that sync.c lists, and nowhere else; see landlock.h. */
#include "sync/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Newer than Debian 12's header. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define FILE_WRITES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define WRITES                                                                                              \
        (FILE_WRITES | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                     \
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                               \
                LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

static int allow(int ruleset, const char *path, uint64_t handled) {
        struct landlock_path_beneath_attr beneath = { .allowed_access = handled };
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                beneath.allowed_access &= FILE_WRITES;
        beneath.parent_fd = fd;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno
                                                                                                    : 0;
}

int landlock_confine_writes(const char *const *paths, size_t n) {
        struct landlock_ruleset_attr attr = { .handled_access_fs = WRITES };
        _cleanup_close_ int ruleset = -1;
        /* glibc wraps none of the calls */
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        /* The first version forbids renames from one directory to another: git renames each object so. */
        if (abi < 2)
                return -EOPNOTSUPP;
        if (abi < 3)
                attr.handled_access_fs &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
        ruleset = (int) syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
        if (ruleset < 0)
                return -errno;
        for (size_t i = 0; i < n; i++) {
                int r = allow(ruleset, paths[i], attr.handled_access_fs);

                if (r < 0)
                        return r;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return -errno;
        return 0;
}
