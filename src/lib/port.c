/* Who listens on a TCP port; see port.h. */
#include "lib/port.h"

#include <pwd.h>

#include "lib/text.h"

#define TCP_LISTEN 10 /* /proc/net/tcp's "st" column, include/net/tcp_states.h */

/* The owner of the socket that listens on PORT, from a table in the form of proc_pid_net(5): "sl local_address
 * rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …". */
static bool find_listener(const char *table, unsigned port, uid_t *ret) {
        _cleanup_fclose_ FILE *f = fopen(table, "re");
        char line[512];

        while (f && fgets(line, sizeof line, f)) {
                unsigned local_port, state, uid;

                if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u",
                            &local_port, &state, &uid) == 3 &&
                        local_port == port && state == TCP_LISTEN) {
                        *ret = uid;
                        return true;
                }
        }
        return false;
}

/* Not getpwuid(3): the loop cannot wait for a directory server, and who logs in here by hand is in the file. */
static bool find_name(uid_t uid, char *buf, size_t size) {
        _cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
        struct passwd pw, *found;
        char line[1024];

        while (f && fgetpwent_r(f, &pw, line, sizeof line, &found) == 0)
                if (pw.pw_uid == uid) {
                        buf[0] = '\0';
                        (void) appendf(buf, size, "user %s", pw.pw_name);
                        return true;
                }
        return false;
}

char *network_port_holder(unsigned port, char *buf, size_t size) {
        uid_t uid;

        if (!find_listener("/proc/self/net/tcp", port, &uid) &&
                !find_listener("/proc/self/net/tcp6", port, &uid))
                (void) snprintf(buf, size, "somebody");
        else if (!find_name(uid, buf, size))
                (void) snprintf(buf, size, "uid %u", uid);
        return buf;
}
