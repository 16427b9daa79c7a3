/* Every kind of answer, and the verdict and the words that it gets. No network. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "probe/judge.h"

#define HTML "<!doctype html><title>OpenClaw Control</title>"
#define LIVE "{\"ok\":true,\"status\":\"live\"}"
#define DIGITS "0123456789"
#define NOT_OPENCLAW "answered, but not as an OpenClaw gateway "

#define ANSWERED(code_, status_, type_, body_)                                                              \
        {                                                                                                   \
                .code = (code_), .addressed = true, .connected = true, .began = true, .status = (status_),  \
                .content_type = (type_), .body = (body_), .length = sizeof(body_) - 1,                      \
                .waited = 5 * USEC_PER_SEC                                                                  \
        }
#define CONNECT_ERROR(error_)                                                                               \
        { .code = CURLE_COULDNT_CONNECT, .error = (error_), .addressed = true }
#define TIMED_OUT(...)                                                                                      \
        { .code = CURLE_OPERATION_TIMEDOUT, .waited = 5 * USEC_PER_SEC, __VA_ARGS__ }
#define CONNECTED_THEN(code_)                                                                               \
        { .code = (code_), .addressed = true, .connected = true }
#define TLS(code_, ...)                                                                                     \
        { .code = (code_), .addressed = true, .connected = true, __VA_ARGS__ }
#define TOO_LONG(status_)                                                                                   \
        {                                                                                                   \
                .code = CURLE_WRITE_ERROR, .connected = true, .began = true, .too_long = true,              \
                .status = (status_)                                                                         \
        }

/* clang-format off */
static const struct {
        const char *name;
        struct answer answer;
        enum verdict verdict;
        const char *reason;
        enum expect expect;
        enum scheme scheme;
} rows[] = {
        /* The expected answer. */
        { "live", ANSWERED(CURLE_OK, 200, "application/json", LIVE), VERDICT_UP, "answered HTTP 200" },
        { "live, without a type", ANSWERED(CURLE_OK, 204, NULL, LIVE), VERDICT_UP, "answered HTTP 204" },
        { "401", ANSWERED(CURLE_WRITE_ERROR, 401, "text/html", ""), VERDICT_UP,
                "answered HTTP 401" },
        { "405", ANSWERED(CURLE_WRITE_ERROR, 405, NULL, ""), VERDICT_UP, "answered HTTP 405" },
        { "407", ANSWERED(CURLE_WRITE_ERROR, 407, NULL, ""), VERDICT_UP, "answered HTTP 407" },
        { "408", ANSWERED(CURLE_WRITE_ERROR, 408, NULL, ""), VERDICT_UP, "answered HTTP 408" },
        { "421", ANSWERED(CURLE_WRITE_ERROR, 421, NULL, ""), VERDICT_UP, "answered HTTP 421" },
        { "429", ANSWERED(CURLE_WRITE_ERROR, 429, NULL, ""), VERDICT_UP, "answered HTTP 429" },
        { "406", ANSWERED(CURLE_WRITE_ERROR, 406, NULL, ""), VERDICT_UP, "answered HTTP 406" },
        { "426", ANSWERED(CURLE_WRITE_ERROR, 426, NULL, ""), VERDICT_UP, "answered HTTP 426" },
        { "451", ANSWERED(CURLE_WRITE_ERROR, 451, NULL, ""), VERDICT_UP, "answered HTTP 451" },
        { "403 for 2xx", ANSWERED(CURLE_OK, 403, NULL, ""), VERDICT_UP,
                "answered HTTP 403", EXPECT_2XX },
        { "2xx", ANSWERED(CURLE_WRITE_ERROR, 200, "text/html", ""),
                VERDICT_UP, "answered HTTP 200", EXPECT_2XX },
        { "2xx, whatever came of its body", ANSWERED(CURLE_OPERATION_TIMEDOUT, 299, NULL, ""), VERDICT_UP,
                "answered HTTP 299", EXPECT_2XX },
        { "tcp", CONNECTED_THEN(CURLE_OK), VERDICT_UP, "accepted the connection", EXPECT_2XX, SCHEME_TCP },
        { "only the body's own length counts",
                { .code = CURLE_OK, .connected = true, .status = 200, .body = LIVE "garbage",
                        .length = sizeof LIVE - 1 }, VERDICT_UP, "answered HTTP 200" },

        /* Another HTTP answer. */
        { "503", ANSWERED(CURLE_OK, 503, "application/json", LIVE), VERDICT_DOWN, "HTTP 503" },
        { "503 for 2xx", ANSWERED(CURLE_OK, 503, NULL, ""), VERDICT_DOWN, "HTTP 503", EXPECT_2XX },
        { "404", ANSWERED(CURLE_WRITE_ERROR, 404, NULL, ""), VERDICT_DOWN, "HTTP 404" },
        { "999", ANSWERED(CURLE_OK, 999, NULL, ""), VERDICT_DOWN, "HTTP 999" },
        { "300", ANSWERED(CURLE_OK, 300, NULL, ""), VERDICT_DOWN,
                "HTTP 300, a redirect, which is not followed", EXPECT_2XX },
        { "the control UI", ANSWERED(CURLE_OK, 200, "text/html; charset=utf-8", HTML), VERDICT_DOWN,
                NOT_OPENCLAW "(text/html; charset=utf-8)" },
        { "nothing", ANSWERED(CURLE_OK, 200, NULL, ""), VERDICT_DOWN, NOT_OPENCLAW "(no content type)" },
        { "a type that lies", ANSWERED(CURLE_OK, 200, "application/json", "{\"ok\":true"), VERDICT_DOWN,
                NOT_OPENCLAW "(application/json)" },
        { "a type made for a terminal", ANSWERED(CURLE_OK, 200, "\033[31mred\xff/\xc2\x9b", HTML),
                VERDICT_DOWN,
                NOT_OPENCLAW "(?[31mred?/?)" },
        { "a long type", ANSWERED(CURLE_OK, 200, "text/" DIGITS DIGITS DIGITS DIGITS DIGITS, HTML),
                VERDICT_DOWN,
                NOT_OPENCLAW "(text/" DIGITS DIGITS DIGITS DIGITS "012)" },
        { "more after the object", ANSWERED(CURLE_OK, 200, "a/b", LIVE "{}"),
                VERDICT_DOWN, NOT_OPENCLAW "(a/b)" },
        { "a NUL after the object", ANSWERED(CURLE_OK, 200, "a/b", LIVE "\0"), VERDICT_DOWN,
                NOT_OPENCLAW "(a/b)" },
        { "ok: false", ANSWERED(CURLE_OK, 200, NULL, "{\"ok\":false}"), VERDICT_DOWN,
                "the gateway says \"ok\": false" },
        { "ok: 1", ANSWERED(CURLE_OK, 200, NULL, "{\"ok\":1}"), VERDICT_DOWN,
                NOT_OPENCLAW "(JSON without \"ok\")" },
        { "ok: a word", ANSWERED(CURLE_OK, 200, NULL, "{\"ok\":\"true\"}"), VERDICT_DOWN,
                NOT_OPENCLAW "(JSON without \"ok\")" },
        { "ok twice", ANSWERED(CURLE_OK, 200, "application/json", "{\"ok\":false,\"ok\":true}"), VERDICT_DOWN,
                NOT_OPENCLAW "(application/json)" },
        { "an array", ANSWERED(CURLE_OK, 200, NULL, "[{\"ok\":true}]"), VERDICT_DOWN,
                NOT_OPENCLAW "(JSON without \"ok\")" },
        { "too long", TOO_LONG(200), VERDICT_DOWN, NOT_OPENCLAW "(more than 64 KiB)" },

        /* An answer that never became whole. */
        { "body cut short", ANSWERED(CURLE_PARTIAL_FILE, 200, NULL, LIVE), VERDICT_DOWN,
                "closed the connection in the middle of its answer" },
        { "body drips", ANSWERED(CURLE_OPERATION_TIMEDOUT, 200, NULL, LIVE), VERDICT_DOWN,
                "began to answer, but did not finish in 5 s" },
        { "headers drip", ANSWERED(CURLE_OPERATION_TIMEDOUT, 0, NULL, ""), VERDICT_DOWN,
                "began to answer, but did not finish in 5 s" },
        { "reset in the answer", ANSWERED(CURLE_RECV_ERROR, 200, NULL, "{"),
                VERDICT_DOWN, "connection reset" },
        { "headers without end", TOO_LONG(0), VERDICT_DOWN, "accepted the connection, then: more than 64 KiB of headers" },
        { "a broken encoding", ANSWERED(CURLE_BAD_CONTENT_ENCODING, 200, NULL, ""), VERDICT_DOWN,
                "accepted the connection, then: Unrecognized or bad HTTP Content or Transfer-Encoding" },
        { "not HTTP", CONNECTED_THEN(CURLE_UNSUPPORTED_PROTOCOL),
                VERDICT_DOWN, "answered, but not in HTTP" },
        { "nearly HTTP", CONNECTED_THEN(CURLE_WEIRD_SERVER_REPLY),
                VERDICT_DOWN, "answered, but not in HTTP" },
        { "closed", CONNECTED_THEN(CURLE_GOT_NOTHING), VERDICT_DOWN,
                "closed the connection without an answer" },
        { "reset", CONNECTED_THEN(CURLE_RECV_ERROR), VERDICT_DOWN, "connection reset" },
        { "reset while asked", CONNECTED_THEN(CURLE_SEND_ERROR), VERDICT_DOWN, "connection reset" },
        { "TLS, for another name", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 1), VERDICT_DOWN,
                "its TLS certificate is for another name", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, too early", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 9), VERDICT_DOWN,
                "its TLS certificate is not valid yet, by the clock here", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, expired", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 10), VERDICT_DOWN,
                "its TLS certificate has expired", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, self-signed", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 18), VERDICT_DOWN,
                "its TLS certificate is self-signed (tls_verify = no accepts it)", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, not trusted", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 20), VERDICT_DOWN,
                "no CA that this machine trusts has signed its TLS certificate", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, revoked", TLS(CURLE_PEER_FAILED_VERIFICATION, .certificate = 23), VERDICT_DOWN,
                "its TLS certificate is not trusted (error 23)", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, no TLS", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number"), VERDICT_DOWN,
                "accepted the connection, but does not speak TLS", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, no TLS, newer words", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "TLS connect error: error:0A0000C6:SSL routines::packet length too long"), VERDICT_DOWN,
                "accepted the connection, but does not speak TLS", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, an alert", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "error:0A000438:SSL routines::tlsv1 alert internal error"), VERDICT_DOWN,
                "the TLS handshake failed: tlsv1 alert internal error", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS 1.3, an alert", TLS(CURLE_RECV_ERROR, .detail = "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0"), VERDICT_DOWN,
                "the TLS handshake failed: tlsv13 alert certificate required", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, no cipher", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "error:0A0000C1:SSL routines::no shared cipher"), VERDICT_DOWN,
                "the TLS handshake failed: no shared cipher", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, closed", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to 192.0.2.1:443"), VERDICT_DOWN,
                "closed the connection during the TLS handshake", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, no words", TLS(CURLE_SSL_CONNECT_ERROR, .detail = NULL), VERDICT_DOWN,
                "closed the connection during the TLS handshake", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "TLS, half a code", TLS(CURLE_SSL_CONNECT_ERROR, .detail = "error:zzz"), VERDICT_DOWN,
                "closed the connection during the TLS handshake", EXPECT_OPENCLAW, SCHEME_HTTPS },
        { "silent", TIMED_OUT(.addressed = true, .connected = true), VERDICT_SILENT,
                "accepted the connection, then silent for 5 s" },

        /* No connection. */
        { "no answer", TIMED_OUT(.addressed = true), VERDICT_DOWN, "no answer to the connect in 5 s" },
        { "no answer, tcp", TIMED_OUT(.addressed = true), VERDICT_DOWN, "no answer to the connect in 5 s",
                EXPECT_2XX, SCHEME_TCP },
        { "refused", CONNECT_ERROR(ECONNREFUSED), VERDICT_DOWN, "connection refused" },
        { "reset at once", CONNECT_ERROR(ECONNRESET), VERDICT_DOWN, "connection reset" },
        { "refused, tcp", CONNECT_ERROR(ECONNREFUSED), VERDICT_DOWN, "connection refused", EXPECT_2XX,
                SCHEME_TCP },
        { "no host", CONNECT_ERROR(EHOSTUNREACH), VERDICT_DOWN, "no route to host" },
        { "no network", CONNECT_ERROR(ENETUNREACH), VERDICT_DOWN, "network is unreachable" },
        { "the kernel gave up", CONNECT_ERROR(ETIMEDOUT), VERDICT_DOWN, "no answer to the connect" },
        { "prohibited", CONNECT_ERROR(EACCES), VERDICT_DOWN, "a firewall or a route forbids the connection" },
        { "our own firewall", CONNECT_ERROR(EPERM), VERDICT_DOWN,
                "a firewall or a route forbids the connection" },
        { "no TCP", CONNECT_ERROR(ENOPROTOOPT), VERDICT_DOWN, "connection refused: no TCP is spoken there" },
        { "anything else", CONNECT_ERROR(EHOSTDOWN), VERDICT_DOWN, "cannot connect: Host is down" },
        { "no word from the kernel", CONNECT_ERROR(0), VERDICT_DOWN, "cannot connect" },

        /* Nothing that says anything about the other side. */
        { "no such name", { .code = CURLE_COULDNT_RESOLVE_HOST },
                VERDICT_SILENT, "the name does not resolve" },
        { "silent name server", TIMED_OUT(.addressed = false), VERDICT_SILENT,
                "no answer from the name server in 5 s" },
        { "not even asked", { .code = CURLE_OPERATION_TIMEDOUT },
                VERDICT_SILENT, "the name server is silent" },
        { "no descriptors", CONNECT_ERROR(EMFILE), VERDICT_SILENT,
                "this machine cannot ask: it has too many files open" },
        { "no ports", CONNECT_ERROR(EADDRNOTAVAIL), VERDICT_SILENT,
                "this machine cannot ask: it has no address for that" },
        { "no certificates", CONNECTED_THEN(CURLE_SSL_CACERT_BADFILE), VERDICT_SILENT,
                "this machine cannot ask: it has no CA certificates (install ca-certificates)" },
        { "no memory", { .code = CURLE_OUT_OF_MEMORY, .addressed = true }, VERDICT_SILENT,
                "this machine cannot ask: Out of memory" },
};

static const struct {
        const char *name;
        struct answer answer;
        enum startup startup;
        enum verdict verdict;
        const char *reason;
} startups[] = {
        { "starting", ANSWERED(CURLE_OK, 503, "application/json", "{\"status\":\"starting\"}"),
                STARTUP_DECIDES, VERDICT_STARTING, "the gateway says it is starting" },
        { "draining", ANSWERED(CURLE_OK, 503, "application/json", "{\"status\":\"draining\"}"),
                STARTUP_DECIDES, VERDICT_DRAINING, "the gateway says it is draining" },
        { "started", ANSWERED(CURLE_OK, 200, "application/json", "{\"status\":\"started\"}"),
                STARTUP_PASSES },
        { "the control UI", ANSWERED(CURLE_OK, 200, "text/html", HTML), STARTUP_ABSENT },
        { "a long control UI", TOO_LONG(200), STARTUP_ABSENT },
        { "404", ANSWERED(CURLE_OK, 404, NULL, ""), STARTUP_ABSENT },
        { "other JSON", ANSWERED(CURLE_OK, 200, "application/json", LIVE), STARTUP_ABSENT },
        { "a number", ANSWERED(CURLE_OK, 200, "application/json", "{\"status\":1}"), STARTUP_ABSENT },
        { "502 of something in between", ANSWERED(CURLE_OK, 502, "text/html", HTML), STARTUP_PASSES },
        { "503 without words", ANSWERED(CURLE_OK, 503, NULL, ""), STARTUP_PASSES },
        { "401", ANSWERED(CURLE_OK, 401, NULL, ""), STARTUP_PASSES },
        { "refused", CONNECT_ERROR(ECONNREFUSED), STARTUP_DECIDES, VERDICT_DOWN, "connection refused" },
        { "silent", TIMED_OUT(.addressed = true, .connected = true), STARTUP_DECIDES, VERDICT_SILENT,
                "accepted the connection, then silent for 5 s" },
        { "a 404 that drips", ANSWERED(CURLE_OPERATION_TIMEDOUT, 404, NULL, ""), STARTUP_DECIDES,
                VERDICT_DOWN,
                "began to answer, but did not finish in 5 s" },
};
/* clang-format on */

static void verdicts(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct check c = { .verdict = _VERDICT_MAX };

                judge(&rows[i].answer, rows[i].scheme, rows[i].expect, &c);
                if (strcmp(c.reason, rows[i].reason) != 0 || c.verdict != rows[i].verdict ||
                        c.connected != rows[i].answer.connected)
                        fail_msg("%s: %s, \"%s\"", rows[i].name, verdict_name(c.verdict), c.reason);
        }
}

static void ready(_unused_ void **state) {
        static const struct {
                struct answer answer;
                enum gateway_ready ready;
        } table[] = {
                { ANSWERED(CURLE_OK, 200, "application/json", "{\"ready\":true}"), READY_YES },
                { ANSWERED(CURLE_OK, 503, "application/json", "{\"ready\":false}"), READY_NO },
                { ANSWERED(CURLE_OK, 200, NULL, "{\"ready\":false,\"failing\":[\"discord\"]}"), READY_NO },
                { ANSWERED(CURLE_OK, 503, NULL, "{\"ready\":0}"), READY_UNSAID },
                { ANSWERED(CURLE_OK, 200, "text/html", HTML), READY_UNSAID },
                { TOO_LONG(200), READY_UNSAID },
                { ANSWERED(CURLE_OK, 404, NULL, "{}"), READY_UNSAID },
                { ANSWERED(CURLE_OPERATION_TIMEDOUT, 503, NULL, "{\"ready\":false}"), READY_UNKNOWN },
                { TIMED_OUT(.addressed = true, .connected = true), READY_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct check c = { .verdict = VERDICT_UP };

                judge_ready(&table[i].answer, &c);
                assert_int_equal(c.ready, table[i].ready);
                assert_int_equal(*c.channels != '\0', c.ready != READY_UNKNOWN);
                assert_null(strchr(c.channels, '_')); /* words for a user */
                assert_int_equal(c.verdict, VERDICT_UP);
        }
}

/* Whether something came back: a witness is asked only if nothing did. */
static void unanswered(_unused_ void **state) {
        static const struct {
                struct answer answer;
                bool unanswered;
        } table[] = {
                { TIMED_OUT(.addressed = false), true },
                { TIMED_OUT(.addressed = true), true },
                { TIMED_OUT(.addressed = true, .connected = true), false },
                { { .code = CURLE_COULDNT_RESOLVE_HOST }, true },
                { CONNECT_ERROR(EHOSTUNREACH), true },
                { CONNECT_ERROR(ENETUNREACH), true },
                { CONNECT_ERROR(ETIMEDOUT), true },
                { CONNECT_ERROR(ECONNREFUSED), false },
                { CONNECT_ERROR(EACCES), false },
                { CONNECT_ERROR(EMFILE), false },
                { CONNECTED_THEN(CURLE_RECV_ERROR), false },
                { CONNECTED_THEN(CURLE_SSL_CONNECT_ERROR), false },
                { ANSWERED(CURLE_OK, 503, NULL, ""), false },
                { ANSWERED(CURLE_OK, 200, NULL, LIVE), false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct check c = { .unanswered = !table[i].unanswered }, s = c;

                judge(&table[i].answer, SCHEME_HTTP, EXPECT_OPENCLAW, &c);
                assert_int_equal(c.unanswered, table[i].unanswered);
                (void) judge_startup(&table[i].answer, &s);
                assert_int_equal(s.unanswered, table[i].unanswered);
        }
}

/* A server that must be asked by its name: only then does its name help. */
static void by_name(_unused_ void **state) {
        static const struct {
                struct answer answer;
                bool by_name;
        } table[] = {
                { TLS(CURLE_SSL_CONNECT_ERROR,
                          .detail = "error:0A000438:SSL routines::tlsv1 alert internal error"),
                        true },
                { TLS(CURLE_SSL_CONNECT_ERROR,
                          .detail = "error:0A000458:SSL routines::tlsv1 unrecognized name"),
                        true },
                { TLS(CURLE_RECV_ERROR,
                          .detail = "error:0A00045C:SSL routines::tlsv13 alert certificate required"),
                        false },
                { TLS(CURLE_SSL_CONNECT_ERROR,
                          .detail = "error:0A000410:SSL routines::sslv3 alert handshake failure"),
                        false },
                { ANSWERED(CURLE_OK, 404, NULL, ""), true },
                { ANSWERED(CURLE_OK, 503, NULL, ""), false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                struct check c = { 0 };

                judge(&table[i].answer, SCHEME_HTTPS, EXPECT_OPENCLAW, &c);
                assert_int_equal(c.by_name, table[i].by_name);
        }
}

static void startup(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(startups); i++) {
                struct check c = { .verdict = _VERDICT_MAX };

                if (judge_startup(&startups[i].answer, &c) != startups[i].startup)
                        fail_msg("%s: it leads elsewhere", startups[i].name);
                if (startups[i].reason &&
                        (strcmp(c.reason, startups[i].reason) != 0 || c.verdict != startups[i].verdict))
                        fail_msg("%s: %s, \"%s\"", startups[i].name, verdict_name(c.verdict), c.reason);
        }
}

/* What libcurl may yet invent gets words too, and no failure passes for a good answer. */
static void every_code_has_words(_unused_ void **state) {
        static const unsigned statuses[] = { 0, 200, 503 };

        for (int code = 1; code < CURL_LAST; code++)
                for (unsigned i = 0; i < ELEMENTSOF(statuses) * 16; i++) {
                        struct answer a = { .code = code,
                                .addressed = i & 1,
                                .connected = i & 2,
                                .began = i & 4,
                                .too_long = i & 8,
                                .status = statuses[i / 16],
                                .body = LIVE,
                                .length = sizeof LIVE - 1 };
                        struct check c = { .verdict = _VERDICT_MAX };

                        judge(&a, SCHEME_HTTP, EXPECT_OPENCLAW, &c);
                        assert_true(c.verdict == VERDICT_DOWN || c.verdict == VERDICT_SILENT);
                        assert_true(strlen(c.reason) > 5);
                }
}

/* A nest of brackets must not use up the stack. */
static void deep_json(_unused_ void **state) {
        _cleanup_free_ char *body = malloc(ANSWER_MAX);
        struct answer a = { .connected = true, .status = 200, .body = body, .length = ANSWER_MAX };
        struct check c;

        assert_non_null(body);
        (void) memset(body, '[', ANSWER_MAX);
        judge(&a, SCHEME_HTTP, EXPECT_OPENCLAW, &c);
        assert_int_equal(c.verdict, VERDICT_DOWN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(verdicts),
                cmocka_unit_test(unanswered),
                cmocka_unit_test(by_name),
                cmocka_unit_test(ready),
                cmocka_unit_test(startup),
                cmocka_unit_test(every_code_has_words),
                cmocka_unit_test(deep_json),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
