/* Any text where a person writes a time, a span, a host, a path … on the command line, over D-Bus or in the ini. */
#include "fuzz.h"

#include "config/instance.h"
#include "config/validate.h"
#include "lib/clock.h"
#include "lib/text.h"

static const char *(*const checks[])(const char *) = {
        validate_host,
        validate_ssh_host,
        validate_remote_path,
        validate_path,
        validate_prom_path,
        validate_url_path,
        validate_url,
        validate_public_url,
        validate_service,
        validate_git_name,
        validate_senior_name,
};

static void try_times(const char *text) {
        usec_t span = 7;
        char words[SPAN_MAX];

        if (parse_span(text, &span) < 0)
                demand(span == 7);
        else
                demand(span != USEC_INFINITY && *format_span(words, span));
}

static void try_checks(const char *text) {
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                const char *wrong = checks[i](text);

                demand(*text || wrong);
                demand(!wrong || (*wrong && is_safe(wrong)));
        }
}

static void try_instance(const char *text) {
        _cleanup_(instance_freep) struct instance *n = NULL;

        if (instance_new(text, &n) == 0)
                demand(is_safe(n->config) && !strstr(n->config, ".."));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        _cleanup_free_ char *text = take_text(&in, '\0');

        try_times(text);
        try_checks(text);
        try_instance(text);
        return 0;
}
