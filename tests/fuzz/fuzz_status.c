/* Any values as the daemon's D-Bus properties: refused as a whole, or a status that can be shown, as lines and as JSON that
 * reads back.
 *
 * An input is a row of properties: which one, of which type, and its value, which for a text goes up to a newline. */
#include "fuzz.h"

#include "cli/status_print.h"
#include "config/instance.h"
#include "nowhere.h"
#include "status_properties.h"

#define SOME_DAY (1795266187 * USEC_PER_SEC)

/* As it should be, or of any type. Text that is no UTF-8 does not get onto a bus, hence the result. */
static int append_value(sd_bus_message *m, char type, struct input *in) {
        _cleanup_free_ char *text = NULL;

        switch (type) {
        case 's':
                text = take_text(in, '\n');
                return sd_bus_message_append(m, "v", "s", text);
        case 'b':
                return sd_bus_message_append(m, "v", "b", take_byte(in) & 1);
        case 'u':
                return sd_bus_message_append(m, "v", "u", (uint32_t) take_number(in));
        case 't':
                return sd_bus_message_append(m, "v", "t", take_number(in));
        case 'v':
                return sd_bus_message_append(m, "v", "v", "s", "within");
        case 'a':
                return sd_bus_message_append(m, "v", "as", 2, "one", "two");
        default:
                return sd_bus_message_append(m, "v", "(it)", 1, take_number(in));
        }
}

static int append_property(sd_bus_message *m, struct input *in) {
        static const char types[] = "sbutva(";
        uint8_t which = take_byte(in), how = take_byte(in);
        const struct property *table;
        size_t n;
        char type;
        int r;

        table = properties(&n);
        type = how % 8 < strlen(types) ? types[how % 8] : *property_signature(&table[which % n]);
        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", which == UINT8_MAX ? "Unknown" : table[which % n].name);
        if (r >= 0)
                r = append_value(m, type, in);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static sd_bus_message *make_message(struct input *in) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        demand(sd_bus_message_new_signal(nowhere(), &m, "/", "org.example", "Test") >= 0);
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        while (r >= 0 && in->size > 0)
                r = append_property(m, in);
        if (r < 0 || sd_bus_message_close_container(m) < 0 || sd_bus_message_seal(m, 1, 0) < 0 ||
                sd_bus_message_rewind(m, true) < 0)
                return NULL;
        return TAKE(m);
}

static void show_lines(const struct status *s) {
        _cleanup_free_ char *text = NULL;
        size_t size, lines = 0;
        FILE *out = open_memstream(&text, &size);

        demand(out);
        show_status(out, s, NULL, SOME_DAY, false);
        demand(fclose(out) == 0);
        for (const char *t = text; (t = strchr(t, '\n')); t++)
                lines++;
        demand(lines >= 5);
}

static void show_json(const struct status *s) {
        static struct instance *instance;
        _cleanup_free_ char *text = NULL;
        json_auto_t *shown = NULL, *back = NULL;

        demand(instance || instance_new(NULL, &instance) == 0);
        shown = status_json(s, NULL, instance, SOME_DAY);
        text = json_dumps(shown, JSON_INDENT(2));
        demand(text);
        back = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        demand(json_is_object(back) && json_is_string(json_object_get(back, "state")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *changed[PROPERTIES_MAX + 1];
        struct input in = { data, size };
        struct status s, kept = {};

        m = make_message(&in);
        if (!m || status_read(m, &s) < 0)
                return 0;
        s.program = "openclaw-failover";
        show_lines(&s);
        show_json(&s);
        demand(status_update(&kept, &s, changed) == 0);
        demand(status_update(&kept, &s, changed) == 0 && !changed[0]);
        status_clear(&kept);
        return 0;
}
