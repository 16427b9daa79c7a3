/* Any text as the ini: it is refused with errors that may be printed, or what is printed of it reads back as the same. */
#include "fuzz.h"

#include <errno.h>
#include <sys/mman.h>

#include "config/config.h"
#include "lib/file.h"

static void on_error(const char *error, void *path) {
        demand(begins_with(error, path) && is_safe(error));
}

static int load(const char *text, struct config **ret) {
        _cleanup_close_ int fd = memfd_create("ini", MFD_CLOEXEC);
        char path[32];
        int r;

        demand(fd >= 0 && write_all(fd, text, strlen(text)) == 0);
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        r = config_load(path, on_error, path, ret);
        demand(r == 0 || r == -EINVAL || r == -EFBIG);
        return r;
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
        struct input in = { data, size };

        text = take_text(&in, '\0');
        if (load(text, &first) < 0)
                return 0;
        printed = print(first);
        demand(load(printed, &second) == 0);
        again = print(second);
        demand(strcmp(printed, again) == 0);
        return 0;
}
