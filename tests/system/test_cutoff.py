"""Is it the primary that is gone, or are we? Only local evidence counts, and it only delays."""

import re

import pytest
from commands import status, wait_checks
from story import DAEMON, GATEWAY, begin, events, failed_checks, verdict, wait_event

WITNESS = {"url": "http://192.0.2.254:8080/", "cut_off_wait": "4s"}
NO_HOLD = 2_500_000  # what counting takes without a hold, at most


@pytest.fixture
def witness(pair):
    """An address outside the tailnet that answers."""
    server = pair.lab.outside.popen(["python3", "-m", "http.server", "--bind", "192.0.2.254", "8080", "-d", "/proc/self"])
    pair.standby.wait_for(lambda: pair.standby.run("curl -s -m 1 http://192.0.2.254:8080/", check=False).returncode == 0)
    yield server
    server.kill()
    server.wait()


# All that nft can answer with (nft(8), reject statement) …
REJECTED = {
    "icmp net-unreachable": "a router rejects the primary: ICMP net unreachable",
    "icmp host-unreachable": "a router rejects the primary: ICMP host unreachable",
    "icmp prot-unreachable": "the primary rejects: ICMP protocol unreachable",
    "icmp port-unreachable": "a firewall rejects the primary: ICMP port unreachable",
    "icmp net-prohibited": "a firewall rejects the primary: ICMP net prohibited",
    "icmp host-prohibited": "a firewall rejects the primary: ICMP host prohibited",
    "icmp admin-prohibited": "a firewall rejects the primary: ICMP administratively prohibited",
    "tcp reset": "a firewall rejects the primary: TCP reset",
}
REJECTED6 = {
    "icmpv6 no-route": "a router rejects the primary: ICMPv6 no route",
    "icmpv6 admin-prohibited": "a firewall rejects the primary: ICMPv6 administratively prohibited",
    "icmpv6 addr-unreachable": "a router rejects the primary: ICMPv6 address unreachable",
    "icmpv6 port-unreachable": "a firewall rejects the primary: ICMPv6 port unreachable",
    "icmpv6 policy-fail": "a firewall rejects the primary: ICMPv6 source address failed policy",
    "icmpv6 reject-route": "a router rejects the primary: ICMPv6 reject route",
}
# … and what the journal says of it: Linux makes less of some than they say.
TOLD = {
    "icmp net-unreachable": "network is unreachable",
    "icmp host-unreachable": "no route to host",
    "icmp prot-unreachable": "connection refused: no TCP is spoken there",
    "icmp port-unreachable": "connection refused.",
    "icmp net-prohibited": "network is unreachable",
    "icmp host-prohibited": "no route to host",
    "icmp admin-prohibited": "no route to host",
    "tcp reset": "connection refused.",
    "icmpv6 no-route": "network is unreachable",
    "icmpv6 admin-prohibited": "a firewall or a route forbids the connection",
    "icmpv6 addr-unreachable": "no route to host",
    "icmpv6 port-unreachable": "connection refused.",
    "icmpv6 policy-fail": "a firewall or a route forbids the connection",
    "icmpv6 reject-route": "a firewall or a route forbids the connection",
}


def counting(entry):
    return int(entry["FAILOVER_DETECTING_USEC"])


def test_no_carrier_is_held_and_then_promotes(pair, fault):
    begin(pair, witness={"cut_off_wait": "4s"})
    pair.standby.link_down()
    pair.standby.wait_journal("no carrier.*Waiting for the network here, at most 4.0 s", DAEMON)
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) >= 4_000_000
    fault("the standby's only link is down (cut_off_wait = 4s)", promoted)


def test_link_comes_back_within_the_hold(pair, fault):
    begin(pair, witness={"cut_off_wait": "1m"})
    pair.standby.link_down()
    pair.standby.wait_journal("no carrier", DAEMON)
    pair.standby.heal()
    told = pair.standby.wait_journal("answers again", DAEMON)
    assert events(pair.standby) == []
    fault("the standby's only link is down, and up again within the hold", None, told["MESSAGE"])


def test_default_route_removed_proves_nothing_while_a_link_is_there(pair, fault):
    begin(pair)
    pair.standby.run("ip route del default", check=False)
    pair.primary.drop()
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    fault("the primary vanishes, and the standby's default route with it", promoted)


def test_an_address_like_tailscales(pair):
    """Another VPN gives them out, too, or tailscaled's socket is elsewhere: Tailscale is installed here and does not run."""
    pair.standby.put("/etc/systemd/system/tailscaled.service", "[Service]\nExecStart=/usr/bin/true\n")
    begin(pair)


def test_witness_answers(pair, witness, fault):
    begin(pair, witness=WITNESS)
    pair.primary.drop()
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    fault("a partition takes the primary alone, and the witness answers", promoted)


def test_witness_fails_too(pair, witness, fault):
    begin(pair, witness=WITNESS)
    pair.standby.drop()
    pair.standby.wait_journal("cut off", DAEMON)
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) >= 4_000_000
    wait_checks(pair.standby)
    assert verdict(pair.standby) == "cut-off"  # that ends with the network's return alone
    fault("a partition takes the primary and the witness (cut_off_wait = 4s)", promoted)


def test_witness_fails_too_and_the_name(pair, witness):
    """The reason is whole."""
    begin(pair, primary={"host": "primary"}, witness=WITNESS)
    pair.standby.put("/etc/hosts", "")
    pair.standby.drop()
    pair.standby.wait_journal(r"last good address: its name does not resolve\), and the witness fails too\. Waiting", DAEMON)


def test_a_dead_witness_is_not_used_when_the_primary_refuses(pair, fault):
    """What came back, came by a network that works."""
    begin(pair, witness={**WITNESS, "url": "http://192.0.2.254:8099/", "cut_off_wait": "1m"})
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    fault("the gateway is killed, and the witness was dead before", promoted)


# No gateway but another program, which says so in letters of two bytes: one of them is cut, with or without the x.
STRANGER = """\
import socket
listener = socket.create_server(("", 18789))
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    peer.sendall("HTTP/1.1 200 OK\\r\\nContent-Type: WORD\\r\\n\\r\\nHello".encode())
    peer.close()
"""


@pytest.mark.parametrize("word", ["é" * 40, "x" + "é" * 40], ids=["even", "odd"])
def test_a_strangers_letters_are_not_halved(pair, word):
    """The bus takes no half of a letter: nobody could ask for the status."""
    begin(pair, primary={"fail_threshold": 1000})
    pair.primary.gateway.kill()
    pair.primary.put("/run/stranger.py", STRANGER.replace("WORD", word))
    pair.primary.popen(["python3", "/run/stranger.py"])
    pair.standby.wait_journal(r"Failed check.*éé", DAEMON)
    done = pair.standby.run("openclaw-failover status", check=False)
    assert done.returncode in (0, 1) and "éé" in done.stdout, done


@pytest.mark.parametrize("how", REJECTED)
def test_rejects_prove_nothing(pair, how, fault):
    """A router's or host's ICMP error is no evidence that we are cut off."""
    begin(pair)
    pair.primary.reject(how)
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    # The first: the kernel sends a few of these at once, and then one a second (icmp(7), icmp_ratelimit).
    assert TOLD[how] in failed_checks(pair.standby)[0]
    fault(REJECTED[how], promoted)


@pytest.mark.parametrize("how", REJECTED6)
def test_rejects_by_icmpv6_prove_nothing(pair, how, fault):
    """Between hosts as near as ours the error comes while connect(2) still has the socket, and Linux drops it (tcp_v6_err(),
    LockDroppedIcmps); what counts is that to the second SYN, after a second. So one check is enough here, and takes longer."""
    host = pair.primary.address6
    pair.primary.popen(["python3", "-m", "http.server", "--bind", host, "18789", "-d", "/proc/self"])
    pair.standby.wait_for(lambda: pair.standby.run(f"curl -s -m 1 'http://[{host}]:18789/'", check=False).returncode == 0)
    begin(pair, primary={"host": host, "scheme": "tcp", "check_interval": "3s", "timeout": "1500ms", "fail_threshold": 1,
                         "recover_threshold": 1})
    pair.primary.reject(how)
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < 10_000_000
    assert TOLD[how] in failed_checks(pair.standby)[0]
    fault(REJECTED6[how], promoted)


def test_refused_by_our_own_firewall(pair, witness, fault):
    begin(pair, witness=WITNESS)
    pair.standby.run("ip route add prohibit 100.64.0.1/32")
    try:
        promoted = wait_event(pair.standby, "promoted")
        assert counting(promoted) < NO_HOLD
    finally:
        pair.standby.run("ip route del prohibit 100.64.0.1/32")
    fault("the standby's own routes prohibit the primary, and the witness answers", promoted)


def test_planned_restart_does_not_promote(pair, fault):
    """With restart_grace: the primary said that it drains, then it is away for a moment."""
    begin(pair, primary={"restart_grace": "20s"})
    pair.primary.gateway.mode("draining")
    pair.standby.wait_journal("draining", DAEMON)
    assert status(pair.standby)["waiting_until"]
    pair.primary.gateway.stop()
    pair.standby.wait_journal("connection refused", DAEMON)
    pair.primary.gateway.mode("starting")
    pair.primary.gateway.start(wait=False)
    pair.standby.wait_journal("starting", DAEMON)
    pair.primary.gateway.mode("normal")
    told = pair.standby.wait_journal("answers again", DAEMON)
    assert events(pair.standby) == []
    fault("the primary is restarted, and says so (restart_grace = 20s)", None, told["MESSAGE"])


def test_restart_that_takes_too_long_promotes(pair, fault):
    begin(pair, primary={"restart_grace": "3s"})
    pair.primary.gateway.mode("draining")
    pair.standby.wait_journal("draining", DAEMON)
    pair.primary.gateway.kill()
    pair.standby.wait_journal("Waiting for the primary, which said that it restarts, at most 3.0 s", DAEMON)
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) >= 3_000_000
    fault("the primary says that it restarts, and does not come back (restart_grace = 3s)", promoted)


def test_crash_is_not_a_planned_restart(pair, fault):
    begin(pair, primary={"restart_grace": "1m"})
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    fault("the primary crashes, which is no restart (restart_grace = 1m)", promoted)


def test_failback_waits_until_the_primary_has_started(pair, figure):
    begin(pair, primary={"restart_grace": "2s"})
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.mode("starting")
    pair.primary.gateway.start(wait=False)
    pair.standby.wait_for(lambda: "starting" in pair.standby.out("openclaw-failover status --json || true"))
    assert "demoting" not in events(pair.standby)
    figure("restart_grace: no failback while the primary says that it starts")
    pair.primary.gateway.mode("normal")
    wait_event(pair.standby, "demoted")


def paths(host):
    """What its gateway was asked for since the last mark, in order; it logs that in the mode "log"."""
    return [path for m in host.messages(GATEWAY) for path in re.findall(r"GET (\S+) HTTP", m)]


def test_older_gateway_without_startupz(pair, fault):
    """It answers with HTML: asked once, and that is nothing to talk about."""
    pair.primary.gateway.mode("old log")
    begin(pair, primary={"restart_grace": "20s"})
    pair.primary.wait_for(lambda: paths(pair.primary).count("/health") >= 6)
    assert paths(pair.primary).count("/startupz") == 1
    said = [e["MESSAGE"] for e in pair.standby.journal(DAEMON) if e.get("_COMM", "").startswith("openclaw-failov")]
    assert "is up" in said.pop(), said
    assert not any(re.search("startupz|startup|restart|older|html|404", m, re.IGNORECASE) for m in said), said
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    assert counting(promoted) < NO_HOLD
    fault("the gateway is killed, and is too old for restart_grace (20s)", promoted)
