"""Our commands and the D-Bus service behind them, called as a user or a program does."""

import json
import os
import pty
import threading

BUS = ["org.openclaw.Failover1", "/org/openclaw/Failover1", "org.openclaw.Failover1"]
# The schema of `status --json`, number 1: what a program may rely on.
TICKS = {"LastCheckUSec", "LastCheckTimestamp", "NextCheckTimestamp"}
STATUS_KEYS = {
    "version", "instance", "running", "level", "summary", "next", "state", "state_since", "mode", "paused_until", "primary",
    "health", "health_since", "check_verdict", "check_reason", "primary_channels_fail", "primary_restarts", "check_seconds", "checked_at", "next_check_at",
    "check_interval_seconds", "failed_checks", "failed_checks_needed", "good_checks", "good_checks_needed", "senior",
    "waiting_for", "waiting_until", "gateway_unit", "gateway_state", "gateway_warm", "gateway_answers", "gateway_restarts", "gateway_starts", "next_start_at",
    "hang_at", "kill_at", "synced_at", "sync_ok", "sync", "sync_succeeded_at", "unmerged_branches", "merge_commands",
    "last_failover", "failovers", "automatic_failback", "detection", "last_start_seconds", "key_expires_at",
    "primary_key_expires_at", "undelivered_alerts", "alert_error", "heartbeat_error",
}
LAST_FAILOVER_KEYS = {"began", "reason", "started", "ended", "outage_seconds"}
DETECTION_KEYS = {"dead_gateway_seconds", "dead_machine_seconds", "hung_gateway_seconds"}


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


def interrupt(host, words):
    """SIGINT to the command, which runs in the host under a number of its own there."""
    host.run(["pkill", "-INT", "-xf", f"openclaw-failover {words}"])


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
