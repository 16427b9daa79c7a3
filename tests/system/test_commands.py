"""The commands, and the D-Bus service behind them, on a real standby: what they say, what they do, and who may."""

import json
import os
import pty
import re
import signal
import subprocess
import threading

import pytest
from story import DAEMON, GATEWAY, begin, events, fail_over, frozen, wait_event

INI = "/etc/openclaw-failover.ini"
BUS = ["org.openclaw.Failover1", "/org/openclaw/Failover1", "org.openclaw.Failover1"]
POLKIT_LETS_ALICE = """\
polkit.addRule(function (action, subject) {
        if (action.id == "org.openclaw.failover1.control" && subject.user == "alice")
                return polkit.Result.YES;
});
"""
# The schema of `status --json`, number 1: what a program may rely on.
TICKS = {"LastCheckUSec", "LastCheckTimestamp", "NextCheckTimestamp"}
STATUS_KEYS = {
    "version", "instance", "running", "level", "summary", "next", "state", "state_since", "mode", "paused_until", "primary",
    "health", "health_since", "check_verdict", "check_reason", "primary_channels_fail", "check_seconds", "checked_at", "next_check_at",
    "check_interval_seconds", "failed_checks", "failed_checks_needed", "good_checks", "good_checks_needed", "senior",
    "waiting_for", "waiting_until", "gateway_unit", "gateway_state", "gateway_warm", "gateway_answers", "gateway_starts", "next_start_at",
    "hang_at", "kill_at", "synced_at", "sync_ok", "sync", "sync_succeeded_at", "unmerged_branches", "merge_commands",
    "last_failover", "failovers", "automatic_failback", "detection", "last_start_seconds", "key_expires_at",
    "primary_key_expires_at", "undelivered_alerts", "alert_error", "heartbeat_error",
}
LAST_FAILOVER_KEYS = {"began", "reason", "started", "ended", "outage_seconds"}
DETECTION_KEYS = {"dead_gateway_seconds", "dead_machine_seconds", "hung_gateway_seconds"}
FAILOVER_KEYS = {
    "kind", "began", "started", "ended", "end", "reason", "promoted_seconds", "outage_seconds", "detecting_seconds",
    "syncing_seconds", "starting_seconds", "trouble",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def cli(host, *words, **kwargs):
    return host.run(["openclaw-failover", *words], check=False, **kwargs)


def ok(host, *words, **kwargs):
    return host.run(["openclaw-failover", *words], **kwargs).stdout


def status(host):
    return json.loads(cli(host, "status", "--json").stdout)


def wait_status(host, deadline=30, **expected):
    """Waits until `status --json` says all of EXPECTED; returns it."""
    def there():
        now = status(host)
        return now if all(now.get(key) == value for key, value in expected.items()) else None
    return host.wait_for(there, deadline, f"status is {expected}")


def wait_checks(host, count=3):
    """Waits until the primary was checked COUNT times more."""
    def checked():
        return status(host)["checked_at"]
    for _ in range(count):
        before = checked()
        host.wait_for(lambda: checked() != before, what="a check")


def busctl(host, *words, user="root"):
    return host.run(["busctl", "--json=short", *words], user=user, check=False)


def get(host, name, user="root"):
    return json.loads(busctl(host, "get-property", *BUS, name, user=user).stdout)["data"]


def call(host, method, *words, user="root"):
    return busctl(host, "call", *BUS, method, *words, user=user)


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
    (["statsu"], "'status'"), (["promot"], "'promote'"), (["status", "--bogus"], "--help"), (["promote", "now"], "'now'"),
    (["pause", "5m", "6m"], "'6m'"), (["drill", "--json"], "'drill'"), ([], "--help"),
    (["history", "--since"], "'--since' needs a value"), (["history", "-n"], "'-n' needs a value"), (["-Z"], "'-Z'"),
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
    assert [line.split()[0] for line in lines[1:]] == ["primary", "sync", "last", "next", "expect"]


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


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, host, command, user="root", env=None):
        master, slave = pty.openpty()
        self.popen = host.popen(command, user=user, stdin=slave, stdout=slave, stderr=slave, text=False,
                                env={"TERM": "xterm", **(env or {})})
        os.close(slave)
        self.text = ""
        self._thread = threading.Thread(target=self._read, args=[master], daemon=True)
        self._thread.start()

    def _read(self, master):
        try:
            while data := os.read(master, 4096):
                self.text += data.decode(errors="replace")
        except OSError:  # EIO: the other side is closed
            pass
        os.close(master)

    def wait(self, timeout=20):
        code = self.popen.wait(timeout)
        self._thread.join(timeout)
        return code


def test_colour_only_on_a_terminal(pair):
    begin(pair)
    for env, colour in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
        terminal = Terminal(pair.standby, "openclaw-failover status", env=env)
        assert terminal.wait() == 0
        assert ("\033[1;32mStandby\033[0m: " in terminal.text) is colour, (env, terminal.text)


def interrupt(host, words):
    """SIGINT to the command, which runs in the host under a number of its own there."""
    host.run(["pkill", "-INT", "-xf", f"openclaw-failover {words}"])


def test_watch_redraws_in_place(pair):
    begin(pair)
    terminal = Terminal(pair.standby, ["openclaw-failover", "status", "--watch"])
    pair.standby.wait_for(lambda: "Standby" in terminal.text, what="the first picture")
    pair.primary.gateway.kill()
    pair.standby.wait_for(lambda: "the gateway here answers" in terminal.text, what="the promotion is shown")
    assert re.search(r"\x1b\[\dA\r", terminal.text) and "\033[K" in terminal.text and "\033[2J" not in terminal.text
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.wait_for(lambda: "is not running" in terminal.text, what="the end is shown")
    pair.standby.systemctl("start", DAEMON)
    pair.standby.wait_for(lambda: terminal.text.rpartition("is not running")[2].count("primary") > 0, what="it is back")
    interrupt(pair.standby, "status --watch")
    assert terminal.wait() == 1


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
    assert popen.wait(10) == 3


# D-Bus.

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
    """Somebody's gateway is told of, makes the standby unwell, and can be kept."""
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


# An agent for the process that the command will be: polkit asks where it finds one (pkttyagent(1)).
WITH_AGENT = ["setsid", "--ctty", "--wait", "bash", "-c", """
rm -f ready; mkfifo ready
pkttyagent --process $$ --notify-fd 9 9>ready &
cat ready
exec openclaw-failover promote
"""]


def test_a_person_is_asked_where_an_agent_can(pair):
    """And the loop goes on while the person looks for the password."""
    begin(pair)
    terminal = Terminal(pair.standby, WITH_AGENT, user="alice")
    pair.standby.wait_for(lambda: "Authentication is required to promote, demote or pause" in terminal.text,
                          what="the question")
    wait_checks(pair.standby)
    ok(pair.standby, "pause")
    assert status(pair.standby)["state"] == "standby"


def test_nobody_else_can_have_the_name(pair):
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhost = 100.64.0.1\n")
    done = pair.standby.run("timeout --preserve-status 2 openclaw-failover run", user="alice", check=False)
    assert "does not let this daemon have the name" in done.stderr


def test_bus_restarts(pair):
    begin(pair)
    pair.standby.systemctl("restart", "dbus")
    wait_status(pair.standby, running=True, level="well")
    ok(pair.standby, "pause")
    assert pair.standby.unit(DAEMON)["NRestarts"] == "0"


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


# drill.

def test_drill_passes(pair):
    begin(pair)
    primary = pair.primary.gateway.pid
    done = cli(pair.standby, "drill", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"A drill: starting openclaw\.service.*The drill has passed: .*Back on standby.*The drill is over",
                     done.stdout, re.S)
    timeline = done.stdout.split("\n\n")[1]
    times = [float(time) for time in re.findall(r"(\d+\.\d) s  \(\+", timeline)]
    assert len(times) >= 4 and times == sorted(times)
    assert done.stdout.endswith("The drill has passed.\n")
    assert events(pair.standby) == ["promoting", "promoted", "drill-answered", "demoting", "demoted", "drill-over"]
    assert status(pair.standby)["level"] == "well" and not pair.standby.gateway.answers()
    assert pair.primary.gateway.pid == primary


def fail_at_start(host):
    host.gateway.mode("fail=1")
    host.put(f"/etc/systemd/system/{GATEWAY}.d/restart.conf", "[Service]\nRestart=no\n")
    host.systemctl("daemon-reload")


def test_drill_fails(pair):
    begin(pair)
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    fail_at_start(pair.standby)
    done = cli(pair.standby, "drill", timeout=90)
    assert done.returncode == 1
    assert done.stdout.endswith("The drill has failed: a failover would fail. See `openclaw-failover doctor`.\n")
    wait_status(pair.standby, state="standby", mode="auto", level="well")


def test_drill_becomes_real(pair):
    pair.standby.gateway.mode("boot=6")
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    wait_event(pair.standby, "promoting")
    pair.primary.gateway.kill()
    out = popen.communicate(timeout=40)[0]
    assert popen.returncode == 75 and "this is a failover now" in out
    wait_status(pair.standby, state="promoted", mode="auto")
    assert events(pair.standby) == ["promoting", "drill-real", "promoted"]


def test_drill_is_refused_in_trouble(pair):
    fail_over(pair)
    done = cli(pair.standby, "drill")
    assert done.returncode == 75 and "Refused: A drill begins on standby" in done.stderr
    done = call(pair.standby, "Drill")
    assert done.returncode != 0 and "A drill begins on standby" in done.stderr


def test_drill_goes_on_when_interrupted(pair):
    pair.standby.gateway.mode("boot=3")
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    wait_event(pair.standby, "promoting")
    interrupt(pair.standby, "drill")
    out = popen.communicate(timeout=10)[0]
    assert popen.returncode == 128 + signal.SIGINT and "The drill goes on, and ends by itself" in out
    assert status(pair.standby)["mode"] == "drill"
    wait_event(pair.standby, "drill-over")
    assert "drill-answered" in events(pair.standby)


def test_drill_ended_by_hand_proves_nothing(pair):
    pair.standby.gateway.mode("boot=20")
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    wait_event(pair.standby, "promoting")
    ok(pair.standby, "auto")
    out = popen.communicate(timeout=20)[0]
    assert popen.returncode == 1 and "proves nothing" in out


def test_drill_carries_on_over_a_restart(pair):
    pair.standby.gateway.mode("boot=4")
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    wait_event(pair.standby, "promoting")
    pair.standby.systemctl("kill", "--signal=KILL", DAEMON)
    out = popen.communicate(timeout=40)[0]
    assert popen.returncode == 0, out
    assert "The daemon has stopped" in out and "The daemon is running again" in out


def test_drill_by_timer(pair):
    standby = pair.standby
    begin(pair)
    assert standby.out("systemctl is-enabled openclaw-failover-drill.timer", check=False) == "disabled"
    standby.systemctl("enable", "--now", "openclaw-failover-drill.timer")
    assert standby.unit("openclaw-failover-drill.timer")["NextElapseUSecRealtime"]
    standby.systemctl("start", "openclaw-failover-drill.service")
    assert "drill-answered" in events(standby)

    fail_at_start(standby)
    assert standby.systemctl("start", "openclaw-failover-drill.service", check=False).returncode != 0
    assert standby.state("openclaw-failover-drill.service") == "failed"
    assert "drill-failed" in events(standby)


def test_a_daemon_that_cannot_start_tells_somebody(pair):
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhots = 100.64.0.1\n")
    pair.standby.systemctl("start", DAEMON, check=False)
    pair.standby.wait_journal("openclaw-failover.service failed", "openclaw-failover-alert.service")


# history.

def history(host, *words):
    return json.loads(ok(host, "history", "--json", *words))


def only_now(host):
    """Words that leave out what earlier tests did."""
    return ["--since", host.out("date '+%Y-%m-%d %H:%M:%S'")]


def test_history(pair):
    since = only_now(pair.standby)
    promoted = fail_over(pair)
    open_one = history(pair.standby, *since)["failovers"][-1]
    assert open_one["end"] == "open" and open_one["promoted_seconds"] is None
    pair.primary.gateway.start()
    demoted = wait_event(pair.standby, "demoted")
    assert cli(pair.standby, "drill", timeout=90).returncode == 0

    told = history(pair.standby, *since)
    assert [row["kind"] for row in told["failovers"]] == ["failover", "drill"] and told["count"] == 1
    row = told["failovers"][0]
    assert set(row) == FAILOVER_KEYS and row["end"] == "failback" and row["reason"] == "connection refused"
    for key, field in (("outage", "OUTAGE"), ("detecting", "DETECTING"), ("syncing", "SYNCING"), ("starting", "STARTING")):
        assert round(row[f"{key}_seconds"] * 1e6) == int(promoted[f"FAILOVER_{field}_USEC"])
    assert round(row["promoted_seconds"] * 1e6) == int(demoted["FAILOVER_PROMOTED_USEC"])
    assert told["median_outage_seconds"] == row["outage_seconds"]
    assert told["promoted_seconds"] == row["promoted_seconds"]

    assert len(history(pair.standby, *since, "-n", "1")["failovers"]) == 1
    lines = ok(pair.standby, "history", *since).splitlines()
    assert [line.split()[2:4] for line in lines[1:3]] == [["connection", "refused"], ["drill", "-"]]
    assert all(len(line) <= 100 for line in lines)


def test_history_since_the_middle(pair):
    """What began before is told whole: its end alone does not say that somebody promoted."""
    begin(pair)
    ok(pair.standby, "promote")
    wait_event(pair.standby, "promoted")
    pair.standby.run("sleep 2")
    since = only_now(pair.standby)
    ok(pair.standby, "auto")
    wait_event(pair.standby, "demoted")
    told = history(pair.standby, *since)
    assert [row["kind"] for row in told["failovers"]] == ["by hand"] and told["count"] == 0
    assert told["failovers"][0]["began"] < told["since"]


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
    """Anybody may log an entry that looks like a failover; only journald says of whom it is."""
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
    assert ok(pair.standby, "history", "--since", "0s") .startswith("0 failovers since ")
    done = cli(pair.standby, "history", "--since", "the flood")
    assert done.returncode == 64 and "yesterday" in done.stderr


# The catalog.

def test_catalog(pair):
    begin(pair)
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    ids = {entry["MESSAGE_ID"] for entry in pair.standby.journal(DAEMON) if "FAILOVER_EVENT" in entry}
    listed = pair.standby.out(["journalctl", "--list-catalog", *ids])
    assert listed.count(" openclaw-failover: ") == len(ids) == 6
    told = pair.standby.out(["journalctl", "-q", "-x", "-u", DAEMON, f"--after-cursor={pair.standby._cursor}"])
    assert "Subject: The drill has passed" in told
    assert "The daemon starts openclaw.service on this machine" in told and "@FAILOVER_" not in told
