"""The primary is reached through a real tailnet, and its gateway, its node, its host or the tailnet fails. Each row of what a
fault of the other side does; test_tailnet_here.py has the faults of this side."""

import time

import pytest
import tailnet
from commands import wait_checks
from doctor import doctor
from lab import HOME, USER
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
@pytest.mark.parametrize("scheme, words", [("http", "404"), ("https", "TLS")])
def test_serve_knows_no_address(pair, scheme, words):
    """By the address it refuses, though the primary lives: message and doctor name the name to write."""
    pair.primary.tailscale("serve", "--bg", f"--{scheme}=8080", "18789")
    pair.configure(primary={**COUNTED, "port": "8080", "scheme": scheme})
    pair.start(up=False)
    promoted = wait_event(pair.standby, "promoted")
    assert words in promoted["FAILOVER_REASON"]
    assert f"host = primary.{tailnet.DOMAIN}" in promoted["FAILOVER_REASON"]
    if scheme == "http":  # https takes a certificate to be well by name
        line = doctor(pair.standby).lines["primary"]
        assert line.kind == "FAIL" and any(f"host = primary.{tailnet.DOMAIN}" in command for command in line.commands)


@only_all
def test_the_control_servers_word(pair):
    """It is in the promotion's message, and not in that of checks for which it was not asked."""
    pair.order("online", host="primary", on=1)
    begin(pair, primary=COUNTED)
    pair.primary.power_cut()
    promoted = wait_event(pair.standby, "promoted", 60)
    assert "no Tailscale ping either, though the control server sees it online" in promoted["FAILOVER_REASON"]
    wait_checks(pair.standby)
    assert "Tailscale ping" not in pair.json["check_reason"]


@only_all
def test_nothing_in_clear(pair):
    """All is well: what goes to the primary, the sync's too, goes through the tunnel."""
    begin(pair)
    pair.standby.leaks()
    pair.standby.systemctl("start", pair.SYNC)
    pair.standby.wait_for(lambda: pair.json["sync_ok"], what="synced")
    assert pair.standby.leaks() == []


@only_all
def test_ssh_without_a_key(pair):
    """Tailscale SSH lets the standby in: rsync's ssh and git's alike."""
    pair.standby.run("rm ~/.ssh/id_ed25519", user=USER)
    pair.order("ssh", mode="accept")
    pair.primary.tailscale("set", "--ssh")
    login = ["ssh", "-o", "BatchMode=yes", "openclaw@100.64.0.1", "true"]
    pair.standby.wait_for(lambda: pair.standby.run(login, user=USER, check=False).returncode == 0, what="Tailscale SSH")
    head = pair.commit("memory/day-3.md", "third day\n")
    pair.primary.put(f"{HOME}/.secrets/new", "secret\n", mode=0o600, user=USER)
    begin(pair)
    pair.standby.systemctl("start", pair.SYNC)
    pair.standby.wait_for(lambda: pair.json["sync_ok"], what="synced")
    assert pair.git("rev-parse", "HEAD") == head
    assert pair.standby.get(f"{HOME}/.secrets/new") == "secret\n"


def notices(host):
    return [m for m in host.messages(DAEMON) if "Tailscale key of" in m]


@only_all
@pytest.mark.parametrize("side", ["primary", "standby"])
def test_key_expires_soon(pair, side):
    """Once; then at the next threshold."""
    host = getattr(pair, side)
    whose = "the primary" if side == "primary" else "this standby"
    pair.expire(host, 13.5 * 86400)
    pair.standby.wait_for(lambda: '"KeyExpiry"' in pair.standby.local("whois?addr=" + host.address)[1], what="it is known")
    begin(pair)
    pair.standby.wait_journal(f"key of {whose} expires in 13 d", DAEMON)
    key = "primary_key_expires_at" if side == "primary" else "key_expires_at"
    pair.standby.wait_for(lambda: pair.json[key], what="status shows it")
    assert len(notices(pair.standby)) == 1
    pair.expire(host, 2.5 * 86400)
    pair.standby.wait_for(lambda: notices(pair.standby)[1:] or pair.standby.systemctl("restart", DAEMON), what="told", every=3)
    assert "expires in 2 d" in notices(pair.standby)[1]


@only_all
def test_senior_in_the_tailnet(pair):
    """A third node that cannot see the tailnet does not take the senior in it for dead, though the primary is outside and is."""
    pair.configure(primary={"host": "192.0.2.1", "port": "1"}, witness={"cut_off_wait": "never"}, workspace={"path": ""}, secrets=None,
                   **{"senior first": {"host": "100.64.0.1", "port": "18789", "head_start": "2s"}})
    pair.start(up=False)
    pair.standby.wait_journal("first has taken over", DAEMON)
    pair.standby.tailscale("down")
    time.sleep(6)  # twice what it took without it, and nothing may happen
    assert events(pair.standby) == []
    pair.standby.tailscale("up")
    pair.standby.wait_tailscale("Running")
    pair.primary.gateway.kill()
    wait_event(pair.standby, "promoted", 60)
