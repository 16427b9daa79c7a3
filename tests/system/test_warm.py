"""A warm standby: the gateway runs all the time, and openclaw-active.service switches its channels on and off."""

import json
import pathlib
import re

import pytest
from doctor import doctor, drop_in
from story import DAEMON, GATEWAY, begin, events, wait_event

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACTIVE, WARM = "openclaw-active.service", "openclaw-warm.service"
FOLDER = "/home/openclaw/.openclaw/failover"
IDLE = '{"channels":{"telegram":{"enabled":false}}}\n'
QUIET = ('{"channels":{"telegram":{"enabled":false}},"cron":{"enabled":false},'
         '"agents":{"defaults":{"heartbeat":{"every":"0m"}}}}')
PROMOTED = '{"channels":{"telegram":{"enabled":true}}}\n'


@pytest.fixture
def warm(pair):
    """The pair with a warm standby."""
    pair.standby.mkdir(FOLDER, user="openclaw")
    pair.standby.put(f"{FOLDER}/idle.json", IDLE, user="openclaw")
    pair.standby.put(f"{FOLDER}/promoted.json", PROMOTED, user="openclaw")
    pair.standby.gateway.mode(f"role={FOLDER}/role.json")
    pair.configure(gateway={"unit": ACTIVE, "warm": "yes"})
    pair.standby.systemctl("enable", "--now", WARM)
    pair.standby.wait_for(pair.standby.gateway.answers, what="the warm gateway answers")
    return pair


def channels(pair):
    """Whether they are on; None if the gateway does not say."""
    done = pair.standby.run("curl -s -m 2 http://127.0.0.1:18789/channels", check=False)
    return json.loads(done.stdout)["on"] if done.stdout else None


def role(pair):
    return pair.standby.get(f"{FOLDER}/role.json")


def state(pair):
    return json.loads(pair.standby.run("openclaw-failover status --json", check=False).stdout)


def row(pair):
    """What kind doctor's line about the warm gateway is."""
    return doctor(pair.standby).lines["warm gateway"].kind


def fail_over(pair):
    pair.primary.gateway.kill()
    entry = wait_event(pair.standby, "promoted")
    assert channels(pair) is True
    return entry


def test_takes_over_and_back_without_a_restart(warm, figure):
    begin(warm)
    assert channels(warm) is False
    assert state(warm)["level"] == "well"
    pid = warm.standby.gateway.pid
    promoted = fail_over(warm)
    figure(f"warm: switched on in {int(promoted['FAILOVER_STARTING_USEC']) / 1e6:.1f} s")
    warm.primary.gateway.start()
    wait_event(warm.standby, "demoted")
    assert channels(warm) is False
    assert warm.standby.gateway.pid == pid
    assert warm.standby.is_active(GATEWAY)


def test_another_gateway_that_answers_is_no_obstacle(warm):
    """Ours does, all the time: nothing waits for start_timeout, and nothing is said about it."""
    begin(warm)
    fail_over(warm)
    assert events(warm.standby) == ["promoting", "promoted"]


def test_gateway_is_dead_when_it_is_needed(warm):
    """The cold way: starting the switch starts the gateway."""
    begin(warm)
    warm.standby.gateway.stop()
    fail_over(warm)
    assert warm.standby.is_active(GATEWAY)


def test_gateway_that_dies_by_day_is_trouble(warm):
    begin(warm)
    warm.standby.gateway.stop()
    warm.standby.wait_for(lambda: state(warm)["level"] == "degraded", what="degraded")
    warm.standby.gateway.start()
    warm.standby.wait_for(lambda: state(warm)["level"] == "well", what="well again")
    assert events(warm.standby) == []


def test_gateway_crashes_while_promoted(warm):
    """systemd restarts it, and the switch with it; the daemon holds on to it."""
    begin(warm)
    fail_over(warm)
    pid = warm.standby.gateway.pid
    warm.standby.systemctl("kill", "--signal=KILL", GATEWAY)
    warm.standby.wait_for(lambda: channels(warm) and warm.standby.gateway.pid not in (0, pid), 60, "on again")
    warm.standby.wait_for(lambda: state(warm)["state"] == "promoted" and state(warm)["mode"] == "auto", 60, "promoted")
    assert "held" not in events(warm.standby)
    warm.primary.gateway.start()
    wait_event(warm.standby, "demoted")
    assert channels(warm) is False


def test_daemon_restarts_while_promoted(warm):
    begin(warm)
    fail_over(warm)
    run = warm.standby.unit(ACTIVE)["InvocationID"]
    warm.standby.systemctl("restart", DAEMON)
    warm.wait_promoted()
    assert warm.standby.unit(ACTIVE)["InvocationID"] == run
    warm.primary.gateway.start()
    wait_event(warm.standby, "demoted")
    assert channels(warm) is False


def test_stopped_by_hand_is_held(warm):
    begin(warm)
    fail_over(warm)
    warm.standby.systemctl("stop", ACTIVE)
    wait_event(warm.standby, "held")
    assert channels(warm) is False


def test_boots_with_its_channels_off_whatever_a_crash_has_left(warm):
    begin(warm)
    fail_over(warm)
    warm.standby.power_cut()
    assert role(warm) == PROMOTED
    warm.standby.boot()
    warm.standby.gateway.mode(f"role={FOLDER}/role.json")
    assert role(warm) == IDLE
    warm.standby.wait_for(warm.standby.gateway.answers, what="the warm gateway answers")
    assert channels(warm) is False


def guide(first, last):
    """The commands that root types in the guide's section, from FIRST to LAST."""
    section = (ROOT / "src/man/openclaw-failover-guide.7").read_text().partition(".Sh A WARM STANDBY\n")[2].partition("\n.Sh ")[0]
    commands = re.findall(r"^sudo (systemctl .*)", section, re.M)
    return commands[commands.index(first):commands.index(last) + 1]


def test_the_guides_steps_are_no_users_doing(pair):
    """Neither there nor back does the daemon report a gateway that somebody else started."""
    standby = pair.standby
    standby.mkdir(FOLDER, user="openclaw")
    standby.put(f"{FOLDER}/idle.json", IDLE, user="openclaw")
    standby.put(f"{FOLDER}/promoted.json", PROMOTED, user="openclaw")
    begin(pair)
    pair.configure(gateway={"unit": ACTIVE, "warm": "yes"})
    there = guide("systemctl reload openclaw-failover", "systemctl enable --now openclaw-warm")
    back = guide("systemctl disable --now openclaw-warm", "systemctl stop openclaw-active openclaw")
    for command in there:
        standby.run(command)
    standby.wait_for(lambda: state(pair)["level"] == "well" and state(pair)["gateway_warm"], what="warm")
    assert "\n  gateway  warm: " in standby.run("openclaw-failover status").stdout
    for command in back:
        standby.run(command)
    pair.configure()
    standby.systemctl("reload", DAEMON)
    standby.wait_for(lambda: state(pair)["level"] == "well" and not state(pair)["gateway_warm"], what="cold")
    assert events(standby) == []


def test_drill(warm):
    begin(warm)
    pid = warm.standby.gateway.pid
    done = warm.standby.run("openclaw-failover drill", check=False, timeout=60)
    assert done.returncode == 0, done
    assert channels(warm) is False
    assert warm.standby.gateway.pid == pid
    ready = wait_event(warm.standby, "channels-ready")
    assert 1_000_000 < int(ready["FAILOVER_ACTIVE_USEC"]) < 14_000_000, "it was ready before, and is not yet active"
    assert state(warm)["last_start_seconds"] > 1


@pytest.mark.parametrize(("file", "text", "found"), [
    ("idle.json", '{"channels":{"telegram":{"enabled":true}}}', "telegram"),
    ("idle.json", IDLE, "cron"),
    ("idle.json", "nonsense", "JSON"),
    ("role.json", '{"channels":{}}', "role.json"),
    ("promoted.json", None, "promoted.json"),
])
def test_doctor(warm, file, text, found):
    """What would answer twice, work twice, or not be switched."""
    begin(warm)
    warm.standby.put(f"{FOLDER}/idle.json", QUIET, user="openclaw")
    warm.standby.put(f"{FOLDER}/role.json", QUIET, user="openclaw")
    assert row(warm) == "ok"
    if text is None:
        warm.standby.remove(f"{FOLDER}/{file}")
    else:
        warm.standby.put(f"{FOLDER}/{file}", text, user="openclaw")
    assert row(warm) == "FAIL" and found in doctor(warm.standby).lines["warm gateway"].text


@pytest.mark.parametrize("fault", ["masked", "user"])
def test_doctor_looks_at_the_switch(warm, fault):
    """It is what a failover starts. The command that doctor prints fixes it."""
    begin(warm)
    warm.standby.put(f"{FOLDER}/idle.json", QUIET, user="openclaw")
    warm.standby.put(f"{FOLDER}/role.json", QUIET, user="openclaw")
    assert row(warm) == "ok"
    if fault == "masked":
        warm.standby.systemctl("mask", ACTIVE)
    else:
        drop_in(warm.standby, ACTIVE, "[Service]\nUser=alice\n")
    line = doctor(warm.standby).lines["warm gateway"]
    assert line.kind == "FAIL" and ACTIVE in line.text, line
    for command in line.commands:
        warm.standby.run(command)
    assert row(warm) == "ok"


def test_doctor_misses_warm(warm):
    """The unit is the switch, and the ini does not say so: nothing is said about the switch as if it were a gateway."""
    warm.configure(gateway={"unit": ACTIVE})
    begin(warm)
    report = doctor(warm.standby)
    line = report.lines["gateway unit"]
    assert line.kind == "FAIL" and "warm = yes" in line.text, str(report)
    assert "Restart=" not in report.text and "kill" not in report.text
    for command in line.commands:
        warm.standby.run(command)
    assert doctor(warm.standby).lines["gateway unit"].kind == "ok"
