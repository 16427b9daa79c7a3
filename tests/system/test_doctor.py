"""`doctor` on a real standby: each finding is provoked, found, mended by the very commands that doctor printed, and then
gone.

A scenario is a function that breaks one thing; its decorator says which line must be red, and a word of it. Where the
command is no remedy by itself (an editor, apt-get, a login in a browser), a stand-in for that program does what the
person would do with it."""

import contextlib
import dataclasses
import json
import re
import shlex
import subprocess

import pytest
from lab import HOME, USER, Pair, wait_for

DOCTOR = ["openclaw-failover", "doctor"]
LINE = re.compile(r"^(?:✓ ok  |✗ FAIL|! warn|· off |\? skip)  (.{18}) (.*)$")
WORDS = {"✓": "ok", "✗": "FAIL", "!": "warn", "·": "off", "?": "skip"}


@dataclasses.dataclass
class Line:
    kind: str
    title: str
    text: str
    commands: list


class Report:
    def __init__(self, done):
        self.status, self.text = done.returncode, done.stdout
        self.lines = {}
        assert done.stderr == ""
        for row in done.stdout.splitlines():
            match = LINE.match(row)
            if match:
                last = Line(WORDS[row[0]], match[1].rstrip(), match[2], [])
                self.lines[last.title] = last
            elif row.startswith(" " * 17 + "$ "):
                last.commands.append(row[19:])

    def of(self, *kinds):
        return [line.title for line in self.lines.values() if line.kind in kinds]

    def __str__(self):
        return f"exit status {self.status}\n{self.text}"


# What doctor warns of on every host of the lab: no alert, no drill yet, and a key that is not restricted.
USUAL = {"alert", "failover time", "secrets"}


def is_well(report):
    return report.status == 0 and set(report.of("warn")) <= USUAL


def shows(report, title, words):
    return title in report.of("FAIL", "warn") and words in report.lines[title].text


def doctor(host, user="root", **env):
    return Report(host.run(DOCTOR, user=user, check=False, env=env))


def mend(pair, line):
    """Carries out what doctor said, where it said."""
    for command in line.commands:
        command, _, where = command.partition(" # ")
        there = where.startswith(("on the primary", "on 100.64.0.1"))
        host, user = pair.primary if there else pair.standby, USER if where.endswith("as user openclaw") else "root"
        host.run(command, user=user, env={"EDITOR": "/root/editor"}, timeout=120)


do_mend = mend


def await_report(pair, condition, what):
    """polkit reads its rules, and a daemon its primary, in their own time."""
    last = []

    def look():
        last[:] = [doctor(pair.standby)]
        return condition(last[0])

    try:
        wait_for(look, 20, what, every=0.2)
    except AssertionError:
        raise AssertionError(f"{what}:\n{last[0]}") from None
    return last[0]


@pytest.fixture
def well(pair):
    """A standby without a fault."""
    pair.standby.mkdir(f"{HOME}/.secrets", mode=0o700, user=USER)
    pair.standby.systemctl("enable", "--now", Pair.UNIT)
    await_report(pair, is_well, "all is well to begin with")
    return pair


SCENARIOS = []


def finds(title, words, rounds=1, mend=mend):
    """A scenario: FUNCTION(pair, later) breaks something; LATER is an ExitStack for what reset() does not put right.
    ROUNDS: how often doctor is obeyed before all is well, where one fault hides another."""
    def add(function):
        SCENARIOS.append(pytest.param(function, title, words, rounds, mend, id=function.__name__))
        return function
    return add


def with_heal(pair, line):
    """What the command shows, a person mends elsewhere."""
    for command in line.commands:
        pair.standby.run(["timeout", "3", "bash", "-c", command], check=False)
    for host in (pair.primary, pair.standby):
        host.heal()


def drop_in(host, unit, lines, name="aa-test"):
    host.put(f"/etc/systemd/system/{unit}.d/{name}.conf", lines)
    host.systemctl("daemon-reload")


def stand_in(pair, later, name, script):
    """A program of this NAME, found before any other."""
    pair.standby.put(f"/usr/local/sbin/{name}", "#!/bin/sh\n" + script, mode=0o755)
    later.callback(pair.standby.remove, f"/usr/local/sbin/{name}")


# The daemon starts.

@finds("configuration", "line 3: port:")
def config_wrong(pair, later):
    good = pair.standby.get("/etc/openclaw-failover.ini")
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhost = 100.64.0.1\nport = 0\n")
    pair.standby.put("/root/good.ini", good)
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/good.ini $1\n", mode=0o755)


@finds("configuration", "no such file")
def config_missing(pair, later):
    pair.standby.run("mv /etc/openclaw-failover.ini /root/good.ini")
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/good.ini $1\n", mode=0o755)


@finds("its reader", "Permission denied")
def config_closed(pair, later):
    pair.standby.run("chmod 600 /etc/openclaw-failover.ini")


@finds("in force", "has changed since the daemon read it")
def config_not_reloaded(pair, later):
    pair.configure(primary={"fail_threshold": 4})


@finds("units", "have changed")
def units_changed(pair, later):
    pair.standby.put("/etc/systemd/system/openclaw-failover.service.d/aa-test.conf", "[Service]\nNice=1\n")


@finds("daemon", "not enabled")
def daemon_disabled(pair, later):
    pair.standby.systemctl("disable", Pair.UNIT)


@finds("daemon", "not running")
def daemon_stopped(pair, later):
    pair.standby.systemctl("stop", Pair.UNIT)


@finds("daemon", "masked", rounds=2)
def daemon_masked(pair, later):
    pair.standby.run("systemctl mask --now --runtime openclaw-failover.service")


@finds("daemon", "refused its configuration")
def daemon_refused(pair, later):
    good = pair.standby.get("/etc/openclaw-failover.ini")
    pair.standby.put("/etc/openclaw-failover.ini", "nonsense\n")
    pair.standby.systemctl("restart", Pair.UNIT, check=False)
    pair.standby.wait_state(Pair.UNIT, "failed")
    pair.standby.put("/etc/openclaw-failover.ini", good)


@finds("mode", "paused")
def paused(pair, later):
    pair.standby.run("openclaw-failover pause")


@finds("mode", "pinned", rounds=2)
def pinned(pair, later):
    pair.standby.run("openclaw-failover promote")


@finds("old monitor", "shell script")
def old_monitor(pair, later):
    pair.standby.put("/etc/systemd/system/openclaw-health-monitor.service",
                     "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
    pair.standby.systemctl("daemon-reload")
    pair.standby.systemctl("enable", "--now", "openclaw-health-monitor.service")


@finds("journal", "not kept on disk")
def journal_volatile(pair, later):
    pair.standby.put("/etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=volatile\n")
    pair.standby.run("systemctl restart systemd-journald && rm -r /var/log/journal/*")
    later.callback(pair.standby.mark)
    later.callback(pair.standby.run, "systemctl restart systemd-journald")


# It watches the primary.

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


@finds("tailscale", "does not answer")
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


@finds("key of this node", "has expired on 2020-01-01")
def own_key_expired(pair, later):
    tailnet(pair, later, expires="2020-01-01T00:00:00.5Z")


@finds("key of this node", "expires on")
def own_key_expires_soon(pair, later):
    tailnet(pair, later, expires=pair.standby.out("date -u -d '+10 days' +%Y-%m-%dT%H:%M:%SZ"))


def on_primarys_console(pair, line):
    """The primary's `tailscale` writes a file there, which is what tailscaled here then says."""
    mend(pair, line)
    pair.standby.put("/root/tailnet.json", pair.primary.get("/root/tailnet.json"))


@finds("key of the primary", "has expired", mend=on_primarys_console)
def primary_key_expired(pair, later):
    tailnet(pair, later, peer_expires="2020-01-01T00:00:00Z")


@finds("key of the primary", "no node of this tailnet")
def primary_not_in_tailnet(pair, later):
    tailnet(pair, later, peer="100.64.0.77")


def with_address(pair, line):
    """The command prints the address that the person then writes into the ini."""
    assert line.title != "address" or line.commands[0].startswith("tailscale ip -4 # on the primary")
    pair.configure()


@finds("address", "does not resolve", mend=with_address)
def host_does_not_resolve(pair, later):
    pair.configure(primary={"host": "nowhere.example.ts.net"})


@finds("primary", "100.64.0.2 is this machine itself", mend=with_address)
def host_is_the_standbys_own(pair, later):
    pair.configure(primary={"host": "100.64.0.2"})


@finds("primary", "connection refused")
def primary_stopped(pair, later):
    pair.primary.gateway.stop()
    openclaw_config(pair, later)


def openclaw_config(pair, later):
    """OpenClaw's own command that sets its bind, as far as the tests' gateway has one."""
    pair.primary.put("/usr/local/sbin/openclaw", """#!/bin/sh
        test "$*" = "config set gateway.bind tailnet" || exec /usr/local/bin/openclaw "$@"
        rm -f /etc/systemd/system/openclaw.service.d/aa-test.conf; systemctl daemon-reload
        """, mode=0o755)
    later.callback(pair.primary.remove, "/usr/local/sbin/openclaw")


@finds("primary", "listens on loopback only")
def primary_on_loopback(pair, later):
    drop_in(pair.primary, "openclaw.service",
            "[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw gateway bind=127.0.0.1\n")
    pair.primary.systemctl("restart", "openclaw.service")
    openclaw_config(pair, later)


@finds("primary", "not as an OpenClaw gateway")
def primary_is_something_else(pair, later):
    drop_in(pair.primary, "openclaw.service", "[Service]\nExecStopPost=+/bin/rm -f /run/gateway.mode\n")
    pair.primary.gateway.mode("html")


@finds("primary", "no answer", mend=with_heal)
def primary_vanished(pair, later):
    pair.primary.drop()


@finds("seniors", "second, 100.64.0.9", mend=lambda pair, line: pair.configure())
def senior_unreachable(pair, later):
    pair.configure(**{"senior second": {"host": "100.64.0.9"}})


@finds("witness", "every failover is held up", mend=lambda pair, line: pair.configure())
def witness_dead(pair, later):
    pair.configure(witness={"url": "http://192.0.2.254:9/"})


# It has workspace and secrets synced.

@finds("permission", "polkit does not let user openclaw-failover do “start” to openclaw.service")
def polkit_refuses(pair, later):
    pair.standby.put("/etc/polkit-1/rules.d/20-test.rules", """
        polkit.addRule(function(action, subject) {
                if (subject.user == "openclaw-failover") return polkit.Result.NO; });""")


@finds("permission", "do “kill” to openclaw.service")
def polkit_refuses_one_verb(pair, later):
    pair.standby.put("/etc/polkit-1/rules.d/20-test.rules", """
        polkit.addRule(function(action, subject) {
                if (action.lookup("verb") == "kill") return polkit.Result.NO; });""")


@finds("sync unit", "runs as user alice")
def sync_as_another_user(pair, later):
    drop_in(pair.standby, Pair.SYNC, "[Service]\nUser=alice\n")


def with_installation(pair, line):
    """Nobody but the person knows whether it was a package."""
    pair.standby.run(f"mv /root/{Pair.SYNC} /usr/lib/systemd/system; systemctl daemon-reload", check=False)


@finds("sync unit", "install openclaw-failover again, in the way it was installed", mend=with_installation)
def sync_unit_missing(pair, later):
    pair.standby.run(f"mv /usr/lib/systemd/system/{Pair.SYNC} /root && systemctl daemon-reload")
    later.callback(with_installation, pair, None)


@finds("permission", "to assistant.service")
def gateway_of_another_name(pair, later):
    pair.standby.run("sed 's/^ExecStart=.*/ExecStart=\\/usr\\/local\\/bin\\/openclaw gateway/' "
                     "/usr/lib/systemd/system/openclaw.service > /etc/systemd/system/assistant.service")
    pair.standby.systemctl("daemon-reload")
    pair.configure(gateway={"unit": "assistant.service"})
    pair.standby.systemctl("reload", Pair.UNIT)


def take_away(pair, later, path):
    pair.standby.run(["mv", path, path + ".away"])
    later.callback(pair.standby.run, ["mv", path + ".away", path], check=False)
    stand_in(pair, later, "apt-get", f'test "$1" = install && mv {path}.away {path}\n')


@finds("programs", "/usr/bin/rsync is not there")
def rsync_missing(pair, later):
    take_away(pair, later, "/usr/bin/rsync")


@finds("programs", "/usr/bin/ssh is not there")
def ssh_missing(pair, later):
    take_away(pair, later, "/usr/bin/ssh")


@finds("workspace", "no branch is checked out")
def workspace_detached(pair, later):
    pair.git("checkout", "-q", "--detach")


@finds("workspace", "a merge is under way")
def workspace_merging(pair, later):
    pair.git("checkout", "-q", "-b", "side", "HEAD~1")
    pair.git("commit", "-q", "--allow-empty", "-m", "aside")
    pair.git("checkout", "-q", "main")
    pair.git("merge", "-q", "--no-ff", "--no-commit", "side")


@finds("workspace", "has core.ignorecase set")
def workspace_of_a_mac(pair, later):
    pair.git("config", "core.ignorecase", "true")


@finds("workspace", "is split", rounds=2)
def workspace_with_a_split_index(pair, later):
    pair.git("config", "core.splitIndex", "true")
    pair.git("update-index", "--split-index")


@finds("workspace", "has a branch failover")
def workspace_without_room_for_branches(pair, later):
    pair.git("branch", "failover")


@finds("remote", "which the remote no longer has, is in the way")
def workspace_with_a_stale_branch(pair, later):
    pair.git("update-ref", "-d", "refs/remotes/origin/main")
    pair.git("update-ref", "refs/remotes/origin/main/x", "HEAD")


@finds("workspace", "is a shallow clone")
def workspace_shallow(pair, later):
    pair.standby.run(f"rm -rf {Pair.WORKSPACE} && git clone -q --depth 1 {Pair.REMOTE} {Pair.WORKSPACE}", user=USER)


def with_clone(pair, line):
    """Nobody but the person knows what to clone."""
    pair.standby.run(f"rm -rf {Pair.WORKSPACE} && git clone -q {Pair.REMOTE} {Pair.WORKSPACE}", user=USER)


@finds("workspace", "No such file or directory. Clone the workspace", mend=with_clone)
def workspace_missing(pair, later):
    pair.standby.remove(Pair.WORKSPACE)


@finds("workspace", "is no git repository", mend=with_clone)
def workspace_is_no_clone(pair, later):
    pair.standby.remove(f"{Pair.WORKSPACE}/.git")


@finds("workspace", "belongs to alice, not to openclaw")
def workspace_of_somebody_else(pair, later):
    pair.standby.run(f"chown -R alice: {Pair.WORKSPACE}")


@finds("workspace", "work that is saved nowhere: 2 files", rounds=2)
def workspace_unsaved(pair, later):
    prepare_merge(pair)
    pair.standby.put(f"{Pair.WORKSPACE}/SOUL.md", "changed on the standby\n", user=USER)
    pair.standby.put(f"{Pair.WORKSPACE}/memory/new.md", "learned here\n", user=USER)


@finds("workspace", "closed cannot be read, and is not saved", rounds=3)
def workspace_with_a_file_of_root(pair, later):
    prepare_merge(pair)
    pair.standby.put(f"{Pair.WORKSPACE}/closed", "x\n", mode=0o600)


def with_room(pair, line):
    """Only the person knows what may go."""
    pair.standby.remove(f"{Pair.WORKSPACE}/large")


@finds("workspace", "is full: ", mend=with_room)
def workspace_on_a_full_disk(pair, later):
    """Not that its work is unsaved: the sync, which saves it, is refused."""
    pair.standby.run(f"cp -a {Pair.WORKSPACE} /root/copy && mount -t tmpfs -o size=80m,mode=755 tmpfs {Pair.WORKSPACE} &&"
                     f"cp -a /root/copy/. {Pair.WORKSPACE} && chown {USER}: {Pair.WORKSPACE}")
    later.callback(pair.standby.run, f"umount {Pair.WORKSPACE}")
    pair.standby.run(f"head -c 60M /dev/zero > {Pair.WORKSPACE}/large", user=USER)


def prepare_merge(pair):
    """The primary's own clone, and a way for it to the standby: what merges saved work back."""
    pair.primary.run(f"git clone -q ~/workspace.git {Pair.WORKSPACE} &&"
                     "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 &&"
                     "ssh-keyscan -t ed25519 standby >> ~/.ssh/known_hosts", user=USER)
    pair.standby.put(f"{HOME}/.ssh/authorized_keys", pair.primary.get(f"{HOME}/.ssh/id_ed25519.pub"), user=USER)


@finds("saved work", "the primary lacks work that was done here, in branch failover/standby/")
def saved_work_not_merged(pair, later):
    prepare_merge(pair)
    pair.standby.put(f"{Pair.WORKSPACE}/memory/new.md", "learned here\n", user=USER)
    pair.standby.systemctl("start", Pair.SYNC)


@finds("remote", "ssh to 100.64.0.1 failed")
def git_host_unknown(pair, later):
    pair.standby.put(f"{HOME}/.ssh/known_hosts", "", user=USER)


@finds("secrets", "ssh to openclaw@100.64.0.1 failed")
def secrets_host_unknown(pair, later):
    pair.standby.put(f"{HOME}/.ssh/known_hosts", "", user=USER)


def with_new_key(pair, line):
    """ssh refuses a changed key whatever it is asked, and says why: the line of the secrets replaces the key."""
    if line.title == "remote":
        with_heal(pair, line)
    else:
        mend(pair, line)


@finds("secrets", "ssh to openclaw@100.64.0.1 failed", mend=with_new_key)
def secrets_host_changed(pair, later):
    other = pair.standby.out("cat /etc/ssh/ssh_host_ed25519_key.pub").split()
    pair.standby.put(f"{HOME}/.ssh/known_hosts", f"100.64.0.1 {other[0]} {other[1]}\n", user=USER)


@finds("remote", "no answer from the remote", mend=with_heal)
def git_host_silent(pair, later):
    pair.primary.drop(port=22)


@finds("secrets", "openclaw@100.64.0.1 did not finish in", mend=with_heal)
def secrets_host_silent(pair, later):
    pair.primary.drop(port=22)


def with_old_keys(pair, line):
    """The remote's owner lets the key in again; ssh-copy-id would ask for a password."""
    pair.primary.run("mv ~/.ssh/authorized_keys.old ~/.ssh/authorized_keys || true", user=USER)


@finds("remote", "ssh to 100.64.0.1 failed", mend=with_old_keys)
def git_key_refused(pair, later):
    pair.primary.run("mv ~/.ssh/authorized_keys ~/.ssh/authorized_keys.old", user=USER)


@finds("secrets", "ssh to openclaw@100.64.0.1 failed", mend=with_old_keys)
def secrets_key_refused(pair, later):
    pair.primary.run("mv ~/.ssh/authorized_keys ~/.ssh/authorized_keys.old", user=USER)


HTTPS = """
import base64, http.server, os, ssl, subprocess
TOKEN = "Basic " + base64.b64encode(b"x-access-token:TOKEN").decode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.headers["Authorization"] != TOKEN:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        done = subprocess.run(["git", "http-backend"], input=body, stdout=subprocess.PIPE, env=dict(os.environ,
            GIT_PROJECT_ROOT="/home/openclaw", GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers["Content-Type"] or "", CONTENT_LENGTH=str(len(body))))
        head, _, body = done.stdout.partition(b"\\r\\n\\r\\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
server = http.server.ThreadingHTTPServer(("", 8443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def git_over_https(pair):
    """The primary's repository behind a login, with a certificate that the standby does not trust yet."""
    pair.primary.put(f"{HOME}/https.py", HTTPS, user=USER)
    pair.primary.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=git "
                     "-addext subjectAltName=DNS:primary -keyout key.pem -out cert.pem; cat key.pem cert.pem > server.pem",
                     user=USER)
    pair.primary.popen(["/usr/bin/python3", "https.py"], user=USER, stderr=subprocess.DEVNULL)
    pair.primary.wait_for(lambda: pair.primary.run("curl -sk https://127.0.0.1:8443/", check=False).returncode == 0)
    pair.git("remote", "set-url", "origin", "https://primary:8443/workspace.git")


def trust(pair):
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    pair.standby.put(bundle, pair.standby.get(bundle) + pair.primary.get(f"{HOME}/cert.pem"))


@finds("remote", "certificate", mend=lambda pair, line: trust(pair))
def https_not_trusted(pair, later):
    git_over_https(pair)
    pair.standby.put(f"{HOME}/token", "TOKEN\n", mode=0o600, user=USER)
    pair.configure(workspace={"token_file": f"{HOME}/token"})


@finds("remote", "wants a login: set token_file")
def https_asks(pair, later):
    git_over_https(pair)
    trust(pair)
    pair.standby.put(f"{HOME}/token", "TOKEN\n", mode=0o600, user=USER)
    pair.standby.put("/root/editor", f"#!/bin/sh\nprintf '[workspace]\ntoken_file = {HOME}/token\n' >> $1\n", mode=0o755)
    ini = pair.standby.get("/etc/openclaw-failover.ini").replace("[workspace]\ntimeout = 5s\n", "")
    pair.standby.put("/etc/openclaw-failover.ini", ini)


@finds("remote", "has the branch mine checked out, not main")
def another_branch(pair, later):
    pair.git("checkout", "-q", "-b", "mine")


@finds("secrets", "has no /home/openclaw/.secrets/")
def secrets_source_missing(pair, later):
    pair.primary.run("mv ~/.secrets ~/elsewhere", user=USER)


@finds("secrets", "lets the key read one directory only (rrsync)")
def secrets_key_restricted(pair, later):
    """As the guide recommends, and [secrets] source as it comes. The tests have one key for secrets and git."""
    pair.primary.put(f"{HOME}/only", f"""#!/bin/sh
        case $SSH_ORIGINAL_COMMAND in rsync*) exec /usr/bin/rrsync -ro {HOME}/.secrets; esac
        exec sh -c "$SSH_ORIGINAL_COMMAND"
        """, mode=0o755, user=USER)
    pair.primary.run(f"sed -i 's|^ssh-|command=\"{HOME}/only\" &|' ~/.ssh/authorized_keys", user=USER)
    pair.configure(secrets={"source": "~/.secrets/"})


@finds("secrets", "is a file; it must be a directory")
def secrets_target_is_a_file(pair, later):
    pair.standby.run("rm -rf ~/.secrets && echo precious > ~/.secrets", user=USER)


@finds("secrets", "/home/openclaw/.secrets/: Permission denied")
def secrets_target_of_somebody_else(pair, later):
    pair.standby.run(f"chown alice: {HOME}/.secrets")


@finds("sync's places", "there is no /home/openclaw/.secrets")
def secrets_target_missing(pair, later):
    pair.standby.remove(f"{HOME}/.secrets")


@finds("sync's places", "may not write to /srv/secrets, which the ini names", rounds=2)
def secrets_target_elsewhere(pair, later):
    pair.configure(secrets={"target": "/srv/secrets"})


# It starts the gateway.

WEB = ("[primary]\nhost = 100.64.0.1\n[gateway]\nunit = openclaw@web.service\nurl = http://127.0.0.1:18809/health\n"
       "[workspace]\npath = /home/openclaw/.openclaw/workspace-web\n")


def web_shares(later, pair, line, instead):
    """Another standby on this machine has LINE of its ini in common with the plain one."""
    assert line in WEB
    pair.standby.put("/etc/openclaw-failover/web.ini", WEB.replace(line, instead))
    later.callback(pair.standby.remove, "/etc/openclaw-failover/web.ini")
    pair.standby.put("/root/web.ini", WEB)
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/web.ini $1\n", mode=0o755)


@finds("other instances", "openclaw-failover@web.service starts and stops openclaw.service")
def shared_gateway(pair, later):
    web_shares(later, pair, "unit = openclaw@web.service\n", "")


@finds("other instances", "openclaw-failover@web.service has its gateway answer at port 18789")
def shared_port(pair, later):
    web_shares(later, pair, "url = http://127.0.0.1:18809/health\n", "")


@finds("other instances", "keeps its workspace in /home/openclaw/.openclaw/workspace,")
def shared_workspace(pair, later):
    web_shares(later, pair, "path = /home/openclaw/.openclaw/workspace-web\n", "")


@finds("gateway unit", "there is no assistant.service")
def gateway_unit_missing(pair, later):
    pair.configure(gateway={"unit": "assistant.service"})


@finds("gateway unit", "masked")
def gateway_masked(pair, later):
    pair.standby.systemctl("mask", "openclaw.service")


@finds("gateway unit", "enabled")
def gateway_enabled(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Install]\nWantedBy=multi-user.target\n")
    pair.standby.run("cp /usr/lib/systemd/system/openclaw.service /etc/systemd/system/ &&"
                     "printf '[Install]\nWantedBy=multi-user.target\n' >> /etc/systemd/system/openclaw.service")
    pair.standby.systemctl("enable", "openclaw.service")


@finds("gateway program", "/opt/openclaw/bin/openclaw, which openclaw.service runs, is not there", rounds=2)
def program_is_nvms(pair, later):
    """Then its interpreter is not on the PATH either, and the gateway of the mended unit really starts."""
    hide_node(pair, later)
    drop_in(pair.standby, "openclaw.service", "[Service]\nExecStart=\nExecStart=/opt/openclaw/bin/openclaw gateway\n",
            name="zy-test")
    nvm = f"{HOME}/.nvm/versions/node/v22.1.0/bin"
    pair.standby.put(f"{nvm}/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    pair.standby.put(f"{nvm}/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


def hide_node(pair, later):
    """A Node.js that this machine itself may have."""
    for path in ("/usr/bin/node", "/usr/local/bin/node"):
        if pair.standby.exists(path):
            pair.standby.run(["mv", path, path + ".away"])
            later.callback(pair.standby.run, ["mv", path + ".away", path])


def starts_and_stops(pair):
    pair.standby.systemctl("stop", Pair.UNIT)
    pair.standby.gateway.start()
    pair.standby.gateway.stop()


@finds("gateway program", "may not be run by user openclaw")
def program_not_executable(pair, later):
    pair.standby.run("chmod 700 /usr/local/bin/openclaw")
    later.callback(pair.standby.run, "chmod 755 /usr/local/bin/openclaw")


@finds("interpreter", "needs node, which is not on the PATH of openclaw.service")
def interpreter_not_on_path(pair, later):
    hide_node(pair, later)
    drop_in(pair.standby, "openclaw.service", f"[Service]\nExecStart=\nExecStart={HOME}/app/openclaw gateway\n",
            name="zy-test")
    pair.standby.put(f"{HOME}/app/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    pair.standby.put(f"{HOME}/.local/bin/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


def with_node(pair, line):
    """As its makers say, for all users."""
    pair.standby.put("/usr/local/bin/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755)


@finds("interpreter", "install it for all users, as https://nodejs.org says", mend=with_node)
def interpreter_missing(pair, later):
    hide_node(pair, later)
    later.callback(pair.standby.remove, "/usr/local/bin/node")
    drop_in(pair.standby, "openclaw.service", f"[Service]\nExecStart=\nExecStart={HOME}/app/openclaw gateway\n",
            name="zy-test")
    pair.standby.put(f"{HOME}/app/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


@finds("gateway's port", "listens at port 18789")
def port_taken(pair, later):
    pair.standby.popen(["/usr/local/bin/openclaw", "gateway"], user="alice")
    pair.standby.wait_for(pair.standby.gateway.answers)


@finds("second gateway", "fight for the port")
def user_service(pair, later):
    units = f"{HOME}/.config/systemd/user"
    pair.standby.put(f"{units}/openclaw-gateway.service", "[Service]\nExecStart=/bin/sleep infinity\n", user=USER)
    pair.standby.run(f"mkdir -p {units}/default.target.wants && ln -s ../openclaw-gateway.service {units}/default.target.wants",
                     user=USER)


@finds("second gateway", "fight for the port")
def user_service_running(pair, later):
    """The same with the user's own systemd running, as it does on a server with lingering."""
    user_service(pair, later)
    units = f"{HOME}/.config/systemd/user"
    pair.standby.put(f"{units}/openclaw-gateway.service",
                     "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=default.target\n", user=USER)
    pair.standby.systemctl("start", f"user@{pair.standby._ids(USER)[0]}.service")
    later.callback(pair.standby.systemctl, "stop", f"user@{pair.standby._ids(USER)[0]}.service")


@finds("gateway's powers", "in group docker")
def in_docker_group(pair, later):
    pair.standby.run(f"groupadd docker; gpasswd -a {USER} docker")


@finds("gateway's powers", "asks user openclaw for no password: (root) NOPASSWD: /usr/bin/systemctl",
       mend=lambda pair, line: pair.standby.remove("/etc/sudoers.d/openclaw"))
def sudo_without_password(pair, later):
    pair.standby.put("/etc/sudoers.d/openclaw", f"{USER} ALL=(root) NOPASSWD: /usr/bin/systemctl\n", mode=0o440)


@finds("gateway's powers", "runs as root", rounds=2)
def gateway_is_root(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nUser=\n", name="zy-test")


@finds("gateway's stop", "Restart of openclaw.service is on-failure: ")
def end_taken_for_a_stop(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nRestart=on-failure\n", name="zy-test")


@finds("gateway's stop", "TimeoutStopSec of openclaw.service is 1 min 30 s")
def stop_too_short(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nTimeoutStopSec=90\n", name="zy-test")


# It tells.

RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(int(sys.argv[1]))
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


def receiver(pair, status):
    pair.standby.put("/home/alice/receiver.py", RECEIVER)
    pair.standby.popen(["/usr/bin/python3", "receiver.py", str(status)], user="alice", stderr=subprocess.DEVNULL)
    pair.standby.wait_for(lambda: pair.standby.run("curl -sI http://127.0.0.1:8080/", check=False).returncode == 0)


ADDRESS_FILE = "/etc/openclaw-failover/alert-url"
ADDRESS = "http://127.0.0.1:8080/services/SECRET"


@finds("alert", "others than root may read or change it")
def alert_file_readable(pair, later):
    receiver(pair, 200)
    pair.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o640)
    pair.configure(alert={"url_file": ADDRESS_FILE})


@finds("alert", "is not handed to the daemon")
def alert_file_elsewhere(pair, later):
    receiver(pair, 200)
    pair.standby.put("/root/webhook", ADDRESS + "\n", mode=0o600)
    pair.configure(alert={"url_file": "/root/webhook"})


def with_pasted_address(pair, line):
    for command in line.commands:
        pair.standby.run(command.partition(" # ")[0], input=ADDRESS + "\n")


@finds("alert", "No such file", mend=with_pasted_address)
def alert_file_missing(pair, later):
    receiver(pair, 200)
    pair.configure(alert={"url_file": ADDRESS_FILE})


@finds("alert", "http://127.0.0.1:8080 refuses the address: HTTP 403")
def alert_refused(pair, later):
    """Whoever runs the service lets it in again while the test alert is being sent, let us say."""
    receiver(pair, 403)
    pair.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o600)
    pair.configure(alert={"url_file": ADDRESS_FILE})
    stand_in(pair, later, "openclaw-failover",
             'test "$1" = alert-test || exec /usr/bin/openclaw-failover "$@"\n'
             "pkill -u alice; sed -i s/sys.argv.1./200/ /home/alice/receiver.py\n"
             "systemd-run -q -p User=alice /usr/bin/python3 /home/alice/receiver.py\n")


@finds("alert", "cannot be reached: Could", mend=lambda pair, line: receiver(pair, 200))
def alert_unreachable(pair, later):
    pair.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o600)
    pair.configure(alert={"url_file": ADDRESS_FILE})


@finds("heartbeat", "cannot be reached", mend=lambda pair, line: receiver(pair, 200))
def heartbeat_unreachable(pair, later):
    pair.configure(heartbeat={"url": "http://127.0.0.1:8080/ping"})


def test_secret_addresses_are_not_printed(well):
    """Whether it works or not."""
    well.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o600)
    well.configure(alert={"url_file": ADDRESS_FILE})
    assert "SECRET" not in doctor(well.standby).text
    receiver(well, 200)
    assert "SECRET" not in doctor(well.standby).text
    assert doctor(well.standby, user=USER).lines["alert"].kind == "skip"


@pytest.mark.parametrize("provoke, title, words, rounds, mend", SCENARIOS)
def test_found_and_mended(well, provoke, title, words, rounds, mend):
    with contextlib.ExitStack() as later:
        provoke(well, later)
        report = await_report(well, lambda report: shows(report, title, words), f"{title} is red: {words}")
        told = (with_clone, with_installation, with_node, with_room)  # in words, since only the person knows more
        assert report.lines[title].commands or mend in told, f"no command mends it\n{report}"
        assert report.status == (1 if report.of("FAIL") else 0), str(report)
        for _ in range(rounds):
            for found in report.of("FAIL", "warn"):
                if found == title or found not in USUAL:
                    mend(well, report.lines[found])
            report = doctor(well.standby)
            if "in force" in report.of("FAIL"):  # of whatever changed the ini
                do_mend(well, report.lines["in force"])
                report = doctor(well.standby)
        await_report(well, lambda report: is_well(report) and not shows(report, title, words), "all is well again")


# And what else it promises.

def test_all_is_well(well):
    report = doctor(well.standby)
    assert report.status == 0 and is_well(report), str(report)
    assert {"configuration", "primary", "permission", "gateway program"} <= set(report.of("ok"))


def test_an_ordinary_user_is_told_what_is_left_out(well):
    """As much as alice may see, a status of its own for the rest, and a red cross for what she sees, with sudo."""
    well.standby.run("chmod o-rx /usr/local/bin/openclaw")
    try:
        report = doctor(well.standby, user="alice")
    finally:
        well.standby.run("chmod o+rx /usr/local/bin/openclaw")
    assert report.status == 2 and not report.of("FAIL"), str(report)
    assert {"primary", "daemon", "sync unit", "gateway unit", "gateway's stop"} <= set(report.of("ok")), str(report)
    for title in ("its reader", "permission", "gateway program", "gateway's powers"):
        assert report.lines[title].kind == "skip"
        assert "sudo openclaw-failover doctor" in report.lines[title].text

    well.standby.systemctl("stop", Pair.UNIT)
    report = doctor(well.standby, user="alice")
    assert report.status == 1 and report.of("FAIL") == ["daemon"], str(report)
    assert report.lines["daemon"].commands == [f"sudo systemctl restart {Pair.UNIT}"]


def test_who_came_by_sudo_is_given_commands_with_sudo(well):
    """Their shell is not root's. In root's own there may be no sudo at all."""
    well.standby.systemctl("stop", Pair.UNIT)
    command = f"systemctl restart {Pair.UNIT}"
    assert doctor(well.standby, SUDO_UID="1000").lines["daemon"].commands == ["sudo " + command]
    assert doctor(well.standby).lines["daemon"].commands == [command]


def test_a_gateway_unit_that_is_not_there_needs_no_rule(well):
    well.configure(gateway={"unit": "opneclaw.service"})
    report = doctor(well.standby)
    assert "there is no opneclaw.service" in report.lines["gateway unit"].text
    assert report.lines["permission"].kind == "skip" and "polkit" not in report.text, str(report)


def test_the_gateways_user_sees_its_own_things(well):
    report = doctor(well.standby, user=USER)
    assert {"gateway program", "interpreter", "second gateway"} <= set(report.of("ok")), str(report)
    assert report.lines["its reader"].kind == "skip"


def test_a_bad_configuration_hides_only_what_needs_it(well):
    well.standby.put("/etc/openclaw-failover.ini", "[primary]\n")
    report = doctor(well.standby)
    assert report.of("FAIL") == ["configuration"], str(report)
    assert "daemon" in report.of("ok") and "primary" not in report.lines


def test_without_d_bus(well):
    """It says so once, and still looks at what needs no systemd."""
    well.standby.run("systemctl stop dbus.socket dbus.service", check=False)
    try:
        report = doctor(well.standby)
        assert "units" in report.of("FAIL") and report.lines["primary"].kind == "ok", str(report)
        mend(well, report.lines["units"])
        await_report(well, lambda report: report.status == 0, "all is well again")
    finally:
        well.standby.run("systemctl start dbus.socket dbus.service", check=False)


def test_a_look_that_hangs_is_ended(well):
    """A name server that is silent: the resolver would wait for longer than anybody."""
    well.configure(primary={"host": "primary.silent.example"})
    well.standby.put("/etc/resolv.conf", "nameserver 192.0.2.254\noptions timeout:30 attempts:5\n")
    well.standby.drop_outgoing(port=53)
    with pytest.raises(subprocess.TimeoutExpired):
        well.standby.run(["getent", "hosts", "primary.silent.example"], timeout=8)
    report = Report(well.standby.run(DOCTOR, check=False, timeout=200))
    assert "no result within" in report.lines["address"].text, str(report)
    assert report.lines["gateway's stop"].kind == "ok"


CLOCK = """
#include <sys/timex.h>
#include <stdlib.h>
int adjtimex(struct timex *t) { t->maxerror = atol(getenv("MAXERROR")); t->status = STA_UNSYNC; return TIME_OK; }
"""


@pytest.mark.as_shipped
def test_clock(well, tmp_path):
    """All hosts have this machine's clock, so the call that asks for its state is answered by a library here."""
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    well.standby.put("/root/clock.so", (tmp_path / "clock.so").read_bytes(), mode=0o755)
    well.standby.run("mv /run/systemd/container /run/systemd/container.away")  # or it is not this host's business
    try:
        report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="16000000")
        assert report.lines["clock"].kind == "FAIL" and "timedatectl set-ntp true" in report.lines["clock"].commands[0]
        report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="250000")
        assert report.lines["clock"].text == "synchronised, to within 250 ms"
    finally:
        well.standby.run("mv /run/systemd/container.away /run/systemd/container")
    report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="16000000")
    assert report.lines["clock"].kind == "off"


def terminal(host, **env):
    """What doctor writes to a terminal: script(1) makes one."""
    return host.run(["script", "-qec", "openclaw-failover doctor", "/dev/null"], env=env).stdout


def test_colour(well):
    assert "\033[" in terminal(well.standby)
    assert "\033[" not in terminal(well.standby, NO_COLOR="1")
    assert "\033[" in terminal(well.standby, NO_COLOR="")
    assert "\033[" not in doctor(well.standby).text


def test_it_leaves_nothing_behind(well):
    before = well.standby.out("ps -eo user,args --no-headers | grep -c '[o]penclaw-failover doctor'", check=False)
    doctor(well.standby)
    assert well.standby.out("ps -eo user,args --no-headers | grep -c '[o]penclaw-failover doctor'", check=False) == before == "0"
