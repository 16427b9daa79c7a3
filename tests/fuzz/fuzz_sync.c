/* Any text as what the sync worker says it did: refused, or exactly what would be written, in words that may be printed. */
#include "fuzz.h"

#include "sync_result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        _cleanup_free_ char *line = take_text(&in, '\0');
        struct sync_result result, untouched;
        char again[SYNC_RESULT_MAX], said[2 * SYNC_RESULT_MAX];

        (void) memset(&result, 'x', sizeof result);
        untouched = result;
        if (sync_result_parse(line, &result) < 0) {
                demand(memcmp(&result, &untouched, sizeof result) == 0);
                return 0;
        }
        demand(sync_result_format(&result, again) == 0);
        demand(strcmp(again, line) == 0);
        (void) sync_result_describe(&result, said, sizeof said);
        demand(is_safe(said) || strstr(said, ":  ")); /* a reason may begin with a blank */
        return 0;
}
