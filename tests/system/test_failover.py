"""The way there and the way back, for every way in which a primary can fail."""

import re
import time

import pytest
from commands import status
from story import DAEMON, GATEWAY, begin, events, fail_over, failed_checks, marker, starts, wait_event, wait_up


MISBEHAVIOUR = {
    "hang": "it accepts connections and never answers",
    "drip": "it answers a byte a second",
    "flood": "it answers without an end",
    "garbage": "it answers with garbage",
    "close": "it closes each connection",
    "reset": "it resets each connection",
    "headers": "it sends headers without an end",
    "slow-headers": "it sends a header line a second",
    "bomb": "it sends a compressed bomb",
    "html": "it sends a web page with a 200",
    "false": 'it says `"ok": false`',
    "empty": "it sends an empty 200",
    "redirect": "it redirects",
    "503": "it says 503",
    "404": "it says 404",
}


def test_killed_and_restored(pair, fault):
    primary, standby = pair.primary, pair.standby
    promoted = fail_over(pair)
    fault("the gateway is killed", promoted)
    assert failed_checks(standby) == [
        "Failed check 1 of 3: connection refused.",
        "Failed check 2 of 3: connection refused.",
        "Failed check 3 of 3: connection refused. The primary counts as down.",
    ]
    assert standby.gateway.answers()
    outage = int(promoted["FAILOVER_OUTAGE_USEC"])
    parts = [int(promoted[f"FAILOVER_{part}_USEC"]) for part in ("DETECTING", "SYNCING", "STARTING")]
    assert outage == sum(parts)
    assert promoted["FAILOVER_REASON"] == "connection refused"
    assert promoted["PRIORITY"] == "5" and len(promoted["MESSAGE_ID"]) == 32

    primary.gateway.start()
    wait_event(standby, "demoted")
    assert not standby.gateway.answers() and standby.state(GATEWAY) == "inactive"
    assert events(standby) == ["promoting", "promoted", "demoting", "demoted"]
    standby.wait_for(lambda: marker(standby) == {}, what="the marker is gone")


def test_replaced_at_the_third_failed_check_with_default_settings(pair):
    pair.configure(base={"primary": {"host": "100.64.0.1"}, "workspace": {"path": ""}})
    pair.start()
    pair.standby.wait_journal("The primary .* is up", DAEMON, 40)
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted", 60)
    assert len(failed_checks(pair.standby)) == 3
    assert int(promoted["FAILOVER_DETECTING_USEC"]) < 31_000_000


@pytest.mark.parametrize("mode, words", [
    ("hang", r"silent"),
    ("drip", r"answer"),
    ("flood", r"KiB"),
    ("garbage", r"HTTP"),
    ("close", r"without an answer"),
    ("reset", r"reset"),
    ("headers", r"."),
    ("slow-headers", r"."),
    ("bomb", r"\(application/json\)"),  # and not: more than 64 KiB
    ("html", r"not as an OpenClaw gateway"),
    ("false", r"\"ok\": false"),
    ("empty", r"OpenClaw"),
    ("redirect redirect-to=http://100.64.0.1:18789/health?to", r"302"),
    ("503", r"503"),
    ("404", r"404"),
])
def test_misbehaving_primary(pair, fault, mode, words):
    """Whatever it does instead of answering, the standby takes over; and hands back when it answers."""
    begin(pair)
    pair.primary.gateway.mode(mode)
    promoted = wait_event(pair.standby, "promoted")
    assert re.search(words, promoted["FAILOVER_REASON"]), promoted["FAILOVER_REASON"]
    assert ("silent" if mode == "hang" else "of 3") in failed_checks(pair.standby)[-1]
    fault(MISBEHAVIOUR[mode.split()[0]], promoted)
    pair.primary.gateway.mode("normal")
    wait_event(pair.standby, "demoted")


@pytest.mark.parametrize("mode", ["401", "403", "429"])
def test_gateway_that_wants_a_login_is_up(pair, mode):
    pair.primary.gateway.mode(mode)
    begin(pair)
    assert events(pair.standby) == []


def test_vanished_primary(pair, fault):
    """Packets are dropped, and with them git and secrets: the sync's deadline is all that this may cost."""
    begin(pair, workspace={"timeout": "2s"}, secrets={"timeout": "2s"})
    pair.primary.drop()
    promoted = wait_event(pair.standby, "promoted")
    assert "no answer to the connect" in promoted["FAILOVER_REASON"]
    fault("the host vanishes, with git and secrets on it", promoted)
    assert int(promoted["FAILOVER_SYNCING_USEC"]) < 7_000_000 + 1_000_000
    pair.primary.heal()
    wait_event(pair.standby, "demoted")


def test_dead_primary_on_the_same_link(pair, fault):
    """ARP fails: EHOSTUNREACH, which must not be taken for being cut off."""
    begin(pair)
    pair.primary.link_down()
    fault("the host loses power, on the standby's own link", wait_event(pair.standby, "promoted", 60))


def test_single_blip(pair, fault):
    begin(pair, primary={"fail_threshold": 20})  # so many that this test is never too slow to end the blip
    pair.primary.gateway.mode("503")
    pair.standby.wait_journal("Failed check 1 of 20", DAEMON)
    pair.primary.gateway.mode("normal")
    told = pair.standby.wait_journal(r"answers again after \d+ failed check", DAEMON)
    assert events(pair.standby) == [] and starts(pair.standby) == 0
    fault("a single failed check", None, told["MESSAGE"])


def test_failed_checks_follow_sooner(pair):
    """And what is said of the time left counts with that."""
    begin(pair, primary={"check_interval": "5s", "retry_interval": "500ms", "fail_threshold": 1000, "recover_threshold": 1,
                         "silent_timeout": "1h"})
    assert status(pair.standby)["check_interval_seconds"] == 5
    pair.primary.gateway.kill()
    pair.standby.wait_journal("Failed check 3 of 1000", DAEMON)
    assert status(pair.standby)["check_interval_seconds"] == 0.5


def test_busy_primary(pair, fault):
    """Silent for less than silent_timeout: no promotion."""
    begin(pair)
    pair.primary.gateway.mode("hang")
    pair.standby.wait_journal("Failed check 3: .*silent", DAEMON)
    pair.primary.gateway.mode("normal")
    told = pair.standby.wait_journal("answers again after", DAEMON)
    assert events(pair.standby) == []
    fault("it is busy, and silent for less than silent_timeout", None, told["MESSAGE"])


def test_clear_failures_count_after_silence_too(pair):
    begin(pair, primary={"silent_timeout": "1h"})
    pair.primary.gateway.mode("hang")
    pair.standby.wait_journal("Failed check 3: .*silent", DAEMON)
    pair.primary.gateway.mode("503")
    promoted = wait_event(pair.standby, "promoted")
    assert "503" in promoted["FAILOVER_REASON"]


def test_flapping_primary_has_to_prove_itself_for_longer(pair, fault):
    fail_over(pair, primary={"recover_threshold": 2})
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted", count=2)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted", count=2)
    told = pair.standby.wait_journal("Good check 4 of 4", DAEMON)
    fault("it flaps: it is killed again, soon after it came back (recover_threshold = 2)", promoted, told["MESSAGE"])


def test_failback_manual_stays_promoted(pair):
    fail_over(pair, primary={"failback": "manual"})
    pair.primary.gateway.start()
    pair.standby.wait_journal("the primary counts as up", DAEMON)
    pair.standby.run("systemctl reload openclaw-failover")  # one more look
    assert events(pair.standby) == ["promoting", "promoted"] and pair.standby.gateway.answers()


def test_silent_name_server(pair, fault):
    """A name whose server never answers: the loop does not stall, and the last good address is used."""
    pair.standby.put("/etc/hosts", "127.0.0.1 localhost\n100.64.0.1 primary.example\n")
    begin(pair, primary={"host": "primary.example", "check_interval": "1s", "timeout": "500ms"})
    pair.standby.put("/etc/hosts", "127.0.0.1 localhost\n")
    pair.standby.resolver("192.0.2.99")
    for _ in range(20):  # the loop answers at once, whatever the name server does
        pair.standby.run("busctl --timeout=0.2 get-property org.openclaw.Failover1 /org/openclaw/Failover1"
                         " org.openclaw.Failover1 State")
    assert events(pair.standby) == []
    pair.primary.gateway.mode("503")
    promoted = wait_event(pair.standby, "promoted")
    assert "503" in promoted["FAILOVER_REASON"]
    fault("it says 503, and the name server is silent (check_interval = 1s)", promoted)


def test_name_that_never_resolves(pair, fault):
    pair.configure(primary={"host": "nobody.example", "silent_timeout": "2s"})
    pair.standby.systemctl("start", DAEMON)
    promoted = wait_event(pair.standby, "promoted")
    assert "does not resolve" in promoted["FAILOVER_REASON"] or "name server" in promoted["FAILOVER_REASON"]
    assert not promoted["FAILOVER_OUTAGE_USEC"]
    fault("its name never resolves", promoted)


def test_tcp_scheme(pair):
    begin(pair, primary={"scheme": "tcp"})
    pair.primary.gateway.mode("hang")  # accepts, which is enough
    pair.standby.wait_for(lambda: True)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")


def test_standstill_starts_counting_again(pair, fault):
    """A machine that was frozen must not count what it did not see."""
    begin(pair)
    pair.primary.gateway.kill()
    pair.standby.wait_journal("Failed check 1 of 3", DAEMON)
    pid = pair.standby.unit(DAEMON)["MainPID"]
    pair.standby.run(f"kill -STOP {pid}; sleep 7; kill -CONT {pid}")
    told = pair.standby.wait_journal("stood still", DAEMON)
    fault("it is killed while the standby is frozen for 7 s", wait_event(pair.standby, "promoted"), told["MESSAGE"])


def test_a_pause_ends_while_the_standby_is_frozen(pair):
    """The primary is back meanwhile: what the last check found is no reason to promote."""
    begin(pair, primary={"timeout": "450ms"})
    pair.standby.run("openclaw-failover pause 5s")
    pair.primary.gateway.kill()
    wait_event(pair.standby, "kept-back")
    pair.standby.pause()
    pair.primary.gateway.mode("wait=0.2")  # so that the end of the pause is seen before the check's
    pair.primary.gateway.start()
    time.sleep(7)  # the daemon's own time
    pair.standby.resume()
    wait_event(pair.standby, "pause-over")
    pair.wait_status("^Standby.*: the primary is up")  # the sync may have failed: its time ended meanwhile
    assert "promoting" not in events(pair.standby)
