/* What this machine can say about its own network; see network.h. */
#include "lib/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "lib/text.h"

DEFINE_CLEANUP(struct ifaddrs *, freeifaddrs)

static bool is_tailnet4(struct in_addr a) {
        return (ntohl(a.s_addr) & 0xffc00000) == 0x64400000; /* 100.64.0.0/10 */
}

static bool is_tailnet6(const struct in6_addr *a) {
        return memcmp(a->s6_addr, "\xfd\x7a\x11\x5c\xa1\xe0", 6) == 0; /* fd7a:115c:a1e0::/48 */
}

bool network_is_address(const char *text) {
        struct in6_addr a;

        return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

bool network_is_tailnet(const char *text) {
        struct in6_addr a6;
        struct in_addr a4;

        if (inet_pton(AF_INET, text, &a4) == 1)
                return is_tailnet4(a4);
        return inet_pton(AF_INET6, text, &a6) == 1 && is_tailnet6(&a6);
}

/* The bytes of A's address, how many RET_N says; NULL: of another family. */
static const void *address_of(const struct sockaddr *a, size_t *ret_n) {
        bool is6 = a->sa_family == AF_INET6;

        *ret_n = is6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
        if (is6)
                return &((const struct sockaddr_in6 *) (const void *) a)->sin6_addr;
        return a->sa_family == AF_INET ? &((const struct sockaddr_in *) (const void *) a)->sin_addr : NULL;
}

/* The tailnet address of FAMILY that interface I holds while it is up, or NULL. */
static const void *tailnet_address(const struct ifaddrs *i, int family) {
        const void *a;
        size_t n;

        if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP) ||
                (i->ifa_flags & IFF_LOOPBACK))
                return NULL;
        a = address_of(i->ifa_addr, &n);
        return (family == AF_INET ? is_tailnet4(*(const struct in_addr *) a) : is_tailnet6(a)) ? a : NULL;
}

int network_tailnet_address(char *buf, size_t size) {
        static const int families[] = { AF_INET, AF_INET6 };
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (size_t f = 0; f < ELEMENTSOF(families); f++)
                for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                        const void *a = tailnet_address(i, families[f]);

                        if (a)
                                return inet_ntop(families[f], a, buf, (socklen_t) size) ? 0 : -errno;
                }
        return -ENOENT;
}

bool network_has_tailnet_address(void) {
        char buf[INET6_ADDRSTRLEN];

        return network_tailnet_address(buf, sizeof buf) >= 0;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b) {
        size_t n;
        const void *x = address_of(a, &n), *y = address_of(b, &n);

        return a->sa_family == b->sa_family && x && memcmp(x, y, n) == 0;
}

/* All of 127.0.0.0/8, of which lo has one address only: Debian gives a host's own name 127.0.1.1. */
static bool is_loopback4(const struct sockaddr *address) {
        const struct sockaddr_in *a = (const void *) address;

        return a->sin_family == AF_INET && ntohl(a->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool network_is_own(const struct sockaddr *address) {
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;

        if (is_loopback4(address))
                return true;
        if (getifaddrs(&all) < 0)
                return false;
        for (const struct ifaddrs *i = all; i; i = i->ifa_next)
                if (i->ifa_addr && same_address(i->ifa_addr, address))
                        return true;
        return false;
}

/* Whether interface NAME is in ALL and works (IFF_RUNNING, netdevice(7): it has a carrier). */
static bool is_running(const struct ifaddrs *all, const char *name) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next)
                if (strcmp(i->ifa_name, name) == 0)
                        return (i->ifa_flags & (IFF_RUNNING | IFF_LOOPBACK)) == IFF_RUNNING;
        return false;
}

/* Whether FILE (proc_pid_net(5)) has a default route over an interface that works. Its lines are those of
 * net/ipv4/fib_trie.c and net/ipv6/route.c in the kernel. A file that cannot be read may hold one. */
static bool has_default_route4(const struct ifaddrs *all) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/net/route", "re");
        char line[512], name[IFNAMSIZ];
        unsigned destination, mask;

        if (!f)
                return true;
        while (fgets(line, sizeof line, f))
                if (sscanf(line, "%15s %8x %*s %*s %*s %*s %*s %8x", name, &destination, &mask) == 3 &&
                        destination == 0 && mask == 0 && is_running(all, name))
                        return true;
        return false;
}

static bool has_default_route6(const struct ifaddrs *all) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/net/ipv6_route", "re");
        char line[512], destination[33], name[IFNAMSIZ];
        unsigned length;

        if (!f)
                return errno != ENOENT; /* a kernel without IPv6 */
        while (fgets(line, sizeof line, f))
                if (sscanf(line, "%32s %2x %*s %*s %*s %*s %*s %*s %*s %15s", destination, &length, name) ==
                                3 &&
                        strspn(destination, "0") == 32 && length == 0 && is_running(all, name))
                        return true;
        return false;
}

bool network_is_cut_off(char *why, size_t size) {
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;
        char names[64] = "";

        if (getifaddrs(&all) < 0)
                return false;
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                if (i->ifa_flags & (IFF_LOOPBACK | IFF_POINTOPOINT))
                        continue; /* a tunnel always runs: it is no evidence of a link */
                if (i->ifa_flags & IFF_RUNNING)
                        return false;
                if (i->ifa_addr &&
                        i->ifa_addr->sa_family == AF_PACKET) /* each interface has one such entry */
                        (void) appendf(names, sizeof names, "%s%s", *names ? ", " : "", i->ifa_name);
        }
        if (has_default_route4(all) || has_default_route6(all))
                return false;
        if (*names)
                (void) snprintf(why, size, "no carrier on %s and no default route", names);
        else
                (void) snprintf(why, size, "no network interface and no default route");
        return true;
}
