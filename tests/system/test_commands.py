"""The commands on a real standby: what they say, what they do, and who may."""

import json
import re
import subprocess

import pytest
from commands import LAST_FAILOVER_KEYS, STATUS_KEYS, Terminal, cli, interrupt, ok, status, wait_checks, wait_status
from lab import SOURCE
from story import DAEMON, begin, events, fail_over, wait_event

INI = "/etc/openclaw-failover.ini"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


# Nobody is there.

@pytest.mark.parametrize("words", [["status"], ["promote"], ["demote"], ["auto"], ["pause"], ["resume"], ["drill"]])
def test_not_running(pair, words):
    done = cli(pair.standby, *words)
    assert done.returncode == 3
    assert "systemctl enable --now openclaw-failover" in (done.stdout if words == ["status"] else done.stderr)


def test_not_running_as_json(pair):
    done = cli(pair.standby, "status", "--json")
    assert done.returncode == 3
    now = json.loads(done.stdout)
    assert set(now) == {"version", "instance", "running", "level", "summary"}
    assert (now["instance"], now["running"], now["level"]) == ("", False, "not running")


def test_why_it_is_not_running(pair):
    """The ini's first error, once the daemon has refused it; how its last run ended; an instance that has no ini."""
    pair.configure()
    pair.standby.put(INI, pair.standby.get(INI) + "[witness]\nurl = nonsense\n")
    pair.standby.systemctl("start", DAEMON, check=False)
    pair.standby.wait_for(lambda: "status=78" in pair.standby.run(["systemctl", "status", DAEMON], check=False).stdout)
    done = cli(pair.standby, "status")
    assert done.returncode == 3 and re.search(rf"{INI}:\d+: ", done.stdout), done.stdout
    done = cli(pair.standby, "-i", "nope", "status")
    assert done.returncode == 3 and "/etc/openclaw-failover/nope.ini" in done.stdout and "systemctl" not in done.stdout
    done = cli(pair.standby, "-i", "nope", "doctor", "-q")
    assert done.returncode == 1 and "/etc/openclaw-failover/nope.ini" in done.stdout and "systemctl" not in done.stdout
    done = cli(pair.standby, "-i", "nope", "history")
    assert done.returncode == 64 and "/etc/openclaw-failover/nope.ini" in done.stderr, done
    pair.standby.run(f"install -d -m 700 /etc/openclaw-failover; cp {INI} /etc/openclaw-failover/shut.ini")
    assert "no instance" not in cli(pair.standby, "-i", "shut", "status", user="nobody").stdout
    pair.standby.run(f"systemctl mask --runtime {pair.UNIT}")
    done = cli(pair.standby, "status")
    assert done.returncode == 3 and f"calls it masked. See `systemctl status {pair.UNIT}`" in done.stdout, done
    pair.standby.run(f"systemctl unmask --runtime {pair.UNIT}")


def test_not_running_with_the_shipped_ini(pair):
    pair.standby.put(INI, (SOURCE / "etc/openclaw-failover.ini").read_text())
    done = cli(pair.standby, "status")
    assert done.returncode == 3 and re.search(rf"{INI}:\d+: host: is empty", done.stdout), done


def test_run_by_hand_as_root(pair):
    """It would be a second daemon, with root's rights, that promotes by itself."""
    done = cli(pair.standby, "run")
    assert done.returncode == 77 and "sudo systemctl start openclaw-failover.service" in done.stderr


@pytest.mark.parametrize("words", [["status"], ["status", "--watch"], ["promote"], ["drill"]])
def test_no_bus(pair, words):
    done = cli(pair.standby, *words, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    assert done.returncode == 3
    assert "systemctl status dbus" in done.stdout + done.stderr


# A daemon that takes every connection, and hangs up: a mute one does as much, after the 90 s that libsystemd gives it.
NO_BUS = """\
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/no-bus")
listener.listen()
while True:
    listener.accept()[0].close()
"""


def test_bus_without_a_word(pair):
    pair.standby.put("/run/no-bus.py", NO_BUS)
    pair.standby.popen(["python3", "/run/no-bus.py"])
    pair.standby.wait_for(lambda: pair.standby.exists("/run/no-bus"))
    for words in (["status"], ["-i", "one", "status"], ["auto"]):
        done = cli(pair.standby, *words, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/no-bus"})
        assert done.returncode == 3, done
        assert "systemctl status dbus" in done.stdout + done.stderr or "nope" in words or "one" in words, done


# The command line.

@pytest.mark.parametrize("words, hint", [
    (["statsu"], "'statsu'. Allowed: status, "), (["promot"], "'promot'. Allowed: "),
    (["status", "--bogus"], "--help"), (["promote", "now"], "'now'"),
    (["pause", "5m", "6m"], "'6m'"), (["drill", "--json"], "'drill' does not take --json"), ([], "--help"),
    (["history", "--since"], "'--since' needs a value"), (["history", "-n"], "'-n' needs a value"), (["-Z"], "'-Z'"),
    (["doctor", "-Zq"], "'-Z' is not"), (["pause", "-5m"], "'-5' is not"),
])
def test_unknown_words(pair, words, hint):
    done = cli(pair.standby, *words)
    assert done.returncode == 64 and hint in done.stderr


@pytest.mark.parametrize("command", ["status", "promote", "demote", "auto", "pause", "resume", "drill", "history"])
def test_help_and_version_everywhere(pair, command):
    assert command in ok(pair.standby, command, "--help")
    assert re.fullmatch(r"openclaw-failover \d+\.\d+\.\d+\n", ok(pair.standby, command, "--version"))


@pytest.mark.parametrize("time", ["0", "0s", "5x", "9000h", "", "forever", "99999999999999999999"])
def test_bad_pause(pair, time):
    done = cli(pair.standby, "pause", time)
    assert done.returncode == 64 and "Allowed: " in done.stderr


# status.

def test_status(pair):
    begin(pair)
    done = cli(pair.standby, "status")
    assert done.returncode == 0 and "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["primary", "sync", "next", "expect"]


def test_status_as_json(pair):
    begin(pair)
    done = cli(pair.standby, "status", "--json")
    now = json.loads(done.stdout)
    assert done.returncode == 0 and set(now) == STATUS_KEYS
    assert now["version"] == 1 and now["running"] is True and now["level"] == "well"
    assert (now["state"], now["mode"], now["health"], now["check_verdict"]) == ("standby", "auto", "up", "up")
    assert now["paused_until"] is None and now["senior"] is None and set(now["last_failover"]) == LAST_FAILOVER_KEYS
    assert now["last_failover"]["started"] is None and now["unmerged_branches"] == []
    for key in ("state_since", "health_since", "checked_at", "next_check_at"):
        assert TIME.match(now[key]), key
    assert 0 < now["check_seconds"] < 1


def test_status_of_a_failover(pair):
    promoted = fail_over(pair)
    done = cli(pair.standby, "status")
    assert done.returncode == 1
    now = wait_status(pair.standby, state="promoted", gateway_answers=True, gateway_state="active", failovers=1)
    last = now["last_failover"]
    assert round(last["outage_seconds"] * 1e6) == int(promoted["FAILOVER_OUTAGE_USEC"])
    assert last["reason"] == "connection refused" and last["ended"] is None and TIME.match(last["began"])
    assert now["level"] == "degraded"

    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    last = wait_status(pair.standby, state="standby", level="well")["last_failover"]
    assert last["began"] < last["started"] < last["ended"]
    assert cli(pair.standby, "status").returncode == 0


def test_nobody_can_be_reached(pair):
    """Exit status 2: the primary is down and the standby is paused; then 1, as soon as the gateway here has started."""
    begin(pair)
    ok(pair.standby, "pause")
    pair.primary.gateway.kill()
    wait_status(pair.standby, level="unreachable", health="down", state="standby")
    assert cli(pair.standby, "status").returncode == 2
    ok(pair.standby, "resume")
    wait_event(pair.standby, "promoted")
    wait_status(pair.standby, level="degraded", state="promoted")
    assert cli(pair.standby, "status").returncode == 1


def test_unmerged_work_is_shown(pair):
    """With the branch, the command that merges it, and the one that pushes what was merged. A failover would work, so the exit status is 0."""
    begin(pair)
    pair.standby.put(f"{pair.WORKSPACE}/learned.md", "learned\n", user="openclaw")
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    pair.standby.wait_for(lambda: status(pair.standby)["unmerged_branches"], what="the sync after the drill has ended")
    now = wait_status(pair.standby, state="standby", level="well")
    assert len(now["unmerged_branches"]) == 1 and len(now["merge_commands"]) == 2
    done = cli(pair.standby, "status")
    assert done.returncode == 0 and now["unmerged_branches"][0] in done.stdout and now["merge_commands"][0] in done.stdout


def test_colour_only_on_a_terminal(pair):
    begin(pair)
    for env, colour in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
        terminal = Terminal(pair.standby, "openclaw-failover status", env=env)
        assert terminal.wait() == 0
        assert ("\033[1;32mStandby\033[0m: " in terminal.text) is colour, (env, terminal.text)


def test_watch_redraws_in_place(pair):
    begin(pair)
    terminal = Terminal(pair.standby, ["openclaw-failover", "status", "--watch"])
    pair.standby.wait_for(lambda: "Standby" in terminal.text, what="the first picture")
    pair.primary.gateway.kill()
    pair.standby.wait_for(lambda: "the gateway here answers" in terminal.text, what="the promotion is shown")
    assert terminal.text.count("\033[H\033[J") > 1
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.wait_for(lambda: "is not running" in terminal.text, what="the end is shown")
    pair.standby.systemctl("start", DAEMON)
    pair.standby.wait_for(lambda: terminal.text.rpartition("is not running")[2].count("primary") > 0, what="it is back")
    interrupt(pair.standby, "status --watch")
    terminal.wait()


def test_watch_on_a_terminal_without_a_cursor(pair):
    begin(pair)
    terminal = Terminal(pair.standby, ["openclaw-failover", "status", "--watch"], env={"TERM": "dumb"})
    pair.standby.wait_for(lambda: "Standby" in terminal.text, what="the first lines")
    ok(pair.standby, "pause")
    pair.standby.wait_for(lambda: "aused" in terminal.text, what="the change")
    interrupt(pair.standby, "status --watch")
    terminal.wait()
    assert "\033" not in terminal.text


def test_watch_shows_a_daemon_that_hangs(pair):
    begin(pair)
    terminal = Terminal(pair.standby, ["openclaw-failover", "status", "--watch"])
    pair.standby.wait_for(lambda: "Standby" in terminal.text, what="the first picture")
    pid = pair.standby.unit(DAEMON)["MainPID"]
    pair.standby.run(f"kill -STOP {pid}")
    pair.standby.wait_for(lambda: "does not answer on the system bus" in terminal.text, deadline=10, what="it hangs")
    pair.standby.run(f"kill -CONT {pid}")
    pair.standby.wait_for(lambda: "Standby" in terminal.text.rpartition("does not answer")[2], what="it is back")
    interrupt(pair.standby, "status --watch")
    terminal.wait()


def test_watch_as_json_is_one_object_a_line(pair):
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "status", "--watch", "--json"], stdout=subprocess.PIPE)
    first = json.loads(popen.stdout.readline())
    assert set(first) == STATUS_KEYS
    ok(pair.standby, "pause")
    while not json.loads(popen.stdout.readline())["paused_until"]:
        pass
    pair.standby.systemctl("stop", DAEMON)
    for line in popen.stdout:
        if not json.loads(line)["running"]:
            break
    interrupt(pair.standby, "status --watch --json")
    popen.wait(10)


def test_watch_takes_no_start_that_is_asked_for_as_one_that_failed(pair):
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "status", "--watch", "--json"], stdout=subprocess.PIPE)
    popen.stdout.readline()
    pair.primary.gateway.kill()
    seen = []
    while not seen or seen[-1]["state"] != "promoted":
        seen.append(json.loads(popen.stdout.readline()))
    interrupt(pair.standby, "status --watch --json")
    assert "inactive" not in {s["gateway_state"] for s in seen if s["state"] == "starting"}


def test_output_that_cannot_be_written(pair):
    begin(pair)
    for words in ("help", "--version", "config", "status", "status --json", "history", "history --json", "doctor", "auto"):
        done = pair.standby.run(f"openclaw-failover {words} > /dev/full", check=False)
        assert done.returncode == 74 and done.stderr, words


def test_watch_ends_with_its_reader(pair):
    begin(pair)
    assert pair.standby.run("openclaw-failover status --watch | head -n 1", timeout=30).stdout.startswith("Standby: ")


def test_a_daemon_that_cannot_start_sends_an_alert(pair):
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhots = 100.64.0.1\n")
    pair.standby.systemctl("start", DAEMON, check=False)
    pair.standby.wait_journal("openclaw-failover.service failed", "openclaw-failover-alert.service")


# Modes.

def test_promote_stays_until_auto(pair):
    begin(pair)
    assert re.match(r"(Standby|Promoting), by hand.*\n.*(sync has ended|gateway answers)", ok(pair.standby, "promote"))
    wait_status(pair.standby, state="promoted", mode="pinned", gateway_answers=True)
    wait_checks(pair.standby, 5)
    now = status(pair.standby)
    assert (now["state"], now["health"], now["level"]) == ("promoted", "up", "degraded")
    assert "root asks to promote." in pair.standby.messages(DAEMON)
    ok(pair.standby, "auto")
    wait_status(pair.standby, state="standby", mode="auto", level="well")
    assert not pair.standby.gateway.answers()


def test_auto_does_not_demote_while_the_primary_fails(pair):
    begin(pair, primary={"silent_timeout": "1h"})
    ok(pair.standby, "promote")
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.mode("hang")
    pair.standby.wait_journal("Failed check", DAEMON)
    ok(pair.standby, "auto")
    wait_checks(pair.standby)
    assert "demoting" not in events(pair.standby)
    pair.primary.gateway.mode("normal")
    wait_event(pair.standby, "demoted")


def test_resume_does_not_promote_while_the_primary_answers(pair):
    begin(pair, primary={"recover_threshold": 20, "check_interval": "250ms"})
    ok(pair.standby, "pause")
    pair.primary.gateway.kill()
    wait_event(pair.standby, "kept-back")
    pair.primary.gateway.start()
    pair.standby.wait_journal("Good check 1 of 20", DAEMON)
    ok(pair.standby, "resume")
    wait_checks(pair.standby)
    assert events(pair.standby) == ["kept-back"]


def test_demote_holds_until_the_primary_has_been_up(pair):
    fail_over(pair)
    ok(pair.standby, "demote")
    wait_status(pair.standby, state="standby", mode="held")
    wait_checks(pair.standby, 5)
    assert status(pair.standby)["state"] == "standby" and not pair.standby.gateway.answers()
    assert status(pair.standby)["mode"] == "held"
    pair.primary.gateway.start()
    wait_status(pair.standby, mode="auto", level="well")
    assert events(pair.standby)[-1] == "hold-over"


def test_auto_ends_a_hold(pair):
    fail_over(pair)
    ok(pair.standby, "demote")
    wait_status(pair.standby, state="standby", mode="held")
    ok(pair.standby, "auto")
    wait_status(pair.standby, state="promoted", mode="auto")


def test_pause_freezes_and_ends_by_itself(pair):
    begin(pair)
    assert "paused until" in ok(pair.standby, "pause", "4s")
    pair.primary.gateway.kill()
    wait_status(pair.standby, health="down")
    assert status(pair.standby)["state"] == "standby"
    kept_back = wait_event(pair.standby, "kept-back")
    assert (kept_back["FAILOVER_REASON"], kept_back["FAILOVER_TO"]) == ("connection refused", "standby")
    wait_event(pair.standby, "promoted")
    assert events(pair.standby) == ["kept-back", "pause-over", "promoting", "promoted"]


def test_resume_ends_a_pause(pair):
    fail_over(pair)
    ok(pair.standby, "pause")
    pair.primary.gateway.start()
    wait_status(pair.standby, health="up")
    assert status(pair.standby)["state"] == "promoted"
    ok(pair.standby, "resume")
    wait_status(pair.standby, state="standby", paused_until=None)


@pytest.mark.parametrize("command, expected", [
    (["pause", "infinity"], {"paused_until": "infinity"}),
    (["promote"], {"mode": "pinned", "state": "promoted"}),
])
def test_modes_survive(pair, command, expected):
    begin(pair)
    ok(pair.standby, *command)
    wait_status(pair.standby, **expected)
    pair.standby.systemctl("restart", DAEMON)
    wait_status(pair.standby, **expected)
    pair.standby.systemctl("kill", "--signal=KILL", DAEMON)
    wait_status(pair.standby, **expected)
    pair.standby.systemctl("enable", DAEMON)
    pair.standby.reboot()
    wait_status(pair.standby, **expected)


def test_a_hold_survives_while_the_primary_is_down(pair):
    fail_over(pair)
    ok(pair.standby, "demote")
    wait_status(pair.standby, state="standby", mode="held")
    pair.standby.systemctl("restart", DAEMON)
    wait_status(pair.standby, health="down", mode="held", state="standby")
    wait_checks(pair.standby)
    assert status(pair.standby)["state"] == "standby"
