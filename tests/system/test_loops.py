"""A gateway that fails again and again, each time for too short to be an outage: people hear of it, once."""

import json

from story import DAEMON, begin, events, fail_over

WORDS = "fails again and again"


def status(host):
    return json.loads(host.run("openclaw-failover status --json", check=False).stdout)


def reports(host):
    return sum(WORDS in message and not message.startswith("Over ") for message in host.messages(DAEMON))


def test_primary_restarts_again_and_again(pair):
    begin(pair, primary={"fail_threshold": 40})
    for n in range(1, 6):
        since = pair.standby.cursor()
        pair.primary.gateway.mode("refuse")
        pair.standby.wait_journal("Failed check 1 of", DAEMON, since=since)
        pair.primary.gateway.mode("normal")
        pair.standby.wait_journal("answers again", DAEMON, since=since)
        now = status(pair.standby)
        assert (now["primary_restarts"], now["level"]) == ((True, "degraded") if n > 3 else (False, "well")), n
    assert reports(pair.standby) == 1
    assert events(pair.standby) == []


def test_promoted_gateway_crashes_again_and_again(pair):
    """systemd restarts it each time."""
    host = pair.standby
    host.put("/etc/systemd/system/openclaw.service.d/test.conf", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n")
    host.systemctl("daemon-reload")
    fail_over(pair)
    for n in range(1, 6):
        pid = host.gateway.pid
        host.systemctl("kill", "--signal=KILL", "openclaw.service")
        host.wait_for(lambda: host.gateway.pid not in (0, pid) and host.gateway.answers())
        host.wait_for(lambda: status(host)["gateway_restarts"] == (n > 3))
    host.wait_for(lambda: status(host)["level"] == "degraded")
    assert reports(host) == 1
    pair.primary.gateway.start()
    pair.wait_standby()
    assert not status(host)["gateway_restarts"]
    pair.primary.gateway.kill()
    pair.wait_promoted()  # not "Promoted, but the gateway here fails again and again"
    assert not status(host)["gateway_restarts"] and reports(host) == 1
