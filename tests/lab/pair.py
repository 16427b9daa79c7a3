"""A primary and a standby, as most tests want them. See lab.py."""

import concurrent.futures
import os
import re
import shlex

from basics import HOME, LOWER, SOURCE, USER, make, wait_for
from host import ACCOUNTS, Gateway, Host

PRIMARY_GATEWAY = """\
[Unit]
Description=The primary's OpenClaw gateway
[Service]
User=openclaw
ExecStart=openclaw gateway --port 18789
KillMode=mixed
TimeoutStopSec=330
[Install]
WantedBy=multi-user.target
"""

# LeakSanitizer stops the process with ptrace(2) to look at it.
SANITIZED = """\
[Service]
SystemCallFilter=@debug
Environment=LSAN_OPTIONS=suppressions=/etc/lsan.supp:print_suppressions=0
"""


def install(lab, host):
    """`make install` into a host that is off, with the test gateway in the place of OpenClaw."""
    make(lab.enter(), "install", "PREFIX=/usr", "SYSCONFDIR=/etc", f"DESTDIR={host.root}")
    lab.sh("systemd-sysusers --root=$1 && journalctl --update-catalog --root=$1", host.root)
    if os.environ.get("SANITIZE"):
        host.put("/etc/lsan.supp", (SOURCE / "tests/proof/lsan.supp").read_text())
        # What every unit whose name begins so reads (systemd.unit(5)): daemon, sync, alert, drill, and their instances.
        host.put("/etc/systemd/system/openclaw-.service.d/sanitize.conf", SANITIZED)
        # The warm standby's, which run no program of ours: a filter where there was none would allow nothing else.
        for name in ("openclaw-active", "openclaw-warm"):
            host.put(f"/etc/systemd/system/{name}.service.d/sanitize.conf", "")


class Pair:
    """A primary and a standby, booted."""

    # Short intervals, so that tests are quick; what is not here has the program's own default.
    INI = {
        "primary": {"host": "100.64.0.1", "check_interval": "500ms", "timeout": "250ms", "silent_timeout": "3s"},
        "workspace": {"timeout": "5s"},
        "secrets": {"host": "openclaw@100.64.0.1", "source": "/home/openclaw/.secrets/", "timeout": "5s"},
    }
    REMOTE = "ssh://openclaw@100.64.0.1/home/openclaw/workspace.git"
    WORKSPACE = "/home/openclaw/.openclaw/workspace"
    UNIT = "openclaw-failover.service"
    SYNC = "openclaw-failover-sync.service"
    host_kind = Host

    def __init__(self, lab, lower=LOWER):
        """The standby's file system is LOWER."""
        self.lab = lab
        self.primary = lab.host("primary", 1, kind=self.host_kind)
        self.standby = lab.host("standby", 2, lower, self.host_kind)
        self._share_keys()
        self._make_repository()
        self._make_primary()
        self.install(self.standby)
        for host in (self.primary, self.standby):
            host.boot(wait=False)
        for host in (self.primary, self.standby):
            host._await_boot()
            host.snapshot()
        self.reset()

    def _share_keys(self):
        """The standby's openclaw logs in to the primary as openclaw, and knows its host key."""
        self.standby.mkdir(f"{HOME}/.ssh", mode=0o700, user=USER)
        self.lab.sh("ssh-keygen -q -t ed25519 -N '' -C standby -f $1/.ssh/id_ed25519; chown $2 $1/.ssh/id_ed25519*",
                    self.standby.root + HOME, f"{ACCOUNTS[USER]}:{ACCOUNTS[USER]}")
        self.primary.put(f"{HOME}/.ssh/authorized_keys", self.standby.get(f"{HOME}/.ssh/id_ed25519.pub"), user=USER)
        key = self.primary.get("/etc/ssh/ssh_host_ed25519_key.pub").split()
        self.standby.put(f"{HOME}/.ssh/known_hosts", f"primary,{self.primary.address} {key[0]} {key[1]}\n", user=USER)

    def _make_repository(self):
        """A bare repository with two commits on the primary, and a clone of it on the standby."""
        identity = "[user]\n\tname = {0}\n\temail = {0}@example.org\n[init]\n\tdefaultBranch = main\n"
        for host in (self.primary, self.standby):
            host.put(f"{HOME}/.gitconfig", identity.format(host.name), user=USER)
            host.mkdir(f"{HOME}/.openclaw", mode=0o700, user=USER)
            host.mkdir(f"{HOME}/.secrets", mode=0o700, user=USER)
        self.lab.sh("""
            primary=$1 standby=$2
            export HOME=$primary GIT_CONFIG_NOSYSTEM=1
            git init -q --bare $primary/workspace.git
            git init -q $primary/seed; cd $primary/seed
            echo 'I am the agent.' > SOUL.md; mkdir memory; echo 'first day' > memory/day-1.md
            printf '*.log\n/cache/\n' > .gitignore
            git add -A; git commit -qm 'Begin'
            echo 'second day' > memory/day-2.md; git add -A; git commit -qm 'Second day'
            git push -q $primary/workspace.git main
            cd /; rm -rf $primary/seed
            git clone -q $primary/workspace.git $standby/.openclaw/workspace
            git -C $standby/.openclaw/workspace remote set-url origin "$3"
            chown -R 1500:1500 $primary $standby
            """, self.primary.root + HOME, self.standby.root + HOME, self.REMOTE)

    def _make_primary(self):
        for name in ("token", "deep/api.key"):
            self.primary.put(f"{HOME}/.secrets/{name}", f"secret of {name}\n", mode=0o600, user=USER)
        self.primary.put("/etc/systemd/system/openclaw.service", PRIMARY_GATEWAY)
        self.primary.symlink("/etc/systemd/system/openclaw.service",
                             "/etc/systemd/system/multi-user.target.wants/openclaw.service")

    def install(self, host):
        install(self.lab, host)

    def configure(self, base=None, **sections):
        """Writes the ini: Pair.INI (or BASE) with SECTIONS over it. A key or section that is None is left out.
        A section with a name in quotes is given as {"senior first": {…}} by **."""
        ini = {name: dict(keys) for name, keys in (self.INI if base is None else base).items()}
        for name, keys in sections.items():
            ini[name] = {} if keys is None else {**ini.get(name, {}), **keys}
        text = "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items() if v is not None) + "\n"
                       for name, keys in ini.items() if keys)
        self.standby.put("/etc/openclaw-failover.ini", text)

    def start(self, up=True):
        """Starts the daemon; returns when it has seen the primary up, or with up=False as soon as it is ready."""
        self.standby.systemctl("start", self.UNIT)
        if up:
            self.wait_status(r"^Standby[^:]*: the primary is up")

    @property
    def status(self):
        """The daemon's STATUS= line: "Standby: the primary is up, …"."""
        return self.standby.unit(self.UNIT).get("StatusText", "")

    def wait_status(self, pattern, deadline=30.0):
        seen = []

        def look():
            seen[:] = [self.status]
            return re.search(pattern, seen[0])

        try:
            wait_for(look, deadline)
        except AssertionError:
            raise AssertionError(f"the status is not like {pattern!r} within {deadline} s but: {seen[0]}") from None

    def wait_promoted(self, deadline=30.0):
        """Until the daemon says so."""
        self.wait_status(r"^Promoted\b", deadline)

    def wait_standby(self, deadline=30.0):
        """Until the daemon is on standby and the gateway's unit has ended."""
        self.wait_status(r"^Standby\b", deadline)
        self.standby.wait_state(Gateway.unit, "inactive", "failed", deadline=deadline)

    def commit(self, path, content, message="A day's work"):
        """A new commit in the primary's repository, made by a clone of its own; returns its id."""
        self.primary.put(f"/tmp/lab-commit/{path}.new", content, user=USER)
        return self.primary.out(f"""
            set -e
            rm -rf ~/work; git clone -q ~/workspace.git ~/work; cd ~/work
            mkdir -p "$(dirname {shlex.quote(path)})"
            cp /tmp/lab-commit/{shlex.quote(path)}.new {shlex.quote(path)}
            git add -Af; git commit -qm {shlex.quote(message)}; git push -q origin HEAD
            git rev-parse HEAD; rm -rf ~/work
            """, user=USER)

    def git(self, *words, host=None, check=True):
        """git in the standby's workspace as openclaw; what it prints."""
        return (host or self.standby).run(["git", "-C", self.WORKSPACE, *words], user=USER, check=check).stdout.rstrip("\n")

    def reset(self):
        """Both hosts as on the first day: daemon stopped, primary's gateway answering, ini written."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.reset(), (self.primary, self.standby)))
        self.primary.gateway.start()
        self.configure()

    def close(self):
        for host in (self.primary, self.standby):
            if host.is_up():
                host.power_cut()
