"""One machine that is the standby of ten primaries."""

import json
import re

import pytest

from lab import SOURCE, install
from story import marker
from test_units import ask

NAMES = [f"site_{i}" for i in range(10)]
KILLED = {"site_3", "site_7"}
INI = """\
[primary]
host = 100.64.0.1
port = {watched}
check_interval = 300ms
timeout = 150ms

[gateway]
unit = openclaw@{name}.service
url = http://127.0.0.1:{own}/health

[workspace]
path =
"""


def ports(name):
    """Those of the primary's gateway and of the standby's; the real one wants 20 between two."""
    number = NAMES.index(name)
    return 19000 + 20 * number, 20000 + 20 * number


def daemon(name):
    return f"openclaw-failover@{name}.service"


def gateway(name):
    return f"openclaw@{name}.service"


@pytest.fixture(scope="module")
def hosts(lab):
    primary, standby = lab.host("primary", 1), lab.host("standby", 2)
    for host in (primary, standby):
        install(lab, host)
        host.boot()
    for name in NAMES:
        watched, own = ports(name)
        primary.put(f"/run/gateway.{name}.mode", f"normal port={watched}\n")
        standby.put(f"/run/gateway.{name}.mode", f"normal port={own}\n")
        standby.put(f"/etc/openclaw-failover/{name}.ini", INI.format(name=name, watched=watched, own=own))
    primary.systemctl("start", *map(gateway, NAMES))
    standby.mark()
    standby.systemctl("start", *map(daemon, NAMES))
    for name in NAMES:
        wait_state(standby, name, "standby", level="well")
    return primary, standby


@pytest.fixture(autouse=True)
def journals(hosts, sanitizers, request):
    """What shows what is wrong. Leaks are looked for at the very end, when `make uninstall` ends the daemons."""
    request.node.lab_hosts = list(hosts)
    sanitizers(hosts[1])


def command(standby, words, name=None, check=False):
    return standby.run(f"openclaw-failover {f'-i {name} ' if name else ''}{words}", check=check)


def status(standby, name):
    return json.loads(command(standby, "status --json", name).stdout)


def wait_state(standby, name, state, **more):
    def reached():
        now = status(standby, name)
        return now["running"] and now["state"] == state and all(now[key] == value for key, value in more.items())

    standby.wait_for(reached, what=f"{name} is {state}")


def test_units_are_sound(hosts):
    units = [daemon("x"), "openclaw-failover-sync@x.service", "openclaw-failover-drill@x.service",
             "openclaw-failover-drill@x.timer", "openclaw-failover-alert@x.service", gateway("x")]
    assert hosts[1].run(f"systemd-analyze verify --man=no {' '.join(units)} 2>&1").stdout == ""
    shown = hosts[1].out("systemctl cat " + " ".join(units))
    assert not re.search(r"^[^#\n]*openclaw(-failover(-\w+)?)?\.(service|timer)", shown, re.M), "names the plain instance's units"


def test_each_has_everything_of_its_own(hosts):
    standby = hosts[1]
    on_bus = set(re.findall(r"org\.openclaw\.Failover1\S*", standby.out("busctl list --acquired")))
    assert on_bus == {f"org.openclaw.Failover1.{name}" for name in NAMES}
    pids = {standby.unit(daemon(name))["MainPID"] for name in NAMES}
    assert len(pids) == len(NAMES)
    for name in NAMES:
        assert status(standby, name)["primary"] == f"100.64.0.1:{ports(name)[0]}"
        assert standby.exists(f"/var/lib/openclaw-failover@{name}") and standby.exists(f"/run/openclaw-failover@{name}")


def test_status_shows_all(hosts):
    standby = hosts[1]
    shown = command(standby, "status")
    assert shown.returncode == 0
    blocks = shown.stdout.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [daemon(name) for name in NAMES]
    assert all(block.splitlines()[1].startswith("Standby: the primary is up") for block in blocks)
    assert [entry["instance"] for entry in json.loads(command(standby, "status --json").stdout)] == NAMES
    assert command(standby, "status", "nobody").returncode == 3
    assert command(standby, "status", "no-body").returncode == 64


def test_polkit_allows_the_instances_units(hosts):
    standby = hosts[1]
    start = lambda unit: ask(standby, "openclaw-failover", "StartUnit", f"ss {unit} replace")
    assert start(gateway("allowed"))
    standby.systemctl("stop", gateway("allowed"))
    for unit in (daemon("site_1"), "openclaw-failover-drill@site_1.service", "openclaw@a-b.service", "getty@tty1.service"):
        assert not start(unit), unit


def test_only_those_fail_over_whose_primary_died(hosts):
    primary, standby = hosts
    for name in KILLED:
        primary.systemctl("kill", "--signal=STOP", gateway(name))  # so that systemd does not start it again
        primary.systemctl("--no-block", "stop", gateway(name))
        primary.systemctl("kill", "--signal=KILL", gateway(name), check=False)
    for name in KILLED:
        wait_state(standby, name, "promoted", gateway_answers=True)
    for name in NAMES:
        assert standby.is_active(gateway(name)) == (name in KILLED), name
        assert bool(marker(standby, f"@{name}")) == (name in KILLED), name
    shown = command(standby, "status")
    assert shown.returncode == 1 and shown.stdout.count("\nPromoted: ") == len(KILLED)
    # What it tells a person to type concerns this instance.
    command(standby, "promote", "site_3", check=True)
    assert "`openclaw-failover -i site_3 auto`" in status(standby, "site_3")["next"]
    command(standby, "auto", "site_3", check=True)


def test_a_restart_leaves_the_gateway(hosts):
    standby = hosts[1]
    before = {name: standby.unit(gateway(name))["MainPID"] for name in KILLED}
    standby.systemctl("restart", *map(daemon, NAMES))
    for name in KILLED:
        wait_state(standby, name, "promoted")
    assert before == {name: standby.unit(gateway(name))["MainPID"] for name in KILLED}


def test_they_hand_back(hosts):
    primary, standby = hosts
    primary.systemctl("start", *map(gateway, KILLED))
    for name in NAMES:
        wait_state(standby, name, "standby", level="well")
        assert not standby.is_active(gateway(name))
    for name in NAMES:
        failovers = json.loads(command(standby, "history --json", name).stdout)["failovers"]
        assert ["failover"] * (name in KILLED) == [f["kind"] for f in failovers if f["kind"] == "failover"], name


def test_a_command_concerns_one(hosts):
    standby = hosts[1]
    command(standby, "pause", "site_5", check=True)
    assert [name for name in NAMES if status(standby, name)["paused_until"]] == ["site_5"]
    standby.systemctl("restart", daemon("site_5"))
    wait_state(standby, "site_5", "standby", level="degraded")
    command(standby, "resume", "site_5", check=True)


@pytest.mark.parametrize("words, code", [("promote", 3), ("drill", 3), ("history", 64)])
@pytest.mark.parametrize("name, why", [(None, "failover.ini names no primary"), ("nope", "nope.ini does not exist")])
def test_one_that_is_not_there_is_answered_with_those_that_are(hosts, words, code, name, why):
    done = command(hosts[1], words, name)
    assert done.returncode == code and why in done.stderr, done
    assert all(f"`openclaw-failover -i {other}`" in done.stderr for other in NAMES)
    assert "systemctl" not in done.stderr and "`openclaw-failover`" not in done.stderr


def test_one_that_does_not_run_is_not_forgotten(hosts):
    standby = hosts[1]
    standby.systemctl("stop", daemon("site_9"))
    shown = command(standby, "status --json")
    assert shown.returncode == 3
    assert [entry["instance"] for entry in json.loads(shown.stdout) if not entry["running"]] == ["site_9"]
    shown = command(standby, "status")
    assert shown.returncode == 3 and f"systemctl enable --now {daemon('site_9')}" in shown.stdout
    standby.put("/etc/openclaw-failover/site_9.ini", "[primary]\nhots = x\n")
    assert standby.run(f"systemctl start {daemon('site_9')}", check=False).returncode != 0
    assert standby.unit(daemon("site_9"))["ExecMainStatus"] == "78"
    standby.wait_journal("/etc/openclaw-failover/site_9.ini:2: ")


def test_one_that_hangs_hides_no_other(hosts):
    standby = hosts[1]
    pid = standby.unit(daemon("site_8"))["MainPID"]
    standby.run(f"kill -STOP {pid}")
    shown = command(standby, "status --json")
    standby.run(f"kill -CONT {pid}", check=False)
    assert shown.returncode == 3
    shown = {entry["instance"]: entry for entry in json.loads(shown.stdout)}
    assert not shown["site_8"]["running"] and "does not answer" in shown["site_8"]["summary"] and shown["site_7"]["running"]


def test_a_plain_one_beside_them(hosts):
    """Its sync's and its daemon's directories are apart from theirs."""
    standby = hosts[1]
    standby.put("/etc/openclaw-failover.ini", INI.format(name="plain", watched=ports("site_0")[0], own=20900))
    standby.systemctl("start", "openclaw-failover.service")
    standby.wait_for(lambda: command(standby, "status").stdout.startswith("openclaw-failover.service\nStandby: the primary is up"))
    standby.systemctl("stop", "openclaw-failover.service")
    # One that does not run is not forgotten either, least of all for a mistake in its ini.
    standby.put("/etc/openclaw-failover.ini", "[primary]\nhots = x\n")
    shown = command(standby, "status --json")
    assert shown.returncode == 3
    assert [entry["instance"] for entry in json.loads(shown.stdout) if not entry["running"]][:1] == [""]


def test_uninstall(hosts):
    """As root on a system that runs: no daemon is left, and nothing of them is enabled; a gateway runs on."""
    standby = hosts[1]
    standby.systemctl("enable", "--now", daemon("site_0"), "openclaw-failover-drill@site_0.timer", "openclaw-failover-drill.timer")
    command(standby, "promote", "site_0", check=True)
    wait_state(standby, "site_0", "promoted")
    for path in (SOURCE / "Makefile", *(SOURCE / "systemd").iterdir()):
        standby.put(f"/root/{path.relative_to(SOURCE)}", path.read_bytes())
    standby.run("make -C /root uninstall PREFIX=/usr")
    assert standby.out("systemctl list-units --all --plain --no-legend 'openclaw-failover*'") == ""
    assert standby.out("find /etc/systemd/system -path '*.wants/openclaw*'") == ""
    assert standby.is_active(gateway("site_0")) and standby.exists("/usr/lib/systemd/system/openclaw@.service")
    assert standby.exists("/etc/openclaw-failover/site_0.ini") and not standby.exists("/usr/bin/openclaw-failover")
