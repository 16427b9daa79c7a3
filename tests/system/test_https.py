"""The primary behind TLS: a proxy, `tailscale serve`, or OpenClaw's own certificate."""

import json
import subprocess

import pytest
from story import DAEMON, begin, events, wait_event

# What MODE says: live, or silent after the handshake, or silent before it.
SERVER = """\
import socket, ssl, threading, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/run/tls.crt", "/run/tls.key")
listener = socket.create_server(("", 8443), backlog=64)
BODY = b'{"ok":true,"status":"live"}'
def serve(peer):
    mode = open("/run/tls.mode").read().strip()
    if mode == "mute":
        time.sleep(60)
    try:
        tls = context.wrap_socket(peer, server_side=True)
        if mode == "silent":
            time.sleep(60)
        request = tls.recv(4096)
        body = b'{"status":"started"}' if b"startupz" in request else BODY
        status = b"429 Too Many Requests" if mode == "429" else b"200 OK"
        tls.sendall(b"HTTP/1.1 " + status + b"\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        tls.unwrap()
    except OSError:
        pass
    peer.close()
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"""


def certificate(pair, tmp_path, *options):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=primary", "-days", "2",
                    "-addext", "subjectAltName=IP:100.64.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "crt",
                    *options], check=True, capture_output=True)
    pair.primary.put("/run/tls.crt", (tmp_path / "crt").read_text())
    pair.primary.put("/run/tls.key", (tmp_path / "key").read_text())


@pytest.fixture
def tls(pair, tmp_path):
    """A function that sets the server's mode."""
    certificate(pair, tmp_path)
    pair.primary.put("/run/tls.py", SERVER)

    def mode(word):
        pair.primary.put("/run/tls.mode", word)

    mode("live")
    pair.primary.popen(["python3", "/run/tls.py"])
    pair.standby.wait_for(lambda: pair.standby.run("curl -ks -m 1 https://100.64.0.1:8443/", check=False).returncode == 0)
    return mode


def look(pair):
    return json.loads(pair.standby.run("openclaw-failover status --json", check=False).stdout)


# A handshake takes its time where many tests run.
HTTPS = {"scheme": "https", "port": 8443, "timeout": "500ms", "tls_verify": "no"}


def test_its_own_certificate(pair, tls):
    pair.configure(primary={**HTTPS, "tls_verify": "yes"})
    pair.start(up=False)
    promoted = wait_event(pair.standby, "promoted")
    assert "tls_verify = no" in promoted["FAILOVER_REASON"]
    pair.configure(primary=HTTPS)
    pair.standby.run("systemctl reload openclaw-failover")
    wait_event(pair.standby, "demoted")


@pytest.mark.parametrize("how", ["silent", "mute"])
def test_a_handshake_is_no_answer(pair, tls, how):
    """Who has completed it and is silent is silent, not dead; nor is one that has not got to it."""
    begin(pair, primary={**HTTPS, "silent_timeout": "10s"})
    tls(how)
    pair.standby.wait_journal("Failed check 10: .*silent", DAEMON)
    assert events(pair.standby) == []
    tls("live")
    pair.standby.wait_journal("answers again after", DAEMON)
    tls(how)
    promoted = wait_event(pair.standby, "promoted")
    assert int(promoted["FAILOVER_DETECTING_USEC"]) >= 10_000_000


def test_a_live_refusal_is_up(pair, tls):
    begin(pair, primary={**HTTPS, "restart_grace": 0})
    tls("429")
    pair.standby.wait_for(lambda: "429" in look(pair)["check_reason"])
    assert look(pair)["check_verdict"] == "up" and events(pair.standby) == []
