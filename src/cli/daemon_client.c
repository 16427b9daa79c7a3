/* One call to the daemon; see daemon_client.h. */
#include "cli/daemon_client.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "bus_interface.h"
#include "cli/status_command.h"
#include "lib/log.h"

/* Longer than the daemon waits for a person with a password. */
#define COMMAND_TIMEOUT (3 * USEC_PER_MINUTE)

int client_nobody(const struct instance *n) {
        log_error(
                "It does not run: nobody is %s on the system bus. See `systemctl status %s`; to start it, now and at "
                "every boot: `systemctl enable --now %s`.",
                n->bus_name, n->unit, n->unit);
        return EXIT_NOT_RUNNING;
}

int client_other_version(const struct instance *n) {
        log_error(
                "The daemon that runs is of another version than this program. `systemctl restart %s` starts this "
                "version; a promoted gateway stays as it is.",
                n->unit);
        return EX_PROTOCOL;
}

int client_no_bus(int r) {
        log_error(
                "The system bus cannot be reached (%s), so nothing can be asked. See `systemctl status dbus`.",
                strerror(-r));
        return EXIT_NOT_RUNNING;
}

int client_open(sd_bus **ret) {
        int r = sd_bus_open_system(ret);

        return r < 0 ? client_no_bus(r) : 0;
}

static int explain(const struct instance *n, const sd_bus_error *e, int r) {
        if (r == -ENOTCONN) /* sd_bus_open_system() does not wait for the bus to answer */
                return client_no_bus(r);
        if (sd_bus_error_has_names(e, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return client_nobody(n);
        if (sd_bus_error_has_names(e, SD_BUS_ERROR_UNKNOWN_OBJECT, SD_BUS_ERROR_UNKNOWN_METHOD,
                    SD_BUS_ERROR_UNKNOWN_INTERFACE))
                return client_other_version(n);
        if (sd_bus_error_has_name(e, BUS_ERROR_REFUSED)) {
                log_error("Refused: %s", e->message);
                return EX_TEMPFAIL;
        }
        if (sd_bus_error_has_names(
                    e, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED)) {
                log_error("The daemon did not answer. See `systemctl status %s`.", n->unit);
                return EX_UNAVAILABLE;
        }
        log_error("%s", e->message ? e->message : strerror(-r));
        return sd_bus_error_has_names(
                       e, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED)
                ? EX_NOPERM
                : EX_UNAVAILABLE;
}

int client_get_all(sd_bus *bus, const struct instance *n, sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, n->bus_name, BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll", &e,
                ret, "s", BUS_INTERFACE);
        return r < 0 ? explain(n, &e, r) : 0;
}

int client_command(sd_bus *bus, const struct instance *n, enum role_command command, uint64_t seconds) {
        static const char *const methods[_COMMAND_MAX] = {
                [COMMAND_PROMOTE] = "Promote",
                [COMMAND_DEMOTE] = "Demote",
                [COMMAND_AUTO] = "Auto",
                [COMMAND_PAUSE] = "Pause",
                [COMMAND_RESUME] = "Resume",
                [COMMAND_DRILL] = "Drill",
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, n->bus_name, BUS_PATH, BUS_INTERFACE, methods[command]);
        if (r >= 0 && command == COMMAND_PAUSE)
                r = sd_bus_message_append(m, "t", seconds);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(m, true);
        if (r >= 0)
                r = sd_bus_call(bus, m, COMMAND_TIMEOUT, &e, NULL);
        return r < 0 ? explain(n, &e, r) : 0;
}
