"""The D-Bus service on a real standby: what it shows, who may do what, and what polkit has to do with it."""

import json
import re
import subprocess

import pytest
from commands import (BUS, DETECTION_KEYS, LAST_FAILOVER_KEYS, STATUS_KEYS, TICKS, busctl, call, cli, get, ok, status,
                      wait_checks, wait_status)
from story import DAEMON, GATEWAY, begin, frozen, wait_event

POLKIT_LETS_ALICE = """\
polkit.addRule(function (action, subject) {
        if (action.id == "org.openclaw.failover1.control" && subject.user == "alice")
                return polkit.Result.YES;
});
"""


def test_introspection(pair):
    begin(pair)
    for user in ("root", "alice", "openclaw"):
        lines = pair.standby.out(["busctl", "introspect", "--no-pager", *BUS[:2]], user=user)
        for method, signature in (("Promote", "-"), ("Demote", "-"), ("Auto", "-"), ("Pause", "t"), ("Resume", "-"), ("Drill", "-")):
            assert re.search(rf"^\.{method} +method +{signature} +-", lines, re.M), method
        assert re.search(r"^\.Event +signal +ss", lines, re.M)
        found = re.findall(r"^\.(\w+) +property .*?(emits-change|const|-)$", lines, re.M)
        assert {name for name, flag in found if flag != "emits-change"} == {"Version"} | TICKS
        assert len(found) == len(STATUS_KEYS | LAST_FAILOVER_KEYS | DETECTION_KEYS) - 7  # all but version, instance, running, level, and the objects; and Version


def test_properties_tell_what_changes(pair):
    begin(pair, workspace={"path": ""}, secrets=None)  # a sync would have its own to tell
    popen = pair.standby.popen(["busctl", "monitor", "--json=short", "--match",
                                "type='signal',path='/org/openclaw/Failover1'"], stdout=subprocess.PIPE)

    def signals(until):
        """The changed properties of each signal, up to the first one for which UNTIL is true."""
        for line in popen.stdout:
            message = json.loads(line)
            data = message["payload"]["data"]
            if message["member"] == "PropertiesChanged":
                yield {name: value["data"] for name, value in data[1].items()}
                if until(data[1]):
                    return

    # A check that goes as the one before is not signalled, whoever looks.
    reader = pair.standby.popen(["openclaw-failover", "status", "--watch", "--json"], stdout=subprocess.DEVNULL)
    pair.primary.gateway.mode("normal log")
    pair.primary.mark()
    pair.primary.wait_for(lambda: len(pair.primary.journal("openclaw.service")) > 8, what="more checks")
    pair.primary.gateway.kill()
    merged = {}
    for changed in signals(lambda changed: changed.get("State", {}).get("data") == "promoted"):
        assert not changed.keys() & TICKS, changed
        merged.update(changed)
    reader.kill()
    reader.wait()
    assert merged["Health"] == "down" and merged["LastCheckVerdict"] == "down" and merged["FailedChecks"] == 3
    assert merged["LastCheckReason"] == "connection refused" and merged["LastFailoverReason"] == "connection refused"
    popen.kill()


@pytest.mark.parametrize("user", ["alice", "openclaw"])
def test_others_may_look_but_not_act(pair, user):
    begin(pair)
    assert cli(pair.standby, "status", user=user).returncode == 0
    assert get(pair.standby, "State", user=user) == "standby"
    for words in (["promote"], ["demote"], ["auto"], ["pause"], ["resume"], ["drill"]):
        done = cli(pair.standby, *words, user=user)
        assert done.returncode == 77 and "Only root may do that" in done.stderr, words
    for method, *words in (["Promote"], ["Demote"], ["Auto"], ["Pause", "t", "60"], ["Resume"], ["Drill"]):
        done = call(pair.standby, method, *words, user=user)
        assert done.returncode != 0 and "Access denied" in done.stderr, done.stderr
    now = status(pair.standby)
    assert (now["mode"], now["paused_until"], now["state"]) == ("auto", None, "standby")
    assert "asks to" not in "\n".join(pair.standby.messages(DAEMON))


def test_properties_cannot_be_set(pair):
    begin(pair)
    assert busctl(pair.standby, "set-property", *BUS, "Mode", "s", "pinned").returncode != 0
    assert status(pair.standby)["mode"] == "auto"


def test_polkit_may_allow_others(pair):
    pair.standby.put("/etc/polkit-1/rules.d/49-alice.rules", POLKIT_LETS_ALICE)
    pair.standby.systemctl("restart", "polkit")
    begin(pair)
    assert "paused until" in ok(pair.standby, "pause", user="alice")
    assert "User 1501 asks to pause for 1 h 0 min." in pair.standby.messages(DAEMON)
    assert cli(pair.standby, "resume", user="openclaw").returncode == 77


def test_promote_what_runs_already(pair):
    """A gateway that a user started is reported, makes the standby unwell, and can be kept."""
    begin(pair)
    pair.standby.systemctl("start", GATEWAY)
    wait_event(pair.standby, "foreign")
    status = cli(pair.standby, "status")
    assert status.returncode == 1 and "runs here" in status.stdout
    demote = cli(pair.standby, "demote")
    assert demote.returncode == 75 and "use systemctl stop" in demote.stderr and pair.standby.is_active(GATEWAY)
    ok(pair.standby, "promote")
    assert wait_event(pair.standby, "adopted")["FAILOVER_MODE"] == "pinned"
    wait_event(pair.standby, "promoted")
    ok(pair.standby, "auto")
    wait_event(pair.standby, "demoted")
    wait_status(pair.standby, state="standby", level="well")  # the promotion may have ended a sync
    assert cli(pair.standby, "status").returncode == 0


def test_polkit_hangs(pair):
    """Root needs no polkit; others hear of it soon; and the loop goes on meanwhile."""
    begin(pair)
    with frozen(pair.standby, "polkit"):
        popen = pair.standby.popen(["openclaw-failover", "pause"], user="alice", stderr=subprocess.PIPE)
        ok(pair.standby, "pause", "2h")
        wait_checks(pair.standby)
        assert "polkit does not answer, so only root may do that now" in popen.communicate(timeout=20)[1]
        assert popen.returncode == 77
    assert pair.standby.unit(DAEMON)["NRestarts"] == "0"


def test_polkit_is_not_there(pair):
    begin(pair)
    pair.standby.run("systemctl mask --runtime --now polkit")
    done = cli(pair.standby, "pause", user="alice")
    assert done.returncode == 77 and "systemctl status polkit" in done.stderr
    ok(pair.standby, "pause")


def test_nobody_else_can_have_the_name(pair):
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhost = 100.64.0.1\n")
    done = pair.standby.run("timeout --preserve-status 2 openclaw-failover run", user="alice", check=False)
    assert "Cannot offer org.openclaw.Failover1" in done.stderr


def test_bus_restarts(pair):
    begin(pair)
    pair.standby.systemctl("restart", "dbus")
    wait_status(pair.standby, running=True, level="well")
    ok(pair.standby, "pause")
    assert pair.standby.unit(DAEMON)["NRestarts"] == "0"
    assert not [m for m in pair.standby.messages(DAEMON) if m.startswith("Cannot")]


@pytest.mark.parametrize("seconds", [31622401, 2**63, 2**64 - 2])
def test_absurd_pauses(pair, seconds):
    begin(pair)
    done = call(pair.standby, "Pause", "t", str(seconds))
    assert done.returncode != 0 and "longer than a year" in done.stderr
    assert status(pair.standby)["paused_until"] is None


def test_pauses_over_the_bus(pair):
    begin(pair)
    clock = int(pair.standby.out("date +%s"))
    call(pair.standby, "Pause", "t", "0")
    assert abs(get(pair.standby, "PausedUntilTimestamp") / 1e6 - clock - 3600) < 30
    call(pair.standby, "Pause", "t", str(2**64 - 1))
    assert get(pair.standby, "PausedUntilTimestamp") == 2**64 - 1
    assert status(pair.standby)["paused_until"] == "infinity"
    call(pair.standby, "Resume")
    assert get(pair.standby, "PausedUntilTimestamp") == 0
