"""What an ordinary user sends to the daemon changes no word, no end and no time of a failover."""

import contextlib
import json
import re
import subprocess

import pytest

from lab import SOURCE
from story import DAEMON, begin, wait_event

RATE = 10_000
POLICIES = ("/usr/share/dbus-1/system.d", "/etc/dbus-1/system.d")
FLOODER = SOURCE / "tests/lab/flooder.py"
ALONE = {"workspace": {"path": ""}, "secrets": None}


@contextlib.contextmanager
def flooded(pair, figure, *kinds):
    host = pair.standby
    host.put("/usr/local/bin/flooder", FLOODER.read_text(), mode=0o755)
    flooder = host.popen(["flooder", str(RATE), "org.openclaw.Failover1", *kinds], user="alice", stdout=subprocess.PIPE, text=True)
    assert flooder.stdout.readline() == "flooding\n"
    yield
    flooder.terminate()
    sent, seconds = flooder.communicate(timeout=30)[0].split()
    figure(f"{', '.join(kinds)}: {sent} messages in {seconds} s")


@contextlib.contextmanager
def no_policy(host):
    """Without what the bus itself holds back: an administrator's own policy may let it through."""
    for folder in POLICIES:
        path = f"{folder}/org.openclaw.Failover1.conf"
        if host.exists(path):
            text = host.get(path)
            host.put(path, re.sub(r" *<(deny|allow) receive_type.*\n", "", text))
    host.systemctl("reload", "dbus")
    yield


def fail_over_and_back(pair):
    """What people are told, and how long nobody was reached."""
    pair.standby.mark()
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    story = [(e["FAILOVER_EVENT"], re.sub(r"[\d.]+ (ms|s)\b", "N", e["MESSAGE"])) for e in pair.standby.journal(DAEMON)
             if "FAILOVER_EVENT" in e]
    return story, int(promoted["FAILOVER_OUTAGE_USEC"])


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no-policy"])
def test_flood_during_a_failover(pair, figure, policy):
    begin(pair, **ALONE)
    with contextlib.nullcontext() if policy else no_policy(pair.standby):
        story, outage = fail_over_and_back(pair)
        for kinds in (["unit", "owner", "job", "status"], ["calls"]):
            with flooded(pair, figure, *kinds):
                again, longer = fail_over_and_back(pair)
            figure(f"policy {policy}, {', '.join(kinds)}: {(longer - outage) / 1e6:+.2f} s")
            assert again == story
            assert longer - outage < 500_000
    assert "stood still" not in "\n".join(pair.standby.messages(DAEMON))


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no-policy"])
def test_forged_result_of_a_sync(pair, figure, policy):
    host = pair.standby

    def next_sync(before=None):
        """What the next sync did, and when it ended."""
        def ended():
            now = json.loads(host.out("openclaw-failover status --json"))
            return now["synced_at"] != before and (now["sync"], now["synced_at"])
        return host.wait_for(ended, what="a sync")

    begin(pair, workspace={"refresh": "2s"})
    _, when = next_sync(None)  # it brings what is new
    truth, when = next_sync(when)
    with contextlib.nullcontext() if policy else no_policy(host):
        with flooded(pair, figure, "status"):
            for _ in range(3):
                said, when = next_sync(when)
                assert said == truth
