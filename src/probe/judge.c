/* An answer becomes a verdict in words; see judge.h. */
#include "probe/judge.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "lib/http_error.h"
#include "lib/text.h"

#define CANNOT_ASK "this machine cannot ask"

static _printf_(3, 4) void set_verdict(struct check *c, enum verdict v, const char *format, ...) {
        char raw[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        c->verdict = v;
        (void) safe_text(c->reason, sizeof c->reason, raw);
}

/* Returns false if http_error() has no words for the failure. */
static bool judge_known(const struct answer *a, long detail, struct check *c) {
        const struct http_error *e = http_error(a->code, detail);

        if (e)
                set_verdict(c, e->here ? VERDICT_SILENT : VERDICT_DOWN, "%s", e->words);
        return e;
}

static void judge_connect_error(const struct answer *a, struct check *c) {
        /* No packet came back, or none from the host that was asked. */
        c->unanswered = a->error == EHOSTUNREACH || a->error == ENETUNREACH || a->error == ETIMEDOUT;
        if (!judge_known(a, a->error, c))
                set_verdict(c, VERDICT_DOWN, "cannot connect: %s", strerror(a->error));
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

static void judge_tls_error(const struct answer *a, struct check *c) {
        unsigned long reason = tls_reason(a->detail);
        const char *words = reason > 0 ? strrchr(a->detail, ':') + 1 : "";
        int n = (int) strcspn(words, ","); /* or libcurl's ", errno 0" */

        c->connected = true;
        c->by_name = reason == INTERNAL_ERROR || reason == UNRECOGNIZED_NAME;
        if (reason == WRONG_VERSION_NUMBER || reason == PACKET_LENGTH_TOO_LONG)
                set_verdict(c, VERDICT_DOWN, "accepted the connection, but does not speak TLS");
        else if (reason > ALERTS)
                set_verdict(c, VERDICT_DOWN, "refused the TLS handshake: %.*s", n, words);
        else if (reason > 0)
                set_verdict(c, VERDICT_DOWN, "the TLS handshake failed: %.*s", n, words);
        else
                set_verdict(c, VERDICT_DOWN, "closed the connection during the TLS handshake");
}

/* X509_V_ERR_… (openssl/x509_vfy.h). */
#define SELF_SIGNED 18
#define SELF_SIGNED_IN_CHAIN 19

static void judge_certificate(const struct answer *a, struct check *c) {
        c->connected = true;
        if (!judge_known(a, a->certificate, c))
                set_verdict(
                        c, VERDICT_DOWN, "its TLS certificate is not trusted (error %ld)", a->certificate);
        if (a->certificate == SELF_SIGNED || a->certificate == SELF_SIGNED_IN_CHAIN)
                (void) appendf(c->reason, sizeof c->reason, " (tls_verify = no accepts it)");
}

static void judge_other_error(const struct answer *a, struct check *c) {
        const char *words = curl_easy_strerror(a->code);

        if (judge_known(a, 0, c))
                return;
        if (a->too_long)
                set_verdict(c, VERDICT_DOWN, "answered with more than %d KiB of headers", ANSWER_MAX / 1024);
        else if (a->began)
                set_verdict(c, VERDICT_DOWN, "its answer cannot be read: %s", words);
        else if (a->connected)
                set_verdict(c, VERDICT_DOWN, "accepted the connection, then: %s", words);
        else
                set_verdict(c, VERDICT_SILENT, CANNOT_ASK ": %s", words);
}

/* The request ended before a status, or the whole body, had arrived. */
static void judge_error(const struct answer *a, struct check *c) {
        c->unanswered = a->code == CURLE_COULDNT_RESOLVE_HOST;
        switch (a->code) {
        case CURLE_COULDNT_CONNECT:
                judge_connect_error(a, c);
                break;
        case CURLE_OPERATION_TIMEDOUT:
                judge_timeout(a, c);
                break;
        case CURLE_SSL_CONNECT_ERROR:
                judge_tls_error(a, c);
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
                judge_certificate(a, c);
                break;
        default:
                if (tls_reason(a->detail) > ALERTS) /* in TLS 1.3, also after the handshake */
                        judge_tls_error(a, c);
                else
                        judge_other_error(a, c);
        }
}

/* Writes the media type without parameters, or what came instead. */
static void name_type(const struct answer *a, char *buf, size_t size) {
        const char *type = a->content_type ?: "";
        size_t n = strcspn(type, "; \t");

        if (a->too_long)
                (void) snprintf(buf, size, "more than %d KiB", ANSWER_MAX / 1024);
        else if (n == 0)
                (void) snprintf(buf, size, "no content type");
        else
                (void) snprintf(buf, size, "%.*s", (int) MIN(n, size - 1), type);
}

/* Returns the body as JSON, a new reference; NULL: it is not JSON. */
static json_t *parse_body(const struct answer *a) {
        return a->too_long ? NULL : json_loadb(a->body ?: "", a->length, JSON_REJECT_DUPLICATES, NULL);
}

static void judge_body(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        json_t *ok = json_object_get(root, "ok");
        char type[48] = "JSON without \"ok\"";

        if (!root)
                name_type(a, type, sizeof type);
        if (json_is_true(ok))
                set_verdict(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (json_is_false(ok))
                set_verdict(c, VERDICT_DOWN, "the gateway says \"ok\": false");
        else
                set_verdict(c, VERDICT_DOWN, "answered, but not as an OpenClaw gateway (%s)", type);
}

/* Writes "telegram, agent-database:main". OpenClaw names none to another machine. */
static char *list_failing(json_t *failing, char *buf, size_t size) {
        json_t *part;
        size_t i;

        *buf = '\0';
        json_array_foreach (failing, i, part)
                (void) appendf(buf, size, "%s%s", i > 0 ? ", " : "", json_string_value(part) ?: "?");
        return buf;
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
        if (is_live_refusal(a->status))
                set_verdict(c, VERDICT_UP, "refused with HTTP %u, so it is there", a->status);
        else if (is_2xx(a->status))
                set_verdict(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (a->status >= 300 && a->status < 400)
                set_verdict(c, VERDICT_DOWN, "HTTP %u, a redirect, which is not followed", a->status);
        else
                set_verdict(c, VERDICT_DOWN, "HTTP %u", a->status);
}

/* Adds to any verdict that the probe asked the last good address instead of the name. */
static void append_address(const struct answer *a, struct check *c) {
        if (a->instead)
                (void) appendf(c->reason, sizeof c->reason,
                        " (at %s, last good address: its name does not resolve)", a->instead);
}

bool judge_needs_body(unsigned status, enum expect expect) {
        return expect == EXPECT_OPENCLAW && is_2xx(status);
}

void judge(const struct answer *a, enum scheme scheme, enum expect expect, struct check *c) {
        *c = (struct check){ .connected = a->connected };
        if (scheme == SCHEME_TCP && a->code == CURLE_OK)
                set_verdict(c, VERDICT_UP, "accepted the connection");
        else if (a->status == 0)
                judge_error(a, c);
        else if (!judge_needs_body(a->status, expect))
                judge_status(a, c);
        else if (a->too_long || a->code == CURLE_OK)
                judge_body(a, c);
        else
                judge_error(a, c);
        append_address(a, c);
}

/* An older gateway answers with HTML or a 404. */
void judge_ready(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        json_t *ready = json_object_get(root, "ready");
        char parts[80], raw[sizeof c->channels] = "its channels are ready";

        if (a->status == 0 || (a->code != CURLE_OK && !a->too_long))
                return;
        c->ready = json_is_true(ready) ? READY_YES : json_is_false(ready) ? READY_NO : READY_UNSAID;
        if (c->ready == READY_UNSAID)
                (void) snprintf(raw, sizeof raw, "it does not say whether it is ready");
        else if (c->ready == READY_NO &&
                *list_failing(json_object_get(root, "failing"), parts, sizeof parts))
                (void) snprintf(raw, sizeof raw, "it answers, but is not ready: %s", parts);
        else if (c->ready == READY_NO)
                (void) snprintf(raw, sizeof raw, "it answers, but its channels are not ready");
        (void) safe_text(c->channels, sizeof c->channels, raw);
}

enum startup judge_startup(const struct answer *a, struct check *c) {
        json_auto_t *root = parse_body(a);
        const char *status = json_string_value(json_object_get(root, "status")) ?: "";

        *c = (struct check){ .connected = a->connected };
        if (a->status == 0 || (a->code != CURLE_OK && !a->too_long)) {
                judge_error(a, c);
                append_address(a, c);
                return STARTUP_DECIDES;
        }
        if (strcmp(status, "starting") == 0 || strcmp(status, "draining") == 0) {
                set_verdict(c, *status == 's' ? VERDICT_STARTING : VERDICT_DRAINING,
                        "the gateway says it is %s", status);
                append_address(a, c);
                return STARTUP_DECIDES;
        }
        c->started = strcmp(status, "started") == 0;
        return !c->started && (is_2xx(a->status) || a->status == 404) ? STARTUP_ABSENT : STARTUP_PASSES;
}
