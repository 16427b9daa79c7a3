"""A third node: it goes second, behind the first standby, and only when neither answers."""

import threading
import time

import pytest
from lab import install
from story import DAEMON, events, wait_event, wait_up


def ini(head_start):
    return f"""\
[primary]
host = 100.64.0.1
check_interval = 500ms
silent_timeout = 3s
[senior first]
host = 100.64.0.2
head_start = {head_start}
[workspace]
path =
"""


@pytest.fixture(scope="module")
def booted_third(lab):
    third = lab.host("third", 3)
    install(lab, third)
    third.boot()
    third.snapshot()
    return third


@pytest.fixture
def third(pair, booted_third, sanitizers):
    booted_third.reset()
    sanitizers(booted_third, DAEMON)
    booted_third.put("/etc/openclaw-failover.ini", ini("10s"))
    return booted_third


def watch(pair, third, foreign=False):
    """FOREIGN: a gateway runs on the first standby already."""
    pair.start(up=not foreign)
    if foreign:
        wait_event(pair.standby, "foreign")
        wait_up(pair.standby)
    third.systemctl("start", DAEMON)
    third.wait_journal("The primary .* is up", DAEMON)


def test_stays_quiet_while_the_first_takes_over_slowly(pair, third, fault):
    """The first standby's gateway takes a while to boot, but less than its head start: the third does nothing. Its five
    seconds are half of the head start here; a minute is a fifth of the default one."""
    pair.standby.gateway.mode("boot=5")
    watch(pair, third)
    pair.primary.gateway.kill()
    third.wait_journal("counts as down", DAEMON)
    assert "waits for the standbys that go first" in third.out("openclaw-failover status || true")
    promoted = wait_event(pair.standby, "promoted")
    told = third.wait_journal("senior standby first has taken over", DAEMON)
    fault("three nodes: the first standby's gateway takes 5 s to boot (head_start = 10s)", promoted, told["MESSAGE"])
    assert "first" in third.out("openclaw-failover status || true")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    assert events(third) == []


def test_takes_over_when_both_are_dead(pair, third, fault):
    """… and hands back when the first standby is there."""
    third.put("/etc/openclaw-failover.ini", ini("3s"))
    watch(pair, third)
    pair.standby.systemctl("stop", DAEMON)
    pair.primary.gateway.kill()
    promoted = wait_event(third, "promoted")
    assert int(promoted["FAILOVER_DETECTING_USEC"]) >= 3_000_000
    fault("three nodes: the primary's gateway is killed, the first standby's daemon was stopped (head_start = 3s)", promoted)
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "promoted")
    wait_event(third, "demoted")
    third.wait_journal("The senior standby first has taken over. Demoting: stopping", DAEMON)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    assert events(third) == ["promoting", "promoted", "demoting", "demoted"]


def test_all_hosts_dead_but_the_third(pair, third, fault):
    third.put("/etc/openclaw-failover.ini", ini("2s"))
    watch(pair, third)
    pair.standby.drop()
    pair.primary.drop()
    fault("three nodes: both others vanish (head_start = 2s)", wait_event(third, "promoted"))
    pair.primary.heal()
    wait_event(third, "demoted")


def test_a_senior_that_answers_now_and_then(pair, third, fault):
    """It is neither up nor down for three checks in a row, and does not keep the third quiet for ever."""
    third.put("/etc/openclaw-failover.ini", ini("1s"))
    pair.standby.systemctl("start", "openclaw.service")
    watch(pair, third, foreign=True)
    pair.standby.systemctl("stop", DAEMON)
    stop = threading.Event()
    flapping = threading.Thread(target=flap, args=(pair.standby, stop))
    flapping.start()
    try:
        pair.primary.gateway.kill()
        promoted = wait_event(third, "promoted")
    finally:
        stop.set()
        flapping.join()
    fault("three nodes: the first standby's gateway answers one check and fails the next (head_start = 1s)", promoted)


def test_a_flapping_senior_has_to_prove_itself_for_longer(pair, third):
    """Four good checks in a row, and gone again: they are enough for the first failback, and not for the second."""
    third.put("/etc/openclaw-failover.ini", ini("1s"))
    pair.standby.systemctl("start", "openclaw.service")
    watch(pair, third, foreign=True)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.gateway.mode("503")
    pair.primary.gateway.kill()
    wait_event(third, "promoted")
    pair.standby.gateway.mode()
    wait_event(third, "demoted")
    pair.standby.gateway.mode("503")
    wait_event(third, "promoted", count=2)
    pair.standby.gateway.mode()
    time.sleep(2)
    pair.standby.gateway.mode("503")
    time.sleep(1)
    assert events(third).count("demoting") == 1
    pair.standby.gateway.mode()
    wait_event(third, "demoted", count=2)


def flap(host, stop):
    while not stop.wait(0.6):
        host.gateway.mode("503")
        if not stop.wait(0.6):
            host.gateway.mode()


def test_cut_off_from_the_senior_that_has_taken_over(pair, third, figure):
    """It is this machine that nobody can reach: the hold comes first, as it does for the primary. The head start is over when
    the hold ends, and longer than the senior takes on a slow machine."""
    third.put("/etc/openclaw-failover.ini", ini("5s") + "[witness]\ncut_off_wait = 6s\n")
    watch(pair, third)
    pair.primary.gateway.kill()
    third.wait_journal("senior standby first has taken over", DAEMON)
    third.link_down()
    down = time.monotonic()
    promoting = wait_event(third, "promoting")
    held = int(promoting["__MONOTONIC_TIMESTAMP"]) / 1e6 - down
    assert held > 5.5
    figure(f"cut off from a senior that is up: promotes after {held:.1f} s (cut_off_wait = 6s)")


def test_hands_back_to_the_primary(pair, third):
    third.put("/etc/openclaw-failover.ini", ini("1s"))
    watch(pair, third)
    pair.standby.systemctl("stop", DAEMON)
    pair.primary.gateway.kill()
    wait_event(third, "promoted")
    pair.primary.gateway.start()
    wait_event(third, "demoted")
