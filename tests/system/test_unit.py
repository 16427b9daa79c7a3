"""The gateway's unit in all its troubles, and systemd's own."""

import re

from story import DAEMON, GATEWAY, begin, events, fail_over, frozen, starts, wait_event

SHORT = {"start_timeout": "3s", "hang_timeout": "3s", "drain_timeout": "2s"}
DROP_IN = "/etc/systemd/system/openclaw.service.d/test.conf"


def drop_in(host, text):
    host.put(DROP_IN, text)
    host.systemctl("daemon-reload")


def test_start_limit_then_fixed(pair, fault):
    """The unit fails until systemd gives up on it; the standby goes on, says so once, and starts when it is fixed."""
    drop_in(pair.standby, "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n[Service]\nRestart=always\nRestartSec=100ms\n"
                          "ExecStart=\nExecStart=/bin/false\n")
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    before = starts(pair.standby)
    pair.standby.wait_for(lambda: starts(pair.standby) > before, 20, "it is started again after the limit")
    pair.standby.remove(DROP_IN)
    pair.standby.systemctl("daemon-reload")
    promoted = wait_event(pair.standby, "promoted", 40)
    assert events(pair.standby).count("start-failed") == 1
    fault("the gateway here fails until systemd gives up on it, and is fixed then", promoted, failed["MESSAGE"].split(". ")[0])


def test_polkit_hangs(pair):
    """It is asked for the sync first, which nobody waits for then: as soon as polkit answers, the gateway starts."""
    begin(pair)
    pair.standby.wait_journal("Finished openclaw-failover-sync")
    with frozen(pair.standby, "polkit"):
        pair.primary.gateway.kill()
        down = pair.standby.wait_journal("counts as down", DAEMON)
        promoting = wait_event(pair.standby, "promoting")
    wait_event(pair.standby, "promoted")
    assert int(promoting["__REALTIME_TIMESTAMP"]) - int(down["__REALTIME_TIMESTAMP"]) < 4_000_000
    pair.standby.wait_state("openclaw-failover-sync.service", "inactive", "failed")


def test_program_missing(pair, fault):
    drop_in(pair.standby, "[Service]\nExecStart=\nExecStart=/nonexistent/openclaw gateway\n")
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert "openclaw.service" in failed["MESSAGE"] and failed["PRIORITY"] == "3"
    fault("the gateway's program is missing here", None, failed["MESSAGE"].split(". ")[0])
    pair.primary.gateway.start()
    wait_event(pair.standby, "called-off")  # nothing ran, so nothing is demoted
    pair.wait_status(r"^Standby[^:]*: the primary is up")
    assert not pair.standby.is_active(GATEWAY)


def test_unit_missing(pair):
    begin(pair, gateway={"unit": "no-such.service"})
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert "no such unit" in failed["MESSAGE"] or "polkit refused" in failed["MESSAGE"]


def test_unit_masked(pair, fault):
    pair.standby.run("rm -f /etc/systemd/system/openclaw.service; systemctl mask --runtime openclaw.service")
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert "masked" in failed["MESSAGE"]
    pair.standby.run("systemctl unmask --runtime openclaw.service")
    fault("the gateway's unit is masked here, and is unmasked then", wait_event(pair.standby, "promoted"),
          failed["MESSAGE"].split(". ")[0])


def test_another_gateway_answers(pair, fault):
    """Somebody runs a gateway by hand: the message says so, and nothing is called promoted while it answers."""
    other = pair.standby.popen(["/usr/local/bin/openclaw", "gateway", "bind=127.0.0.1"], user="alice")
    pair.standby.wait_for(pair.standby.gateway.answers)
    begin(pair)
    pair.primary.gateway.kill()
    failed = wait_event(pair.standby, "start-failed")
    assert "ss -ltnp" in failed["MESSAGE"] and "18789" in failed["MESSAGE"]
    assert "promoted" not in events(pair.standby)
    pair.standby.run("pkill -u alice openclaw")
    other.wait()
    wait_event(pair.standby, "promoted", 40)
    fault("another gateway answers at the standby's own address", None, failed["MESSAGE"].split(": `ss")[0].split(". ")[-1])


def test_promoted_gateway_hangs(pair, fault):
    fail_over(pair, gateway=SHORT)
    pid = pair.standby.gateway.pid
    pair.standby.gateway.mode("hang")
    wait_event(pair.standby, "silent")
    hung = wait_event(pair.standby, "hung")
    pair.standby.gateway.mode("normal")
    again = wait_event(pair.standby, "promoted", count=2)
    fault("the promoted gateway hangs (hang_timeout = 3s)", again)
    assert pair.standby.gateway.pid != pid
    assert "silent" in again["FAILOVER_REASON"]
    assert 2_000_000 < int(again["FAILOVER_OUTAGE_USEC"]) < int(again["__REALTIME_TIMESTAMP"]) - int(
        hung["__REALTIME_TIMESTAMP"]) + 3_000_000 + 2_000_000


def test_promoted_gateway_is_busy_for_a_while(pair):
    fail_over(pair, gateway={"start_timeout": "1s"})
    pair.standby.gateway.mode("hang")
    wait_event(pair.standby, "silent")
    pair.standby.gateway.mode("normal")
    wait_event(pair.standby, "answers")


def test_promoted_gateway_crashes(pair):
    """systemd's own restart is waited for."""
    fail_over(pair)
    pair.standby.run("systemctl kill -s KILL openclaw.service")
    pair.standby.wait_for(lambda: starts(pair.standby) == 2, what="systemd restarts it")
    pair.standby.wait_for(pair.standby.gateway.answers)
    assert "lost" not in events(pair.standby)


def test_promoted_gateway_is_lost(pair, fault):
    """systemd gives up on it: it is started again."""
    drop_in(pair.standby, "[Service]\nRestart=no\n")
    fail_over(pair)
    pair.standby.run("systemctl kill -s KILL openclaw.service")
    lost = wait_event(pair.standby, "lost")
    fault("the promoted gateway crashes, and systemd does not restart it", wait_event(pair.standby, "promoted", count=2),
          lost["MESSAGE"].split(". ")[0])


def test_stopped_by_somebody(pair, fault):
    fail_over(pair)
    pair.standby.systemctl("stop", GATEWAY)
    held = wait_event(pair.standby, "held")
    assert "openclaw-failover auto" in held["MESSAGE"]
    fault("a person stops the promoted gateway", None, held["MESSAGE"].split(". ")[0])
    pair.primary.gateway.start()
    wait_event(pair.standby, "hold-over")
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted", count=2)
    pair.primary.gateway.start()
    # The second promotion is told, not the time since the first.
    demoted = wait_event(pair.standby, "demoted")
    lasted = int(demoted["__MONOTONIC_TIMESTAMP"]) - int(promoted["__MONOTONIC_TIMESTAMP"])
    assert int(demoted["FAILOVER_PROMOTED_USEC"]) < lasted + 1_000_000


def test_stopped_by_somebody_while_it_starts(pair):
    """It is needed, and is started again: the story says how to keep it stopped."""
    pair.standby.gateway.mode("boot=60")
    begin(pair)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoting")
    pair.standby.wait_for(lambda: starts(pair.standby) == 1, what="it is started")
    pair.standby.systemctl("stop", GATEWAY)
    failed = wait_event(pair.standby, "start-failed")
    assert "`openclaw-failover demote`" in failed["MESSAGE"]


def test_slow_boot(pair, fault):
    pair.standby.gateway.mode("boot=6")
    begin(pair, gateway=SHORT)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "start-slow")
    promoted = wait_event(pair.standby, "promoted")
    fault("the gateway here takes 6 s to boot", promoted)
    assert int(promoted["FAILOVER_STARTING_USEC"]) > 5_000_000 and starts(pair.standby) == 1


def test_primary_returns_while_starting(pair):
    pair.standby.gateway.mode("boot=60")
    begin(pair)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoting")
    pair.primary.gateway.start()
    wait_event(pair.standby, "called-off")
    pair.standby.wait_state(GATEWAY, "inactive")
    assert "promoted" not in events(pair.standby)


def test_slow_drain_while_the_primary_fails_again(pair, fault):
    """Waited for drain_timeout, then killed and started."""
    pair.standby.gateway.mode("drain=60")
    fail_over(pair, gateway=SHORT)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoting")
    pair.standby.wait_state(GATEWAY, "deactivating")
    pair.primary.gateway.kill()
    wait_event(pair.standby, "killed")
    fault("the primary fails again while the gateway here drains (drain_timeout = 2s)",
          wait_event(pair.standby, "promoted", count=2))
    wait_event(pair.standby, "promoted", count=2)
    assert pair.standby.gateway.answers()


def test_started_by_somebody(pair):
    """Somebody tries the gateway while all is well: left alone; adopted when the primary goes down, stopped when it is
    back."""
    begin(pair)
    pair.standby.gateway.start()
    pid = pair.standby.gateway.pid
    pair.primary.gateway.kill()
    wait_event(pair.standby, "adopted")
    wait_event(pair.standby, "promoted")
    assert pair.standby.gateway.pid == pid
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


def test_daemon_reexec(pair, fault):
    begin(pair)
    pair.standby.systemctl("daemon-reexec")
    pair.primary.gateway.kill()
    fault("systemd re-executes itself on the standby", wait_event(pair.standby, "promoted"))
    wait_event(pair.standby, "promoted")
    pair.standby.systemctl("daemon-reexec")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


def test_bus_restarted(pair):
    begin(pair)
    pair.standby.run("systemctl restart dbus.service")
    pair.standby.wait_journal("Lost the system bus", DAEMON)
    pair.standby.wait_journal("The system bus is back", DAEMON)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")


HANGS_UP = """\
import os, socket
listener = socket.socket(socket.AF_UNIX)
os.path.exists("/run/dbus/system_bus_socket") and os.unlink("/run/dbus/system_bus_socket")
listener.bind("/run/dbus/system_bus_socket")
os.chmod("/run/dbus/system_bus_socket", 0o666)
listener.listen()
for _ in range(4):
    listener.accept()[0].close()
"""


def test_a_bus_that_hangs_up_is_not_back(pair):
    begin(pair)
    pair.standby.run("systemctl stop dbus.service dbus.socket")
    pair.standby.wait_journal("Lost the system bus", DAEMON)
    try:
        pair.standby.popen(["python3", "-c", HANGS_UP]).wait(timeout=30)
    finally:
        pair.standby.run("systemctl start dbus.socket dbus.service")
    pair.standby.wait_journal("The system bus is back", DAEMON)
    told = [message for message in pair.standby.messages(DAEMON) if "system bus" in message]
    assert len(told) == 2, told


def test_mute_bus_keeps_nobody_from_stopping(pair):
    """It takes connections and answers nobody, not even the login: the daemon obeys SIGTERM all the same."""
    begin(pair)
    with frozen(pair.standby, "dbus"):
        pair.standby.systemctl("restart", DAEMON)
        pair.standby.systemctl("stop", DAEMON)
        assert pair.standby.unit(DAEMON)["Result"] == "success"


def test_journald_hangs(pair):
    """And its queue is full, so that who writes to it waits: a line may be lost then, a failover not."""
    begin(pair)
    with frozen(pair.standby, "systemd-journald"):
        pair.standby.run("while echo MESSAGE=full | timeout 1 logger --journald; do :; done", timeout=60)
        pair.primary.gateway.kill()
        pair.standby.wait_for(pair.standby.gateway.answers)
        pair.standby.run("timeout 5 openclaw-failover status", check=False)
        pair.standby.wait_for(lambda: pair.standby.unit(DAEMON)["StatusText"].startswith("Promoted"))
    assert not any("stood still" in m for m in pair.standby.messages(DAEMON))


def test_bus_away_while_it_is_needed(pair, fault):
    begin(pair)
    pair.standby.run("systemctl stop dbus.service dbus.socket")
    pair.standby.wait_journal("Lost the system bus", DAEMON)
    pair.primary.gateway.kill()
    pair.standby.wait_journal("counts as down", DAEMON)
    pair.standby.wait_for(lambda: "primary is down" in pair.standby.unit(DAEMON)["StatusText"])
    pair.standby.run("systemctl start dbus.socket dbus.service")
    fault("D-Bus is away on the standby, and comes back", wait_event(pair.standby, "promoted"))
    wait_event(pair.standby, "promoted")


def test_polkit_refuses_then_fixed(pair, fault):
    rule = "".join(pair.standby.out("ls /usr/share/polkit-1/rules.d/*openclaw* /etc/polkit-1/rules.d/*openclaw* 2>/dev/null"
                                    " || true").split())
    text = pair.standby.get(rule)
    pair.standby.put(rule, "// nothing is allowed\n")
    pair.standby.systemctl("restart", "polkit.service")
    try:
        pair.start(up=False)
        pair.wait_status(r"^Standby, but the sync fails: the primary is up")
        pair.primary.gateway.kill()
        failed = wait_event(pair.standby, "start-failed")
        assert re.search("polkit", failed["MESSAGE"])
    finally:  # polkit runs on in the tests that follow
        pair.standby.put(rule, text)
        pair.standby.systemctl("restart", "polkit.service")
    fault("polkit refuses the start, and its rule is fixed then", wait_event(pair.standby, "promoted", 40),
          failed["MESSAGE"].split(". ")[0])


def test_daemon_may_do_nothing_else(pair):
    """The polkit rule allows exactly what the daemon needs."""
    as_daemon = lambda words: pair.standby.run(f"systemctl --no-ask-password {words}", user="openclaw-failover", check=False)
    assert as_daemon("start openclaw.service").returncode == 0
    assert as_daemon("stop openclaw.service").returncode == 0
    for words in ("restart openclaw.service", "stop ssh.service", "enable openclaw.service", "mask openclaw.service",
                  "kill openclaw-failover-sync.service", "daemon-reload", "poweroff",
                  "set-property --runtime openclaw.service CPUWeight=10"):
        assert as_daemon(words).returncode != 0, words


def test_polkit_that_answers_late(pair):
    """It is named soon, and what comes of the request in the end is what counts."""
    with frozen(pair.standby, "polkit"):
        pair.start(up=False)
        pair.standby.wait_journal("no answer in 2 s, so polkit may hang", DAEMON)
    pair.standby.wait_journal("workspace unchanged", "openclaw-failover-sync.service")
    pair.standby.wait_for(lambda: "workspace unchanged" in pair.standby.out("openclaw-failover status", check=False))


def test_start_that_comes_late(pair):
    """The primary is back before polkit has allowed the start: the gateway is not left running."""
    begin(pair)
    with frozen(pair.standby, "polkit"):
        pair.primary.gateway.kill()
        pair.standby.wait_journal("did not start openclaw.service yet", DAEMON)
        pair.primary.gateway.start()
        pair.standby.wait_journal("the primary counts as up", DAEMON)
    wait_event(pair.standby, "called-off")
    pair.standby.wait_for(lambda: starts(pair.standby) == 1, what="polkit has allowed the start")
    pair.standby.wait_state(GATEWAY, "inactive")
    pair.wait_status(r"^Standby[^:]*: the primary is up")
    assert not {"promoted", "foreign"} & set(events(pair.standby))


def test_polkit_that_never_answers(pair, fault):
    """systemd gives up on it after 25 s; that is told, and the start is tried again."""
    begin(pair)
    with frozen(pair.standby, "polkit"):
        pair.primary.gateway.kill()
        failed = wait_event(pair.standby, "start-failed", 60)
        assert "polkit" in failed["MESSAGE"]
    fault("polkit never answers, until systemd gives up on it after 25 s", wait_event(pair.standby, "promoted", 40),
          failed["MESSAGE"].split(". ")[0])
