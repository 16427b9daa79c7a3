/* Any text as the ini: it is refused with errors that may be printed, or what is printed of it reads back as the same. */
#include "fuzz.h"

#include "config/config.h"

static void on_error(const char *path, unsigned line, const char *what, void *userdata) {
        const struct input *in = userdata;

        demand(strcmp(path, "fuzz.ini") == 0);
        demand(line <= in->size + 1);
        demand(*what && is_safe(what));
}

static char *print(const struct config *c) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        demand(out);
        config_print(c, out);
        demand(fclose(out) == 0);
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_freep) struct config *first = NULL, *second = NULL;
        _cleanup_free_ char *text = NULL, *printed = NULL, *again = NULL;
        struct input in = { data, size }, whole = in;

        text = take_text(&in, '\0');
        if (config_parse("fuzz.ini", text, on_error, &whole, &first) < 0)
                return 0;
        printed = print(first);
        whole.size = strlen(printed);
        demand(config_parse("fuzz.ini", printed, on_error, &whole, &second) == 0);
        again = print(second);
        demand(strcmp(printed, again) == 0);
        return 0;
}
