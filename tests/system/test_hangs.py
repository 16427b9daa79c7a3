"""A disk that hangs: what the daemon would write there costs no check, and no promotion."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from story import DAEMON, events, starts, wait_event, wait_up

STATE = "/var/lib/openclaw-failover"

pytestmark = pytest.mark.skipif(
    not (shutil.which("fsfreeze") and shutil.which("mkfs.ext4") and pathlib.Path("/dev/loop-control").exists()),
    reason="needs fsfreeze, mkfs.ext4 and loop devices")


def sh(script, *words):
    return subprocess.run(["sh", "-ec", script, "sh", *map(str, words)], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def disk(host, tmp_path):
    """A file system of its own for what the daemon keeps; yields what freezes it: everything that writes there then hangs."""
    image = tmp_path / "disk"
    sh("truncate -s 16M $1; mkfs.ext4 -q $1", image)
    loop = sh("losetup --find --show $1", image)
    within = ["nsenter", "-t", str(host.pid), "--mount", "--root", "sh", "-ec"]

    @contextlib.contextmanager
    def frozen():
        # Should this test be killed, nothing may hang for good.
        guard = subprocess.Popen([*within, f"sleep 90; fsfreeze -u {STATE}"], stderr=subprocess.DEVNULL, start_new_session=True)
        subprocess.run([*within, f"fsfreeze -f {STATE}"], check=True)
        try:
            yield
        finally:
            subprocess.run([*within, f"fsfreeze -u {STATE}"], check=True)
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()

    try:
        subprocess.run([*within, f"mkdir -p {STATE}; mknod /dev/disk b 7 {loop.removeprefix('/dev/loop')}; "
                                 f"mount /dev/disk {STATE}"], check=True)
        sh("losetup -d $1", loop)  # when it is unmounted, be it by the end of the host
        yield frozen
    finally:
        host.run(f"systemctl kill -s KILL {DAEMON}; systemctl stop {DAEMON}", check=False)
        host.run(f"umount -l {STATE}; rm /dev/disk", check=False)


def checked_at(host):
    return json.loads(host.run("openclaw-failover status --json", check=False).stdout)["checked_at"]


def test_state_directory_hangs(pair, tmp_path):
    host = pair.standby
    pair.configure(alert={"url": "http://192.0.2.254:9/"}, metrics={"textfile": f"{STATE}/x.prom"})
    host.put(f"/etc/systemd/system/{DAEMON}.d/test.conf", "[Service]\nWatchdogSec=3\n")
    host.systemctl("daemon-reload")
    with disk(host, tmp_path) as frozen:
        pair.start()
        wait_up(host)
        with frozen():
            host.run("openclaw-failover promote")
            wait_event(host, "promoted", 10)
            host.run("openclaw-failover auto")
            wait_event(host, "demoted", 10)
            pair.primary.gateway.kill()
            wait_event(host, "promoted", 10, count=2)
            before = checked_at(host)
            host.wait_for(lambda: checked_at(host) > before, 5)
            assert not any("stood still" in m for m in host.messages(DAEMON))
        host.wait_for(lambda: '"auto"' in host.run(f"cat {STATE}/state.json", check=False).stdout, 10)
        assert host.unit(DAEMON)["NRestarts"] == "0"
        assert starts(host) == 2 and "held" not in events(host)
