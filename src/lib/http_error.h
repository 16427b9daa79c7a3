/* Why a request failed, in words: libcurl's code, a connect's errno, or OpenSSL's code of a certificate. */
#pragma once

#include <curl/curl.h>

#include "lib/util.h"

struct http_error {
        long code;
        bool here; /* the error is this machine's, or proves nothing about the other one */
        const char *words;
};

/* Our words for the request's CODE, or NULL. DETAIL: the errno for CURLE_COULDNT_CONNECT, the X509_V_ERR_…
 * for CURLE_PEER_FAILED_VERIFICATION. */
const struct http_error *http_error(CURLcode code, long detail);

/* Our words for the request of EASY that ended with CODE, or else libcurl's or the system's. */
const char *http_error_words(CURL *easy, CURLcode code);
