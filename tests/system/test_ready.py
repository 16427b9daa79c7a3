"""A primary that lives, and whose channels do not: /readyz."""

from commands import wait_status
from story import begin, events, verdict, wait_event

SOON = {"ready_timeout": "3s"}


def restart_checks(pair):
    """It is asked once a minute, and at the daemon's start."""
    pair.standby.run("systemctl restart openclaw-failover")


def begin_ready(pair, **primary):
    begin(pair, primary=primary)
    pair.standby.wait_for(lambda: pair.standby.exists("/var/lib/openclaw-failover/ready"))
    pair.primary.gateway.mode("not-ready")
    restart_checks(pair)


def test_promotes_and_needs_it_ready_again(pair):
    begin_ready(pair, **SOON)
    promoted = wait_event(pair.standby, "promoted")
    assert "not ready" in promoted["FAILOVER_REASON"]
    assert verdict(pair.standby) == "not-ready"
    restart_checks(pair)  # the new daemon finds a primary that lives, and is up for all that it knows
    wait_status(pair.standby, health="up")
    wait_status(pair.standby, health="down", state="promoted")
    assert "demoting" not in events(pair.standby)
    pair.primary.gateway.mode("normal")
    wait_event(pair.standby, "demoted")


def test_degraded_where_it_is_no_reason_to_promote(pair):
    begin_ready(pair, **SOON, not_ready="alert")
    wait_status(pair.standby, level="degraded", primary_channels_fail=True, state="standby", waiting_until="infinity")
    pair.primary.gateway.mode("normal")
    restart_checks(pair)
    wait_status(pair.standby, level="well", waiting_until=None)
    assert events(pair.standby) == []


def test_ignored(pair):
    begin(pair, primary=SOON)
    pair.standby.wait_for(lambda: pair.standby.exists("/var/lib/openclaw-failover/ready"))
    pair.configure(primary={**SOON, "not_ready": "ignore"})
    pair.primary.gateway.mode("not-ready")
    restart_checks(pair)
    pair.standby.wait_for(lambda: verdict(pair.standby) == "up")
    assert events(pair.standby) == []


def test_one_that_was_never_ready_does_not_count(pair):
    pair.primary.gateway.mode("not-ready")
    begin(pair, primary={"ready_timeout": 0})
    pair.standby.wait_for(lambda: verdict(pair.standby) == "up")
    assert events(pair.standby) == []
