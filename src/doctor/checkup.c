/* What the looks of `doctor` are given: the facts systemd knows, and how to become another user; see checkup.h. */
#include "doctor/checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "config/validate.h"
#include "lib/strv.h"
#include "lib/systemd.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"

#define CALL_TIMEOUT (5 * USEC_PER_SEC)
#define OUTPUT_MAX (64 * 1024)

void unit_facts_clear(struct unit_facts *u) {
        char *strings[] = { u->name, u->load_state, u->active_state, u->result, u->restart, u->file_state,
                u->fragment, u->user, u->program };
        char **lists[] = { u->before, u->after, u->environment, u->search_path, u->argv, u->credentials,
                u->writable };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free(strings[i]);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                strv_free(lists[i]);
        *u = (struct unit_facts){ 0 };
}

bool unit_may_write(const struct unit_facts *u, const char *path) {
        for (char **w = u->writable; w && *w; w++)
                if (path_is_within(path, *w + strspn(*w, "-+")))
                        return true;
        return false;
}

bool unit_is_loaded(const struct unit_facts *u) {
        return u->load_state && strcmp(u->load_state, "loaded") == 0;
}

const char *unit_environment(const struct unit_facts *u, const char *name) {
        size_t n = strlen(name);
        const char *value = NULL;

        for (char **s = u->environment; s && *s; s++)
                if (strncmp(*s, name, n) == 0 && (*s)[n] == '=')
                        value = *s + n + 1; /* the last one counts */
        return value;
}

/* The property NAME as a string; an empty one becomes NULL. */
static int get_string(sd_bus *bus, const char *path, const char *interface, const char *name, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, name, NULL, &text);
        if (r < 0)
                return r;
        *ret = *text ? TAKE(text) : NULL;
        return 0;
}

/* ExecStart is a(sasbttttuii): path, arguments, and how its last run went. Only the first command matters. */
static int get_command(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *program;
        int r;

        r = sd_bus_get_property(
                bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecStart", NULL, &m, "a(sasbttttuii)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'r', "sasbttttuii");
        if (r <= 0)
                return r; /* there is none */
        r = sd_bus_message_read(m, "s", &program);
        if (r < 0)
                return r;
        u->program = strdup(program);
        return u->program ? sd_bus_message_read_strv(m, &u->argv) : -ENOMEM;
}

/* LoadCredential is a(ss): name and path. */
static int get_credentials(sd_bus *bus, const char *path, struct unit_facts *u) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name, *file;
        size_t n = 0;
        int r;

        r = sd_bus_get_property(bus, SYSTEMD, path, SERVICE_INTERFACE, "LoadCredential", NULL, &m, "a(ss)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &name, &file)) > 0) {
                char **longer = reallocarray(u->credentials, n + 2, sizeof *longer);

                if (!longer)
                        return -ENOMEM;
                u->credentials = longer;
                longer[n] = longer[n + 1] = NULL;
                if (asprintf(&longer[n], "%s:%s", name, file) < 0) {
                        longer[n] = NULL;
                        return -ENOMEM;
                }
                n++;
        }
        return r;
}

/* What only a service has; a unit that is not loaded has none of it. */
static int ask_service(sd_bus *bus, const char *path, struct unit_facts *u) {
        int r;

        r = get_string(bus, path, SERVICE_INTERFACE, "User", &u->user);
        if (r >= 0)
                r = get_string(bus, path, SERVICE_INTERFACE, "Result", &u->result);
        if (r >= 0)
                r = get_string(bus, path, SERVICE_INTERFACE, "Restart", &u->restart);
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecMainStatus", NULL, 'i', &u->exec_status);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SERVICE_INTERFACE, "TimeoutStopUSec",
                        NULL, 't', &u->timeout_stop);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "Environment", NULL, &u->environment);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ExecSearchPath", NULL, &u->search_path);
        if (r >= 0)
                r = sd_bus_get_property_strv(
                        bus, SYSTEMD, path, SERVICE_INTERFACE, "ReadWritePaths", NULL, &u->writable);
        if (r >= 0)
                r = get_command(bus, path, u);
        if (r >= 0)
                r = get_credentials(bus, path, u);
        return r;
}

static int ask_unit(sd_bus *bus, const char *name, struct unit_facts *u) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int need_reload = 0, r;

        u->name = strdup(name);
        if (!u->name)
                return -ENOMEM;
        r = sd_bus_call_method(
                bus, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE, "LoadUnit", &error, &reply, "s", name);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "LoadState", &u->load_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "ActiveState", &u->active_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "UnitFileState", &u->file_state);
        if (r >= 0)
                r = get_string(bus, path, UNIT_INTERFACE, "FragmentPath", &u->fragment);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, SYSTEMD, path, UNIT_INTERFACE, "Before", NULL, &u->before);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, SYSTEMD, path, UNIT_INTERFACE, "After", NULL, &u->after);
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, UNIT_INTERFACE, "NeedDaemonReload", NULL, 'b', &need_reload);
        u->need_reload = need_reload;
        if (r >= 0)
                r = sd_bus_get_property_trivial(
                        bus, SYSTEMD, path, UNIT_INTERFACE, "StateChangeTimestamp", NULL, 't', &u->changed);
        return r >= 0 && unit_is_loaded(u) ? ask_service(bus, path, u) : r;
}

int checkup_ask_systemd(struct checkup *c) {
        const struct {
                const char *name;
                struct unit_facts *facts;
        } units[] = {
                { c->names->unit, &c->daemon },
                { c->names->sync_unit, &c->sync },
                { c->config ? c->config->gateway.unit : "openclaw.service", &c->gateway },
                { "tailscaled.service", &c->tailscaled },
                { "openclaw-health-monitor.service", &c->old_monitor },
        };
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(units); i++)
                r = ask_unit(bus, units[i].name, units[i].facts);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, SYSTEMD, MANAGER_PATH, MANAGER_INTERFACE,
                        "Virtualization", NULL, &c->virtualization);
        if (r < 0 && asprintf(&c->bus_error, "systemd cannot be asked over D-Bus: %s", strerror(-r)) < 0)
                c->bus_error = NULL;
        return r < 0 ? r : 0;
}

bool checkup_gateway_runs(const struct checkup *c) {
        return unit_is_stopped(c->gateway.name) == 0;
}

const char *checkup_gateway_user(const struct checkup *c) {
        return c->gateway.user                ? c->gateway.user
                : unit_is_loaded(&c->gateway) ? "root"
                                              : checkup_sync_user(c);
}

const char *checkup_sync_user(const struct checkup *c) {
        return c->sync.user ? c->sync.user : "openclaw";
}

const char *checkup_daemon_user(const struct checkup *c) {
        return c->daemon.user ? c->daemon.user : "openclaw-failover";
}

int become(const struct passwd *user) {
        if (initgroups(user->pw_name, user->pw_gid) < 0)
                return -errno;
        if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
                return -errno;
        if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        /* What systemd sets for User= (systemd.exec(5)). */
        if (clearenv() != 0 || setenv("HOME", user->pw_dir, 1) < 0 || setenv("USER", user->pw_name, 1) < 0 ||
                setenv("LOGNAME", user->pw_name, 1) < 0 || setenv("SHELL", user->pw_shell, 1) < 0 ||
                setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
                return -ENOMEM;
        return chdir("/") < 0 ? -errno : 0;
}

void checkup_take_agent(const struct checkup *c) {
        const char *agent = unit_environment(&c->sync, "SSH_AUTH_SOCK");

        if (agent)
                (void) setenv("SSH_AUTH_SOCK", agent, 1);
        else
                (void) unsetenv("SSH_AUTH_SOCK");
}

/* All that comes out of FD until its end; what is over OUTPUT_MAX is read and thrown away. */
static char *read_output(int fd) {
        _cleanup_free_ char *text = malloc(OUTPUT_MAX + 1);
        char rest[4096];
        size_t used = 0;

        if (!text)
                return NULL;
        for (;;) {
                bool room = used < OUTPUT_MAX;
                ssize_t n = read(fd, room ? text + used : rest, room ? OUTPUT_MAX - used : sizeof rest);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                if (room)
                        used += (size_t) n;
        }
        text[used] = '\0';
        return TAKE(text);
}

int run_program(const char *const argv[], char **ret_output) {
        _cleanup_free_ char *output = NULL;
        int fds[2], status;
        pid_t child;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        child = fork();
        if (child == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) setenv("LC_ALL", "C", 1);
                (void) dup2(fds[1], STDOUT_FILENO);
                (void) dup2(fds[1], STDERR_FILENO);
                (void) execvp(argv[0], (char *const *) argv);
                _exit(127);
        }
        (void) close(fds[1]);
        if (child > 0)
                output = read_output(fds[0]);
        (void) close(fds[0]);
        if (child < 0)
                return -EAGAIN;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (!output)
                return -ENOMEM;
        *ret_output = TAKE(output);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}
