"""The Debian package, on what a small server has after its installation: Debian 12, and 13.

`make check-deb` runs this, not `make check`: it makes whole Debians. The steps of a class follow each other on one host."""

import json
import pathlib
import re
import subprocess

import pytest

import lab as lab_module
from lab import BUILD, SOURCE, Pair

HERE = re.search(r'^VERSION_ID="?(\d+)', pathlib.Path("/etc/os-release").read_text(), re.M)[1]
VERSION = re.search(r"^VERSION = (\S+)", (SOURCE / "Makefile").read_text(), re.M)[1]
# The next version ships another ini. As long as this one's, so that it can stand in the same program.
NEXT, NEWS = re.sub(r"\d", "9", VERSION), "# What the next version says."
INI = "/etc/openclaw-failover.ini"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Sandbox::User=root"
MONITOR, GATEWAY = Pair.UNIT, "openclaw.service"


def sh(*words, timeout=1800):
    done = subprocess.run(list(map(str, words)), cwd=SOURCE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)
    assert done.returncode == 0, f"{words}:\n{done.stdout[-4000:]}"
    return done.stdout


def debian_root(*words):
    return sh("env", f"BUILD={BUILD.relative_to(SOURCE)}", "tests/lab/debian-root", *words).splitlines()[-1]


def build(release):
    """The package for Debian RELEASE, made there."""
    where = f"build-deb/{release}"
    enter = [] if release == HERE else ["tests/lab/in-root", debian_root(release)]
    sh(*enter, "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-s", "deb", f"BUILD={where}")
    return next((SOURCE / where / "deb").glob("*.deb"))


def next_version(package):
    """The same package as the next version: what upgrades are tried with."""
    new = package.with_name(package.name.replace(VERSION, NEXT))
    sh("sh", "-ec", """
        dpkg-deb -R $1 $2.d
        echo "$5" >>$2.d/etc/openclaw-failover.ini
        LC_ALL=C sed -i "s/$3/$4/g" $2.d/usr/bin/openclaw-failover
        sed -i "/^Version:/s/$3/$4/" $2.d/DEBIAN/control
        dpkg-deb --root-owner-group -b $2.d $2; rm -r $2.d
        """, "sh", package, new, re.escape(VERSION), NEXT, NEWS)
    return new


class BarePair(Pair):
    """The standby has nothing of ours yet."""

    def install(self, host):
        pass

    def configure(self, *words, **sections):
        if self.standby.exists("/usr/bin/openclaw-failover"):
            super().configure(*words, **sections)


@pytest.fixture(scope="module", params=["12", "13"])
def release(request):
    return request.param


@pytest.fixture(scope="module")
def packages(release):
    package = build(release)
    return [package, next_version(package)]


@pytest.fixture(scope="module")
def bare(release, packages):
    root = debian_root("--bare", release)
    # The hosts reach no mirror: what the package depends on is in apt's cache, as if it were one.
    sh("tests/lab/in-root", root, "sh", "-ec", f"{APT} update && {APT} install --download-only {packages[0]}")
    with lab_module.Lab() as lab:
        pair = BarePair(lab, root)
        for package in packages:
            pair.standby.put(f"/root/{package.name}", package.read_bytes())
        yield pair


def install(host, package, options=""):
    return host.out(f"{APT} {options} install /root/{package.name} 2>&1", timeout=300)


def command(host, words, check=True):
    return host.run(f"openclaw-failover {words}", check=check, timeout=120)


def state(host):
    return json.loads(command(host, "status --json", check=False).stdout).get("state")


def of_ours(host):
    """Every file there is whose name is ours, but for the packages, and what the journal and apt keep."""
    found = host.out("find / -xdev '(' -path /proc -o -path /sys -o -path /var/log -o -path /var/cache/apt ')' -prune -o "
                     "-name '*openclaw*' -print; find /run /tmp /var/tmp -name '*openclaw*'").splitlines()
    theirs = ("/home/openclaw", "/root/", "/usr/local/bin/openclaw", "/run/systemd/units", "/run/log", str(SOURCE))
    return {path for path in found if not path.startswith(theirs)}


def test_lintian_has_nothing_to_say(release, packages):
    enter = [] if release == HERE else ["tests/lab/in-root", debian_root(release)]
    changes = next(packages[0].parent.glob("*.changes"))
    said = sh(*enter, "lintian", "--allow-root", "--fail-on=none", changes)
    assert [line for line in said.splitlines() if line[:2] in ("E:", "W:")] == []


class TestFromInstallToPurge:
    def test_install(self, bare, packages):
        host = bare.standby
        before = of_ours(host)
        assert before == set()
        said = install(host, packages[0])
        assert "systemctl enable --now openclaw-failover" in said
        assert host.state(MONITOR) == "inactive" and host.unit(MONITOR)["UnitFileState"] == "disabled"
        assert host.out("openclaw-failover --version") == f"openclaw-failover {VERSION}"
        assert "openclaw-failover" in host.get("/etc/passwd")
        assert host.get(INI) == (SOURCE / "etc/openclaw-failover.ini").read_text()
        assert host.run(f"systemd-analyze verify --man=no {MONITOR} {Pair.SYNC} {GATEWAY} 2>&1").stdout == ""
        assert "Subject: The standby has taken over" in host.out("journalctl --list-catalog | cat; journalctl --dump-catalog")

    def test_a_line_and_it_is_well(self, bare):
        """As shipped, but for the one key that must be set. The workspace is there, as the guide has it."""
        host = bare.standby
        host.run(f"sed -i 's/^host =$/host = {bare.primary.address}/' {INI}")
        changed = set(host.get(INI).splitlines()) ^ set((SOURCE / "etc/openclaw-failover.ini").read_text().splitlines())
        assert changed == {"host =", f"host = {bare.primary.address}"}
        host.systemctl("enable", "--now", "openclaw-failover")
        bare.wait_status(r"^Standby[^:]*: the primary is up", 60)
        seen = []

        def well():
            done = command(host, "doctor", check=False)
            seen[:] = [done.stdout]
            return done.returncode == 0

        try:
            host.wait_for(well, 30)
        except AssertionError:
            raise AssertionError(f"doctor finds:\n{seen[0]}") from None
        drill = command(host, "drill")
        assert "The drill has passed." in drill.stdout

    def test_upgrade_while_promoted(self, bare, packages):
        """The gateway goes on, and the ini stays the person's, though both have changed it."""
        host = bare.standby
        bare.configure(base=bare.INI)
        host.systemctl("reload", MONITOR)
        bare.primary.gateway.kill()
        bare.wait_promoted()
        ini, gateway = host.get(INI), host.unit(GATEWAY)
        assert int(gateway["MainPID"]) > 0
        daemon = host.unit(MONITOR)["MainPID"]
        install(host, packages[1], "-o Dpkg::Options::=--force-confold")
        host.wait_for(lambda: state(host) == "promoted")
        get = "busctl get-property org.openclaw.Failover1 /org/openclaw/Failover1 org.openclaw.Failover1 Version"
        assert host.out(get) == f's "{NEXT}"'
        assert host.unit(MONITOR)["MainPID"] != daemon
        assert {key: host.unit(GATEWAY)[key] for key in ("MainPID", "InvocationID")} == \
            {key: gateway[key] for key in ("MainPID", "InvocationID")}
        assert host.get(INI) == ini and NEWS in host.get(f"{INI}.dpkg-dist")
        bare.primary.gateway.start()
        bare.wait_standby()

    def test_a_stopped_one_stays_stopped(self, bare, packages):
        host = bare.standby
        host.systemctl("stop", MONITOR)
        host.out(f"{APT} install --reinstall /root/{packages[1].name} 2>&1", timeout=300)
        assert host.state(MONITOR) == "inactive"
        host.systemctl("start", MONITOR)
        bare.wait_status(r"^Standby[^:]*: the primary is up")

    def test_instances_are_started_anew(self, bare, packages):
        host = bare.standby
        host.put("/etc/openclaw-failover/web.ini", "[primary]\nhost = 100.64.0.1\n[gateway]\nunit = openclaw@web.service\n"
                 "url = http://127.0.0.1:18809/health\n[workspace]\npath =\n")
        host.systemctl("enable", "--now", "openclaw-failover@web")
        before = host.unit("openclaw-failover@web.service")["MainPID"]
        host.out(f"{APT} install --reinstall /root/{packages[1].name} 2>&1", timeout=300)
        assert host.is_active("openclaw-failover@web.service")
        assert host.unit("openclaw-failover@web.service")["MainPID"] != before

    def test_remove_while_promoted(self, bare):
        host = bare.standby
        bare.primary.gateway.kill()
        bare.wait_promoted()
        pid = host.gateway.pid
        host.run("mkdir -p /etc/systemd/system/openclaw.service.d; printf '[Service]\\nNice=5\\n' "
                 "> /etc/systemd/system/openclaw.service.d/mine.conf")
        said = host.out(f"{APT} remove openclaw-failover 2>&1", timeout=300)
        assert "systemctl stop 'openclaw.service'" in said
        assert host.run("pgrep -x openclaw-failov", check=False).stdout == ""
        assert host.out("pgrep -x openclaw") == str(pid) and host.gateway.answers()
        assert host.out("ls /etc/systemd/system/multi-user.target.wants") == "ssh.service"
        assert {INI, "/etc/openclaw-failover", "/var/lib/openclaw-failover"} <= of_ours(host)
        assert not host.exists("/usr/bin/openclaw-failover")

    def test_installed_again_it_says_what_is_left_to_do(self, bare, packages):
        """The ini is still there, but the removal has disabled the daemon."""
        host = bare.standby
        assert "systemctl enable --now openclaw-failover" in install(host, packages[1])
        host.run(f"{APT} remove openclaw-failover", timeout=300)

    def test_purge(self, bare):
        host = bare.standby
        host.run(f"{APT} purge openclaw-failover", timeout=300)
        assert "openclaw-failover" not in host.get("/etc/passwd") + host.get("/etc/group") + host.get("/etc/shadow")
        mine = {"/etc/systemd/system/openclaw.service.d"}
        kept_by_systemd = {path for path in of_ours(host) if path.startswith("/run/systemd/")}
        assert of_ours(host) - mine - kept_by_systemd == set()
        host.systemctl("stop", GATEWAY, check=False)

    def test_a_persons_own_gateway_stays(self, bare, packages):
        host = bare.standby
        own = "[Service]\nUser=openclaw\nExecStart=/usr/local/bin/openclaw gateway --port 18789\n"
        host.put("/etc/systemd/system/openclaw.service", own)
        host.run("systemctl daemon-reload; systemctl start openclaw.service")
        pid = host.gateway.pid
        install(host, packages[0])
        assert host.get("/etc/systemd/system/openclaw.service") == own
        assert host.gateway.pid == pid and host.unit(GATEWAY)["FragmentPath"] == "/etc/systemd/system/openclaw.service"
        host.run(f"{APT} purge openclaw-failover", timeout=300)
        assert host.get("/etc/systemd/system/openclaw.service") == own and host.gateway.pid == pid
