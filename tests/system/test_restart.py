"""The monitor dies, and comes back, at every moment; so does its machine."""

import json
import re

import pytest
from commands import status
from story import DAEMON, GATEWAY, begin, events, fail_over, marker, starts, wait_event

ENDS = ["restart", "kill"]


def end(host, how):
    """Ends the daemon and waits for the next one."""
    pid = host.unit(DAEMON)["MainPID"]
    if how == "kill":
        host.run(f"kill -KILL {pid}")
    else:
        host.systemctl("restart", DAEMON)
    host.wait_for(lambda: host.unit(DAEMON)["MainPID"] not in (pid, "0") and host.is_active(DAEMON), what="it is back")


@pytest.mark.parametrize("how", ENDS)
def test_while_promoted(pair, how):
    fail_over(pair)
    pid = pair.standby.gateway.pid
    end(pair.standby, how)
    wait_event(pair.standby, "resumed")
    assert pair.standby.gateway.pid == pid
    pair.primary.gateway.start()
    demoted = wait_event(pair.standby, "demoted")
    assert int(demoted["FAILOVER_PROMOTED_USEC"]) > 0
    assert pair.standby.state(GATEWAY) == "inactive" and starts(pair.standby) == 1


@pytest.mark.parametrize("how", ENDS)
def test_while_starting(pair, fault, how):
    pair.standby.gateway.mode("boot=4")
    begin(pair)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoting")
    end(pair.standby, how)
    promoted = wait_event(pair.standby, "promoted")
    assert int(promoted["FAILOVER_OUTAGE_USEC"]) > 4_000_000  # counted from before the restart
    # The rest, this daemon does not know.
    assert promoted["FAILOVER_DETECTING_USEC"] and not promoted["FAILOVER_STARTING_USEC"]
    if how == "kill":
        fault("the daemon is killed while the gateway here takes 4 s to boot", promoted)
    assert starts(pair.standby) == 1


@pytest.mark.parametrize("how", ENDS)
def test_while_demoting(pair, how):
    pair.standby.gateway.mode("drain=4")
    fail_over(pair)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoting")
    end(pair.standby, how)
    wait_event(pair.standby, "demoted")
    assert pair.standby.state(GATEWAY) == "inactive" and starts(pair.standby) == 1


def test_while_a_hung_gateway_stops(pair):
    pair.standby.gateway.mode("normal drain=4")
    fail_over(pair, gateway={"hang_timeout": "3s"})
    pair.standby.gateway.mode("hang drain=4")
    wait_event(pair.standby, "hung", 40)
    end(pair.standby, "kill")
    pair.standby.gateway.mode("normal")
    assert wait_event(pair.standby, "promoting", 40, count=2)["MESSAGE"] == "Starting openclaw.service again."
    wait_event(pair.standby, "promoted", 40, count=2)


@pytest.mark.parametrize("how", ENDS)
def test_while_counting(pair, how):
    begin(pair)
    pair.primary.gateway.kill()
    pair.standby.wait_journal("Failed check 2", DAEMON)
    end(pair.standby, how)
    wait_event(pair.standby, "promoted")


def test_stopped_while_promoted(pair):
    """A plain stop leaves the gateway as it is; the next start carries on, even if the primary is back by then."""
    fail_over(pair)
    pid = pair.standby.gateway.pid
    pair.standby.systemctl("stop", DAEMON)
    assert pair.standby.gateway.pid == pid and marker(pair.standby)["intent"] == "promoted"
    pair.primary.gateway.start()
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "demoted")


def test_unfinished_start_is_done_again(pair):
    """The marker was written, the unit never started."""
    fail_over(pair)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.systemctl("stop", GATEWAY)
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "resumed")
    promoted = wait_event(pair.standby, "promoted", count=2)
    assert not promoted["FAILOVER_OUTAGE_USEC"]


def test_what_cannot_be_written_is_written_later(pair):
    """Also when nothing else happens any more: the next check is enough."""
    here, there = "/run/openclaw-failover/state.json", "/var/lib/openclaw-failover/state.json"
    begin(pair)
    pair.standby.run("chmod 555 /run/openclaw-failover /var/lib/openclaw-failover")
    pair.standby.run("openclaw-failover promote")
    wait_event(pair.standby, "promoted")
    assert not marker(pair.standby)
    pair.standby.run("chmod 755 /run/openclaw-failover /var/lib/openclaw-failover")
    pair.standby.wait_for(lambda: marker(pair.standby) and '"pinned"' in pair.standby.run(f"cat {there}", check=False).stdout)
    assert marker(pair.standby)["intent"] == "promoted"
    assert json.loads(pair.standby.get(here))["mode"] == "pinned"
    told = [m for m in pair.standby.messages(DAEMON) if re.search(r"/state.json cannot be written", m)]
    assert len(told) == 2, told


def test_another_run_is_somebody_elses(pair):
    """While the daemon was away a user restarted the gateway: left alone when the primary is back."""
    fail_over(pair)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.systemctl("restart", GATEWAY)
    pair.primary.gateway.start()
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "foreign")
    pair.standby.wait_journal("is up", DAEMON)
    assert pair.standby.gateway.answers() and "demoting" not in events(pair.standby)


def test_another_unit_than_before(pair):
    """The ini names another gateway after a restart: what ran is not taken for it, and a person is told."""
    fail_over(pair)
    pair.configure(gateway={"unit": "other.service"})
    pair.standby.systemctl("restart", DAEMON)
    told = pair.standby.wait_journal("was running openclaw.service when it stopped, and .* is other.service now", DAEMON)
    assert "sudo systemctl stop openclaw.service" in told["MESSAGE"]
    pair.standby.systemctl("restart", DAEMON)
    pair.standby.wait_journal("Watching the primary", DAEMON)
    assert sum("was running openclaw.service" in m for m in pair.standby.messages(DAEMON)) == 1
    assert "resumed" not in events(pair.standby) and pair.standby.gateway.answers()


def test_restarted_by_systemd_is_ours(pair):
    fail_over(pair)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.run("systemctl kill -s KILL openclaw.service")
    pair.standby.wait_for(lambda: starts(pair.standby) == 2 and pair.standby.gateway.answers())
    pair.primary.gateway.start()
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "demoted")


def fail_over_and_find(pair, text):
    """Another daemon starts while promoted, and finds TEXT in /run."""
    fail_over(pair)
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.put("/run/openclaw-failover/state.json", text)
    pair.standby.mark()
    pair.standby.systemctl("start", DAEMON)


@pytest.mark.parametrize("text", ["", "{", "\\x00", '{"mode": "auto", "paused_until": 0, "marker": {"intent": 1}}', "x" * 9000])
def test_broken_marker(pair, text):
    """The daemon reports it and believes nothing: a gateway that runs is somebody else's."""
    fail_over_and_find(pair, text)
    wait_event(pair.standby, "foreign")
    pair.standby.wait_journal("state.json", DAEMON)


@pytest.mark.parametrize("found", ['{"intent": "promoted"}', '{"intent": "flying", "invocation": "", "since": 0,'
                                   ' "last_good": 0, "reason": ""}'])
def test_marker_of_another_version(pair, found):
    """It has fewer fields, or an intent that this version does not know: the gateway is the daemon's, which stops it."""
    fail_over_and_find(pair, f'{{"mode": "auto", "paused_until": 0, "marker": {found}}}')
    wait_event(pair.standby, "resumed")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    assert "foreign" not in events(pair.standby) and not pair.standby.is_active(GATEWAY)


def test_standby_reboots_while_promoted(pair):
    """/run is gone and the gateway is not enabled: it counts to three and promotes again."""
    pair.standby.systemctl("enable", DAEMON)
    fail_over(pair)
    pair.standby.reboot()
    pair.standby.mark()
    pair.standby.wait_for(pair.standby.gateway.answers, 60)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted", 60)


def test_standby_loses_power_while_promoted(pair, fault):
    pair.standby.systemctl("enable", DAEMON)
    fail_over(pair)
    pair.standby.power_cut()
    pair.standby.boot()
    pair.standby.wait_for(pair.standby.gateway.answers, 60)
    told = wait_event(pair.standby, "promoted", count=2)
    fault("the standby loses power while promoted", told, "it counts to three again after the boot")


def last_failover(host):
    return json.loads(host.out("openclaw-failover status --json", check=False))["last_failover"]


def test_last_failover_is_remembered(pair):
    """By a daemon that starts on standby: after a restart, and after a reboot, which empties /run."""
    pair.standby.systemctl("enable", DAEMON)
    fail_over(pair)
    before = last_failover(pair.standby)
    end(pair.standby, "restart")
    wait_event(pair.standby, "resumed")
    assert last_failover(pair.standby) == before and before["ended"] is None and before["outage_seconds"] > 0
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    pair.standby.wait_for(lambda: last_failover(pair.standby)["ended"], what="it has ended")
    before = last_failover(pair.standby)
    end(pair.standby, "restart")
    assert last_failover(pair.standby) == before and before["reason"] == "connection refused"
    assert before["began"] < before["started"] < before["ended"]
    pair.standby.reboot()
    pair.standby.wait_for(lambda: pair.standby.is_active(DAEMON), what="it is back")
    assert last_failover(pair.standby) == before


def test_shutdown_is_no_ones_stop(pair):
    """The gateway stops because the system does: the standby is not held back afterwards."""
    pair.standby.systemctl("enable", DAEMON)
    fail_over(pair)
    pair.standby.reboot()
    pair.standby.wait_for(pair.standby.gateway.answers, 60)
    assert "held" not in events(pair.standby)


def test_reload(pair):
    begin(pair)
    pair.configure(primary={"fail_threshold": 2})
    pair.standby.systemctl("reload", DAEMON)
    pair.standby.wait_journal("Read /etc/openclaw-failover.ini again", DAEMON)
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhost = 100.64.0.1\nfail_threshold = none\nnonsense = 1\n")
    assert pair.standby.systemctl("reload", DAEMON, check=False).returncode != 0
    messages = "\n".join(pair.standby.messages(DAEMON))
    assert "openclaw-failover.ini:3:" in messages and "openclaw-failover.ini:4:" in messages
    assert pair.standby.is_active(DAEMON)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.standby.wait_journal("Failed check 2 of 2", DAEMON)


def test_reload_of_another_gateway_waits_for_standby(pair):
    """And so does what says how to treat it."""
    fail_over(pair)
    pair.configure(gateway={"unit": "openclaw-active.service", "warm": "yes", "url": "http://127.0.0.1:4/health"})
    pair.standby.systemctl("reload", DAEMON)
    pair.standby.wait_journal("cannot change while", DAEMON)
    assert (now := status(pair.standby))["gateway_unit"] == GATEWAY and not now["gateway_warm"]
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    pair.standby.wait_journal("Read /etc/openclaw-failover.ini again", DAEMON)


def test_bad_configuration_is_refused_for_good(pair):
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nport = 0\n")
    assert pair.standby.systemctl("start", DAEMON, check=False).returncode != 0
    unit = pair.standby.unit(DAEMON)
    assert unit["ExecMainStatus"] == "78" and unit["ActiveState"] == "failed"
    messages = "\n".join(pair.standby.messages(DAEMON))
    assert "ini:2:" in messages and "host" in messages
