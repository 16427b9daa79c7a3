/* What went wrong with a request, in words: libcurl's codes, the system's of a connect, OpenSSL's of a certificate. */
#pragma once

#include <curl/curl.h>

#include "lib/util.h"

struct http_error {
        long code;
        bool here; /* of this machine, or no proof of anything over there */
        const char *words;
};

/* CODE is that of the request. DETAIL: of CURLE_COULDNT_CONNECT the errno, of CURLE_PEER_FAILED_VERIFICATION the
 * X509_V_ERR_…. NULL: there are no other words than libcurl's or the system's. */
const struct http_error *http_error(CURLcode code, long detail);

/* The same of a request of EASY that ended with CODE, and if there are none, libcurl's or the system's words. */
const char *http_error_words(CURL *easy, CURLcode code);
