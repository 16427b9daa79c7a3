/* An answer becomes a verdict in words. Pure: no network, no clock, nothing kept between calls, so tests and
 * fuzzers can pass anything. */
#pragma once

#include <curl/curl.h>

#include "config/config.h"
#include "core/verdict.h"

/* How much of an answer is read at most, headers and body together. (libcurl itself fails at one header
 * line of 100 KiB.) */
#define ANSWER_MAX (64 * 1024)

/* All that is known when a request has ended. It comes from the network and may contain anything. */
struct answer {
        CURLcode code;
        int error;                /* errno of the socket or the connect; 0: none */
        bool addressed;           /* the name, if there was one, resolved, and an address was tried */
        bool connected;           /* the connection was accepted */
        bool began;               /* at least one byte of an answer came */
        bool too_long;            /* longer than ANSWER_MAX: the rest was not read */
        unsigned status;          /* of HTTP; 0: the headers are not complete */
        const char *content_type; /* NULL: none */
        const char *body;         /* complete if .code is CURLE_OK and judge_needs_body(); without a NUL */
        size_t length;
        usec_t waited;    /* how long the request could take; 0: no name server could be asked */
        long certificate; /* why the certificate was refused: OpenSSL's X509_V_ERR_…; 0: another reason */
        const char *detail; /* libcurl's words for .code, which hold OpenSSL's error code; NULL: none */
};

/* Fills in CHECK except .took and .started. */
void judge(const struct answer *a, enum scheme scheme, enum expect expect, struct check *check);

/* Whether the verdict needs the body. If not, the request can end after the headers. */
bool judge_needs_body(unsigned status, enum expect expect);

/* Sets .ready and .channels of CHECK, whose gateway is up, by the answer of /readyz. */
void judge_ready(const struct answer *a, struct check *check);

/* What the answer of /startupz means. It can only say that a gateway is starting or draining: the health
 * path decides whether one is up. */
enum startup {
        STARTUP_DECIDES, /* CHECK is filled in except .took: starting, draining, or no answer */
        STARTUP_PASSES,  /* started, or not understood this time: ask the health path */
        STARTUP_ABSENT,  /* an older gateway without /startupz: ask the health path, now and later */
};
enum startup judge_startup(const struct answer *a, struct check *check);
