"""The command `history`, and the journal's catalog."""

import json
import re

import pytest
from commands import cli, ok
from story import DAEMON, begin, fail_over, wait_event

FAILOVER_KEYS = {
    "kind", "began", "started", "ended", "end", "reason", "promoted_seconds", "outage_seconds", "detecting_seconds",
    "syncing_seconds", "starting_seconds", "trouble",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def history(host, *words):
    return json.loads(ok(host, "history", "--json", *words))


def only_now(host):
    """Words that leave out what earlier tests did. --since has whole seconds, so this waits for the next one to begin."""
    before = host.out("date +%s")
    host.wait_for(lambda: host.out("date +%s") != before, what="the next second", every=0.05)
    return ["--since", host.out("date '+%Y-%m-%d %H:%M:%S'")]


def test_history(pair):
    since = only_now(pair.standby)
    promoted = fail_over(pair)
    open_one = history(pair.standby, *since)["failovers"][-1]
    assert open_one["end"] == "open" and open_one["promoted_seconds"] is None
    pair.primary.gateway.start()
    demoted = wait_event(pair.standby, "demoted")
    assert cli(pair.standby, "drill", timeout=90).returncode == 0

    answer = history(pair.standby, *since)
    assert [row["kind"] for row in answer["failovers"]] == ["failover", "drill"]
    row = answer["failovers"][0]
    assert set(row) == FAILOVER_KEYS and row["end"] == "failback" and row["reason"] == "connection refused"
    for key, field in (("outage", "OUTAGE"), ("detecting", "DETECTING"), ("syncing", "SYNCING"), ("starting", "STARTING")):
        assert round(row[f"{key}_seconds"] * 1e6) == int(promoted[f"FAILOVER_{field}_USEC"])
    assert round(row["promoted_seconds"] * 1e6) == int(demoted["FAILOVER_PROMOTED_USEC"])

    assert len(history(pair.standby, *since, "-n", "1")["failovers"]) == 1
    lines = ok(pair.standby, "history", *since).splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["refused", "drill"]
    assert all(len(line) <= 100 for line in lines)


def test_history_since_the_middle(pair):
    """What began before is shown whole: its end alone does not say that a user promoted."""
    begin(pair)
    ok(pair.standby, "promote")
    wait_event(pair.standby, "promoted")
    since = only_now(pair.standby)
    ok(pair.standby, "auto")
    wait_event(pair.standby, "demoted")
    answer = history(pair.standby, *since)
    assert [row["kind"] for row in answer["failovers"]] == ["by hand"]
    assert answer["failovers"][0]["began"] < answer["since"]


def test_history_over_a_restart_and_a_reboot(pair):
    since = only_now(pair.standby)
    fail_over(pair)
    pair.standby.systemctl("restart", DAEMON)
    assert history(pair.standby, *since)["failovers"][0]["end"] == "open"
    pair.standby.reboot()
    rows = history(pair.standby, *since)["failovers"]
    assert len(rows) == 1 and rows[0]["end"] == "reboot" and rows[0]["promoted_seconds"] is None


@pytest.mark.parametrize("user", ["openclaw", "daemon"])  # a person's journal, and the system's
def test_forged_entries_do_not_count(pair, user):
    """Anybody may log an entry that looks like a failover; only journald says which unit it is from."""
    since = only_now(pair.standby)
    fail_over(pair)
    real = next(e for e in pair.standby.journal(DAEMON) if e.get("FAILOVER_EVENT") == "promoting")
    fields = {"MESSAGE": "forged", "MESSAGE_ID": real["MESSAGE_ID"], "FAILOVER_EVENT": "promoting", "FAILOVER_FROM": "standby",
              "FAILOVER_MODE": "auto", "_SYSTEMD_UNIT": DAEMON, "UNIT": DAEMON}
    forged = "".join(f"{name}={value}\n" for name, value in fields.items())
    pair.standby.run(f"systemd-run -q --wait --pipe --uid={user} logger --journald", input=forged)
    assert pair.standby.wait_journal("forged")["MESSAGE_ID"] == real["MESSAGE_ID"]
    assert len(history(pair.standby, *since)["failovers"]) == 1


def test_history_of_a_rotated_journal(pair):
    fail_over(pair)
    pair.standby.run("journalctl --sync --rotate; journalctl -q --vacuum-files=1")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    row = history(pair.standby)["failovers"][-1]
    assert row["began"] is None and row["end"] == "failback" and row["outage_seconds"] is None
    assert row["promoted_seconds"] > 0 and TIME.match(history(pair.standby)["journal_since"])
    assert "The journal begins at " in ok(pair.standby, "history")


def test_history_is_for_those_who_may_read_the_journal(pair):
    done = cli(pair.standby, "history", user="alice")
    assert done.returncode == 77 and "systemd-journal" in done.stderr
    pair.standby.run("usermod -aG systemd-journal alice")
    assert cli(pair.standby, "history", user="alice").returncode == 0


def test_no_history(pair):
    for row in (("2026-01-01", "2026-02-01 03:00", "8w", "7d ago", "-7d", "yesterday", "today", "0s"), ("yesterday", "30m", "0s")):
        moments = [history(pair.standby, "--since", since)["since"] for since in row]
        assert all(TIME.match(moment) for moment in moments) and moments == sorted(moments), moments
    assert ok(pair.standby, "history", "--since", "0s").startswith("No failover since ")
    done = cli(pair.standby, "history", "--since", "the flood")
    assert done.returncode == 64 and "yesterday" in done.stderr


# The catalog.

def test_catalog(pair):
    begin(pair)
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    ids = {entry["MESSAGE_ID"] for entry in pair.standby.journal(DAEMON) if "FAILOVER_EVENT" in entry}
    listed = pair.standby.out(["journalctl", "--list-catalog", *ids])
    assert listed.count(" openclaw-failover: ") == len(ids) == 7
    shown = pair.standby.out(["journalctl", "-q", "-x", "-u", DAEMON, f"--after-cursor={pair.standby._cursor}"])
    assert "Subject: The drill has passed" in shown
    assert "The daemon starts openclaw.service on this machine" in shown and "@FAILOVER_" not in shown
