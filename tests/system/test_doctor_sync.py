"""What `doctor` finds and has fixed (tests/lab/doctor.py): the sync of workspace and secrets."""

import subprocess

import pytest
from doctor import SCENARIOS, drop_in, find_and_fix, finds, fix, in_words, stand_in, well, with_heal
from lab import HOME, USER, Pair


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


@in_words
def with_installation(pair, line):
    """Nobody but the person knows whether it was a package."""
    pair.standby.run(f"mv /root/{Pair.SYNC} /usr/lib/systemd/system; systemctl daemon-reload", check=False)


@finds("sync unit", "install openclaw-failover again, in the way it was installed", fix=with_installation)
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


@finds("secrets", "rsync is not installed here")
def rsync_missing(pair, later):
    take_away(pair, later, "/usr/bin/rsync")


@finds("workspace", "no branch is checked out")
def workspace_detached(pair, later):
    pair.git("checkout", "-q", "--detach")


@finds("workspace", "git merge is under way")
def workspace_merging(pair, later):
    pair.git("checkout", "-q", "-b", "side", "HEAD~1")
    pair.git("commit", "-q", "--allow-empty", "-m", "aside")
    pair.git("checkout", "-q", "main")
    pair.git("merge", "-q", "--no-ff", "--no-commit", "side")
    pair.git("branch", "-q", "-D", "side")  # which would be unmerged work


@finds("workspace", "core.ignorecase = true")
def workspace_of_a_mac(pair, later):
    pair.git("config", "core.ignorecase", "true")


@finds("workspace", "cannot be read")
def workspace_with_a_split_index(pair, later):
    pair.git("config", "core.splitIndex", "true")
    pair.git("update-index", "--split-index")


@finds("workspace", "is a shallow clone")
def workspace_shallow(pair, later):
    pair.standby.run(f"rm -rf {Pair.WORKSPACE} && git clone -q --depth 1 {Pair.REMOTE} {Pair.WORKSPACE}", user=USER)


@in_words
def with_clone(pair, line):
    """Nobody but the person knows what to clone."""
    pair.standby.run(f"rm -rf {Pair.WORKSPACE} && git clone -q {Pair.REMOTE} {Pair.WORKSPACE}", user=USER)


@finds("workspace", "No such file or directory. Clone the workspace", fix=with_clone)
def workspace_missing(pair, later):
    pair.standby.remove(Pair.WORKSPACE)


@finds("workspace", "is no git repository", fix=with_clone)
def workspace_is_no_clone(pair, later):
    pair.standby.remove(f"{Pair.WORKSPACE}/.git")


@finds("workspace", "belongs to alice, not to openclaw")
def workspace_of_another_user(pair, later):
    pair.standby.run(f"chown -R alice: {Pair.WORKSPACE}")


@finds("workspace", "closed cannot be read, and is not saved", rounds=3)
def workspace_with_a_file_of_root(pair, later):
    prepare_merge(pair)
    pair.standby.put(f"{Pair.WORKSPACE}/closed", "x\n", mode=0o600)


@in_words
def with_room(pair, line):
    """Only the person knows what may go."""
    pair.standby.remove(f"{Pair.WORKSPACE}/large")


@finds("workspace", "is full: ", fix=with_room)
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


@finds("saved work", "the primary lacks work that was done here, in 1 branch")
def saved_work_not_merged(pair, later):
    prepare_merge(pair)
    pair.standby.put(f"{Pair.WORKSPACE}/memory/new.md", "learned here\n", user=USER)
    pair.standby.systemctl("start", Pair.SYNC)


@finds("saved work", "bears the primary's name, primary")
def clone_of_the_primary(pair, later):
    """Its own name, in a command for the primary, would be the primary's."""
    pair.standby.run("hostname primary")
    later.callback(pair.standby.run, "hostname standby")
    pair.configure(primary={"host": "primary"})


@finds("remote", "ssh to the remote origin failed")
def git_host_unknown(pair, later):
    pair.standby.put(f"{HOME}/.ssh/known_hosts", "", user=USER)


@finds("secrets", "openclaw@100.64.0.1 cannot be reached by ssh")
def secrets_host_unknown(pair, later):
    pair.standby.put(f"{HOME}/.ssh/known_hosts", "", user=USER)


@finds("secrets", "openclaw@100.64.0.1 cannot be reached by ssh")
def secrets_host_changed(pair, later):
    other = pair.standby.out("cat /etc/ssh/ssh_host_ed25519_key.pub").split()
    pair.standby.put(f"{HOME}/.ssh/known_hosts", f"100.64.0.1 {other[0]} {other[1]}\n", user=USER)


@finds("remote", "no answer from the remote", fix=with_heal)
def git_host_silent(pair, later):
    pair.primary.drop(port=22)


@finds("secrets", "openclaw@100.64.0.1 did not finish in", fix=with_heal)
def secrets_host_silent(pair, later):
    pair.primary.drop(port=22)


def with_old_keys(pair, line):
    """The remote's owner lets the key in again; ssh-copy-id would ask for a password."""
    pair.primary.run("mv ~/.ssh/authorized_keys.old ~/.ssh/authorized_keys || true", user=USER)


@finds("remote", "ssh to the remote origin failed", fix=with_old_keys)
def git_key_refused(pair, later):
    pair.primary.run("mv ~/.ssh/authorized_keys ~/.ssh/authorized_keys.old", user=USER)


@finds("secrets", "openclaw@100.64.0.1 cannot be reached by ssh", fix=with_old_keys)
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


@finds("remote", "certificate", fix=lambda pair, line: trust(pair))
def https_not_trusted(pair, later):
    git_over_https(pair)
    pair.standby.put(f"{HOME}/token", "TOKEN\n", mode=0o600, user=USER)
    pair.configure(workspace={"token_file": f"{HOME}/token"})


def with_token(pair, line):
    """The message names the key; git, in the command, asks for the same."""
    if line.title != "remote":
        return fix(pair, line)
    pair.standby.run(f"printf '[workspace]\\ntoken_file = {HOME}/token\\n' >> /etc/openclaw-failover.ini")


@finds("remote", "wants a login: set token_file", fix=with_token)
def https_asks(pair, later):
    git_over_https(pair)
    trust(pair)
    pair.standby.put(f"{HOME}/token", "TOKEN\n", mode=0o600, user=USER)
    ini = pair.standby.get("/etc/openclaw-failover.ini").replace("[workspace]\ntimeout = 5s\n", "")
    pair.standby.put("/etc/openclaw-failover.ini", ini)


@finds("remote", "has the branch mine checked out, not main")
def another_branch(pair, later):
    pair.git("checkout", "-q", "-b", "mine")


@finds("secrets", "has no such source that can be read")
def secrets_source_missing(pair, later):
    """The host names no user, and the source is in that user's home."""
    pair.primary.run("mv ~/.secrets ~/elsewhere", user=USER)
    pair.configure(secrets={"host": "100.64.0.1", "source": "~/.secrets/"})


@in_words
def with_another_target(pair, line):
    """Only the person knows what the file is for."""
    pair.standby.run("mv ~/.secrets /var/tmp", user=USER)


@finds("secrets", ".secrets: Not a directory", fix=with_another_target)
def secrets_target_is_a_file(pair, later):
    pair.standby.run("rm -rf ~/.secrets && echo precious > ~/.secrets", user=USER)


@finds("secrets", "/home/openclaw/.secrets belongs to another user")
def secrets_target_of_another_user(pair, later):
    pair.standby.run(f"chown alice: {HOME}/.secrets")


@finds("sync's places", "may not write to /srv/my secrets, which the ini names", rounds=2)
def secrets_target_elsewhere(pair, later):
    pair.configure(secrets={"target": "/srv/my secrets"})


@finds("sync's places", "may not make /srv/secrets, which the ini names")
def secrets_target_missing(pair, later):
    """Nothing but the sync would say so: systemd cannot start it."""
    drop_in(pair.standby, Pair.SYNC, "[Service]\nReadWritePaths=/srv/secrets\n")
    pair.configure(secrets={"target": "/srv/secrets"})


@pytest.mark.parametrize("provoke, title, words, rounds, fix", SCENARIOS[__name__])
def test_found_and_fixed(well, provoke, title, words, rounds, fix):
    find_and_fix(well, provoke, title, words, rounds, fix)
