/* Asks systemd for one unit's state, and waits for the answer; see systemd.h. */
#include "lib/systemd.h"

#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/util.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define CALL_TIMEOUT (2 * USEC_PER_SEC)

static int get_state(
        sd_bus *bus, const char *unit_path, const char *name, char buf[static SYSTEMD_STATE_MAX]) {
        _cleanup_free_ char *text = NULL;
        int r = sd_bus_get_property_string(bus, SYSTEMD, unit_path, SYSTEMD ".Unit", name, NULL, &text);

        if (r >= 0)
                (void) snprintf(buf, SYSTEMD_STATE_MAX, "%s", text);
        return r;
}

int unit_ask_state(
        const char *unit, char load[static SYSTEMD_STATE_MAX], char active[static SYSTEMD_STATE_MAX]) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        if (r >= 0) /* systemd loads a unit that is asked for by its path */
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        if (r >= 0)
                r = get_state(bus, path, "LoadState", load);
        if (r >= 0)
                r = get_state(bus, path, "ActiveState", active);
        return r < 0 ? r : 0;
}

int unit_is_stopped(const char *unit) {
        char load[SYSTEMD_STATE_MAX], active[SYSTEMD_STATE_MAX];
        int r = unit_ask_state(unit, load, active);

        return r < 0 ? r : strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0;
}
