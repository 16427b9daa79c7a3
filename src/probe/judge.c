/* An answer becomes a verdict in words; see judge.h. */
#include "probe/judge.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "lib/text.h"

static _printf_(3, 4) void say(struct check *c, enum verdict v, const char *format, ...) {
        char raw[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        c->verdict = v;
        (void) safe_text(c->reason, sizeof c->reason, raw);
}

/* Errors of this machine, not of the other: they prove nothing about it (connect(2), socket(2)). */
static bool is_local_error(int error) {
        switch (error) {
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
                return true;
        default:
                return false;
        }
}

/* No packet came back, or none from the host that was asked (connect(2)). */
static bool is_unanswered(int error) {
        return error == EHOSTUNREACH || error == ENETUNREACH || error == ETIMEDOUT;
}

static void say_connect_failed(const struct answer *a, struct check *c) {
        c->unanswered = is_unanswered(a->error);
        switch (a->error) {
        case ECONNREFUSED:
                say(c, VERDICT_DOWN, "connection refused");
                break;
        case ECONNRESET: /* accepted, and reset before we looked */
                say(c, VERDICT_DOWN, "connection reset");
                break;
        case EHOSTUNREACH:
                say(c, VERDICT_DOWN, "no route to host");
                break;
        case ENETUNREACH:
                say(c, VERDICT_DOWN, "network is unreachable");
                break;
        case ETIMEDOUT:
                say(c, VERDICT_DOWN, "no answer to the connect");
                break;
        case EACCES: /* by ICMPv6 (icmpv6_err_convert() in Linux's net/ipv6/icmp.c), or a route of our own */
        case EPERM:  /* our own firewall */
                say(c, VERDICT_DOWN, "a firewall or a route forbids the connection");
                break;
        case ENOPROTOOPT: /* by ICMP (icmp_err_convert[] in net/ipv4/icmp.c) */
                say(c, VERDICT_DOWN, "connection refused: no TCP is spoken there");
                break;
        case 0:
                say(c, VERDICT_DOWN, "cannot connect");
                break;
        default:
                if (is_local_error(a->error))
                        say(c, VERDICT_SILENT, "this machine cannot ask: %s", strerror(a->error));
                else
                        say(c, VERDICT_DOWN, "cannot connect: %s", strerror(a->error));
        }
}

/* How far a request came before its time was up tells a dead machine from a busy gateway. */
static void say_timed_out(const struct answer *a, struct check *c) {
        double s = (double) a->waited / USEC_PER_SEC;

        c->unanswered = !a->connected;
        if (a->waited == 0)
                say(c, VERDICT_SILENT, "the name server is silent");
        else if (!a->addressed)
                say(c, VERDICT_SILENT, "no answer from the name server in %g s", s);
        else if (!a->connected)
                say(c, VERDICT_DOWN, "no answer to the connect in %g s", s);
        else if (!a->began)
                say(c, VERDICT_SILENT, "accepted the connection, then silent for %g s", s);
        else
                say(c, VERDICT_DOWN, "began to answer, but did not finish in %g s", s);
}

/* OpenSSL's reasons (openssl/sslerr.h); an alert's is its number and 1000. */
#define WRONG_VERSION_NUMBER 267
#define PACKET_LENGTH_TOO_LONG 198
#define ALERTS 1000

/* The reason in OpenSSL's code (ERR_GET_REASON(3)), which libcurl's words hold; 0: there is none. */
static unsigned long tls_reason(const char *detail) {
        unsigned long n = 0;

        for (const char *s = detail; s && (s = strstr(s, "error:")); s++)
                if (sscanf(s, "error:%8lx:", &n) != 1)
                        n = 0;
        return n & 0x7fffff;
}

static void say_tls_failed(const struct answer *a, struct check *c) {
        unsigned long reason = tls_reason(a->detail);
        const char *words = reason > 0 ? strrchr(a->detail, ':') + 1 : "";

        c->connected = true;
        if (reason == WRONG_VERSION_NUMBER || reason == PACKET_LENGTH_TOO_LONG)
                say(c, VERDICT_DOWN, "accepted the connection, but does not speak TLS");
        else if (reason > ALERTS)
                say(c, VERDICT_DOWN, "refused the TLS handshake: %s", words);
        else if (reason > 0)
                say(c, VERDICT_DOWN, "the TLS handshake failed: %s", words);
        else
                say(c, VERDICT_DOWN, "closed the connection during the TLS handshake");
}

/* X509_V_ERR_… (openssl/x509_vfy.h). */
static void say_not_trusted(const struct answer *a, struct check *c) {
        c->connected = true;
        switch (a->certificate) {
        case 0:
                say(c, VERDICT_DOWN, "its TLS certificate is for another name");
                break;
        case 9:
                say(c, VERDICT_DOWN, "its TLS certificate is not valid yet, by the clock here");
                break;
        case 10:
                say(c, VERDICT_DOWN, "its TLS certificate has expired");
                break;
        case 18:
        case 19:
                say(c, VERDICT_DOWN, "its TLS certificate is self-signed (tls_verify = no accepts it)");
                break;
        case 20:
        case 21:
                say(c, VERDICT_DOWN, "no CA that this machine trusts has signed its TLS certificate");
                break;
        default:
                say(c, VERDICT_DOWN, "its TLS certificate is not trusted (error %ld)", a->certificate);
        }
}

/* Neither a status nor a whole body: what libcurl says in its codes (libcurl-errors(3)). */
static void say_failed(const struct answer *a, struct check *c) {
        switch (a->code) {
        case CURLE_COULDNT_RESOLVE_HOST:
                c->unanswered = true;
                say(c, VERDICT_SILENT, "the name does not resolve");
                break;
        case CURLE_COULDNT_CONNECT:
                say_connect_failed(a, c);
                break;
        case CURLE_OPERATION_TIMEDOUT:
                say_timed_out(a, c);
                break;
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
                say(c, VERDICT_DOWN, "connection reset");
                break;
        case CURLE_GOT_NOTHING:
                say(c, VERDICT_DOWN, "closed the connection without an answer");
                break;
        case CURLE_PARTIAL_FILE:
                say(c, VERDICT_DOWN, "closed the connection in the middle of its answer");
                break;
        case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is anything at all */
        case CURLE_WEIRD_SERVER_REPLY:
                say(c, VERDICT_DOWN, "answered, but not in HTTP");
                break;
        case CURLE_SSL_CONNECT_ERROR:
                say_tls_failed(a, c);
                break;
        case CURLE_SSL_CACERT_BADFILE:
                say(c, VERDICT_SILENT,
                        "this machine cannot ask: it has no CA certificates (install ca-certificates)");
                break;
        case CURLE_PEER_FAILED_VERIFICATION:
                say_not_trusted(a, c);
                break;
        default:
                if (a->too_long)
                        say(c, VERDICT_DOWN, "answered with more than %d KiB of headers", ANSWER_MAX / 1024);
                else if (a->began)
                        say(c, VERDICT_DOWN, "its answer cannot be read: %s", curl_easy_strerror(a->code));
                else if (a->connected)
                        say(c, VERDICT_DOWN, "accepted the connection, then: %s",
                                curl_easy_strerror(a->code));
                else
                        say(c, VERDICT_SILENT, "this machine cannot ask: %s", curl_easy_strerror(a->code));
        }
}

/* The media type alone, without parameters, or words in its place. */
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

static void say_body(const struct answer *a, struct check *c) {
        json_t *root = a->too_long ? NULL : json_loadb(a->body ?: "", a->length, 0, NULL);
        json_t *ok = json_object_get(root, "ok");
        char type[48];

        name_type(a, type, sizeof type);
        if (json_is_true(ok))
                say(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (json_is_false(ok))
                say(c, VERDICT_DOWN, "the gateway says \"ok\": false");
        else if (root)
                say(c, VERDICT_DOWN, "answered, but not as an OpenClaw gateway (JSON without \"ok\")");
        else
                say(c, VERDICT_DOWN, "answered, but not as an OpenClaw gateway (%s)", type);
        json_decref(root);
}

/* From afar it says {"ready":false} and no more. A page in HTML, or a 404, is an older gateway's. */
static void say_ready(const struct answer *a, struct check *c) {
        json_t *root = a->too_long ? NULL : json_loadb(a->body ?: "", a->length, 0, NULL);
        json_t *ready = json_object_get(root, "ready");

        if (json_is_false(ready))
                say(c, VERDICT_NOT_READY, "it answers, but its channels are not ready");
        else if (json_is_true(ready))
                say(c, VERDICT_UP, "its channels are ready");
        else
                say(c, VERDICT_DOWN, "it does not say whether it is ready");
        json_decref(root);
}

static bool is_2xx(unsigned status) {
        return status >= 200 && status < 300;
}

/* What a server that lives says of us, not of itself: "not you", "not so", "not now" (RFC 9110 15.5, RFC 6585 4). */
static bool is_live_refusal(unsigned status) {
        switch (status) {
        case 401:
        case 403:
        case 405:
        case 407:
        case 408:
        case 421:
        case 429:
                return true;
        default:
                return false;
        }
}

static void say_status(const struct answer *a, struct check *c) {
        if (is_live_refusal(a->status))
                say(c, VERDICT_UP, "refused with HTTP %u, so it is there", a->status);
        else if (is_2xx(a->status))
                say(c, VERDICT_UP, "answered HTTP %u", a->status);
        else if (a->status >= 300 && a->status < 400)
                say(c, VERDICT_DOWN, "HTTP %u, a redirect, which is not followed", a->status);
        else
                say(c, VERDICT_DOWN, "HTTP %u", a->status);
}

/* What matters to any verdict: the question did not go where it was meant to. */
static void say_where(const struct answer *a, struct check *c) {
        if (a->instead)
                (void) appendf(c->reason, sizeof c->reason,
                        " (at %s, last good address: its name does not resolve)", a->instead);
}

bool judge_needs_body(unsigned status, enum expect expect) {
        return expect == EXPECT_READY || (expect == EXPECT_OPENCLAW && is_2xx(status));
}

void judge(const struct answer *a, enum scheme scheme, enum expect expect, struct check *c) {
        c->connected = a->connected;
        c->unanswered = false;
        if (scheme == SCHEME_TCP && a->code == CURLE_OK)
                say(c, VERDICT_UP, "accepted the connection");
        else if (a->status == 0)
                say_failed(a, c);
        else if (!judge_needs_body(a->status, expect))
                say_status(a, c);
        else if (expect == EXPECT_READY && (a->too_long || a->code == CURLE_OK))
                say_ready(a, c);
        else if (a->too_long || a->code == CURLE_OK)
                say_body(a, c);
        else
                say_failed(a, c);
        say_where(a, c);
}

enum startup judge_startup(const struct answer *a, struct check *c) {
        enum startup result = STARTUP_PASSES;
        json_t *root = NULL;
        const char *status;

        c->connected = a->connected;
        c->unanswered = false;
        if (a->status == 0 || (a->code != CURLE_OK && !a->too_long)) {
                say_failed(a, c);
                say_where(a, c);
                return STARTUP_DECIDES;
        }
        if (!a->too_long)
                root = json_loadb(a->body ?: "", a->length, 0, NULL);
        status = json_string_value(json_object_get(root, "status")) ?: "";
        if (strcmp(status, "starting") == 0 || strcmp(status, "draining") == 0) {
                say(c, *status == 's' ? VERDICT_STARTING : VERDICT_DRAINING, "the gateway says it is %s",
                        status);
                say_where(a, c);
                result = STARTUP_DECIDES;
        } else if (strcmp(status, "started") == 0)
                c->started = true;
        else if (is_2xx(a->status) || a->status == 404)
                result = STARTUP_ABSENT;
        json_decref(root);
        return result;
}
