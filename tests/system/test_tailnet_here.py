"""The primary is well, and what is between it and this machine's tailscaled is not: never its death. Faults of the other side
are in test_tailnet.py."""

import time

import pytest
import tailnet
from story import DAEMON, begin, events, wait_event, wait_up

pytestmark = pytest.mark.skipif(not tailnet.programs(), reason=tailnet.HOW_TO_GET)
only_all = pytest.mark.skipif(not tailnet.ALL, reason="`make tailnet-check` runs it")
IN_CI = ("tailscaled stopped", "tailscaled hung", "key expired", "uplink dead")
WAIT = 6_000_000
STEADY = ("state", "health", "check_verdict", "check_reason", "failed_checks", "level")


@pytest.fixture(scope="module")
def booted_pair(lab):
    return tailnet.TailnetPair(lab)


def uplink_dead(pair):
    """The link is up, and the default route is there."""
    pair.standby.drop()


FAULTS = {
    "tailscale down": lambda pair: pair.standby.tailscale("down"),
    "tailscaled stopped": lambda pair: pair.standby.tailscaled("stop"),
    "tailscaled hung": lambda pair: pair.standby.tailscaled("hang"),
    "logged out": lambda pair: pair.standby.tailscale("logout"),
    "key expired": lambda pair: pair.expire(pair.standby, -60),
    "uplink dead": uplink_dead,
}


def wait_cut_off(pair, deadline=60):
    pair.standby.wait_for(lambda: pair.json["check_verdict"] == "cut-off", deadline, "cut off")


@pytest.mark.parametrize("what", [w if w in IN_CI else pytest.param(w, marks=only_all) for w in FAULTS])
def test_cut_off_here(pair, what):
    """Held for as long as cut_off_wait says: counted checks would take less. At most one check leaves by another interface."""
    begin(pair, witness={"cut_off_wait": "6s"}, workspace={"path": ""}, secrets=None)
    pair.standby.leaks()
    FAULTS[what](pair)
    wait_cut_off(pair)
    promoted = wait_event(pair.standby, "promoted", 60)
    assert int(promoted["FAILOVER_DETECTING_USEC"]) >= WAIT
    left = pair.standby.leaks()
    assert len({port for _, _, there, port in left if there == 18789}) <= 1, left
    assert all(there == 18789 for _, _, there, _ in left), left


@only_all
def test_promoted_and_cut_off(pair):
    """No check leaves by another interface, and the primary is not called down: it may be back by now, and is."""
    begin(pair, workspace={"path": ""}, secrets=None)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.standby.tailscale("down")
    wait_cut_off(pair)
    pair.primary.gateway.start()
    pair.standby.leaks()
    checked = pair.json["checked_at"]
    pair.standby.wait_for(lambda: pair.json["checked_at"] != checked, 10, "the next check")
    assert pair.standby.leaks() == []
    pair.standby.tailscale("up")
    wait_event(pair.standby, "demoted", 60)


@only_all
def test_taken_for_a_restart(pair):
    """For half a minute nothing changes: neither status nor level, nor is anything counted."""
    begin(pair, witness={"cut_off_wait": "never"}, workspace={"path": ""}, secrets=None)  # a sync would fail meanwhile
    before = {key: value for key, value in pair.json.items() if key in STEADY}
    pair.standby.tailscaled("stop")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        now = pair.json
        assert {key: now[key] for key in before} == before
    wait_cut_off(pair)  # … but no longer
    pair.standby.tailscaled("start")
    pair.standby.wait_for(lambda: pair.json["failed_checks"] == 0, 30, "a good check")
    assert events(pair.standby) == []


@only_all
def test_tailscaled_comes_a_minute_after_the_daemon(pair):
    """At a boot: no check leaves by eth0, nobody is promoted."""
    begin(pair)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.tailscaled("stop")
    pair.standby.mark()
    pair.standby.leaks()
    pair.standby.systemctl("start", DAEMON)
    wait_cut_off(pair)
    time.sleep(30)  # it is not there, and that is what is tested
    assert [there for _, _, there, _ in pair.standby.leaks() if there == 18789] == []
    pair.standby.tailscaled("start")
    wait_up(pair.standby)
    assert events(pair.standby) == []


@only_all
@pytest.mark.parametrize("what", [what for what in FAULTS if what != "uplink dead"])
def test_never_promoted_if_it_may_wait_for_ever(pair, what):
    """… and all is well again when it is over, without a transition."""
    begin(pair, witness={"cut_off_wait": "never"})
    FAULTS[what](pair)
    wait_cut_off(pair)
    pair.standby.heal()
    pair.expire(pair.standby, 0)
    if pair.standby.is_active("tailscaled"):
        pair.standby.tailscaled("resume")
    pair.standby.rejoin()
    pair.standby.wait_for(lambda: pair.json["failed_checks"] == 0 and pair.json["health"] == "up", 30, "up again")
    assert events(pair.standby) == []
