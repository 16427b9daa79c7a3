/* Why a request failed, in words; see http_error.h. Each list ends where .words is NULL. */
#include "lib/http_error.h"

#include <errno.h>
#include <string.h>

#define CANNOT_ASK "this machine cannot ask: "

/* connect(2), socket(2). */
static const struct http_error connect_errors[] = {
        { ECONNREFUSED, false, "connection refused" },
        { ECONNRESET, false, "connection reset" }, /* accepted, and reset before we looked */
        { EHOSTUNREACH, false, "no route to host" },
        { ENETUNREACH, false, "network is unreachable" },
        { ETIMEDOUT, false, "no answer to the connect" },
        /* From ICMPv6 (icmpv6_err_convert() in Linux's net/ipv6/icmp.c), our own route or firewall. */
        { EACCES, false, "a firewall or a route forbids the connection" },
        { EPERM, false, "a firewall or a route forbids the connection" },
        /* From ICMP (icmp_err_convert[] in net/ipv4/icmp.c). */
        { ENOPROTOOPT, false, "connection refused: no TCP is spoken there" },
        { 0, false, "cannot connect" },
        { EADDRNOTAVAIL, true, CANNOT_ASK "it has no address for that" },
        { EAFNOSUPPORT, true, CANNOT_ASK "it does not speak that protocol" },
        { EMFILE, true, CANNOT_ASK "it has too many files open" },
        { ENFILE, true, CANNOT_ASK "it has too many files open" },
        { ENOBUFS, true, CANNOT_ASK "it is out of memory" },
        { ENOMEM, true, CANNOT_ASK "it is out of memory" },
        {},
};

/* X509_V_ERR_… (openssl/x509_vfy.h); libcurl, which compares the name itself, leaves its own 1. */
static const struct http_error certificate_errors[] = {
        { 1, false, "its TLS certificate is for another name" },
        { 9, false, "its TLS certificate is not valid yet, by the clock here" },
        { 10, false, "its TLS certificate has expired" },
        { 18, false, "its TLS certificate is self-signed" },
        { 19, false, "its TLS certificate is self-signed" },
        { 20, false, "no CA that this machine trusts has signed its TLS certificate" },
        { 21, false, "no CA that this machine trusts has signed its TLS certificate" },
        {},
};

/* libcurl-errors(3). */
static const struct http_error other_errors[] = {
        { CURLE_COULDNT_RESOLVE_HOST, true, "the name does not resolve" },
        { CURLE_SEND_ERROR, false, "connection reset" },
        { CURLE_RECV_ERROR, false, "connection reset" },
        { CURLE_GOT_NOTHING, false, "closed the connection without an answer" },
        { CURLE_PARTIAL_FILE, false, "closed the connection in the middle of its answer" },
        { CURLE_UNSUPPORTED_PROTOCOL, false, "answered, but not in HTTP" }, /* taken for HTTP/0.9 */
        { CURLE_WEIRD_SERVER_REPLY, false, "answered, but not in HTTP" },
        { CURLE_SSL_CACERT_BADFILE, true, CANNOT_ASK "it has no CA certificates (install ca-certificates)" },
        {},
};

const struct http_error *http_error(CURLcode code, long detail) {
        const struct http_error *e = code == CURLE_COULDNT_CONNECT ? connect_errors
                : code == CURLE_PEER_FAILED_VERIFICATION           ? certificate_errors
                                                                   : other_errors;
        long sought = e == other_errors ? (long) code : detail;

        while (e->words && e->code != sought)
                e++;
        return e->words ? e : NULL;
}

const char *http_error_words(CURL *easy, CURLcode code) {
        const struct http_error *e;
        long detail = 0;

        (void) curl_easy_getinfo(easy,
                code == CURLE_COULDNT_CONNECT ? CURLINFO_OS_ERRNO : CURLINFO_SSL_VERIFYRESULT, &detail);
        e = http_error(code, detail);
        if (e)
                return e->words;
        return code == CURLE_COULDNT_CONNECT ? strerror((int) detail) : curl_easy_strerror(code);
}
