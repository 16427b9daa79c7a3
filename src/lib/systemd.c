/* Asks systemd for one unit's state, and waits for the answer; see systemd.h. */
#include "lib/systemd.h"

#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/util.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define CALL_TIMEOUT (2 * USEC_PER_SEC)

static int get_text(
        sd_bus *bus, const char *path, const char *interface, const char *name, char buf[static 32]) {
        _cleanup_free_ char *text = NULL;
        int r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, name, NULL, &text);

        if (r >= 0)
                (void) snprintf(buf, 32, "%s", text);
        return r;
}

int unit_ask_outcome(const char *unit, struct unit_outcome *ret) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *path = NULL;
        struct unit_outcome o = {};
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        if (r >= 0) /* systemd loads a unit that is asked for by its path */
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "LoadState", o.load_state);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "ActiveState", o.active_state);
        if (r >= 0 && strcmp(o.load_state, "loaded") == 0) {
                r = get_text(bus, path, SYSTEMD ".Service", "Result", o.result);
                if (r >= 0)
                        r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SYSTEMD ".Service",
                                "ExecMainStatus", NULL, 'i', &o.exit_status);
        }
        *ret = o;
        return r < 0 ? r : 0;
}

int unit_is_stopped(const char *unit) {
        struct unit_outcome o;
        int r = unit_ask_outcome(unit, &o);

        return r < 0 ? r : strcmp(o.active_state, "inactive") == 0 || strcmp(o.active_state, "failed") == 0;
}
