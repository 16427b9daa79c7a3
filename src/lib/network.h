/* What this machine can find out about its own network without asking another one. */
#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include "lib/util.h"

/* Whether TEXT is an address of IPv4 or IPv6. */
bool network_is_address(const char *text);

/* Whether TEXT is an address that Tailscale gives out: 100.64.0.0/10 or fd7a:115c:a1e0::/48
 * (https://tailscale.com/kb/1015/100.x-addresses, https://tailscale.com/kb/1033/ip-and-dns-addresses). A
 * name is none. */
bool network_is_tailnet(const char *text);

/* The first Tailscale address of an interface that is up, IPv4 before IPv6, as text. 0, -ENOENT if there is
 * none, another negative errno. */
int network_tailnet_address(char *buf, size_t size);

/* Whether A is an address of this machine's own. */
bool network_is_own(const struct addrinfo *a);

/* Whether this machine is certainly cut off: no interface has a carrier, and no default route leads over one
 * that works. Tunnels (tailscale0) always work, so they prove nothing. If true, WHY has the reason: "no
 * carrier on eth0 …". False if it cannot find out. */
bool network_is_cut_off(char *why, size_t size);
