/* Whether a unit is stopped; see systemd.h. */
#include "lib/systemd.h"

#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/util.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define CALL_TIMEOUT (2 * USEC_PER_SEC)

int unit_is_stopped(const char *unit) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *state = NULL;
        const char *path;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        if (r >= 0) /* GetUnit() does not know a unit that nobody has used yet */
                r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                        "LoadUnit", NULL, &reply, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = sd_bus_get_property_string(
                        bus, SYSTEMD, path, SYSTEMD ".Unit", "ActiveState", NULL, &state);
        return r < 0 ? r : strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0;
}
