/* Reads the address of the alerts or the heartbeat, which may be a secret; see endpoint.h. */
#include "alert/endpoint.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "config/instance.h"
#include "lib/file.h"
#include "lib/http_error.h"
#include "lib/text.h"
#include "lib/url.h"

#define ADDRESS_MAX ((size_t) 4096)
#define TIMEOUT_MS 10000L

/* The unit's SetCredential= passes this where there is no file. */
#define NO_ADDRESS "none"

/* Reads FILE or, if that fails, the credential that systemd passed instead. root reads FILE itself,
 * which is newer. 0 or the negative errno of FILE. */
static int read_address(const char *file, const char *credential, char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL;
        int r = read_file(file, ADDRESS_MAX, ret);

        if (r >= 0 || !directory || asprintf(&path, "%s/%s", directory, credential) < 0 ||
                read_file(path, ADDRESS_MAX, ret) < 0)
                return r;
        return strcmp(*ret, NO_ADDRESS) == 0 ? r : 0;
}

static void explain(int r, const char *file, const char *credential, char *why, size_t size) {
        if (!file || !*file)
                (void) snprintf(why, size, "neither url nor url_file is set");
        else if (r != -EACCES && r != -EPERM)
                (void) snprintf(why, size, "%s cannot be read: %s", file, strerror(-r));
        else if (getenv("CREDENTIALS_DIRECTORY"))
                (void) snprintf(why, size,
                        "systemd has not passed %s to the daemon. A restart does that, if the unit has "
                        "LoadCredential=%s:%s: this instance's `doctor` prints the commands",
                        file, credential, file);
        else
                (void) snprintf(why, size, "only root can read %s: use sudo", file);
}

int endpoint_load(
        const char *url, const char *file, const char *credential, char **ret, char *why, size_t size) {
        _cleanup_secret_ char *text = NULL;
        const char *word = url;
        int r;

        *why = '\0';
        if (!url || !*url) {
                r = file && *file ? read_address(file, credential, &text) : -ENOENT;
                if (r < 0) {
                        explain(r, file, credential, why, size);
                        return r;
                }
                /* An address has no blanks. Some editors write a byte order mark before it. */
                word = strtok(text + strspn(text, "\xef\xbb\xbf"), " \t\r\n") ?: "";
                if (strncasecmp(word, "http://", 7) != 0 && strncasecmp(word, "https://", 8) != 0) {
                        (void) snprintf(why, size,
                                "%s does not hold an http:// or https:// address as its first line", file);
                        return -EINVAL;
                }
        }
        *ret = strdup(word);
        return *ret ? 0 : -ENOMEM;
}

char *endpoint_show(const char *url, char buf[static ADDRESS_SHOWN_MAX]) {
        _cleanup_(curl_url_cleanupp) CURLU *u = curl_url();
        _cleanup_part_ char *scheme = NULL, *host = NULL, *port = NULL;
        char raw[ADDRESS_SHOWN_MAX];

        if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
                scheme = url_part(u, CURLUPART_SCHEME);
                host = url_part(u, CURLUPART_HOST);
                port = url_part(u, CURLUPART_PORT);
        }
        if (!scheme || !host)
                return strcpy(buf, "the address");
        (void) snprintf(raw, sizeof raw, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
        return safe_text(buf, ADDRESS_SHOWN_MAX, raw);
}

bool endpoint_leaks(const char *url, const char *text) {
        /* Shorter words are "api", "bot", "push": a secret is longer. */
        enum { WORD_MIN = 5 };
        const char *scheme_end = strstr(url, "://"), *start = scheme_end ? scheme_end + 3 : url;
        _cleanup_secret_ char *copy = strdup(start);
        char *rest = copy, *word, shown[ADDRESS_SHOWN_MAX];

        (void) endpoint_show(url, shown);
        while ((word = strsep(&rest, "/?&=:@"))) {
                const char *given = start + (word - copy);
                size_t n = strlen(word);
                bool names = word > copy && strchr("?&", given[-1]) && given[n] == '='; /* a parameter */

                if (n >= WORD_MIN && !names && !strcasestr(shown, word) && strcasestr(text, word))
                        return true;
        }
        return !copy;
}

DEFINE_CLEANUP(CURL *, curl_easy_cleanup)

const char *endpoint_ask(const char *url, long *status) {
        _cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
        CURLcode e;

        if (!curl)
                return curl_easy_strerror(CURLE_OUT_OF_MEMORY);
        (void) curl_easy_setopt(curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(curl, status ? CURLOPT_NOBODY : CURLOPT_CONNECT_ONLY, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
        e = curl_easy_perform(curl);
        if (status)
                (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
        return e == CURLE_OK ? NULL : http_error_words(curl, e);
}
