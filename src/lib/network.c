/* What this machine can say about its own network; see network.h. */
#include "lib/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "lib/text.h"

DEFINE_CLEANUP(struct ifaddrs *, freeifaddrs)

bool network_is_address(const char *text) {
        struct in6_addr a;

        return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

bool network_is_tailnet(const char *text) {
        struct in6_addr a6;
        struct in_addr a4;

        if (inet_pton(AF_INET, text, &a4) == 1)
                return (ntohl(a4.s_addr) & 0xffc00000) == 0x64400000; /* 100.64.0.0/10 */
        return inet_pton(AF_INET6, text, &a6) == 1 &&
                memcmp(a6.s6_addr, "\xfd\x7a\x11\x5c\xa1\xe0", 6) == 0; /* fd7a:115c:a1e0::/48 */
}

int network_tailnet_address(char *buf, size_t size) {
        static const struct {
                sa_family_t family;
                socklen_t length;
        } kinds[] = { { AF_INET, sizeof(struct sockaddr_in) }, { AF_INET6, sizeof(struct sockaddr_in6) } };
        _cleanup_(freeifaddrsp) struct ifaddrs *all = NULL;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                for (const struct ifaddrs *i = all; i; i = i->ifa_next)
                        if (i->ifa_addr && i->ifa_addr->sa_family == kinds[k].family &&
                                (i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
                                getnameinfo(i->ifa_addr, kinds[k].length, buf, (socklen_t) size, NULL, 0,
                                        NI_NUMERICHOST) == 0 &&
                                network_is_tailnet(buf))
                                return 0;
        return -ENOENT;
}

/* To its own address the kernel sends from that very address, and to 127.0.0.0/8 from 127.0.0.1. A bind(2)
 * proves nothing: net.ipv4.ip_nonlocal_bind allows any address. */
bool network_is_own(const struct addrinfo *a) {
        _cleanup_close_ int fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_storage source;
        socklen_t length = sizeof source;
        char there[64], here[sizeof there];

        return fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0 &&
                getsockname(fd, (struct sockaddr *) &source, &length) == 0 &&
                getnameinfo(a->ai_addr, a->ai_addrlen, there, sizeof there, NULL, 0, NI_NUMERICHOST) == 0 &&
                getnameinfo((struct sockaddr *) &source, length, here, sizeof here, NULL, 0,
                        NI_NUMERICHOST) == 0 &&
                (strcmp(here, there) == 0 || strncmp(here, "127.", 4) == 0);
}

/* Whether interface NAME is in ALL and works (IFF_RUNNING, netdevice(7): it has a carrier). */
static bool is_running(const struct ifaddrs *all, const char *name) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next)
                if (strcmp(i->ifa_name, name) == 0)
                        return (i->ifa_flags & (IFF_RUNNING | IFF_LOOPBACK)) == IFF_RUNNING;
        return false;
}

static bool is_zero(const char *number) {
        return number[strspn(number, "0")] == '\0';
}

/* Whether FILE (proc_pid_net(5)) has a default route over an interface that works. DESTINATION, MASK (or its
 * length) and NAME (the interface's) are columns, as net/ipv4/fib_trie.c and net/ipv6/route.c in the kernel
 * write them. An unreadable file may have one; a missing file, as without IPv6, has none. */
static bool has_default_route(
        const struct ifaddrs *all, const char *file, size_t destination, size_t mask, size_t name) {
        _cleanup_fclose_ FILE *f = fopen(file, "re");
        char line[512];

        while (f && fgets(line, sizeof line, f)) {
                char *words[10], *rest = line;
                size_t n = 0;

                while (n < ELEMENTSOF(words) && (words[n] = strtok_r(rest, " \t\n", &rest)))
                        n++;
                if (n > MAX(mask, name) && is_zero(words[destination]) && is_zero(words[mask]) &&
                        is_running(all, words[name]))
                        return true;
        }
        return !f && errno != ENOENT;
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
        if (has_default_route(all, "/proc/self/net/route", 1, 7, 0) ||
                has_default_route(all, "/proc/self/net/ipv6_route", 0, 1, 9))
                return false;
        if (*names)
                (void) snprintf(why, size, "no carrier on %s and no default route", names);
        else
                (void) snprintf(why, size, "no network interface and no default route");
        return true;
}
