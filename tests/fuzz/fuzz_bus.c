/* Any arguments of the one method that takes some, Pause: refused, or a time within the bounds that bus_interface.h names.
 *
 * An input is a row of arguments: of which type, and its value, which for a text goes up to a newline. sd-bus looks at the
 * types before bus_service.c does; here it does not. */
#include "fuzz.h"

#include "daemon/bus_service.h"
#include "nowhere.h"

static int append_argument(sd_bus_message *m, struct input *in) {
        static const char types[] = "tybnqiuxdsav(";
        _cleanup_free_ char *text = NULL;
        char type = types[take_byte(in) % (sizeof types - 1)];
        uint64_t number;

        if (type == 's') {
                text = take_text(in, '\n');
                return sd_bus_message_append(m, "s", text);
        }
        number = take_number(in);
        switch (type) {
        case 'a':
                return sd_bus_message_append(m, "at", 1, number);
        case 'v':
                return sd_bus_message_append(m, "v", "t", number);
        case '(':
                return sd_bus_message_append(m, "(t)", number);
        case 'b':
                number &= 1;
        }
        return sd_bus_message_append_basic(m, type, &number); /* its low bytes come first */
}

static sd_bus_message *make_call(struct input *in) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = 0;

        demand(sd_bus_message_new_method_call(nowhere(), &m, NULL, BUS_PATH, BUS_INTERFACE, "Pause") >= 0);
        while (r >= 0 && in->size > 0)
                r = append_argument(m, in);
        if (r < 0 || sd_bus_message_seal(m, 1, 0) < 0)
                return NULL;
        return TAKE(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        struct input in = { data, size };
        usec_t pause = 7, again = 7;
        int r;

        m = make_call(&in);
        if (!m)
                return 0;
        r = bus_service_read_pause(m, &pause, &e);
        if (r < 0) {
                demand(pause == 7);
                demand(!e.message || is_safe(e.message));
        } else {
                demand(pause == USEC_INFINITY || (pause > 0 && pause <= PAUSE_MAX));
                demand(!sd_bus_error_is_set(&e));
        }
        /* Once before polkit is asked, and once after it. */
        demand(bus_service_read_pause(m, &again, NULL) == r && again == pause);
        return 0;
}
