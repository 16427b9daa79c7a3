"""The command `drill`, and the timer that runs it."""

import re
import subprocess

from commands import call, cli, interrupt, ok, status, wait_status
from doctor import doctor
from story import DAEMON, GATEWAY, begin, events, fail_over, wait_event


def test_drill_passes(pair):
    begin(pair)
    primary = pair.primary.gateway.pid
    done = cli(pair.standby, "drill", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"A drill: starting openclaw\.service.*The drill has passed: .*Back on standby.*The drill is over",
                     done.stdout, re.S)
    times = [float(time) for time in re.findall(r"^ *(\d+\.\d) s  ", done.stdout, re.M)]
    assert len(times) >= 6 and times == sorted(times)
    assert "The drill has passed." in done.stdout and "channels status --probe" in done.stdout
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
    last = doctor(pair.standby).lines["failover time"]
    assert last.kind == "warn" and "drill has failed" in last.text, last
    pair.standby.gateway.mode("normal")
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    assert "drill has failed" not in doctor(pair.standby).lines["failover time"].text


def test_drill_waits_for_the_channels(pair):
    pair.standby.gateway.mode("ready=3")
    begin(pair)
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    ready = wait_event(pair.standby, "channels-ready")
    assert int(ready["FAILOVER_READY_USEC"]) > 2_000_000
    told = [e for e in pair.standby.journal(DAEMON) if e.get("FAILOVER_EVENT") == "drill-answered"]
    assert int(told[0]["__REALTIME_TIMESTAMP"]) >= int(ready["__REALTIME_TIMESTAMP"])


def test_drill_fails_without_its_channels(pair):
    """Started, as it did thirteen times with a nonsense token, is not enough; the failing one is named."""
    pair.standby.gateway.mode("not-ready")
    begin(pair, gateway={"start_timeout": "3s"})
    done = cli(pair.standby, "drill", timeout=90)
    assert done.returncode == 1
    assert "telegram" in wait_event(pair.standby, "drill-failed")["MESSAGE"]
    assert "drill-answered" not in events(pair.standby)


def test_drill_of_an_older_gateway(pair):
    """It does not say whether its channels are ready."""
    pair.standby.gateway.mode("old")
    begin(pair)
    assert cli(pair.standby, "drill", timeout=90).returncode == 0
    assert "older" in wait_event(pair.standby, "drill-answered")["MESSAGE"]


def begin_drill(pair, boot):
    """Its process, once the gateway is being started, which takes BOOT s."""
    pair.standby.gateway.mode(f"boot={boot}")
    begin(pair)
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    wait_event(pair.standby, "promoting")
    return popen


def test_drill_becomes_real(pair):
    popen = begin_drill(pair, boot=6)
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


def test_interrupt_before_it_begins(pair):
    """The daemon hangs."""
    begin(pair)
    pid = pair.standby.unit(DAEMON)["MainPID"]
    pair.standby.run(f"kill -STOP {pid}")
    popen = pair.standby.popen(["openclaw-failover", "drill"], stdout=subprocess.PIPE)
    sleeps = "grep '^State:.S' /proc/$(pgrep -xf 'openclaw-failover drill')/status"
    pair.standby.wait_for(lambda: pair.standby.run(sleeps, check=False).returncode == 0, what="it waits for the daemon")
    interrupt(pair.standby, "drill")
    assert popen.wait(5) != 0
    pair.standby.run(f"kill -CONT {pid}")


def test_drill_goes_on_when_interrupted(pair):
    popen = begin_drill(pair, boot=3)
    interrupt(pair.standby, "drill")
    assert "goes on when this command is interrupted" in popen.communicate(timeout=10)[0]
    assert popen.returncode != 0
    assert status(pair.standby)["mode"] == "drill"
    wait_event(pair.standby, "drill-over")
    assert "drill-answered" in events(pair.standby)


def test_drill_ended_by_hand_proves_nothing(pair):
    popen = begin_drill(pair, boot=20)
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
    assert "The daemon has stopped" in out


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
