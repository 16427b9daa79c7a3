/* What `make bench` takes for the limit: libcurl alone, sending the requests that the daemon sends, each on a fresh connection.
 *
 *   bench_curl request|connect CA INTERVAL COUNT URL...
 *
 * Waits for INTERVAL seconds, checks, and so on, COUNT times; a check asks for one URL after the other. Then it prints what that
 * cost in microseconds of processor time, in context switches, and in those to sleep: how a program begins and ends is not part
 * of a check. With "connect" it only connects, with TLS if the URL has it: the difference between both schemes is the
 * handshakes. CA is the file that the certificate is verified with, parsed once. The status is 0 if all were good. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct answer {
        char text[4096];
        size_t n;
};

static size_t keep(char *data, size_t size, size_t n, void *userdata) {
        struct answer *a = userdata;

        if (size * n >= sizeof a->text - a->n)
                return 0;
        memcpy(a->text + a->n, data, size * n);
        a->n += size * n;
        return size * n;
}

static void configure(CURL *easy, struct answer *a, const char *ca, bool connect_only) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
        curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 86400L);
        curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* each handshake in full */
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 5000L);
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, connect_only ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
}

static long long usec(struct timeval t) {
        return t.tv_sec * 1000000LL + t.tv_usec;
}

/* One check. A connection that was only made stays with the multi handle that libcurl keeps behind an easy one: a reset of
 * FRESH_CONNECT's kind closes it at the next request. */
static bool check(CURL *easy, struct answer *a, char **urls, bool connect_only) {
        bool good = true;

        for (; *urls; urls++) {
                a->n = 0;
                curl_easy_setopt(easy, CURLOPT_URL, *urls);
                good = curl_easy_perform(easy) == CURLE_OK && good;
                a->text[a->n] = 0;
                good = good && (connect_only || strstr(a->text, "\"status\":"));
        }
        return good;
}

int main(int argc, char **argv) {
        bool connect_only = argc > 1 && strcmp(argv[1], "connect") == 0, good = true;
        struct rusage before, after;
        struct timespec interval;
        struct answer a;
        CURL *easy;

        if (argc < 6 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(easy = curl_easy_init())) {
                fputs("bench_curl request|connect CA INTERVAL COUNT URL...\n", stderr);
                return 64;
        }
        configure(easy, &a, argv[2], connect_only);
        interval.tv_sec = (time_t) atof(argv[3]);
        interval.tv_nsec = (long) ((atof(argv[3]) - (double) interval.tv_sec) * 1e9);
        good = check(easy, &a, argv + 5, connect_only); /* what only the first one costs */

        getrusage(RUSAGE_SELF, &before);
        for (int i = atoi(argv[4]); i > 0; i--) {
                nanosleep(&interval, NULL);
                good = check(easy, &a, argv + 5, connect_only) && good;
        }
        getrusage(RUSAGE_SELF, &after);
        printf("%lld %ld %ld\n",
                usec(after.ru_utime) + usec(after.ru_stime) - usec(before.ru_utime) - usec(before.ru_stime),
                after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw,
                after.ru_nvcsw - before.ru_nvcsw);
        curl_easy_cleanup(easy);
        curl_global_cleanup();
        return good ? 0 : 1;
}
