/* Another user's eyes; see as_user.h. */
#include "doctor/as_user.h"

#include <errno.h>
#include <grp.h>

int become(const struct passwd *user) {
        if (initgroups(user->pw_name, user->pw_gid) < 0 ||
                setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
                setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        /* What systemd sets for User= (systemd.exec(5)). */
        if (clearenv() != 0 || setenv("HOME", user->pw_dir, 1) < 0 || setenv("USER", user->pw_name, 1) < 0 ||
                setenv("LOGNAME", user->pw_name, 1) < 0 || setenv("SHELL", user->pw_shell, 1) < 0 ||
                setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
                return -ENOMEM;
        return chdir("/") < 0 ? -errno : 0;
}
