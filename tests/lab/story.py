"""What the system tests ask again and again of a standby's story."""

import contextlib
import json
import re

DAEMON = "openclaw-failover.service"
GATEWAY = "openclaw.service"


def events(host):
    """The names of all transitions since the last mark, in order; without the one that follows each promotion sooner or later."""
    names = [e["FAILOVER_EVENT"] for e in host.journal(DAEMON) if "FAILOVER_EVENT" in e]
    return [name for name in names if name != "channels-ready"]


def wait_event(host, name, deadline=30, count=1):
    """Waits until the event NAME was reported COUNT times; returns the last such entry."""
    def reported(entries):
        found = [e for e in entries if e.get("FAILOVER_EVENT") == name]
        return found[count - 1] if len(found) >= count else None
    try:
        return host.wait_entries(reported, DAEMON, deadline)
    except AssertionError:
        story = "\n".join(host.messages(DAEMON)[-30:])
        raise AssertionError(f"no event {name!r} ({count}) within {deadline} s; the story:\n{story}") from None


def wait_up(host, deadline=30):
    """The daemon has counted the primary as up: the story can begin."""
    host.wait_journal("The primary .* is up", DAEMON, deadline)


def begin(pair, **sections):
    """A standby that watches a primary that is up."""
    if sections:
        pair.configure(**sections)
    pair.start()
    wait_up(pair.standby)


def fail_over(pair, **sections):
    """… whose gateway is then killed: returns the entry of the promotion."""
    begin(pair, **sections)
    pair.primary.gateway.kill()
    return wait_event(pair.standby, "promoted")


def verdict(host):
    """Of the last check of the primary."""
    return json.loads(host.run("openclaw-failover status --json", check=False).stdout)["check_verdict"]


def failed_checks(host):
    """The texts of the failed checks that were reported, in order."""
    return [m for m in host.messages(DAEMON) if re.match(r"Failed check", m)]


def marker(host, instance=""):
    """What the daemon has noted that it does with the gateway; {}: nothing."""
    text = host.run(f"cat /run/openclaw-failover{instance}/state.json", check=False).stdout
    return json.loads(text or "{}").get("marker", {})


def starts(host):
    """How often the gateway's unit was started since the last mark."""
    return sum(1 for m in host.messages(GATEWAY) if re.match(r"Started |Starting ", m))


@contextlib.contextmanager
def frozen(host, unit):
    """Meanwhile UNIT is there and answers no request."""
    host.systemctl("start", unit)
    host.systemctl("kill", "--signal=STOP", unit)
    try:
        yield
    finally:
        host.systemctl("kill", "--signal=CONT", unit)
