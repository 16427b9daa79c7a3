/* Calls the daemon over D-Bus for the commands, and follows its signals; see daemon_client.h. */
#include "cli/daemon_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "bus_interface.h"
#include "config/config.h"
#include "lib/log.h"
#include "lib/systemd.h"
#include "lib/text.h"
#include "status_properties.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

#define ADD(...) (void) appendf(buf, CLIENT_WHY_MAX, __VA_ARGS__)

bool client_is_unknown(const struct instance *n, char buf[static CLIENT_WHY_MAX]) {
        _cleanup_(instances_freep) struct instance **all = NULL;

        buf[0] = '\0';
        (void) instances_list(NULL, &all);
        if (*n->name && access(n->config, F_OK) < 0 && errno == ENOENT)
                ADD("There is no instance %s: %s does not exist.", n->name, n->config);
        else if (!*n->name && all && *all && config_is_unused(n->config))
                ADD("%s names no primary.", n->config);
        else
                return false;
        for (struct instance **i = all; i && *i; i++)
                ADD("%s `%s`", i == all ? " Allowed:" : ",", (*i)->program);
        return true;
}

char *client_describe_absence(const struct instance *n, char buf[static CLIENT_WHY_MAX]) {
        _cleanup_(config_freep) struct config *c = NULL;
        _cleanup_free_ char *error = NULL;
        struct unit_outcome o;
        int r;

        if (client_is_unknown(n, buf))
                return buf;
        r = unit_ask_outcome(n->unit, &o);
        if (r < 0)
                ADD("Whether %s is running is unknown: the system bus cannot be reached (%s). See `systemctl status dbus`.",
                        n->unit, strerror(-r));
        else if (strcmp(o.load_state, "loaded") != 0) /* masked, not-found, bad-setting */
                ADD("%s is not running: systemd calls it %s. See `systemctl status %s`.", n->unit,
                        o.load_state, n->unit);
        else if (strcmp(o.active_state, "active") == 0)
                ADD("%s is running, but %s does not answer on the system bus. See `systemctl status %s`.",
                        n->unit, n->bus_name, n->unit);
        else if (*o.result && strcmp(o.result, "success") != 0 && o.exit_status != EX_CONFIG)
                ADD("%s is not running: it failed (%s, status=%d). See `journalctl -u %s -n 20`.", n->unit,
                        o.result, o.exit_status, n->unit);
        else {
                if (o.exit_status == EX_CONFIG || config_is_unused(n->config))
                        (void) config_load(n->config, config_keep_error, &error, &c);
                ADD("%s is not running%s%s. To start it, now and at every boot: `systemctl enable --now %s`.",
                        n->unit, error ? ", because its configuration has an error. " : "", error ?: "",
                        n->unit);
        }
        return buf;
}

int client_nobody(const struct instance *n) {
        char why[CLIENT_WHY_MAX];

        log_error("%s", client_describe_absence(n, why));
        return EXIT_NOT_RUNNING;
}

static int other_version(const struct instance *n) {
        log_error(
                "The daemon is of another version than this program. To start this version: `systemctl restart %s`. A "
                "promoted gateway keeps running.",
                n->unit);
        return EX_PROTOCOL;
}

int client_no_bus(int r) {
        log_error("The system bus cannot be reached (%s). See `systemctl status dbus`.", strerror(-r));
        return EXIT_NOT_RUNNING;
}

/* Also one that hangs. sd_bus_open_system() does not wait for the bus: ENOTCONN comes with the first call. */
static bool is_absent(const sd_bus_error *e, int r) {
        return r == -ENOTCONN || r == -ETIMEDOUT ||
                sd_bus_error_has_names(e, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                        SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED);
}

static int explain(const struct instance *n, const sd_bus_error *e, int r) {
        if (sd_bus_error_has_names(e, SD_BUS_ERROR_UNKNOWN_OBJECT, SD_BUS_ERROR_UNKNOWN_METHOD,
                    SD_BUS_ERROR_UNKNOWN_INTERFACE))
                return other_version(n);
        if (sd_bus_error_has_name(e, BUS_ERROR_REFUSED)) {
                log_error("Refused: %s", e->message);
                return EX_TEMPFAIL;
        }
        log_error("%s", e->message ? e->message : strerror(-r));
        return sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED) ? EX_NOPERM : EX_UNAVAILABLE;
}

int client_get_status(sd_bus *bus, const struct instance *n, sd_bus_message **ret_m, struct status *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        if (!bus)
                return EXIT_NOT_RUNNING;
        r = sd_bus_call_method(
                bus, n->bus_name, BUS_PATH, PROPERTIES_INTERFACE, "GetAll", &e, ret_m, "s", BUS_INTERFACE);
        if (r < 0)
                return is_absent(&e, r) ? EXIT_NOT_RUNNING : explain(n, &e, r);
        if (status_read(*ret_m, ret) < 0)
                return other_version(n);
        ret->program = n->program;
        return 0;
}

int client_command(sd_bus *bus, const struct instance *n, const char *method, uint64_t seconds) {
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, n->bus_name, BUS_PATH, BUS_INTERFACE, method, &e, NULL,
                seconds > 0 ? "t" : NULL, seconds);
        if (r < 0)
                return is_absent(&e, r) ? client_nobody(n) : explain(n, &e, r);
        return 0;
}

int client_wait(sd_bus *bus, int timeout) {
        struct pollfd fds[] = { { sd_bus_get_fd(bus), POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
        int r, n = 0;

        for (;;) {
                while ((r = sd_bus_process(bus, NULL)) > 0)
                        n++;
                if (r < 0 || n > 0)
                        return r < 0 ? r : n;
                r = poll(fds, ELEMENTSOF(fds), timeout);
                if (r <= 0)
                        return r < 0 ? -errno : 0;
                if (fds[1].revents) { /* its reader has gone */
                        (void) raise(SIGPIPE);
                        return -EPIPE;
                }
        }
}

static int on_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        *(bool *) userdata = true;
        return 0;
}

int client_follow(sd_bus *bus, const struct instance *n, bool *changed, sd_bus_message_handler_t on_event,
        void *userdata) {
        _cleanup_free_ char *owner = NULL;
        int r;

        if (asprintf(&owner,
                    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                    "member='NameOwnerChanged',arg0='%s'",
                    n->bus_name) < 0)
                return -ENOMEM;
        r = sd_bus_add_match(bus, NULL, owner, on_changed, changed);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, n->bus_name, BUS_PATH, PROPERTIES_INTERFACE,
                        "PropertiesChanged", on_changed, changed);
        if (r >= 0 && on_event)
                r = sd_bus_match_signal(
                        bus, NULL, n->bus_name, BUS_PATH, BUS_INTERFACE, "Event", on_event, userdata);
        return r;
}
