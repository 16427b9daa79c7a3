/* Does a large packet get to the primary? Where the way is narrower than both ends believe, and what would say so is
 * filtered (RFC 2923, section 2.1), small requests pass, so checks are good, and git and ssh hang.
 *
 * A request with a head of several packets tries just that, needs no privilege, and passes every filter that a check
 * passes. */
#include <curl/curl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "doctor/look.h"
#include "probe/probe.h"

/* More than one packet, less than a server takes for an attack (Node.js takes 16 KiB of headers). */
#define PADDING 4000

/* The least that IPv6 takes (RFC 8200, section 5), and Tailscale's own: below it, Linux takes IPv6 off an interface. */
#define LEAST_IPV6_MTU 1280
/* That, minus what Tailscale adds (80 bytes): fits through every path that IPv6 may use. */
#define NARROW_MTU 1200

#define LOST "get lost on the way to the primary (MTU): checks are good, and git and ssh hang"

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

/* The one of ALL with address TEXT; NULL: none has it. */
static const struct ifaddrs *find_interface(const struct ifaddrs *all, const char *text) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                char address[128] = "";
                socklen_t size;

                if (!i->ifa_addr ||
                        (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
                        continue;
                size = i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6);
                if (getnameinfo(i->ifa_addr, size, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0 &&
                        strcmp(address, text) == 0)
                        return i;
        }
        return NULL;
}

/* Whether NAME has an address of IPv6 that more than its link can reach. */
static bool has_ipv6(const struct ifaddrs *all, const char *name) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next)
                if (strcmp(i->ifa_name, name) == 0 && i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 &&
                        !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *) i->ifa_addr)->sin6_addr))
                        return true;
        return false;
}

/* Of the interface NAME; 0: it does not say. */
static unsigned mtu_of(const char *name) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ask_for = {};

        (void) snprintf(ask_for.ifr_name, sizeof ask_for.ifr_name, "%s", name);
        return fd >= 0 && ioctl(fd, SIOCGIFMTU, &ask_for) == 0 ? (unsigned) ask_for.ifr_mtu : 0;
}

unsigned narrower_mtu(unsigned mtu, bool ipv6) {
        if (mtu > LEAST_IPV6_MTU)
                return LEAST_IPV6_MTU;
        return mtu > NARROW_MTU && !ipv6 ? NARROW_MTU : 0;
}

/* Whatever is lost, packets as large as the interface lets through are. */
static void mend(const struct checkup *c, const char *local, struct finding *f) {
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;
        const struct ifaddrs *i = getifaddrs(&all) == 0 ? find_interface(all, local) : NULL;
        unsigned mtu = i ? mtu_of(i->ifa_name) : 0, narrower;

        if (mtu == 0)
                return;
        narrower = narrower_mtu(mtu, has_ipv6(all, i->ifa_name));
        if (narrower == 0) {
                finding_fail(f,
                        LOST
                        "; the MTU of %s is %u, and %s: the network below must let larger packets through",
                        i->ifa_name, mtu,
                        mtu > NARROW_MTU ? "a lower one would take its IPv6 away"
                                         : "a lower one is no help");
                return;
        }
        finding_fix(f, "sudo ip link set dev %s mtu %u", i->ifa_name, narrower);
        if (unit_is_loaded(&c->tailscaled))
                finding_fix(f, "echo TS_DEBUG_MTU=%u | sudo tee -a /etc/default/tailscaled", narrower);
}

void look_large_packets(const struct checkup *c, struct finding *f) {
        const struct peer_config *p = &c->config->primary;
        char local[64] = "";

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
        finding_fail(f, LOST);
        mend(c, local, f);
}
