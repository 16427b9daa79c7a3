"""Alerts arrive, whatever becomes of the service that takes them; the heartbeat; the metrics."""

import datetime
import json
import pathlib
import shutil
import subprocess
import time

import pytest
from commands import wait_status
from doctor import doctor
from lab import SOURCE, wait_for
from story import DAEMON, begin, fail_over, wait_event, wait_up

SECRET = "s3cr3t-webhook-7"
URL_FILE = "/etc/openclaw-failover/alert-url"
ALERT_UNIT = "openclaw-failover-alert.service"
PORT = 8080


class Receiver:
    """A service at 192.0.2.254:8080, outside the hosts."""

    def __init__(self, lab, directory):
        self.lab, self.directory, self._process = lab, pathlib.Path(directory), None
        self.url = f"http://{lab.outside.address}:{PORT}"
        self.answer("204")
        self.start()

    def answer(self, words):
        (self.directory / "answer").write_text(words)

    def start(self):
        script = SOURCE / "tests/lab/receiver.py"
        # The process we know is nsenter: its end must be that of the service.
        self._process = self.lab.outside.popen(
            ["setpriv", "--pdeathsig", "KILL", "/usr/bin/python3", str(script), self.lab.outside.address, str(PORT), str(self.directory)])
        wait_for(self.listens, what="the receiver listens")

    def stop(self):
        """Connections are refused from now on."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None
            wait_for(lambda: not self.listens(), what="the receiver has ended")

    def listens(self):
        probe = ["bash", "-c", f": </dev/tcp/{self.lab.outside.address}/{PORT}"]
        return self.lab.outside.run(probe, check=False).returncode == 0

    @property
    def requests(self):
        path = self.directory / "requests"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def alerts(self):
        return [json.loads(r["body"]) for r in self.requests if r["method"] == "POST"]

    def forget(self):
        (self.directory / "requests").unlink(missing_ok=True)

    def wait_alerts(self, *events, deadline=40):
        """Waits until exactly these have come, in this order, and returns them."""
        def come():
            return [a["event"] for a in self.alerts] == list(events)
        try:
            wait_for(come, deadline)
        except AssertionError:
            raise AssertionError(f"not {events} within {deadline} s but {[a['event'] for a in self.alerts]}") from None
        return self.alerts


@pytest.fixture
def receiver(pair, tmp_path):
    it = Receiver(pair.lab, tmp_path)
    pair.standby.put(URL_FILE, f"{it.url}/hook/{SECRET}\n", mode=0o600)
    pair.configure(alert={"url_file": URL_FILE})
    yield it
    it.stop()


def moment(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def assert_secret_is_kept(host):
    """Not in the journal of anything, not in a process list, not on the bus, not in what the daemon remembers."""
    everything = host.out("""journalctl --sync; journalctl -q -o json --all; ps axww -o args= e;
        systemctl show openclaw-failover; openclaw-failover status --json; openclaw-failover config;
        cat /var/lib/openclaw-failover/* /run/openclaw-failover/*""", check=False)
    assert "openclaw-failover" in everything and SECRET not in everything


def promote(pair):
    """By hand: an alert that is not held until the outage has lasted 45 s."""
    begin(pair)
    pair.standby.run("openclaw-failover promote")
    return wait_event(pair.standby, "promoted")


def test_failover_and_failback_are_reported(pair, receiver):
    """Not before the outage has lasted 45 s; and the failback's alert names the branch to merge, and how."""
    begin(pair)
    pair.primary.gateway.kill()
    outage = int(wait_event(pair.standby, "promoted")["FAILOVER_OUTAGE_USEC"])
    pair.standby.put(f"{pair.WORKSPACE}/memory/night.md", "what the standby learned\n", user="openclaw")
    assert receiver.alerts == []
    promoted, = receiver.wait_alerts("promoted", deadline=60)
    assert receiver.requests[0]["path"] == f"/hook/{SECRET}"
    assert promoted["host"] == "standby" and promoted["primary"] == "100.64.0.1:18789"
    assert promoted["reason"] == "connection refused"
    assert abs(promoted["outage_seconds"] - outage / 1e6) < 0.002
    assert moment(promoted["since"]) <= moment(promoted["time"])
    pair.primary.gateway.start()
    demoted = receiver.wait_alerts("promoted", "demoted", deadline=70)[1]
    assert demoted["lasted_seconds"] > 0
    pull, push = demoted["commands"]
    assert " pull " in pull and "failover/standby/" in pull and push.endswith(" push")
    assert_secret_is_kept(pair.standby)


def test_short_outage_wakes_nobody(pair, receiver):
    """The primary is back, and the standby demoted, before the alert was due: none goes out, for the one nor the other."""
    fail_over(pair)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    pair.standby.run("openclaw-failover promote")
    receiver.wait_alerts("promoted")


def test_receiver_down_then_up_again(pair, receiver):
    """What happened meanwhile is delivered by the next daemon, with the times at which it happened."""
    standby = pair.standby
    receiver.stop()
    promote(pair)
    standby.wait_journal(rf"Alerts cannot be delivered: {receiver.url}: connection refused", DAEMON)
    over = time.time()
    standby.systemctl("restart", DAEMON)
    pair.wait_promoted()
    standby.run(f"systemctl kill -s KILL {DAEMON}")
    pair.wait_promoted()
    # What systemd starts again has not failed.
    assert standby.messages("openclaw-failover-alert.service") == []
    wait_for(lambda: time.time() > over + 2)
    receiver.start()
    alerts = receiver.wait_alerts("promoted")
    assert all(moment(a["time"]) <= over for a in alerts)
    standby.wait_for(lambda: not standby.exists("/var/lib/openclaw-failover/alerts.json"))
    assert_secret_is_kept(standby)


def test_busy_service_is_left_alone(pair, receiver):
    receiver.answer("429 Retry-After=3600")
    promote(pair)
    pair.standby.wait_journal(r"Alerts cannot be delivered: .* HTTP 429", DAEMON)
    now = wait_status(pair.standby, undelivered_alerts=1)
    assert "HTTP 429" in now["alert_error"] and now["level"] == "degraded"
    assert [a["event"] for a in receiver.alerts] == ["promoted"]
    receiver.answer("204")
    receiver.forget()
    pair.standby.systemctl("restart", DAEMON)
    receiver.wait_alerts("promoted")


@pytest.mark.parametrize("answer, words", [
    ("500", "HTTP 500"),
    (f"302 Location=http://192.0.2.254:{PORT}/elsewhere", "HTTP 302, a redirect"),
    ("hang", "Timeout"),
])
def test_failing_service_delays_nothing(pair, receiver, answer, words):
    receiver.answer(answer)
    promote(pair)
    pair.standby.run("openclaw-failover auto")
    wait_event(pair.standby, "demoted")
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted", count=2)
    # Two intervals of counting, with seconds to spare, where one alert alone would hang for ten.
    assert int(promoted["FAILOVER_DETECTING_USEC"]) < 8_000_000
    pair.standby.wait_journal(f"Alerts cannot be delivered: {receiver.url}: .*{words}", DAEMON)
    assert not any(r["path"] == "/elsewhere" for r in receiver.requests)
    receiver.answer("204")
    wait_for(lambda: [a["event"] for a in receiver.alerts][-1:] == ["promoted"], 90)
    assert_secret_is_kept(pair.standby)


def test_refused_alert_is_said(pair, receiver):
    receiver.answer("404")
    promote(pair)
    pair.standby.wait_journal(r'refused the alert "promoted"', DAEMON)
    receiver.answer("204")
    receiver.forget()
    pair.standby.run("openclaw-failover auto")
    assert receiver.wait_alerts("demoted", deadline=70)[0]["dropped"] == 1


def test_alert_test(pair, receiver):
    standby = pair.standby
    done = standby.run("openclaw-failover alert-test")
    assert done.stdout == f"Delivered: {receiver.url}: HTTP 204\n"
    assert receiver.alerts[0]["event"] == "test"

    for answer, words in (("404", "HTTP 404"), ("503", "HTTP 503"), ("302 Location=/x", "redirect")):
        receiver.answer(answer)
        done = standby.run("openclaw-failover alert-test", check=False)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    receiver.stop()
    done = standby.run("openclaw-failover alert-test", check=False)
    assert done.returncode == 1 and "connection refused" in done.stderr

    done = standby.run("openclaw-failover alert-test", user="alice", check=False)
    assert done.returncode == 1 and "sudo" in done.stderr and SECRET not in done.stderr and "LoadCredential" not in done.stderr
    pair.configure()
    done = standby.run("openclaw-failover alert-test", check=False)
    assert done.returncode == 78 and "[alert]" in done.stderr


def test_address_in_another_file(pair, receiver):
    """The journal says who prints what is to be done, and that works, also for the alert that the daemon has failed."""
    standby, elsewhere = pair.standby, "/etc/openclaw-failover/elsewhere"
    standby.run(f"mv {URL_FILE} {elsewhere}")
    pair.configure(alert={"url_file": elsewhere})
    pair.start(up=False)
    wait_up(standby)
    advice = standby.wait_journal(r"Alerts cannot be delivered: .*LoadCredential=", DAEMON)["MESSAGE"]
    assert f"LoadCredential=alert-url:{elsewhere}" in advice and "restart" in advice and "sudo" not in advice
    assert sum("Alerts cannot be delivered" in m for m in standby.messages(DAEMON)) == 1
    assert json.loads(standby.run("openclaw-failover status --json", check=False).stdout)["level"] == "degraded"
    for command in doctor(standby).lines["alert"].commands:
        standby.run(command)
    wait_up(standby)
    standby.run("openclaw-failover promote")
    receiver.wait_alerts("promoted")
    receiver.forget()
    pair.configure(primary={"nonsense": 1}, alert={"url_file": elsewhere})
    assert standby.systemctl("restart", DAEMON, check=False).returncode != 0
    receiver.wait_alerts("unit-failed")


@pytest.mark.parametrize("broken", [{"nonsense": 1}, {"host": None}, {"port": "many"}])
def test_daemon_that_does_not_start_is_reported(pair, receiver, broken):
    """Exit 78 after a reboot, because of a mistake elsewhere in the ini."""
    standby = pair.standby
    pair.configure(primary=broken, alert={"url_file": URL_FILE})
    assert standby.systemctl("start", DAEMON, check=False).returncode != 0
    alert = receiver.wait_alerts("unit-failed")[0]
    assert alert["level"] == "error"
    assert "/etc/openclaw-failover.ini" in alert["text"]
    standby.wait_state(ALERT_UNIT, "inactive")
    assert_secret_is_kept(standby)


def test_heartbeat(pair, receiver):
    standby = pair.standby
    standby.put("/etc/openclaw-failover/heartbeat-url", f"{receiver.url}/ping/{SECRET}\n", mode=0o600)
    pair.configure(heartbeat={"url_file": "/etc/openclaw-failover/heartbeat-url", "interval": "1s"})
    begin(pair)
    wait_for(lambda: len(receiver.requests) >= 3)
    assert receiver.requests[0] == {"method": "GET", "path": f"/ping/{SECRET}", "body": ""}
    pair.primary.gateway.kill()
    wait_event(standby, "promoted")
    receiver.forget()
    wait_for(lambda now=time.time(): time.time() > now + 3, what="three intervals")
    assert receiver.requests == []
    pair.primary.gateway.start()
    wait_event(standby, "demoted")
    wait_for(lambda: receiver.requests)
    receiver.stop()
    standby.wait_journal(rf"The heartbeat fails: {receiver.url}: connection refused", DAEMON)
    assert_secret_is_kept(standby)


def metrics(host, path):
    """{"name{label}": value}; empty while there is no file."""
    if not host.exists(path):
        return {}
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in host.get(path).splitlines() if not line.startswith("#"))}


def test_metrics(pair):
    standby, path = pair.standby, "/var/lib/openclaw-failover/openclaw.prom"

    def value(name):
        return metrics(standby, path).get("openclaw_failover_" + name)

    begin(pair, metrics={"textfile": path})
    wait_for(lambda: value("primary_up") == 1)
    assert value('role{role="standby"}') == 1 and value('checks_total{verdict="up"}') >= 1
    assert value("failovers_total") == 0 and value("last_outage_seconds") is None
    pair.primary.gateway.kill()
    outage = int(wait_event(standby, "promoted")["FAILOVER_OUTAGE_USEC"])
    wait_for(lambda: value('role{role="promoted"}') == 1)
    assert value("primary_up") == 0 and value("failovers_total") == 1
    assert abs(value("last_outage_seconds") - outage / 1e6) < 0.001
    assert value('checks_total{verdict="down"}') >= 3
    assert value("last_sync_success_timestamp_seconds") is None or value("last_sync_success_timestamp_seconds") > 1e9
    assert standby.out(f"stat -c %a {path}") == "644"
    if shutil.which("promtool"):
        text = standby.get(path)
        assert subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False).returncode == 0
    standby.systemctl("stop", DAEMON)
    assert value("up") == 0


def test_metrics_elsewhere(pair):
    """Where node_exporter looks: the sandbox forbids it until a drop-in allows it, and that is said, once."""
    standby, directory = pair.standby, "/var/lib/prometheus/node-exporter"
    standby.run(f"mkdir -p {directory}; chown openclaw-failover {directory}")
    begin(pair, metrics={"textfile": f"{directory}/openclaw.prom"})
    standby.wait_journal(r"cannot be written: .*ReadWritePaths=", DAEMON)
    pair.primary.gateway.kill()
    wait_event(standby, "promoted")
    assert sum("ReadWritePaths=" in m for m in standby.messages(DAEMON)) == 1
    standby.put(f"/etc/systemd/system/{DAEMON}.d/metrics.conf", f"[Service]\nReadWritePaths={directory}\n")
    standby.systemctl("daemon-reload")
    standby.systemctl("restart", DAEMON)
    wait_for(lambda: metrics(standby, f"{directory}/openclaw.prom").get("openclaw_failover_up") == 1)
