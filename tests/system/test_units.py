"""The units as installed: what they may do and may not, what polkit lets the monitor ask for, how a reload goes."""

import os
import re
import shlex
import subprocess
import textwrap

import pytest

from lab import BUILD, SOURCE

MONITOR, SYNC, GATEWAY = "openclaw-failover.service", "openclaw-failover-sync.service", "openclaw.service"
# As StartUnit … of org.freedesktop.systemd1.Manager take them.
CALLS = {
    "StartUnit": "ss {} replace", "StopUnit": "ss {} replace", "RestartUnit": "ss {} replace",
    "ReloadUnit": "ss {} replace", "KillUnit": "ssi {} all 15", "ResetFailedUnit": "s {}",
}
ALLOWED = {
    GATEWAY: {"StartUnit", "StopUnit", "KillUnit", "ResetFailedUnit"},
    SYNC: {"StartUnit", "StopUnit", "ResetFailedUnit"},
}


def ask(host, user, method, arguments):
    """Whether systemd did what USER asked for, or did not because of polkit."""
    done = host.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "busctl", "call",
                     "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                     method, *shlex.split(arguments)], check=False)
    refused = "nteractive authentication required" in done.stderr or "Access denied" in done.stderr
    assert done.returncode == 0 or refused, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("user", ["openclaw-failover", "openclaw"])
def test_polkit_allows_exactly_what_the_monitor_needs(pair, user, figure):
    """The gateway's own user, an agent with a shell, may do none of it."""
    host = pair.standby
    host.put("/etc/systemd/system/openclaw-failover-sync.service.d/test.conf",
             "[Service]\nExecStart=\nExecStart=/bin/sleep 60\n")
    host.run("systemctl daemon-reload")
    allowed = 0
    for unit in (GATEWAY, SYNC, MONITOR, "ssh.service"):
        for method, arguments in CALLS.items():
            # polkit is asked about units that are loaded only.
            host.systemctl("start", "--no-block", unit)
            expected = user == "openclaw-failover" and method in ALLOWED.get(unit, ())
            assert ask(host, user, method, arguments.format(unit)) == expected, f"{method} {unit}"
            allowed += expected
    for method in ("Reload", "Reexecute", "PowerOff"):
        assert not ask(host, user, method, ""), method
    assert not ask(host, user, "MaskUnitFiles", f"asbb 1 {GATEWAY} true true")
    figure(f"polkit allows {allowed} of {4 * len(CALLS) + 4} requests of {user}")


@pytest.mark.as_shipped
def test_the_gateway_starts_at_once_and_keeps_what_node_compiled(pair):
    host = pair.standby
    shown = dict(line.split("=", 1) for line in host.run(
        f"systemctl show {GATEWAY} -p After -p Wants -p CacheDirectory -p Environment").stdout.splitlines())
    assert "network-online.target" not in shown["After"] + shown["Wants"]
    assert shown["Environment"] == f"NODE_COMPILE_CACHE=/var/cache/{shown['CacheDirectory']}"


@pytest.mark.as_shipped
def test_units_are_sound(pair, figure):
    host = pair.standby
    assert host.run(f"systemd-analyze verify --man=no {MONITOR} {SYNC} {GATEWAY} 2>&1").stdout == ""
    for unit, limit in ((MONITOR, 1.3), (SYNC, 1.6)):
        last = host.out(f"systemd-analyze security --no-pager {unit}").splitlines()[-1]
        exposure = re.search(r": (\d+\.\d+) ", last)[1]
        figure(f"systemd-analyze security {unit}: {exposure}, at most {limit}")
        assert float(exposure) <= limit, last
    assert host.run("systemctl enable openclaw.service", check=False).stderr.startswith("The unit files have no")


def run_in_place_of(host, unit, script):
    """What SCRIPT prints when it runs within UNIT's sandbox."""
    host.put("/usr/local/bin/probe", "#!/bin/sh\n" + textwrap.dedent(script), mode=0o755)
    host.put(f"/etc/systemd/system/{unit}.d/probe.conf",
             "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/usr/local/bin/probe\n"
             "StandardOutput=truncate:/run/probe.out\n")
    host.run("systemctl daemon-reload")
    host.systemctl("start", unit)
    return host.get("/run/probe.out").split()


def test_the_monitor_sees_no_home_and_writes_two_directories(pair, figure):
    said = run_in_place_of(pair.standby, MONITOR, """\
        may() { if ("$@") >/dev/null 2>&1; then echo "$2"; fi; }
        may ls /home; may ls /root; may ls /home/openclaw; may ls /var/lib/openclaw-failover-sync
        for d in /var/lib/openclaw-failover /run/openclaw-failover /etc /home /usr /var /run; do may touch $d/probe; done
        may cat /proc/self/net/tcp; may cat /proc/1/comm; may cat /etc/openclaw-failover.ini
        """)
    assert said == ["/var/lib/openclaw-failover/probe", "/run/openclaw-failover/probe", "/proc/self/net/tcp",
                    "/etc/openclaw-failover.ini"]
    figure(f"the monitor's sandbox: {sum(path.endswith('/probe') for path in said)} of 7 directories may be written, no home seen")


def test_the_sync_writes_workspace_secrets_and_its_state(pair, figure):
    pair.standby.mkdir("/home/openclaw/.secrets", mode=0o700, user="openclaw")
    said = run_in_place_of(pair.standby, SYNC, """\
        may() { if ("$@") >/dev/null 2>&1; then echo "$2"; fi; }
        cd /home/openclaw
        for d in .openclaw/workspace .openclaw .ssh . .secrets /var/lib/openclaw-failover-sync \\
                /var/lib/openclaw-failover /run/openclaw-failover /etc /usr/local /home/alice; do may touch $d/probe; done
        may git -C .openclaw/workspace fetch
        may rsync -rt -e 'ssh -o BatchMode=yes -o StrictHostKeyChecking=yes' openclaw@100.64.0.1:.secrets/ .secrets/
        """)
    assert said == [".openclaw/workspace/probe", "./probe", ".secrets/probe", "/var/lib/openclaw-failover-sync/probe", "-C", "-rt"]
    assert pair.standby.get("/home/openclaw/.secrets/deep/api.key") == "secret of deep/api.key\n"
    figure(f"the sync's sandbox: {sum(path.endswith('/probe') for path in said)} of 10 directories may be written")


def test_reload_of_a_bad_file_fails_and_changes_nothing(pair):
    pair.start()
    before = pair.standby.unit(MONITOR)["MainPID"]
    good = pair.standby.get("/etc/openclaw-failover.ini")
    for bad, why in (("[primary]\nhost = a", "half written"), ("[primary]\nhots = a\n", "allowed here: host, port")):
        pair.standby.mark()
        pair.standby.put("/etc/openclaw-failover.ini", bad)
        assert pair.standby.run(f"systemctl reload {MONITOR}", check=False).returncode != 0
        pair.standby.wait_journal(why)
        state = pair.standby.unit(MONITOR)
        assert (state["ActiveState"], state["MainPID"]) == ("active", before)
    pair.standby.mark()
    pair.standby.put("/etc/openclaw-failover.ini", good)
    pair.standby.systemctl("reload", MONITOR)
    # A good configuration is not printed into the journal.
    assert "check_interval = " not in pair.standby.out(f"journalctl -q -o cat -u {MONITOR}")


def test_a_bad_file_is_not_tried_again(pair):
    pair.configure(primary={"host": "not a host"})
    assert pair.standby.run(f"systemctl start {MONITOR}", check=False).returncode != 0
    state = pair.standby.unit(MONITOR)
    assert (state["ActiveState"], state["ExecMainStatus"], state["NRestarts"]) == ("failed", "78", "0")
    pair.standby.wait_journal("/etc/openclaw-failover.ini:2: host:")


def test_secret_addresses_arrive_as_credentials_if_they_exist(pair):
    address = "https://discord.com/api/webhooks/1/secret"
    pair.standby.put("/etc/openclaw-failover/alert-url", address + "\n", mode=0o600)
    pair.start()
    pid = pair.standby.unit(MONITOR)["MainPID"]
    seen = f"/proc/{pid}/root/run/credentials/{MONITOR}"
    assert pair.standby.out(f"cat {seen}/alert-url") == address
    assert pair.standby.out(f"cat {seen}/heartbeat-url") == "none"
    assert pair.standby.run(f"cat {seen}/alert-url /run/credentials/{MONITOR}/alert-url", user="openclaw",
                            check=False).stdout == ""


# make install, into a directory.

def make(target, root, **variables):
    argv = ["make", "--no-print-directory", "-C", SOURCE, target, f"DESTDIR={root}", f"BUILD={BUILD}"]
    return subprocess.run(argv + [f"{k}={v}" for k, v in variables.items()], check=True, capture_output=True,
                          text=True).stdout


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("prefix, vendor", [("/usr/local", "etc"), ("/usr", "usr/share")])
def test_install_and_uninstall(tmp_path, prefix, vendor):
    make("install", tmp_path, PREFIX=prefix)
    units = f"{prefix[1:]}/lib/systemd/system"
    assert {f"{prefix[1:]}/bin/openclaw-failover", f"{units}/{MONITOR}", f"{units}/{SYNC}", f"{units}/{GATEWAY}",
            f"{prefix[1:]}/lib/sysusers.d/openclaw-failover.conf", "etc/openclaw-failover.ini",
            f"{vendor}/polkit-1/rules.d/openclaw-failover.rules"} <= files(tmp_path)
    unit = (tmp_path / units / MONITOR).read_text()
    assert f"ExecStart={prefix}/bin/openclaw-failover run\n" in unit
    for path in files(tmp_path) - {f"{prefix[1:]}/bin/openclaw-failover"}:
        text = (tmp_path / path).read_text(errors="replace")
        assert not re.search("@(BINDIR|SYSCONFDIR|SINCE)", text), path
        assert os.stat(tmp_path / path).st_mode & 0o777 == 0o644, path
    make("uninstall", tmp_path, PREFIX=prefix)
    assert files(tmp_path) == {"etc/openclaw-failover.ini"}


@pytest.mark.parametrize("where", ["etc", "run", "usr/local/lib", "usr/lib", "lib"])
def test_install_keeps_what_is_there(tmp_path, where):
    ini, gateway = tmp_path / "etc/openclaw-failover.ini", tmp_path / where / "systemd/system" / GATEWAY
    for path in (ini, gateway):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine\n")
    said = make("install", tmp_path)
    assert said.count("is there already and stays as it is") == 2
    assert sum(path.endswith("/" + GATEWAY) for path in files(tmp_path)) == 1
    make("uninstall", tmp_path)
    assert ini.read_text() == gateway.read_text() == "mine\n"
