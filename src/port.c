/* Who listens on a TCP port; see port.h. */
#include "port.h"

#include <pwd.h>

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

char *port_holder(unsigned port, char *buf, size_t size) {
        char names[1024];
        struct passwd pw, *found = NULL;
        uid_t uid;

        if (!find_listener("/proc/self/net/tcp", port, &uid) &&
                !find_listener("/proc/self/net/tcp6", port, &uid))
                (void) snprintf(buf, size, "somebody");
        else if (getpwuid_r(uid, &pw, names, sizeof names, &found) == 0 && found)
                (void) snprintf(buf, size, "user %s", pw.pw_name);
        else
                (void) snprintf(buf, size, "uid %u", uid);
        return buf;
}
