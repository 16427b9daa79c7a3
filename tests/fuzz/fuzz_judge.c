/* Any way in which a request can end, with any answer: there is a verdict, in words that may be printed.
 *
 * An input is flags, libcurl's code, errno, status and time waited, then the content type up to a newline, then the body. */
#include "fuzz.h"

#include "probe/judge.h"

enum {
        ADDRESSED = 1,
        CONNECTED = 2,
        BEGAN = 4,
        TOO_LONG = 8,
        EXPECTS_2XX = 32,
        TCP = 64,
        TYPED = 128,
};

static void look(const struct check *c) {
        demand(*verdict_name(c->verdict));
        demand(*c->reason && is_safe(c->reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        uint8_t flags = take_byte(&in);
        enum expect expect = flags & EXPECTS_2XX ? EXPECT_2XX : EXPECT_OPENCLAW;
        struct answer a = {
                .code = (CURLcode) (take_byte(&in) % CURL_LAST),
                .error = take_byte(&in),
                .addressed = flags & ADDRESSED,
                .connected = flags & CONNECTED,
                .began = flags & BEGAN,
                .too_long = flags & TOO_LONG,
        };
        _cleanup_free_ char *type = NULL, *body = NULL;
        struct check health = { 0 }, startup = { 0 };

        a.status = (unsigned) take_number(&in);
        a.waited = take_number(&in);
        type = take_text(&in, '\n');
        a.content_type = flags & TYPED ? type : NULL;
        a.length = in.size;
        body = malloc(in.size + 1); /* without a NUL */
        demand(body);
        if (in.size > 0)
                (void) memcpy(body, in.data, in.size);
        a.body = in.size > 0 ? body : NULL;

        judge(&a, flags & TCP ? SCHEME_TCP : SCHEME_HTTP, expect, &health);
        look(&health);
        demand(health.verdict != VERDICT_UP || a.code == CURLE_OK || !judge_needs_body(a.status, expect));
        judge_ready(&a, &health);
        look(&health);
        if (judge_startup(&a, &startup) == STARTUP_DECIDES) {
                look(&startup);
                demand(startup.verdict != VERDICT_UP);
        }
        return 0;
}
