/* Parts of a URL, by libcurl's parser (libcurl-url(3)): the one that will also make the request. */
#pragma once

#include <curl/curl.h>

#include "lib/util.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)
DEFINE_CLEANUP(char *, curl_free)
#define _cleanup_part_ _cleanup_(curl_freep)

/* A part of URL as text to curl_free(), or NULL if it has none. */
static inline char *url_part(CURLU *url, CURLUPart part) {
        char *text;

        return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}
