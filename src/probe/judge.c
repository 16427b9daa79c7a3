/* An answer becomes a verdict in words; see judge.h. */
#include "probe/judge.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "lib/http_error.h"
#include "lib/json.h"
#include "lib/text.h"

static _printf_(3, 4) void set_verdict(struct check *c, enum verdict v, const char *format, ...) {
        char raw[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        c->verdict = v;
        (void) safe_text(c->reason, sizeof c->reason, raw);
}

/* How far a request came before its time was up tells a dead machine from a busy gateway. */
static void judge_timeout(const struct answer *a, struct check *c) {
        double s = (double) a->waited / USEC_PER_SEC;

        c->unanswered = !a->connected;
        if (a->waited == 0)
                set_verdict(c, VERDICT_SILENT, "the name server is silent");
        else if (!a->addressed)
                set_verdict(c, VERDICT_SILENT, "no answer from the name server in %g s", s);
        else if (!a->connected)
                set_verdict(c, VERDICT_DOWN, "no answer to the connect in %g s", s);
        else if (!a->began)
                set_verdict(c, VERDICT_SILENT, "accepted the connection, then silent for %g s", s);
        else
                set_verdict(c, VERDICT_DOWN, "began to answer, but did not finish in %g s", s);
}

/* OpenSSL's reasons (openssl/sslerr.h); that of an alert is its number plus 1000. */
#define WRONG_VERSION_NUMBER 267
#define PACKET_LENGTH_TOO_LONG 198
#define ALERTS 1000
#define INTERNAL_ERROR (ALERTS + 80)
#define UNRECOGNIZED_NAME (ALERTS + 112)

/* Returns the reason in OpenSSL's error code (ERR_GET_REASON(3)), which libcurl's message holds; 0: none. */
static unsigned long tls_reason(const char *detail) {
        unsigned long n = 0;

        for (const char *s = detail; s && (s = strstr(s, "error:")); s++)
                if (sscanf(s, "error:%8lx:", &n) != 1)
                        n = 0;
        return n & 0x7fffff;
}

static void judge_tls_error(const struct answer *a, unsigned long reason, struct check *c) {
        const char *words = reason > 0 ? strrchr(a->detail, ':') + 1 : "";
        int n = (int) strcspn(words, ","); /* or libcurl's ", errno 0" */

        c->connected = true;
        c->by_name = reason == INTERNAL_ERROR || reason == UNRECOGNIZED_NAME;
        if (reason == WRONG_VERSION_NUMBER || reason == PACKET_LENGTH_TOO_LONG)
                set_verdict(c, VERDICT_DOWN, "accepted the connection, but does not speak TLS");
        else if (reason > 0)
                set_verdict(c, VERDICT_DOWN, "the TLS handshake failed: %.*s", n, words);
        else
                set_verdict(c, VERDICT_DOWN, "closed the connection during the TLS handshake");
}

/* X509_V_ERR_… (openssl/x509_vfy.h). */
#define SELF_SIGNED 18
#define SELF_SIGNED_IN_CHAIN 19

static void judge_other_error(const struct answer *a, struct check *c) {
        bool connect = a->code == CURLE_COULDNT_CONNECT, tls = a->code == CURLE_PEER_FAILED_VERIFICATION;
        bool self_signed = tls && (a->certificate == SELF_SIGNED || a->certificate == SELF_SIGNED_IN_CHAIN);
        const struct http_error *e = http_error(a->code, connect ? a->error : a->certificate);
        const char *words = e ? e->words
                : connect     ? strerror(a->error)
                : a->too_long ? "more than 64 KiB of headers"
                              : curl_easy_strerror(a->code);

        c->connected |= tls;
        /* No packet came back, or none from the host that was asked. */
        c->unanswered = a->code == CURLE_COULDNT_RESOLVE_HOST ||
                (connect && (a->error == EHOSTUNREACH || a->error == ENETUNREACH || a->error == ETIMEDOUT));
        if (e)
                set_verdict(c, e->here ? VERDICT_SILENT : VERDICT_DOWN, "%s%s", words,
                        self_signed ? " (tls_verify = no accepts it)" : "");
        else if (tls)
                set_verdict(
                        c, VERDICT_DOWN, "its TLS certificate is not trusted (error %ld)", a->certificate);
        else if (connect || c->connected)
                set_verdict(c, VERDICT_DOWN, "%s: %s",
                        connect ? "cannot connect" : "accepted the connection, then", words);
        else
                set_verdict(c, VERDICT_SILENT, "this machine cannot ask: %s", words);
}

/* The request ended before a status, or the whole body, had arrived. */
static void judge_error(const struct answer *a, struct check *c) {
        unsigned long reason = tls_reason(a->detail); /* in TLS 1.3, an alert also follows the handshake */

        if (a->code == CURLE_OPERATION_TIMEDOUT)
                judge_timeout(a, c);
        else if (a->code == CURLE_SSL_CONNECT_ERROR || reason > ALERTS)
                judge_tls_error(a, reason, c);
        else
                judge_other_error(a, c);
}

/* Whether the whole answer came, or more of it than is read. */
static bool is_whole(const struct answer *a) {
        return a->status > 0 && (a->code == CURLE_OK || a->too_long);
}

/* Returns the body as JSON, a new reference; NULL: it is not JSON. */
static json_t *parse_body(const struct answer *a) {
        return a->too_long ? NULL : json_loadb(a->body ?: "", a->length, JSON_REJECT_DUPLICATES, NULL);
}

static void judge_body(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        json_t *ok = json_object_get(root, "ok");

        if (json_is_true(ok))
                set_verdict(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (json_is_false(ok))
                set_verdict(c, VERDICT_DOWN, "the gateway says \"ok\": false");
        else
                set_verdict(c, VERDICT_DOWN, "answered, but not as an OpenClaw gateway (%.48s)",
                        root                  ? "JSON without \"ok\""
                                : a->too_long ? "more than 64 KiB"
                                              : a->content_type ?: "no content type");
}

static bool is_2xx(unsigned status) {
        return status >= 200 && status < 300;
}

/* A live server refuses this client or this request (RFC 9110 15.5, RFC 6585, 7725, 8470). */
static bool is_live_refusal(unsigned status) {
        static const unsigned refusals[] = { 401, 403, 405, 406, 407, 408, 421, 425, 426, 428, 429, 431,
                451 };

        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (refusals[i] == status)
                        return true;
        return false;
}

static void judge_status(const struct answer *a, struct check *c) {
        c->by_name = a->status == 404;
        if (is_live_refusal(a->status) || is_2xx(a->status))
                set_verdict(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (a->status >= 300 && a->status < 400)
                set_verdict(c, VERDICT_DOWN, "HTTP %u, a redirect, which is not followed", a->status);
        else
                set_verdict(c, VERDICT_DOWN, "HTTP %u", a->status);
}

bool judge_needs_body(unsigned status, enum expect expect) {
        return expect == EXPECT_OPENCLAW && is_2xx(status);
}

void judge(const struct answer *a, enum scheme scheme, enum expect expect, struct check *c) {
        *c = (struct check){ .connected = a->connected, .started = c->started };
        if (scheme == SCHEME_TCP && a->code == CURLE_OK)
                set_verdict(c, VERDICT_UP, "accepted the connection");
        else if (a->status > 0 && !judge_needs_body(a->status, expect))
                judge_status(a, c);
        else if (is_whole(a))
                judge_body(a, c);
        else
                judge_error(a, c);
}

/* An older gateway answers with HTML or a 404. */
void judge_ready(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        json_t *ready = json_object_get(root, "ready");
        char parts[80] = "";

        if (!is_whole(a))
                return;
        c->ready = json_is_true(ready) ? READY_YES : json_is_false(ready) ? READY_NO : READY_UNSAID;
        if (c->ready == READY_NO)
                json_join(json_object_get(root, "failing"), ", ", parts, sizeof parts);
        (void) snprintf(c->channels, sizeof c->channels, "%s%s%s",
                c->ready == READY_YES          ? "its channels are ready"
                        : c->ready == READY_NO ? "it answers, but is not ready"
                                               : "it does not say whether it is ready",
                *parts ? ": " : "", parts);
}

enum startup judge_startup(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        const char *status = json_string_value(json_object_get(root, "status")) ?: "";

        *c = (struct check){ .connected = a->connected, .started = strcmp(status, "started") == 0 };
        if (!is_whole(a))
                judge_error(a, c);
        else if (strcmp(status, "starting") == 0)
                set_verdict(c, VERDICT_STARTING, "the gateway says it is starting");
        else if (strcmp(status, "draining") == 0)
                set_verdict(c, VERDICT_DRAINING, "the gateway says it is draining");
        else
                return !c->started && (is_2xx(a->status) || a->status == 404) ? STARTUP_ABSENT
                                                                              : STARTUP_PASSES;
        return STARTUP_DECIDES;
}
