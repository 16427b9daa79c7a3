/* What the fuzzers share. Each is a libFuzzer program (https://llvm.org/docs/LibFuzzer.html): it is handed bytes, as often
 * as there is time, and dies if something does not hold. Seeds are in corpus/, one directory for each. */
#pragma once

#include <string.h>

#include "lib/text.h"
#include "lib/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert(3) would lose its words: standard error is closed to us, so that log lines cost nothing. The stack that abort(3)
 * leaves says which line it was. */
#define demand(condition)                                                                                   \
        do {                                                                                                \
                if (!(condition))                                                                           \
                        abort();                                                                            \
        } while (0)

/* What is left of an input, taken from the front; at its end everything is 0 or "". */
struct input {
        const uint8_t *data;
        size_t size;
};

static inline uint8_t take_byte(struct input *in) {
        if (in->size == 0)
                return 0;
        in->size--;
        return *in->data++;
}

static inline uint64_t take_number(struct input *in) {
        uint64_t n = 0;

        for (unsigned i = take_byte(in) % 9; i > 0; i--)
                n = n << 8 | take_byte(in);
        return n;
}

/* Up to END, or to the end, as a string of its own, so that AddressSanitizer sees every byte read behind it. The caller
 * frees it. */
static inline char *take_text(struct input *in, char end) {
        const uint8_t *found = in->size > 0 ? memchr(in->data, end, in->size) : NULL;
        size_t n = found ? (size_t) (found - in->data) : in->size, with_end = found ? n + 1 : n;
        char *text = malloc(n + 1);

        demand(text);
        if (n > 0)
                (void) memcpy(text, in->data, n);
        text[n] = '\0';
        in->data += with_end;
        in->size -= with_end;
        return text;
}

/* Whether a terminal, a journal and an alert may see TEXT as it is. */
static inline bool is_safe(const char *text) {
        size_t size = strlen(text) + 4; /* room for the mark of what is cut */
        _cleanup_free_ char *safe = malloc(size);

        demand(safe);
        return strcmp(safe_text(safe, size, text), text) == 0;
}
