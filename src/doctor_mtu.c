/* Does a large packet get to the primary? Where the way is narrower than both ends believe, and what would say so is
 * filtered (RFC 2923, section 2.1), small requests pass, so checks are good, and git and ssh hang.
 *
 * A request with a head of several packets tries just that, needs no privilege, and passes every filter that a check
 * passes. */
#include <curl/curl.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "checkup.h"
#include "probe.h"

/* More than one packet, less than a server takes for an attack (Node.js takes 16 KiB of headers). */
#define PADDING 4000

/* Fits every path that IPv6 may use (RFC 8200, section 5) minus what Tailscale adds (80 bytes), rounded. */
#define NARROW_MTU 1200

DEFINE_CLEANUP(CURL *, curl_easy_cleanup)
DEFINE_CLEANUP(struct curl_slist *, curl_slist_free_all)
DEFINE_CLEANUP(struct ifaddrs *, freeifaddrs)

static size_t swallow(char *data _unused_, size_t one _unused_, size_t n, void *userdata _unused_) {
        return n;
}

/* One GET, with that many bytes of padding in its head. LOCAL receives the address it was sent from. */
static CURLcode ask(const struct peer_config *p, size_t padding, char *local, size_t size) {
        _cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
        _cleanup_(curl_slist_free_allp) struct curl_slist *headers = NULL;
        _cleanup_free_ char *url = probe_url(p->scheme, p->host, p->port, p->path);
        char line[PADDING + 32] = "X-Padding: ", *address = NULL;
        CURLcode e;

        (void) memset(line + strlen(line), 'x', padding);
        headers = padding > 0 ? curl_slist_append(NULL, line) : NULL;
        if (!curl || !url || (padding > 0 && !headers))
                return CURLE_OUT_OF_MEMORY;
        (void) curl_easy_setopt(curl, CURLOPT_URL, url);
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) (p->timeout / USEC_PER_MSEC));
        e = curl_easy_perform(curl);
        if (curl_easy_getinfo(curl, CURLINFO_LOCAL_IP, &address) == CURLE_OK && address && *address)
                (void) snprintf(local, size, "%s", address);
        return e;
}

/* The interface with address TEXT. */
static int find_interface(const char *text, char name[static IF_NAMESIZE]) {
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                char address[128] = "";
                socklen_t size;

                if (!i->ifa_addr ||
                        (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
                        continue;
                size = i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6);
                if (getnameinfo(i->ifa_addr, size, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0 &&
                        strcmp(address, text) == 0) {
                        (void) snprintf(name, IF_NAMESIZE, "%s", i->ifa_name);
                        return 0;
                }
        }
        return -ENOENT;
}

void look_large_packets(const struct checkup *c, struct finding *f) {
        const struct peer_config *p = &c->config->primary;
        char local[64] = "", interface[IF_NAMESIZE];

        if (p->scheme == SCHEME_TCP) {
                finding_off(f, "not tried: nothing is sent to the primary with scheme = tcp");
                return;
        }
        if (ask(p, 0, local, sizeof local) != CURLE_OK) {
                finding_skip(f, "not looked at before the primary answers");
                return;
        }
        if (ask(p, PADDING, local, sizeof local) == CURLE_OK) {
                finding_ok(f, "get to the primary");
                return;
        }
        finding_bad(f, "get lost on the way to the primary (MTU): checks are good, and git and ssh hang");
        if (find_interface(local, interface) < 0)
                return;
        finding_mend(f, "sudo ip link set dev %s mtu %d", interface, NARROW_MTU);
        if (unit_is_loaded(&c->tailscaled))
                finding_mend(f, "echo TS_DEBUG_MTU=%d | sudo tee -a /etc/default/tailscaled", NARROW_MTU);
}
