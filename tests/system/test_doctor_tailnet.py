"""What doctor says of the tailnet: of a real one, and of what only a stand-in for tailscaled says (tests/lab/tailscaled_stand_in.py)."""

import json
import pathlib

import pytest
from doctor import doctor, drop_in
from lab import HOME, USER

PEER = {"StableID": "n1", "Name": "gateway.t1.ts.net.", "Addresses": ["100.64.0.1/32", "fd7a:115c:a1e0::1/128"],
        "Endpoints": ["192.0.2.1:41641"]}
SELF = {"DNSName": "standby.t1.ts.net.", "Relay": "lab", "Online": True}
RUNNING = {"BackendState": "Running", "Self": SELF}


def relay(address):
    return {"Regions": {"1": {"RegionCode": "lab", "Nodes": [{"IPv4": address}]}}}


WELL = {"status": RUNNING, "whois": {"Node": PEER}, "derpmap": relay("192.0.2.254"),
        "dns-query": {"Resolvers": [{"Addr": "192.0.2.53"}]}}


@pytest.fixture
def tailscaled(pair):
    """Call it with what is to be said otherwise than by a tailnet in which all is well: doctor's report."""
    pair.standby.put("/run/stand_in.py", (pathlib.Path(__file__).parents[1] / "lab/tailscaled_stand_in.py").read_text())

    def ask(**answers):
        pair.standby.put("/run/answers.json", json.dumps({**WELL, **answers}))
        return doctor(pair.standby)

    pair.standby.put("/run/answers.json", json.dumps(WELL))
    server = pair.standby.popen(["python3", "/run/stand_in.py", "/run/answers.json"])
    pair.standby.wait_for(lambda: pair.standby.exists("/run/tailscale/tailscaled.sock"), what="it listens")
    yield ask
    server.kill()
    pair.standby.remove("/run/tailscale")


def test_all_is_well(pair, tailscaled):
    report = tailscaled()
    assert report.lines["tailscale"].kind == "ok", str(report)
    assert report.lines["lost with primary"].kind == "ok", str(report)
    assert report.lines["witness"].kind == "ok" and "192.0.2.254" in report.lines["witness"].text


@pytest.mark.parametrize("status, kind, word", [
    ({"BackendState": "NeedsLogin", "AuthURL": "https://login.example.org/a/1"}, "FAIL", "https://login.example.org/a/1"),
    ({"BackendState": "Stopped", "Health": ["Tailscale is stopped."]}, "FAIL", "Tailscale is stopped."),
    ({**RUNNING, "Self": {**SELF, "Online": False}, "Health": ["no control server"]}, "warn", "no control server"),
    ({**RUNNING, "Self": {**SELF, "Online": False}}, "warn", "control server does not answer"),
    ({"BackendState": "Dreaming"}, "FAIL", "not understood"),
])
def test_state(pair, tailscaled, status, kind, word):
    """Also of a login that has lapsed while the control server cannot be reached: Running, and not online."""
    line = tailscaled(status=status).lines["tailscale"]
    assert line.kind == kind and word in line.text and line.commands


def test_starting(pair, tailscaled):
    """Without its control server it is for good, and `tailscale up` would wait for that without an end."""
    line = tailscaled(status={"BackendState": "NoState"}).lines["tailscale"]
    assert line.kind == "FAIL" and "control server" in line.text
    assert "systemctl restart tailscaled" in str(line.commands)


def test_unanswered(pair, tailscaled):
    """As by a policy of the tailnet that lets no check through: tailscaled there answers nevertheless."""
    pair.primary.drop(port=18789)
    assert "tailscale ping -c 3 100.64.0.1 # " in str(tailscaled().lines["primary"].commands)


@pytest.mark.parametrize("answers, word", [
    ({"status": {**RUNNING, "ExitNodeStatus": {"ID": "n1"}}}, "exit node"),
    ({"whois": {"Node": {**PEER, "PrimaryRoutes": ["10.9.0.0/16"]}}}, "10.9.0.0/16"),
    ({"derpmap": relay("192.0.2.1")}, "home relay"),
    ({"dns-query": {"Resolvers": [{"Addr": "100.64.0.1"}]}}, "name server of the tailnet"),
])
def test_lost_with_the_primary(pair, tailscaled, answers, word):
    line = tailscaled(**answers).lines["lost with primary"]
    assert line.kind == ("FAIL" if word == "exit node" else "warn") and word in line.text


@pytest.mark.parametrize("what", ["route", "route6", "resolver", "jump", "command"])
def test_lost_with_the_primary_by_this_machine(pair, tailscaled, what):
    words = {"route": "default route", "route6": "default route", "resolver": "a name server of this machine"}
    if what.startswith("route"):
        command = {"route": "ip route replace default via 100.64.0.1", "route6": "ip -6 route add default via fd7a:115c:a1e0::1"}
        pair.standby.run(command[what])
    elif what == "resolver":
        pair.standby.resolver("100.64.0.1")
    else:
        pair.standby.put(f"{HOME}/.ssh/config", "Host 100.64.0.1\n  " + {
            "jump": "ProxyJump us@bastion:2222\nHost bastion\n  HostName gateway.t1.ts.net\n",
            "command": "ProxyCommand ssh -W %h:%p 100.64.0.1\n"}[what], user=USER)
    line = tailscaled().lines["lost with primary"]
    pair.standby.run("ip -6 route del default via fd7a:115c:a1e0::1", check=False)
    assert line.kind == ("FAIL" if what.startswith("route") else "warn")
    assert words.get(what, "way of the sync") in line.text


@pytest.mark.parametrize("answers", [{"status": {**RUNNING, "ExitNodeStatus": {"ID": "n7"}}}, {"derpmap": relay("192.0.2.1")},
                                     {"derpmap": {}}])
def test_no_witness(pair, tailscaled, answers):
    """… and a url is proposed."""
    line = tailscaled(**answers).lines["witness"]
    assert line.kind == "warn" and any("url = https://" in command for command in line.commands)


@pytest.mark.parametrize("mode", ["serve", "funnel"])
def test_gateway_that_needs_tailscale(pair, tailscaled, mode):
    """It would not start in the night in which Tailscale is broken here."""
    config = {"gateway": {"mode": "local", "tailscale": {"mode": mode}}}
    pair.standby.put(f"{HOME}/.openclaw/openclaw.json", json.dumps(config), user=USER)
    line = tailscaled().lines["gateway's serve"]
    assert line.kind == "warn" and mode in line.text
    assert line.commands == [f"sudo -iu {USER} openclaw config set gateway.tailscale.mode off"]


@pytest.mark.parametrize("option", ["--tailscale serve", "--tailscale=serve"])
def test_gateway_told_by_its_unit_to_serve(pair, tailscaled, option):
    """Its own configuration has no say in this."""
    drop_in(pair.standby, "openclaw.service",
            f"[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw gateway {option} --port 18789\n")
    line = tailscaled().lines["gateway's serve"]
    assert line.kind == "warn" and "--tailscale" in line.text


@pytest.mark.parametrize("gateway, kind", [("tailscale: {mode: 'serve'}", "skip"), ("bind: 'loopback'", "ok")])
def test_gateway_with_a_configuration_of_json5(pair, tailscaled, gateway, kind):
    """Nothing is claimed of what is not understood."""
    pair.standby.put(f"{HOME}/.openclaw/openclaw.json", f"{{gateway: {{{gateway}}}}}\n", user=USER)
    assert tailscaled().lines["gateway's serve"].kind == kind
