"""The lab itself: what the other tests rely on, and that it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import pathlib
import textwrap

import pytest

import lab as lab_module
from lab import wait_for

HEALTH = "http://100.64.0.1:18789"


def curl(pair, path="/health", limit=1):
    """Exit status of curl on the standby, HTTP status, body."""
    done = pair.standby.run(["curl", "-s", "-m", str(limit), "--max-filesize", "65536", "-w", "\n%{http_code}",
                             HEALTH + path], check=False)
    body, _, status = done.stdout.rpartition("\n")
    return done.returncode, int(status), body


def reaches(host, address):
    """True if sshd answers there. (A machine need not have ping.)"""
    done = host.run(f"read -r -t 2 line < /dev/tcp/{address}/22 && echo $line", check=False, timeout=20)
    return done.stdout.startswith("SSH-2.0")


def test_hosts_run_a_whole_systemd(pair):
    for host in (pair.primary, pair.standby):
        assert host.out("systemctl is-system-running") == "running", host.out("systemctl --failed")
        assert host.out("hostname") == host.name
        assert host.is_active("ssh.service") and host.is_active("systemd-journald.service")
        assert host.out("stat -fc %T /sys/fs/cgroup") == "cgroup2fs"
    assert pair.primary.out("cat /etc/machine-id") != pair.standby.out("cat /etc/machine-id")


def test_hosts_see_nothing_of_this_machine(pair):
    assert pair.standby.out("ls /home").split() == ["alice", "openclaw"]
    # systemd-tmpfiles makes .ssh (provision.conf).
    assert set(pair.standby.out("ls -A /root /srv").split()) <= {"/root:", "/srv:", ".ssh"}
    assert pair.standby.run("getent hosts example.org", check=False).returncode == 2


def test_hosts_reach_each_other_on_both_networks(pair):
    for address in ("100.64.0.1", "192.0.2.1", "fd7a:115c:a1e0::1", "primary"):
        assert reaches(pair.standby, address)
    assert reaches(pair.primary, "standby")


def test_ssh_git_and_rsync_work_as_the_gateways_user(pair):
    new = pair.commit("memory/day-3.md", "third day\n")
    pair.standby.run("ssh -o BatchMode=yes -o StrictHostKeyChecking=yes openclaw@100.64.0.1 true", user="openclaw")
    assert pair.git("status", "--porcelain") == ""
    pair.git("pull", "-q", "--ff-only")
    assert pair.git("rev-parse", "HEAD") == new
    pair.standby.run("rsync -a -e 'ssh -o BatchMode=yes' openclaw@100.64.0.1:.secrets/ ~/.secrets/", user="openclaw")
    assert pair.standby.get("/home/openclaw/.secrets/deep/api.key") == "secret of deep/api.key\n"


def test_ssh_refuses_whoever_has_no_key(pair):
    done = pair.standby.run("ssh -o BatchMode=yes -o StrictHostKeyChecking=no openclaw@100.64.0.1 true", user="alice",
                            check=False)
    assert done.returncode == 255 and "Permission denied" in done.stderr


def test_polkit_decides(pair):
    done = pair.standby.run("systemctl start openclaw.service", user="alice", check=False)
    assert done.returncode != 0 and "interactive authentication" in done.stderr.lower()
    assert not pair.standby.is_active("openclaw.service")
    pair.standby.put("/etc/polkit-1/rules.d/10-alice.rules", textwrap.dedent("""\
        polkit.addRule(function(action, subject) {
                if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "alice" &&
                    action.lookup("unit") == "openclaw.service" && action.lookup("verb") == "start")
                        return polkit.Result.YES;
        });
        """))
    pair.standby.wait_for(lambda: pair.standby.run("systemctl start openclaw.service", user="alice", check=False)
                          .returncode == 0, 10, "the rule is in force")
    assert pair.standby.run("systemctl stop openclaw.service", user="alice", check=False).returncode != 0


def test_a_sandboxed_service_starts_and_is_confined(pair):
    options = """NoNewPrivileges=yes PrivateTmp=yes PrivateDevices=yes PrivateNetwork=no ProtectSystem=strict
        ProtectHome=yes ProtectKernelTunables=yes ProtectKernelModules=yes ProtectKernelLogs=yes ProtectControlGroups=yes
        ProtectClock=yes ProtectHostname=yes ProtectProc=invisible ProcSubset=pid RestrictNamespaces=yes
        RestrictRealtime=yes RestrictSUIDSGID=yes LockPersonality=yes MemoryDenyWriteExecute=yes UMask=0077
        SystemCallArchitectures=native SystemCallFilter=@system-service CapabilityBoundingSet= PrivateIPC=yes
        RestrictAddressFamilies=AF_UNIX User=alice RemoveIPC=yes DevicePolicy=closed""".split()
    words = ["systemd-run", "--quiet", "--wait", "--pipe", *(f"--property={o}" for o in options), "--", "sh", "-c"]
    done = pair.standby.run([*words, "ls /home; touch /usr/x || echo sealed; ls /proc | grep -c '^[0-9]*$'"])
    assert "sealed" in done.stdout and "openclaw" not in done.stdout


@pytest.mark.parametrize("mode, code, status, body", [
    ("normal", 0, 200, '{"ok":true,"status":"live"}'),
    ("old", 0, 200, '{"ok":true,"status":"live"}'),
    ("draining", 0, 200, '{"ok":true,"status":"live"}'),
    ("503", 0, 503, None), ("401", 0, 401, None), ("404", 0, 404, None), ("503 wait=0.2", 0, 503, None),
    ("html", 0, 200, "<!doctype html>"), ("false", 0, 200, '{"ok":false'), ("empty", 0, 200, ""),
    ("redirect redirect-to=file:///etc/passwd", 0, 302, ""),
    ("refuse", 7, 0, None), ("close", 52, 0, None), ("reset", 56, 0, None), ("short", 18, 200, None),
    ("hang", 28, 0, None), ("half", 28, 200, None), ("drip", 28, 0, None), ("wait=9", 28, 0, None),
    ("garbage", 1, 0, None), ("headers", 56, 200, None), ("slow-headers", 28, 200, None), ("flood", 63, 200, None),
    ("bomb", 0, 200, None)])
def test_gateway_does_as_it_is_told(pair, mode, code, status, body):
    pair.primary.gateway.mode(mode)
    got = []

    def as_told():
        got[:] = curl(pair)
        # Versions of curl have different numbers for headers and bodies that do not end.
        codes = {56: (56, 27, 100), 63: (63, 23, 28)}.get(code, (code,))
        return got[0] in codes and (got[1] == status or code) and (body is None or got[2].startswith(body))

    try:
        wait_for(as_told, 5)
    except AssertionError:
        pytest.fail(f"{mode}: curl {got[0]}, HTTP {got[1]}, {got[2][:80]!r}")


def test_gateway_tells_how_its_start_is_going(pair):
    assert curl(pair, "/startupz") == (0, 200, '{"status":"started"}')
    assert curl(pair, "/healthz") == (0, 200, '{"ok":true,"status":"live"}')
    assert curl(pair, "/chat")[2].startswith("<!doctype html>")
    for mode in ("starting", "draining"):
        pair.primary.gateway.mode(mode)
        wait_for(lambda: curl(pair, "/startupz") == (0, 503, '{"status":"%s"}' % mode), 5)
    pair.primary.gateway.mode("old")
    wait_for(lambda: curl(pair, "/startupz")[2].startswith("<!doctype html>"), 5)


def test_gateway_boots_slowly_drains_slowly_and_fails(pair):
    standby = pair.standby
    standby.gateway.mode("boot=1 drain=2 exit=7")
    standby.gateway.start(wait=False)
    assert standby.is_active("openclaw.service") and not standby.gateway.answers()
    standby.wait_for(standby.gateway.answers, 10)
    standby.systemctl("stop", "--no-block", "openclaw.service")
    standby.wait_for(lambda: "draining" in standby.run(["curl", "-s", "-m", "1", "127.0.0.1:18789/startupz"],
                                                       check=False).stdout, 2, "it drains")
    assert standby.state("openclaw.service") == "deactivating" and standby.gateway.answers()
    standby.wait_state("openclaw.service", "failed")
    assert standby.unit("openclaw.service")["ExecMainStatus"] == "7"
    standby.gateway.mode("fail=3")
    standby.systemctl("start", "openclaw.service", check=False)
    standby.wait_journal("fail=N: exiting", unit="openclaw.service")


def test_network_faults_and_their_healing(pair):
    primary, standby = pair.primary, pair.standby
    assert curl(pair)[0] == 0
    primary.drop()
    assert curl(pair)[0] == 28
    assert primary.gateway.answers()  # loopback is spared
    primary.heal()
    assert curl(pair)[0] == 0
    primary.reject("icmpx port-unreachable", port=18789)
    assert curl(pair)[0] == 7
    assert reaches(standby, "100.64.0.1")
    primary.heal()
    primary.link_down()
    assert curl(pair)[0] in (28, 7)
    primary.heal()
    wait_for(lambda: curl(pair)[0] == 0, 5)
    standby.link_down(admin=True)
    assert len(standby.out("cat /proc/net/route").splitlines()) <= 1
    standby.heal()
    assert "eth0\t00000000\tFE0200C0" in standby.out("cat /proc/net/route")  # the default route, by way of 192.0.2.254
    standby.tailnet_down()
    assert curl(pair)[0] in (28, 7)
    standby.heal()
    wait_for(lambda: curl(pair)[0] == 0, 5)


def test_silent_name_server(pair):
    pair.standby.resolver(pair.lab.outside.address)
    assert pair.standby.run("timeout 2 getent hosts example.org", check=False).returncode == 2  # refused at once
    pair.standby.drop_outgoing(port=53)
    assert pair.standby.run("timeout 2 getent hosts example.org", check=False).returncode == 124


def test_paused_host_is_silent_and_resumes(pair):
    pair.primary.pause()
    assert curl(pair)[0] == 28
    pair.primary.resume()
    wait_for(lambda: curl(pair)[0] == 0, 5)


def test_power_cut_and_reboot_keep_the_disk_and_renew_run(pair):
    for cycle in (pair.standby.power_cut, pair.standby.reboot, pair.standby.poweroff):
        pair.standby.put("/home/openclaw/kept", "kept\n", user="openclaw")
        pair.standby.put("/run/gone", "gone\n")
        pair.standby.run("logger -t lab before")
        boot = pair.standby.out("cat /proc/1/stat | cut -d' ' -f22; hostname")
        cycle()
        if not pair.standby.is_up():
            with pytest.raises(lab_module.LabError):
                pair.standby.run("true")
            assert pair.standby.get("/home/openclaw/kept") == "kept\n"
            pair.standby.boot()
        assert pair.standby.out("cat /proc/1/stat | cut -d' ' -f22; hostname") != boot
        assert pair.standby.get("/home/openclaw/kept") == "kept\n"
        assert not pair.standby.exists("/run/gone")
        assert "before" in pair.standby.messages()
        pair.standby.remove("/home/openclaw/kept")


def test_reset_undoes_what_a_test_did(pair):
    standby = pair.standby
    before = standby.out("find /etc /home /root -printf '%p %m %u %s\n' | sort | md5sum")
    standby.put("/etc/systemd/system/openclaw.service.d/evil.conf", "[Service]\nTimeoutStopSec=1\n")
    standby.put("/etc/openclaw-failover.ini", "nonsense")
    standby.mkdir("/var/lib/openclaw-failover/x")
    standby.put("/run/openclaw-failover/marker", "x")
    standby.run("rm -rf ~/.openclaw/workspace/.git", user="openclaw")
    standby.run("systemctl daemon-reload")
    standby.gateway.mode("drain=600 ignore-term")
    standby.gateway.start()
    standby.popen("sleep 1000", user="openclaw")
    standby.tailnet_down()
    pair.primary.power_cut()
    pair.commit_count = pair.git("rev-list", "--count", "HEAD", check=False)
    pair.reset()
    assert standby.out("find /etc /home /root -printf '%p %m %u %s\n' | sort | md5sum") == before
    assert standby.unit("openclaw.service")["TimeoutStopUSec"] == "5min 30s"
    assert not standby.exists("/var/lib/openclaw-failover") and not standby.exists("/run/openclaw-failover")
    assert standby.state("openclaw.service") == "inactive"
    assert standby.run("pgrep -u openclaw", check=False).returncode == 1
    assert curl(pair)[0] == 0 and pair.git("status", "--porcelain") == ""


def test_outside_reaches_the_hosts_and_is_reached(pair):
    outside = pair.lab.outside
    assert reaches(outside, "192.0.2.2")
    witness = outside.popen([lab_module.BUILD / "tests/gateway", "bind=192.0.2.254", "port=8080", "control=/dev/null"])
    wait_for(lambda: pair.standby.run("curl -sf http://192.0.2.254:8080/health", check=False).returncode == 0, 5)
    witness.terminate()
    witness.wait()


def test_nothing_is_left_after_the_test_process_is_killed(tmp_path):
    """SIGKILL leaves no time for any cleaning up of its own."""
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent("""\
        import sys, time
        sys.path.insert(0, sys.argv[1])
        from lab import Lab
        lab = Lab()
        host = lab.host("doomed", 9)
        host.boot()
        host.popen("sleep 1000")
        print(lab.name, lab._keeper.pid, *lab.pids(), flush=True)
        time.sleep(1000)
        """), os.path.dirname(lab_module.__file__)], stdout=subprocess.PIPE, text=True)
    mounts = pathlib.Path("/proc/self/mounts").read_text()
    namespaces = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    name, *pids = child.stdout.readline().split()
    assert len(pids) > 8
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    wait_for(lambda: not [p for p in pids if alive(p)], 20, "every process is gone")
    assert pathlib.Path("/proc/self/mounts").read_text() == mounts
    assert subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout == namespaces
    assert not list(pathlib.Path("/sys/fs/cgroup").glob(f"**/{name}"))


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
