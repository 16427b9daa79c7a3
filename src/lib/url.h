/* Parts of a URL, by libcurl's parser (libcurl-url(3)), as its requests see them. */
#pragma once

#include <curl/curl.h>

#include "lib/util.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)
DEFINE_CLEANUP(char *, curl_free)
#define _cleanup_part_ _cleanup_(curl_freep)

/* A part of URL, to curl_free(); NULL: URL has none. */
static inline char *url_part(CURLU *url, CURLUPart part) {
        char *text;

        return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}
