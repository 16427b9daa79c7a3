"""The primary is well, and what is between it and this machine's tailscaled is not: never its death. Faults of the other side
are in test_tailnet.py."""

import pytest
import tailnet
from story import begin, events, wait_event

pytestmark = pytest.mark.skipif(not tailnet.programs(), reason=tailnet.HOW_TO_GET)
only_all = pytest.mark.skipif(not tailnet.ALL, reason="`make tailnet-check` runs it")
IN_CI = ("tailscaled stopped", "tailscaled hung", "key expired", "uplink dead")
WAIT = 6_000_000


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


def wait_cut_off(pair, deadline=30):
    pair.standby.wait_for(lambda: pair.json["check_verdict"] == "cut-off", deadline, "cut off")


@pytest.mark.parametrize("what", [w if w in IN_CI else pytest.param(w, marks=only_all) for w in FAULTS])
def test_cut_off_here(pair, what):
    """Held for as long as cut_off_wait says, and nothing is counted."""
    begin(pair, witness={"cut_off_wait": "6s"})
    FAULTS[what](pair)
    wait_cut_off(pair)
    assert pair.json["state"] == "standby"
    promoted = wait_event(pair.standby, "promoted", 60)
    assert int(promoted["FAILOVER_DETECTING_USEC"]) >= WAIT


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
