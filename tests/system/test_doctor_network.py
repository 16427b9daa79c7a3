"""What `doctor` finds and has fixed (tests/lab/doctor.py): the way to the primary."""

import json
import shlex

import pytest
from doctor import SCENARIOS, drop_in, find_and_fix, finds, fix, well, with_heal

TAILSCALED = """
import http.server, json, os, socketserver
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    def get_request(self):
        return self.socket.accept()[0], ("local", 0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = json.load(open("/root/tailnet.json"))
        good = self.path in answers and self.headers["Host"] == "local-tailscaled.sock"
        self.send_response(200 if good else 404)
        self.end_headers()
        self.wfile.write(json.dumps(answers[self.path]).encode() if good else b"")
path = "/run/tailscale/tailscaled.sock"
if os.path.exists(path): os.unlink(path)
server = Server(path, Handler)
os.chmod(path, 0o666)
server.serve_forever()
"""

LATER = "2099-01-01T00:00:00Z"


def answers(state="Running", expires=LATER, peer="100.64.0.1", peer_expires=LATER, **more):
    api = "/localapi/v0/"
    return json.dumps({
        f"{api}status?peers=false": {"BackendState": state, "Self": {"Online": True, "Relay": "test", "KeyExpiry": expires}, **more},
        f"{api}whois?addr={peer}": {"Node": {"Name": "primary.example.ts.net.", "StableID": "n7", "KeyExpiry": peer_expires,
                                             "Endpoints": ["10.0.0.9:41641"]}},
        f"{api}derpmap": {"Regions": {"1": {"RegionCode": "test", "Nodes": [{"IPv4": "10.0.0.1"}]}}},
    })


def tailnet(pair, later, **wrong):
    """A program with tailscaled's local API: the real one would need an account. `tailscale` puts right what it says."""
    host = pair.standby
    host.put("/root/tailnet.json", answers(**wrong))
    host.put("/root/tailscaled.py", TAILSCALED)
    host.put("/etc/systemd/system/tailscaled.service",
             "[Service]\nRuntimeDirectory=tailscale\nExecStart=/usr/bin/python3 /root/tailscaled.py\n"
             "[Install]\nWantedBy=multi-user.target\n")
    for where in (pair.standby, pair.primary):
        where.put("/usr/local/sbin/tailscale", f"#!/bin/sh\nprintf %s {shlex.quote(answers())} > /root/tailnet.json\n", mode=0o755)
        later.callback(where.remove, "/usr/local/sbin/tailscale")
    host.systemctl("daemon-reload")
    host.systemctl("start", "tailscaled")
    later.callback(host.systemctl, "stop", "tailscaled", check=False)
    host.wait_for(lambda: host.exists("/run/tailscale/tailscaled.sock"))


@finds("tailscale", "not running")
def tailscaled_stopped(pair, later):
    tailnet(pair, later)
    pair.standby.systemctl("stop", "tailscaled")


@finds("tailscale", "logged out")
def tailscale_logged_out(pair, later):
    tailnet(pair, later, state="NeedsLogin")


@finds("tailscale", "not connected")
def tailscale_down(pair, later):
    tailnet(pair, later, state="Stopped")


@finds("tailscale", "Log in at https://login.example")
def tailscale_waits_for_a_login(pair, later):
    tailnet(pair, later, state="NeedsLogin", AuthURL="https://login.example/a/1")


@finds("lost with primary", "exit node")
def primary_is_the_exit_node(pair, later):
    tailnet(pair, later, ExitNodeStatus={"ID": "n7"})
    pair.standby.put("/root/editor", "#!/bin/sh\n", mode=0o755)  # for a witness in the relay's place, which is not needed then


@finds("tailnet's keys", "has expired on 2020-01-01")
def own_key_expired(pair, later):
    tailnet(pair, later, expires="2020-01-01T00:00:00.5Z")


@finds("tailnet's keys", "expires on")
def own_key_expires_soon(pair, later):
    tailnet(pair, later, expires=pair.standby.out("date -u -d '+10 days' +%Y-%m-%dT%H:%M:%SZ"))


def on_primarys_console(pair, line):
    """The primary's `tailscale` writes a file there, which is what tailscaled here then says."""
    fix(pair, line)
    pair.standby.put("/root/tailnet.json", pair.primary.get("/root/tailnet.json"))


@finds("tailnet's keys", "has expired", fix=on_primarys_console)
def primary_key_expired(pair, later):
    tailnet(pair, later, peer_expires="2020-01-01T00:00:00Z")


@finds("tailnet's keys", "no node of this tailnet")
def primary_not_in_tailnet(pair, later):
    tailnet(pair, later, peer="100.64.0.77")


def with_address(pair, line):
    """The command prints the address that the person then writes into the ini."""
    assert line.title != "primary" or line.commands[0].startswith("tailscale ip -4 # on the primary")
    pair.configure()


@finds("primary", "does not resolve", fix=with_address)
def host_does_not_resolve(pair, later):
    pair.configure(primary={"host": "nowhere.example.ts.net"})


@finds("primary", "100.64.0.2 is this machine itself", fix=with_address)
def host_is_the_standbys_own(pair, later):
    pair.configure(primary={"host": "100.64.0.2"})


def named_by_its_installer(pair, later):
    """The primary's unit under the name that OpenClaw gives it."""
    pair.primary.run("ln -s /usr/lib/systemd/system/openclaw.service /etc/systemd/system/openclaw-gateway.service &&"
                     "systemctl daemon-reload")
    later.callback(pair.primary.systemctl, "daemon-reload")
    later.callback(pair.primary.remove, "/etc/systemd/system/openclaw-gateway.service")


@finds("primary", "connection refused")
def primary_stopped(pair, later):
    named_by_its_installer(pair, later)
    pair.primary.gateway.stop()
    openclaw_config(pair, later)


def openclaw_config(pair, later):
    """OpenClaw's own command that sets its bind, as far as the tests' gateway has one: a gateway that runs restarts by itself."""
    pair.primary.put("/usr/local/sbin/openclaw", """#!/bin/sh
        test "$*" = "config set gateway.bind tailnet" || exec /usr/local/bin/openclaw "$@"
        rm -f /etc/systemd/system/openclaw.service.d/aa-test.conf; systemctl daemon-reload; systemctl try-restart openclaw.service
        """, mode=0o755)
    later.callback(pair.primary.remove, "/usr/local/sbin/openclaw")


@finds("primary", "listens on loopback only")
def primary_on_loopback(pair, later):
    drop_in(pair.primary, "openclaw.service",
            "[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw gateway bind=127.0.0.1\n")
    named_by_its_installer(pair, later)
    pair.primary.systemctl("restart", "openclaw.service")
    openclaw_config(pair, later)


@finds("primary", "not as an OpenClaw gateway")
def primary_is_something_else(pair, later):
    named_by_its_installer(pair, later)
    drop_in(pair.primary, "openclaw.service", "[Service]\nExecStopPost=+/bin/rm -f /run/gateway.mode\n")
    pair.primary.gateway.mode("html")


@finds("primary", "no answer", fix=with_heal)
def primary_vanished(pair, later):
    pair.primary.drop()


@finds("seniors", "second, 100.64.0.9", fix=lambda pair, line: pair.configure())
def senior_unreachable(pair, later):
    pair.configure(**{"senior second": {"host": "100.64.0.9"}})


@finds("seniors", "is this machine itself", fix=lambda pair, line: pair.configure())
def senior_is_this_machine(pair, later):
    pair.configure(**{"senior second": {"host": "100.64.0.2"}})


@finds("seniors", "is the primary itself", fix=lambda pair, line: pair.configure())
def senior_is_the_primary(pair, later):
    pair.configure(**{"senior second": {"host": "100.64.0.1"}})


@finds("witness", "every failover is held up", fix=lambda pair, line: pair.configure())
def witness_dead(pair, later):
    pair.configure(witness={"url": "http://192.0.2.254:9/"})


@pytest.mark.parametrize("provoke, title, words, rounds, fix", SCENARIOS[__name__])
def test_found_and_fixed(well, provoke, title, words, rounds, fix):
    find_and_fix(well, provoke, title, words, rounds, fix)
