"""Hosts of the lab in a real tailnet: tailscaled on each, and outside of them a control server with a DERP relay and STUN.

    TAILNET      the folder with the programs `tailscaled` and `tailnet`; without it ../shared/tailnet beside this project

A TailnetPair is a Pair (lab.py) whose hosts have one link, eth0, and no way to each other's 100.64.0.0/10 but tailscaled's:

    pair.primary.tailscale("down")                    the command, as root
    pair.standby.tailscaled("stop")                   the unit: stop, start, restart, hang, resume
    pair.order("expire", host="standby", **{"in": -60})   what the control server is to do (its own usage says what it can)
    pair.standby.backend                              BackendState, "" if tailscaled does not answer
    pair.standby.local("whois?addr=100.64.0.1:1")     its local API's HTTP status and answer
    pair.standby.leaks()                              what left by eth0 for 100.64.0.0/10 since the last call

reset() brings the tailnet back as well. The order in which the hosts join decides their addresses: 100.64.0.1 and .2."""

import json
import os
import pathlib
import time

from lab import LOWER, OUTSIDE, SOURCE, Host, LabError, Pair, wait_for

# Set by `make tailnet-check`: the cases that are one of several of their kind, too.
ALL = bool(os.environ.get("TAILNET_ALL"))
DOMAIN = "tail1234.ts.net"
# The control server, relay and STUN. A private address, since tailscaled insists on port 443 of others when it comes again soon.
CONTROL = "10.192.0.1"
SOCKET = "/run/tailscale/tailscaled.sock"
STATE = "/var/lib/tailscale/tailscaled.state"
HOW_TO_GET = ("no tailscaled: name a folder with the programs tailscaled and tailnet, TAILNET=DIR. Both are built with Go from "
              "module tailscale.com: cmd/tailscaled with -tags ts_include_cli, and a control server around "
              "tstest/integration/testcontrol")

# Tailscale's own unit but for the settings, of which there is none to choose here. nftables: iptables need not be installed.
UNIT = f"""\
[Unit]
Description=Tailscale node agent
Wants=network-pre.target
After=network-pre.target
[Service]
Environment=TS_DEBUG_FIREWALL_MODE=nftables TS_NO_LOGS_NO_SUPPORT=true
ExecStart=/usr/sbin/tailscaled --state={STATE} --socket={SOCKET} --port=41641
ExecStopPost=/usr/sbin/tailscaled --cleanup
Restart=on-failure
RuntimeDirectory=tailscale
RuntimeDirectoryMode=0755
StateDirectory=tailscale
StateDirectoryMode=0700
CacheDirectory=tailscale
CacheDirectoryMode=0750
Type=notify
[Install]
WantedBy=multi-user.target
"""


def programs():
    """The folder with the programs, or None."""
    folder = pathlib.Path(os.environ.get("TAILNET") or SOURCE.parent / "shared/tailnet")
    return folder if all((folder / name).is_file() for name in ("tailscaled", "tailnet")) else None


class TailnetHost(Host):
    links = {"eth0": "in"}

    @property
    def nspawn_words(self):
        return ["--bind=/dev/net/tun", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                f"--bind-ro={programs() / 'tailscaled'}:/usr/sbin/tailscaled"]

    def _make_network(self):
        self.lab.sh("""
            ip netns add $1
            ip link add $2 type veth peer name eth0 netns $1
            ip link set $2 master internet up
            ip -n $1 link set lo up
            """, self.name, f"in{self.number}")
        self._configure_links()

    def _configure_links(self):
        self.lab.sh("""
            ip link set $3 up
            ip -n $1 link set eth0 up
            ip -n $1 address replace $2/24 dev eth0
            ip -n $1 route replace default via $4
            """, self.name, self.eth0, f"in{self.number}", OUTSIDE)

    def _make_root(self):
        super()._make_root()
        self.put("/usr/sbin/tailscaled", "")
        self.symlink("/usr/sbin/tailscaled", "/usr/bin/tailscale")
        self.put("/etc/systemd/system/tailscaled.service", UNIT)
        self.symlink("/etc/systemd/system/tailscaled.service",
                     "/etc/systemd/system/multi-user.target.wants/tailscaled.service")
        # Its names are MagicDNS's.
        self.put("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")

    def tailscale(self, *words, check=True, timeout=30, user="root"):
        return self.run(["tailscale", *words], check=check, timeout=timeout, user=user)

    def tailscaled(self, order):
        signals = {"hang": "STOP", "resume": "CONT"}
        if order in signals:
            self.systemctl("kill", f"--signal={signals[order]}", "tailscaled")
        else:
            self.systemctl(order, "tailscaled")

    def local(self, what, method="GET", user="root", timeout=1):
        """The HTTP status of tailscaled's answer, 0 if there is none, and the answer."""
        done = self.run(["curl", "-s", "-m", str(timeout), "-X", method, "-w", "\n%{http_code}", "--unix-socket", SOCKET,
                         f"http://local-tailscaled.sock/localapi/v0/{what}"], check=False, user=user)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    @property
    def tailscale_status(self):
        status, text = self.local("status?peers=false")
        return json.loads(text) if status == 200 else {}

    @property
    def backend(self):
        return self.tailscale_status.get("BackendState", "")

    def wait_tailscale(self, *states, deadline=30):
        self.wait_for(lambda: self.backend in states, deadline, f"tailscaled is {' or '.join(states) or 'silent'}")

    def join(self):
        self.tailscale("up", f"--login-server=http://{CONTROL}:9911", f"--hostname={self.name}", "--accept-dns=true",
                       "--timeout=20s")
        self.wait_tailscale("Running")

    def snapshot(self):
        """What tailscaled writes to /etc belongs to it, and so does its own state."""
        self.join()
        super().snapshot()
        self.run(f"cp {STATE} {STATE}.first")

    def reset(self):
        super().reset()
        if self.is_active("tailscaled"):
            self.tailscaled("resume")
        if self.backend != "Running" or self.address not in self.tailscale_status["TailscaleIPs"]:
            self.rejoin()
        self.run("tailscale serve reset; tailscale set --ssh=false", check=False)
        self.mark()

    def rejoin(self):
        """Starts tailscaled as it was when it had joined."""
        self.run(f"systemctl stop tailscaled; cp {STATE}.first {STATE}; systemctl start tailscaled")
        self.wait_tailscale("Running")

    def reaches(self, peer, timeout=1):
        return '"Err":""' in self.local(f"ping?ip={peer.address}&type=disco", "POST", timeout=timeout)[1]

    def leaks(self):
        """Seen on the way into the bridge: [address, protocol, port there, port here]."""
        dev = f"in{self.number}"
        text = self.lab.outside.run(f"nft -j list set netdev leaks {dev}", check=False).stdout
        self.lab.sh(f"""nft 'table netdev leaks {{
            set {dev} {{ type ipv4_addr . inet_proto . inet_service . inet_service; size 65535; flags dynamic; }}
            chain {dev} {{ type filter hook ingress device {dev} priority -1; }}; }}
            flush chain netdev leaks {dev}; flush set netdev leaks {dev}
            add rule netdev leaks {dev} ip daddr 100.64.0.0/10 meta l4proto {{ tcp, udp }} \
            update @{dev} {{ ip daddr . meta l4proto . th dport . th sport }}'""")
        found = [each["set"] for each in json.loads(text or "{}").get("nftables", []) if "set" in each]
        return [e["concat"] for each in found for e in each.get("elem", [])]


class TailnetPair(Pair):
    host_kind = TailnetHost

    def __init__(self, lab, lower=LOWER):
        if not programs():
            raise LabError(HOW_TO_GET)
        self.lab = lab
        lab.sh("ip address replace $1/32 dev internet", CONTROL)
        self.control = lab.outside.popen([str(programs() / "tailnet"), CONTROL])
        wait_for(lambda: self.order("nodes"), 20, "the control server answers")
        super().__init__(lab, lower)

    def order(self, path, **words):
        query = "&".join(f"{k}={v}" for k, v in words.items())
        return self.lab.outside.run(["curl", "-s", "-f", "-m", "5", f"http://{CONTROL}:9912/{path}?{query}"],
                                    check=False).stdout

    def reset(self):
        for host in (self.primary, self.standby):
            self.expire(host, 0)
        self.order("ssh", mode="off")
        self.order("login", on=0)
        super().reset()
        hosts = (self.primary, self.standby)
        for host, peer in (hosts, hosts[::-1]):
            if not host.reaches(peer, 2):  # as after an expired key
                for each in hosts:
                    each.rejoin()
            host.wait_for(lambda: host.reaches(peer), 20, f"{peer.name} is reached")

    @property
    def json(self):
        """`status --json`"""
        return json.loads(self.standby.run(["openclaw-failover", "status", "--json"], check=False).stdout)

    def expire(self, host, seconds):
        """The key of HOST expires in SECONDS; 0: never."""
        self.order("expire", host=host.name, **{"in": int(seconds)})
