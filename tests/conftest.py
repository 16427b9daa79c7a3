"""Fixtures of the tests on real hosts (system, proof). See lab/lab.py for what they hand out."""

import json
import os
import pathlib
import re
import shutil
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "lab"), str(TESTS / "docs")]

import lab as lab_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "once: one failure among many tries is what it looks for, so that tests/run does not try "
                                       "it again")
    config.addinivalue_line("markers", "as_shipped: looks at the program with ptrace(2) or LD_PRELOAD, or at its units as they "
                                       "are shipped, and so cannot be run with sanitizers")


# A file is given to one worker whole: the longest are begun first.
LONGEST = ("test_stops", "test_unit", "test_doctor", "test_failover", "test_doctor_sync")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    items = [item for item in items if item.path.parent.name != "docs"]
    for item in items:
        if item.get_closest_marker("once"):
            refuse_second_try(item)
    if os.environ.get("SANITIZE"):
        for item in items:
            if item.get_closest_marker("as_shipped"):
                item.add_marker(pytest.mark.skip(reason="not with sanitizers"))
    missing = None
    if os.geteuid() != 0:
        missing = "system tests boot real hosts, which takes root"
    elif not shutil.which("systemd-nspawn"):
        missing = "systemd-nspawn is not installed (package systemd-container; `make deps` installs it)"
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=missing))


def refuse_second_try(item):
    """tests/run finds it in the report."""
    item.user_properties.append(("once", ""))


@pytest.fixture(scope="module")
def lab():
    with lab_module.Lab() as it:
        yield it


@pytest.fixture(scope="module")
def booted_pair(lab):
    return lab_module.Pair(lab)


@pytest.fixture
def sanitizers(request):
    """Call it with a host and its units of ours that leaks are looked for in: what a sanitizer reports there until the test is
    over fails it."""
    watched = []
    if not os.environ.get("SANITIZE"):
        yield lambda *_: None
        return
    yield lambda host, *units: watched.append((host, host.cursor(), units))
    for host, cursor, units in watched:
        refuse_sanitizer_reports(request.node, host, cursor, units)


def refuse_sanitizer_reports(item, host, cursor, units):
    """Leaks are looked for when a daemon ends, so it has to end well."""
    if not host.is_up():
        host.boot()
    if units:
        host.systemctl("stop", *units, check=False)
    report = [m for m in host.messages(since=cursor) if re.search(r"Sanitizer|runtime error:|^ +#\d+ 0x", m)]
    if report:
        refuse_second_try(item)
    assert not report, "\n".join(report)


@pytest.fixture
def pair(booted_pair, sanitizers, request):
    """A primary and a standby in their first state, with the daemon stopped: lab.Pair."""
    booted_pair.reset()
    request.node.lab_hosts = [booted_pair.primary, booted_pair.standby]
    sanitizers(booted_pair.standby, booted_pair.UNIT)
    return booted_pair


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what its hosts' journals say, and what the daemon thinks and does."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed:
        return
    for host in getattr(item, "lab_hosts", []):
        if host.is_up():
            report.sections.append((f"journal of {host.name}", host.run(_journal_command(host), check=False).stdout))
            report.sections.append((f"daemon of {host.name}", host.run(LOOK_AT_DAEMON, check=False).stdout))
    if os.environ.get("LAB_KEEP") and getattr(item, "lab_hosts", []):
        _keep(item)


# Whether it hangs, and where; what it believes; and what the gateway's unit is in truth.
LOOK_AT_DAEMON = """
pid=$(systemctl show -P MainPID openclaw-failover.service)
test "$pid" -gt 0 || exit 0
grep -E 'State|ctxt' /proc/$pid/status; cat /proc/$pid/wchan; echo; cat /proc/$pid/stack
timeout 5 openclaw-failover status --json
systemctl show -p ActiveState,SubState,MainPID,Job,NRestarts openclaw.service
ss -Hltnp sport = :18789
"""


def _journal_command(host):
    since = f"--after-cursor={host._cursor!r}" if host._cursor else ""
    return f"journalctl -q -o short-precise --no-hostname {since} | tail -n 200"


def _keep(item):
    with open("/dev/tty", "r+") as tty:
        for host in item.lab_hosts:
            tty.write(f"\n{host.name}: nsenter -t {host.pid} -a" if host.is_up() else f"\n{host.name} is off")
        tty.write(f"\n{item.name} failed; Enter to go on: ")
        tty.flush()
        tty.readline()


@pytest.fixture
def figure(record_property):
    """Says a figure at the end of the run."""
    return lambda text: record_property("figure", text)


@pytest.fixture
def fault(record_property):
    """Records a fault for the table of tests/FAULTS.md: NAME, a literal, since tests/docs/tables.py reads it from the source;
    ENTRY, the journal's entry that ended it, None if there was no promotion; SEES, what a person reads, if that is not the
    entry's reason."""

    def record(name, entry, sees=None):
        usec = entry and entry.get("FAILOVER_OUTAGE_USEC")
        outage = f"{int(usec) / 1e6:.1f} s" if usec else "not known" if entry else "none"
        record_property("fault", json.dumps([name, (sees or entry["FAILOVER_REASON"]).rstrip("."), outage]))

    return record


def pytest_terminal_summary(terminalreporter):
    """Prints the figures, also when all is well, and the faults as the tests that passed have seen them. `make faults`
    makes its table of those, with what an earlier try has left."""
    passed = terminalreporter.stats.get("passed", [])
    for report in [*passed, *terminalreporter.stats.get("failed", [])]:
        for text in (value for name, value in report.user_properties if name == "figure"):
            terminalreporter.write_line(text)
    found = [json.loads(value) for report in passed for name, value in report.user_properties if name == "fault"]
    if not found or not lab_module.BUILD.is_dir():
        return
    for name, sees, outage in found:
        terminalreporter.write_line(f"{name}: {sees}; outage {outage}")
    terminalreporter.write_line(f"{len(found)} fault{'s' * (len(found) > 1)}")
    path = lab_module.BUILD / "faults.json"
    faults = json.loads(path.read_text()) if path.exists() else {}
    faults.update((name, row) for name, *row in found)
    path.write_text(json.dumps(faults, indent=1) + "\n")
