/* What this machine says about its own network, in network namespaces that are made for it: as root only. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "lib/network.h"

static void is_tailnet(_unused_ void **state) {
        static const struct {
                const char *text;
                bool yes;
        } rows[] = {
                { "100.64.0.0", true },
                { "100.100.100.100", true },
                { "100.127.255.255", true },
                { "100.63.255.255", false },
                { "100.128.0.0", false },
                { "10.64.0.1", false },
                { "fd7a:115c:a1e0::1", true },
                { "fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff", true },
                { "fd7a:115c:a1e1::1", false },
                { "fd7a:115c:a1df::1", false },
                { "::1", false },
                { "", false },
                { "primary", false },
                { "100.64.0.1.example.org", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (network_is_tailnet(rows[i].text) != rows[i].yes)
                        fail_msg("%s", rows[i].text);
}

/* An empty network namespace for the test that calls it; the one before goes with all that is in it. */
static void new_network(void) {
        if (unshare(CLONE_NEWNET) < 0) {
                print_message("not root\n");
                skip();
        }
}

static void run(const char *command) {
        if (system(command) != 0)
                fail_msg("%s", command);
}

/* The kernel tells of a carrier a moment after it comes or goes (net/core/link_watch.c). */
static bool becomes_cut_off(bool expected, char *why, size_t size) {
        bool is = !expected;

        for (int tries = 0; tries < 500 && is != expected; tries++) {
                if (tries > 0)
                        (void) usleep(10000);
                is = network_is_cut_off(why, size);
        }
        return is;
}

static void assert_cut_off(const char *words) {
        char why[128] = "";

        assert_true(becomes_cut_off(true, why, sizeof why));
        if (!strstr(why, words))
                fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void assert_not_cut_off(void) {
        char why[128] = "";

        if (becomes_cut_off(false, why, sizeof why))
                fail_msg("%s", why);
}

static bool has_tailnet_address(void) {
        char buf[64];

        return network_tailnet_address(buf, sizeof buf) == 0;
}

static void tailnet_address(_unused_ void **state) {
        char buf[64];

        new_network();
        assert_int_equal(network_tailnet_address(buf, sizeof buf), -ENOENT);
        run("ip link add ts0 type veth peer name other && ip addr add 10.0.0.1/24 dev ts0 &&"
            "ip addr add fd7a:115c:a1e0::5/48 dev ts0 nodad && ip link set other up");
        assert_false(has_tailnet_address()); /* it is there, but down */
        run("ip link set ts0 up");
        assert_true(has_tailnet_address());
        assert_int_equal(network_tailnet_address(buf, sizeof buf), 0);
        assert_string_equal(buf, "fd7a:115c:a1e0::5");
        run("ip addr add 100.64.3.4/10 dev ts0");
        assert_int_equal(network_tailnet_address(buf, sizeof buf), 0);
        assert_string_equal(buf, "100.64.3.4");

        run("ip link del ts0 && ip link set lo up && ip addr add 100.64.9.9/32 dev lo");
        assert_false(has_tailnet_address());
}

static bool says_own(const char *text) {
        const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
        struct addrinfo *a;
        bool own;

        assert_int_equal(getaddrinfo(text, NULL, &hints, &a), 0);
        own = network_is_own(a);
        freeaddrinfo(a);
        return own;
}

static void own(_unused_ void **state) {
        assert_true(says_own("127.0.0.1"));
        assert_true(says_own("127.0.1.1"));
        assert_false(says_own("192.0.2.1"));

        new_network();
        assert_false(says_own("::1"));
        run("ip link set lo up");
        assert_false(says_own("100.64.3.4"));
        run("ip link add ts0 type veth peer name other && ip addr add 100.64.3.4/10 dev ts0 &&"
            "ip addr add fd7a:115c:a1e0::5/48 dev ts0 nodad");
        assert_true(says_own("100.64.3.4"));
        for (int i = 0; i < 500 && !says_own("fd7a:115c:a1e0::5"); i++) /* its route comes a moment later */
                (void) usleep(10000);
        assert_true(says_own("fd7a:115c:a1e0::5"));
        assert_true(says_own("::1"));
        run("echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind && echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind");
        assert_false(says_own("100.64.3.5"));
        assert_false(says_own("fd7a:115c:a1e0::4"));
}

static void cut_off(_unused_ void **state) {
        new_network();
        assert_cut_off("no network interface");
        run("ip link set lo up");
        assert_cut_off("no network interface");

        run("ip link add eth0 type veth peer name cable && ip addr add 192.0.2.2/24 dev eth0");
        assert_cut_off("no carrier on cable, eth0 and no default route");
        run("ip link set eth0 up"); /* the cable is not plugged in */
        assert_cut_off("no carrier on");
        run("ip route add default via 192.0.2.1"); /* as ifupdown leaves it */
        assert_cut_off("no carrier on");
        run("ip link set cable up");
        assert_not_cut_off();
        run("ip route del default"); /* the primary may be on this very link */
        assert_not_cut_off();
        run("ip link set cable down");
        assert_cut_off("no carrier on");
}

/* A tunnel runs without any link, but a default route over one may be all that a machine has (PPP, WWAN). */
static void tunnels(_unused_ void **state) {
        struct ifreq tailscale = { .ifr_name = "tailscale0", .ifr_flags = IFF_TUN | IFF_NO_PI };
        _cleanup_close_ int tun = -1;

        new_network();
        tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (tun < 0 || ioctl(tun, TUNSETIFF, &tailscale) < 0) {
                print_message("no tunnels here\n");
                skip();
        }
        run("ip addr add 100.64.0.7/32 dev tailscale0 && ip link set tailscale0 up");
        assert_true(has_tailnet_address());
        assert_cut_off("no network interface");

        run("ip route add default dev tailscale0");
        assert_not_cut_off();
        run("ip route del default && ip -6 route add default dev tailscale0");
        assert_not_cut_off();
        run("ip -6 route del default dev tailscale0 && ip -6 route add unreachable default");
        assert_cut_off("no network interface");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(is_tailnet),
                cmocka_unit_test(tailnet_address),
                cmocka_unit_test(own),
                cmocka_unit_test(cut_off),
                cmocka_unit_test(tunnels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
