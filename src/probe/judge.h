/* An answer becomes a verdict in words. Pure: no network, no clock, nothing remembered, so that it can be
 * tested and fuzzed with anything. */
#pragma once

#include <curl/curl.h>

#include "config/config.h"
#include "core/verdict.h"

/* The most that is read of an answer, headers and body together. (libcurl itself gives up on one header
 * line of 100 KiB.) */
#define ANSWER_MAX (64 * 1024)

/* All that is known when a request has ended. It comes from the network: anything may be in it. */
struct answer {
        CURLcode code;
        int error;                /* errno of the socket or the connect; 0: none */
        bool addressed;           /* the name, if there was one, led to an address that was tried */
        bool connected;           /* the connection was accepted */
        bool began;               /* at least one byte of an answer came */
        bool too_long;            /* given up at ANSWER_MAX */
        unsigned status;          /* of HTTP; 0 as long as the headers are not complete */
        const char *content_type; /* NULL: none */
        const char *body;         /* all of it if .code is CURLE_OK and judge_needs_body(); without a NUL */
        size_t length;
        usec_t waited;       /* how long the check may take; 0: nothing could be asked */
        long certificate;    /* why it was not accepted: OpenSSL's X509_V_ERR_…; 0: another reason */
        const char *detail;  /* libcurl's words for .code, which hold OpenSSL's error code; NULL: none */
        const char *instead; /* the address asked because the name did not resolve; NULL: none */
};

/* Fills in CHECK but for .took. */
void judge(const struct answer *a, enum scheme scheme, enum expect expect, struct check *check);

/* Whether the headers leave the verdict open; if not, the request can end with them. */
bool judge_needs_body(unsigned status, enum expect expect);

/* Sets .ready of CHECK, whose gateway is up, and the words for it, by the answer of /readyz. */
void judge_ready(const struct answer *a, struct check *check);

/* What the answer of /startupz leads to. It can only say that a gateway is starting or draining: whether
 * one is up is decided by its health path. */
enum startup {
        STARTUP_DECIDES, /* CHECK is filled in but for .took: starting, draining, or no answer at all */
        STARTUP_PASSES,  /* started, or nothing that is understood this once: ask the health path */
        STARTUP_ABSENT,  /* the same, and it is no use to ask there again: an older gateway */
};
enum startup judge_startup(const struct answer *a, struct check *check);
