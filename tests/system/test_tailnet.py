"""The primary is reached through a real tailnet, and its gateway, its node, its host or the tailnet fails. Each row of what a
fault of the other side does; test_tailnet_here.py has the faults of this side."""

import time

import pytest
import tailnet
from story import DAEMON, GATEWAY, begin, events, wait_event

pytestmark = pytest.mark.skipif(not tailnet.programs(), reason=tailnet.HOW_TO_GET)
only_all = pytest.mark.skipif(not tailnet.ALL, reason="`make tailnet-check` runs it")
COUNTED = {"check_interval": "2s", "timeout": "2s"}  # three of them make a promotion


@pytest.fixture(scope="module")
def booted_pair(lab):
    return tailnet.TailnetPair(lab)


def watch_checks(pair, seconds):
    """`failed_checks` of the status at its worst within SECONDS."""
    worst = 0

    def look():
        nonlocal worst
        worst = max(worst, pair.json["failed_checks"])
        return False

    with pytest.raises(AssertionError):
        pair.standby.wait_for(look, seconds, every=0.2)
    return worst


FAULTS = {
    "gateway killed": lambda pair: pair.primary.gateway.kill(),
    "tailscale down there": lambda pair: pair.primary.tailscale("down"),
    "tailscaled stopped there": lambda pair: pair.primary.tailscaled("stop"),
    "tailscaled hung there": lambda pair: pair.primary.tailscaled("hang"),
    "host vanished": lambda pair: pair.primary.power_cut(),
    "key expired there": lambda pair: pair.expire(pair.primary, -60),
}


@pytest.mark.parametrize("what", [w if w == "host vanished" else pytest.param(w, marks=only_all) for w in FAULTS])
def test_primary_fails(pair, what, figure):
    begin(pair, primary=COUNTED)
    FAULTS[what](pair)
    promoted = wait_event(pair.standby, "promoted", 60)
    figure(f"tailnet, {what}: counted in {int(promoted['FAILOVER_DETECTING_USEC']) / 1e6:.1f} s (2 s, 3 checks)")
    assert pair.standby.gateway.answers()
    assert pair.json["check_verdict"] != "cut-off"


@only_all
def test_killed_and_back(pair):
    begin(pair)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


@pytest.mark.parametrize("side", [pytest.param("primary", marks=only_all), "standby"])
def test_tailscaled_restarts(pair, side):
    """Here or there, also in the middle of counting: at most two checks fail."""
    begin(pair, primary=COUNTED)
    for _ in range(3):
        getattr(pair, side).tailscaled("restart")
        assert watch_checks(pair, 5) <= 2
        pair.standby.wait_for(lambda: pair.json["failed_checks"] == 0, 20, "a good check")
    assert events(pair.standby) == []


@only_all
def test_control_server_unreachable(pair):
    begin(pair, primary=COUNTED)
    for host in (pair.primary, pair.standby):
        host.drop(port=9911)
    assert watch_checks(pair, 10) == 0
    assert pair.standby.backend == "Running"


@only_all
def test_path_changes_to_the_relay(pair):
    begin(pair, primary=COUNTED)
    for host in (pair.primary, pair.standby):
        host._drop_out("udp dport 41641")
    assert watch_checks(pair, 12) <= 2
    assert events(pair.standby) == []


@only_all
@pytest.mark.parametrize("what", ["gateway killed", "host vanished"])
def test_default_settings(pair, what, figure):
    """What `make bench` measures without a tailnet: from the fault to the gateway's first answer here, which takes 1 s to boot."""
    pair.standby.gateway.mode("boot=1")
    pair.configure(base={"primary": {"host": "100.64.0.1"}})
    begin(pair)
    began = time.monotonic()
    FAULTS[what](pair)
    pair.standby.wait_for(pair.standby.gateway.answers, 90, "the gateway answers here")
    figure(f"tailnet, {what}, default settings: answers after {time.monotonic() - began:.1f} s")
    wait_event(pair.standby, "promoted")


@only_all
def test_magicdns_name(pair):
    """… and when the name server has gone with the primary."""
    begin(pair, primary={"host": f"primary.{tailnet.DOMAIN}"})
    pair.standby.resolver("192.0.2.253")
    assert watch_checks(pair, 3) == 0
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


@only_all
def test_gateway_listens_before_the_address_is_there(pair):
    """bind: tailnet, as at a reboot of the primary: it listens on loopback for good, until it is restarted."""
    begin(pair)
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.mode("bind=tailnet")
    pair.primary.tailscaled("stop")
    pair.primary.gateway.start()
    pair.primary.tailscaled("start")
    pair.primary.wait_tailscale("Running")
    pair.standby.wait_for(lambda: "refused" in pair.json["check_reason"], 20, "refused")
    assert "demoting" not in events(pair.standby)
    pair.primary.systemctl("restart", GATEWAY)
    wait_event(pair.standby, "demoted")


CERTIFICATE = """
cd $(mktemp -d); name=$1 days=90
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days $days -subj /CN=lab 2>&1
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out csr -subj /CN=$name 2>&1
printf 'subjectAltName=DNS:%s\\n' $name >extensions
openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days $days -extfile extensions -out crt 2>&1
mkdir -p /var/lib/tailscale/certs
cat crt ca.crt >/var/lib/tailscale/certs/$name.crt
cp key /var/lib/tailscale/certs/$name.key
cp ca.crt /run/ca.crt
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_gateway_behind_serve(pair, scheme):
    """Checked by its MagicDNS name: over to this machine when it is killed, and back."""
    name = f"primary.{tailnet.DOMAIN}"
    port = "8080" if scheme == "http" else "443"
    if scheme == "https":
        pair.primary.run(["bash", "-ec", CERTIFICATE, "bash", name])
        bundle, authority = "/etc/ssl/certs/ca-certificates.crt", pair.primary.get("/run/ca.crt")
        digest = pair.primary.out("openssl x509 -hash -noout -in /run/ca.crt")
        for host in (pair.primary, pair.standby):  # as update-ca-certificates does
            host.put(bundle, host.get(bundle) + authority)
            host.put(f"/etc/ssl/certs/{digest}.0", authority)
        pair.primary.tailscaled("restart")  # it reads the bundle once
        pair.primary.wait_tailscale("Running")
    pair.primary.tailscale("serve", "--bg", f"--{scheme}={port}", "18789")
    look = ["curl", "-s", "-m", "9", f"{scheme}://{name}:{port}/health"]
    pair.standby.wait_for(lambda: '"ok":true' in pair.standby.run(look, check=False).stdout, what="serve answers")
    begin(pair, primary={**COUNTED, "host": name, "port": port, "scheme": scheme, "recover_threshold": 1})
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted")
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")


@only_all
def test_serve_knows_no_address(pair):
    """By the address it is a 404, though the primary lives: doctor and the message say so, see test_tailnet_here.py."""
    pair.primary.tailscale("serve", "--bg", "--http=8080", "18789")
    pair.configure(primary={**COUNTED, "port": "8080"})
    pair.start(up=False)
    promoted = wait_event(pair.standby, "promoted")
    assert "404" in promoted["FAILOVER_REASON"]
