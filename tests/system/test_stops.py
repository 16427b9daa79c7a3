"""Who stopped the gateway, and why it does not start: what systemd knows, the daemon reports."""

import contextlib
import json

import pytest

from story import DAEMON, GATEWAY, begin, events, fail_over, wait_event

UNITS = "/etc/systemd/system"
DROP_IN = f"{UNITS}/{GATEWAY}.d/test.conf"
REAL_RULE = "/etc/polkit-1/rules.d/openclaw-failover.rules"
ONESHOT = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={}\n"


def prepare(host, gateway, **units):
    """A drop-in for the gateway's unit, and other units beside it: a="…" is a.service."""
    host.run("systemctl stop a b c; systemctl reset-failed", check=False)  # of the test before
    host.put(DROP_IN, gateway)
    for name, text in units.items():
        host.put(f"{UNITS}/{name}.service", text)
    host.systemctl("daemon-reload")


def test_stop_that_the_gateway_ignores(pair):
    """OpenClaw ignores SIGTERM while it restarts itself: it comes back and answers, with a stop job under way."""
    fail_over(pair)
    pair.standby.gateway.mode("ignore-term")
    pair.primary.gateway.start()
    failed = wait_event(pair.standby, "stop-failed", 100)
    assert "ignores" in failed["MESSAGE"] and "draining" not in events(pair.standby)
    pair.standby.run("systemctl kill --signal=KILL openclaw.service")
    wait_event(pair.standby, "demoted")


def status(host):
    return json.loads(host.run("openclaw-failover status --json", check=False).stdout)


@contextlib.contextmanager
def not_held(pair, *words):
    """What happens within stops the gateway, which then is started again; the report has WORDS."""
    yield
    lost = wait_event(pair.standby, "lost")
    for word in words:
        assert word in lost["MESSAGE"], lost["MESSAGE"]
    wait_event(pair.standby, "promoted", count=2)
    assert "held" not in events(pair.standby)


def test_stopped_with_a_unit_that_it_requires(pair):
    prepare(pair.standby, "[Unit]\nRequires=a.service\nAfter=a.service\n", a=ONESHOT.format("/bin/true"))
    fail_over(pair)
    with not_held(pair, "a.service"):
        pair.standby.run("systemctl stop a.service; systemctl start a.service")


@pytest.mark.parametrize("relation", ["PartOf", "Requisite", "Requires"])
def test_stopped_at_second_hand(pair, relation):
    """The unit that was stopped is not the one that the gateway names."""
    prepare(pair.standby, f"[Unit]\n{relation}=b.service\nAfter=b.service\nWants=b.service\n",
            a=ONESHOT.format("/bin/true"), b="[Unit]\nRequires=a.service\nAfter=a.service\n" + ONESHOT.format("/bin/true"))
    pair.standby.systemctl("start", "b.service")
    fail_over(pair)
    with not_held(pair, "b.service"):
        pair.standby.run("systemctl stop a.service; systemctl start b.service")


@pytest.mark.parametrize("program", ["ExecStartPre=/bin/false", "ExecStart=\nExecStart=/bin/false"])
def test_failing_at_once_is_nobodys_stop(pair, program):
    """systemd starts it again by itself meanwhile, with jobs that are over at once."""
    prepare(pair.standby, f"[Service]\n{program}\nRestartSec=100ms\n")
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert "user" not in failed["MESSAGE"].split("Retrying")[0], failed["MESSAGE"]
    pair.standby.run(f"rm {DROP_IN}")
    pair.standby.systemctl("daemon-reload")
    wait_event(pair.standby, "promoted", deadline=60)
    assert "held" not in events(pair.standby)


@pytest.mark.parametrize("kind", ["notify", "oneshot\nRestart=no"])
def test_activating_for_ever(pair, kind):
    """systemd waits for a word or for an end that never comes, and the gateway answers meanwhile."""
    prepare(pair.standby, f"[Service]\nType={kind}\n")
    fail_over(pair)
    assert status(pair.standby)["gateway_state"] == "starting"
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


def test_stopped_by_a_conflict(pair):
    prepare(pair.standby, "[Unit]\nDescription=x\n",
            a=f"[Unit]\nConflicts={GATEWAY}\n" + ONESHOT.format("/bin/true"))
    fail_over(pair)
    with not_held(pair, "a.service"):
        pair.standby.systemctl("start", "a.service")


def test_bound_unit_ends(pair):
    prepare(pair.standby, "[Unit]\nBindsTo=a.service\nAfter=a.service\n", a="[Service]\nExecStart=/bin/sleep inf\n")
    fail_over(pair)
    with not_held(pair, "a.service"):
        pair.standby.systemctl("kill", "--signal=KILL", "a.service")


def test_bound_unit_ends_while_signals_come(pair):
    """The gateway changes its status all the time, and so while systemd is asked for the unit that ended."""
    pair.standby.put("/usr/local/bin/say-status", """#!/usr/bin/python3
import os, socket, time
for i in range(100000):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"STATUS=%d" % i, os.environ["NOTIFY_SOCKET"])
    time.sleep(.0003)
""")
    prepare(pair.standby, "[Unit]\nBindsTo=a.service\nAfter=a.service\n[Service]\nNotifyAccess=all\n"
                          "ExecStartPost=/bin/sh -c '/usr/bin/python3 /usr/local/bin/say-status &'\nExecStop=/bin/sleep .3\n",
            a="[Service]\nExecStart=/bin/sleep inf\n")
    fail_over(pair)
    with not_held(pair, "a.service"):
        pair.standby.systemctl("kill", "--signal=KILL", "a.service")


def test_isolated(pair):
    pair.standby.put(f"{UNITS}/lonely.target", "[Unit]\nAllowIsolate=yes\nRequires=multi-user.target\n"
                                               "Wants=openclaw-failover.service\nAfter=multi-user.target\n")
    pair.standby.systemctl("daemon-reload")
    fail_over(pair)
    with not_held(pair, "lonely.target"):
        pair.standby.systemctl("isolate", "--no-block", "lonely.target")


@pytest.mark.parametrize("program, word", [("exit 0", "ended by itself"), ("exit 3", "exit-code"), ("kill -9 $$$$", "signal")])
def test_ends_by_itself(pair, program, word):
    prepare(pair.standby, "[Service]\nRestart=no\n")
    fail_over(pair)
    with not_held(pair, word):
        if program == "exit 0":
            pair.standby.systemctl("kill", GATEWAY)
        elif program == "exit 3":
            pair.standby.gateway.mode("exit=3")
            pair.standby.systemctl("kill", GATEWAY)
        else:
            pair.standby.systemctl("kill", "--signal=KILL", GATEWAY)


def test_stopped_by_a_user(pair):
    """Also one whose unit has relations."""
    prepare(pair.standby, "[Unit]\nRequires=a.service\nBindsTo=b.service\nAfter=a.service b.service\n",
            a=ONESHOT.format("/bin/true"), b=ONESHOT.format("/bin/true"))
    fail_over(pair)
    pair.standby.systemctl("stop", GATEWAY)
    wait_event(pair.standby, "held")


def test_a_users_stop_is_remembered(pair):
    """Whoever stops it to update it, and the daemon with it, starts it again: it is ours still."""
    fail_over(pair)
    pair.standby.systemctl("stop", GATEWAY)
    wait_event(pair.standby, "held")
    pair.standby.systemctl("stop", DAEMON)
    pair.standby.systemctl("start", GATEWAY)
    pair.standby.systemctl("start", DAEMON)
    wait_event(pair.standby, "promoted", count=2)
    assert "foreign" not in events(pair.standby)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


def test_started_by_a_user_while_it_runs(pair):
    """That job is over before systemd can be asked for its type, and a later end is no user's stop."""
    prepare(pair.standby, "[Service]\nRestart=no\n")
    fail_over(pair)
    with not_held(pair, "signal"):
        pair.standby.systemctl("start", GATEWAY)
        pair.standby.systemctl("kill", "--signal=KILL", GATEWAY)


def test_stopped_by_a_user_between_two_runs(pair):
    """systemd is about to start it again, so that the stop job is over at once."""
    prepare(pair.standby, "[Service]\nRestartSec=1h\n")
    fail_over(pair)
    pair.standby.systemctl("kill", "--signal=KILL", GATEWAY)
    pair.standby.wait_for(lambda: pair.standby.unit(GATEWAY)["SubState"] == "auto-restart")
    pair.standby.systemctl("stop", GATEWAY)
    wait_event(pair.standby, "held")


def test_restarted_by_a_user(pair):
    fail_over(pair)
    pid = pair.standby.gateway.pid
    pair.standby.systemctl("restart", GATEWAY)
    pair.standby.wait_for(pair.standby.gateway.answers)
    assert pair.standby.gateway.pid != pid
    assert not {"held", "lost"} & set(events(pair.standby))


@pytest.mark.parametrize("unit, word", [
    ("[Unit]\nConditionPathExists=!/etc/hostname\n", "a condition"),
    ("[Unit]\nAssertPathExists=/nowhere\n", "a condition"),
    ("[Unit]\nRequires=a.service\nAfter=a.service\n", "a.service"),
    ("[Unit]\nRequires=b.service\nAfter=b.service\n", "a.service"),
    ("[Unit]\nRequires=c.service\nAfter=c.service\nJobTimeoutSec=2\n", "timed out"),
], ids=["condition", "assert", "dependency", "second-hand", "timeout"])
def test_does_not_start(pair, unit, word):
    prepare(pair.standby, unit, a=ONESHOT.format("/bin/false"),
            b="[Unit]\nRequires=a.service\nAfter=a.service\n" + ONESHOT.format("/bin/true"),
            c=ONESHOT.format("/bin/sleep 600"))
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert word in failed["MESSAGE"], failed["MESSAGE"]


def test_killed_by_the_watchdog(pair):
    prepare(pair.standby, "[Service]\nRestart=no\nWatchdogSec=2\n")
    fail_over(pair)
    with not_held(pair, "watchdog"):
        pass


def test_killed_for_its_memory(pair):
    prepare(pair.standby, "[Service]\nRestart=no\nMemoryMax=64M\nOOMPolicy=stop\n")
    fail_over(pair)
    if pair.standby.unit(GATEWAY)["MemoryCurrent"] == "[not set]":
        pytest.skip("no memory controller here")
    with not_held(pair, "oom-kill"):
        pair.standby.systemctl("set-property", "--runtime", GATEWAY, "MemoryMax=1")
        pair.standby.run("curl -s -m 2 http://127.0.0.1:18789/health", check=False)
        pair.standby.wait_state(GATEWAY, "failed")
        pair.standby.systemctl("set-property", "--runtime", GATEWAY, "MemoryMax=64M")


def test_its_file_vanishes_while_it_runs(pair):
    host = pair.standby
    fail_over(pair)
    host.run(f"mv /usr/lib/systemd/system/{GATEWAY} /root/")
    try:
        host.systemctl("daemon-reload")
        host.systemctl("kill", "--signal=KILL", GATEWAY)
        wait_event(host, "lost")
        host.wait_for(lambda: status(host)["gateway_starts"] > 2)
    finally:
        host.run(f"mv /root/{GATEWAY} /usr/lib/systemd/system/; systemctl daemon-reload")
    wait_event(host, "promoted", 60, count=2)
    assert "held" not in events(host)


@pytest.mark.parametrize("how", ["reboot", "isolate"])
def test_the_system_stops_everything(pair, how):
    """Nobody has wanted the gateway stopped: the daemon that comes back follows the primary."""
    host = pair.standby
    host.put(f"{UNITS}/lonely.target", "[Unit]\nAllowIsolate=yes\nRequires=basic.target\nWants=dbus.service\n")
    host.systemctl("daemon-reload")
    fail_over(pair)
    if how == "reboot":
        host.reboot()
    else:
        host.systemctl("isolate", "lonely.target")
        host.wait_state(DAEMON, "inactive")
        host.systemctl("isolate", "multi-user.target")
    host.systemctl("start", DAEMON)
    pair.wait_promoted()
    assert status(host)["mode"] == "auto"
    assert "held" not in events(host)


def test_a_users_start_waits_for_another_unit(pair):
    """Its true cause is reported within seconds, and the time is the start's."""
    prepare(pair.standby, "[Unit]\nAfter=a.service\n", a=ONESHOT.format("/bin/sh -c 'until test -e /run/go; do sleep .1; done'"))
    begin(pair)
    pair.standby.wait_journal("Finished openclaw-failover-sync")
    pair.standby.systemctl("start", "--no-block", "a.service")
    pair.standby.systemctl("start", "--no-block", GATEWAY)
    pair.primary.gateway.kill()
    adopted = wait_event(pair.standby, "adopted")
    waits = pair.standby.wait_journal("waits for a.service", DAEMON)
    assert int(waits["__REALTIME_TIMESTAMP"]) - int(adopted["__REALTIME_TIMESTAMP"]) < 5_000_000
    assert pair.standby.run("openclaw-failover status", check=False).returncode == 2
    pair.standby.run("touch /run/go")
    promoted = wait_event(pair.standby, "promoted")
    assert int(promoted["FAILOVER_SYNCING_USEC"]) < int(promoted["FAILOVER_STARTING_USEC"])
    pair.standby.run("rm /run/go")


def test_the_network_is_never_online(pair):
    """Whatever waits for network-online.target, the daemon and its gateway do not."""
    prepare(pair.standby, "", a="[Unit]\nBefore=network-online.target\n" + ONESHOT.format("/bin/sleep inf"))
    pair.standby.systemctl("start", "--no-block", "a.service", "network-online.target")
    fail_over(pair)
    assert pair.standby.state("network-online.target") != "active"


def test_alias(pair):
    """polkit decides by the unit's own name, and so does what the daemon follows."""
    host = pair.standby
    host.run(f"mv /usr/lib/systemd/system/{GATEWAY} {UNITS}/real.service; ln -s {UNITS}/real.service {UNITS}/{GATEWAY}")
    host.systemctl("daemon-reload")
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(host, "start-failed")
    assert "its rule must name real.service" in failed["MESSAGE"]
    rules = host.out("ls /usr/share/polkit-1/rules.d/openclaw-failover.rules /etc/polkit-1/rules.d/openclaw-failover.rules "
                     "2>/dev/null || true").split()[0]
    host.run(f"sed -i 's/openclaw.service/real.service/' {rules}; systemctl restart polkit")
    wait_event(host, "promoted", 40)
    host.systemctl("stop", GATEWAY)
    wait_event(host, "held")
