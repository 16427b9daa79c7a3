"""Every command of openclaw-failover-guide(7), in its order, on a primary and a machine that has nothing yet.

The forge is a user `git` of the primary's. What cannot be run here is in NOT_HERE, with the reason."""

import re

from lab import HOME, SOURCE, USER, Pair, wait_for
from story import DAEMON, wait_up

GUIDE = (SOURCE / "src/man/openclaw-failover-guide.7").read_text()
INI = "/etc/openclaw-failover.ini"
METRICS = "/var/lib/prometheus/node-exporter"

# Commands that begin so.
NOT_HERE = {
    "sudo apt-get ": "packages come from the internet; test_deb.py installs ours",
    "sudo npm ": "packages come from the internet",
    "sudo ufw ": "no firewall is installed",
    "printf '[sshd]": "no fail2ban is installed",
    "sudo systemctl restart fail2ban": "no fail2ban is installed",
    "sudo tailscale serve": "no Tailscale is installed",
    "openclaw ": "the lab's gateway has no commands",
    "sudo -iu openclaw openclaw ": "the lab's gateway has no commands",
}


def blocks():
    """What is in literal displays, without roff's escapes."""
    for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", GUIDE, re.M | re.S):
        yield block.replace(r"\(dq", '"').replace(r"\-", "-").replace(r"\&", "").replace(r"\e", "\\")


def commands(block):
    """One by one, each with the lines that continue it, but for what is not run here."""
    whole = re.findall(r"(?:.*(?:\\|\||&&)\n)*.*\n", block) if "<<" not in block else [block]
    return [c for c in whole if not c.startswith(tuple(NOT_HERE))]


class Walk:
    """The blocks that are left."""

    def __init__(self):
        self.blocks = list(blocks())

    def text(self, begins):
        """The next block, which begins so."""
        assert self.blocks and self.blocks[0].startswith(begins), (begins, self.blocks[:1])
        return self.blocks.pop(0)

    def run(self, host, begins, user="root", input=None, env=None, check=True):
        """Runs the next block; after `sudo -iu USER`, as that user. Returns what it printed."""
        script, _, rest = "".join(commands(self.text(begins))).partition("sudo -iu openclaw\n")
        out = host.run(["bash", "-e", "-c", script], user=user, input=input, env=env, check=check, timeout=120).stdout
        return out + (self.as_user(host, rest) if rest else "")

    def as_user(self, host, script):
        return host.run(["sudo", "-iu", USER, "bash", "-e", "-s"], input=script).stdout


def authorize(host, home, user, key, words=""):
    """Adds the public KEY behind WORDS."""
    path = f"{home}/.ssh/authorized_keys"
    host.put(path, (host.get(path) if host.exists(path) else "") + words + key, mode=0o600, user=user)


def make_newcomer(pair):
    """A standby without a user, a primary with a workspace but no remote, and a forge."""
    primary, standby = pair.primary, pair.standby
    standby.run(f"userdel -r {USER}; rm -f {INI}", check=False)
    primary.run(f"rm -rf {HOME}/.ssh {HOME}/.gitconfig {HOME}/workspace.git")
    primary.put(f"{Pair.WORKSPACE}/SOUL.md", "I am the agent.\n", user=USER)
    primary.run("useradd -m -p '*' -s /bin/bash git && git init -q --bare -b main /home/git/you/workspace.git && mkdir -m 700 ~git/.ssh &&"
                "chown -R git: /home/git")
    for host in (primary, standby):
        host.put("/etc/hosts", host.get("/etc/hosts") + "100.64.0.1 github.com\n")


def wait_fails(standby, *titles):
    """Until doctor finds no more wrong than what these rows say."""
    last = []

    def found():
        last[:] = [standby.run("openclaw-failover doctor -q", check=False, timeout=120).stdout]
        return tuple(row.rstrip() for row in re.findall(r"^✗ FAIL  (.{18})", last[0], re.M)) == titles

    try:
        wait_for(found, 20, f"doctor fails for {titles}", every=0.5)
    except AssertionError:
        raise AssertionError(f"doctor does not fail for {titles} alone:\n{last[0]}") from None


def edit(standby, ini, env):
    """What sudoedit(8) is given."""
    standby.put("/root/ini", ini)
    standby.put("/root/editor", '#!/bin/sh\ncp /root/ini "$1"\n', mode=0o755)
    env["EDITOR"] = "/root/editor"


def test_every_command(pair):
    primary, standby, walk = pair.primary, pair.standby, Walk()
    make_newcomer(pair)

    # 1. The standby; 2. Tailscale
    walk.run(standby, "sudo apt-get update")
    walk.run(primary, "openclaw config set gateway.bind tailnet", user=USER)
    primary.put("/etc/systemd/system/openclaw.service.d/wait.conf", walk.text("[Service]"))
    primary.run("systemctl daemon-reload && systemctl restart openclaw")
    primary.wait_for(primary.gateway.answers)
    assert walk.run(standby, "curl ") == '{"ok":true,"status":"live"}'
    walk.run(primary, "sudo tailscale serve")
    walk.text("[primary]\nhost = primary.tail1234.ts.net")

    # 3. The user; 4. Node and OpenClaw
    walk.run(standby, "sudo adduser")
    standby.run(f"usermod -p '*' {USER}")  # these hosts' sshd has no PAM, and takes a "!" for a locked account
    walk.run(standby, "sudo npm install")

    # 5. The workspace
    authorize(primary, "/home/git", "git", walk.run(primary, "sudo apt-get install git"))
    walk.as_user(primary, walk.text("ssh-keyscan"))
    authorize(primary, "/home/git", "git", walk.run(standby, "sudo -u openclaw ssh-keygen"))
    walk.run(standby, "ssh-keyscan")
    assert standby.get(f"{Pair.WORKSPACE}/SOUL.md") == "I am the agent.\n"
    restricted = walk.text('command="git upload-pack').removesuffix("ssh-ed25519 AAAA...\n")
    authorize(standby, HOME, USER, primary.get(f"{HOME}/.ssh/id_ed25519.pub"), restricted)
    assert "refs/heads/main" in walk.run(primary, "ssh-keyscan", user=USER)

    # 6. The secrets
    walk.run(primary, "sudo apt-get install openssh-server")
    primary.put(f"{HOME}/.secrets/token", "secret\n", mode=0o600, user=USER)
    restricted = walk.text('command="/usr/bin/rrsync').removesuffix("ssh-ed25519 AAAA...\n")
    authorize(primary, HOME, USER, standby.get(f"{HOME}/.ssh/id_ed25519.pub"), restricted)
    ini = "[primary]\nhost = 100.64.0.1\n" + walk.text("[secrets]")

    # 7. The channels
    walk.run(primary, "openclaw config set channels", user=USER)
    walk.run(standby, "sudo -iu openclaw openclaw plugins")
    configuration = walk.blocks.pop(1)
    walk.run(standby, "sudo install -m 600", input=configuration)
    assert standby.get(f"{HOME}/.openclaw/openclaw.json") == configuration
    walk.run(standby, "sudo install -m 600", input="PROVIDER_KEY=secret\n")

    # 8. This daemon: doctor is repeated until its line "daemon" alone fails
    edit(standby, ini, env := {})
    walk.run(standby, "sudo apt-get install ./", env=env, check=False)
    wait_fails(standby, "daemon")
    assert not re.search(r"^! warn  secrets", standby.run("openclaw-failover doctor -q", check=False, timeout=120).stdout, re.M)
    walk.run(standby, "sudo systemctl enable --now openclaw-failover\n")
    wait_up(standby)
    walk.run(standby, "sudo openclaw-failover drill")
    wait_fails(standby)
    assert standby.get(f"{HOME}/.secrets/token") == "secret\n"
    walk.run(standby, "sudo openclaw-failover promote")
    walk.run(standby, "sudo -iu openclaw openclaw pairing")

    # Another user or unit
    standby.run(f"useradd -m claw && cp -a {HOME}/.ssh {HOME}/.openclaw {HOME}/.secrets /home/claw && chown -R claw: /home/claw")
    standby.run("sed 's/^User=.*/User=claw/' /usr/lib/systemd/system/openclaw.service > /etc/systemd/system/assistant.service")
    standby.put(INI, ini + "target = /home/claw/.secrets/\n[gateway]\nunit = assistant.service\n"
                "[workspace]\npath = /home/claw/.openclaw/workspace\n")
    others = {"/etc/systemd/system/openclaw-failover-sync.service.d/override.conf": walk.text("[Service]\nUser=claw"),
              "/etc/polkit-1/rules.d/10-assistant.rules": walk.text("polkit.addRule")}
    for path, text in others.items():
        standby.put(path, text)
    standby.run("systemctl daemon-reload; systemctl restart polkit; systemctl reload openclaw-failover")
    wait_fails(standby)
    standby.run("openclaw-failover drill", timeout=120)
    for path in others:
        standby.remove(path)

    # A warm standby, and back
    standby.put(INI, ini)
    standby.run("systemctl daemon-reload; systemctl restart polkit; systemctl reload openclaw-failover")
    walk.run(standby, "mkdir -p ~/.openclaw/failover", user=USER)
    assert '"$include": "./failover/role.json"' in standby.get(f"{HOME}/.openclaw/openclaw.json")
    standby.gateway.mode(f"role={HOME}/.openclaw/failover/role.json")
    standby.put(INI, ini + "[gateway]\nunit = openclaw-active.service\nwarm = yes\n")
    walk.run(standby, "sudo systemctl reload")
    walk.run(standby, "sudo systemctl disable --now openclaw-warm")
    standby.put(INI, ini)
    standby.systemctl("reload", DAEMON)

    # A third node; several pairs
    walk.text("[primary]\nhost = 100.64.0.1\n\n[senior first]")
    standby.put("/etc/openclaw-failover/web.ini", walk.text("[primary]\nhost = 100.64.0.3"))
    walk.run(standby, "sudo systemctl enable --now openclaw-failover@web", check=False)
    assert standby.is_active("openclaw-failover@web.service")
    standby.run("systemctl disable --now openclaw-failover@web; rm /etc/openclaw-failover/web.ini")

    # Coming from the shell script
    standby.put("/etc/systemd/system/openclaw-health-monitor.service", "[Service]\nExecStart=sleep infinity\n")
    standby.run("systemctl disable --now openclaw-failover; systemctl daemon-reload; systemctl start openclaw-health-monitor")
    wait_fails(standby, "daemon", "old monitor")
    walk.run(standby, "sudo systemctl disable --now openclaw-health-monitor")
    assert standby.is_active(DAEMON) and not standby.is_active("openclaw-health-monitor.service")
    standby.run("rm /etc/systemd/system/openclaw-health-monitor.service; systemctl daemon-reload")

    # The skill; Prometheus; uninstall
    walk.run(standby, "sudo -u openclaw mkdir -p")
    assert standby.exists(f"{HOME}/.openclaw/skills/openclaw-failover/SKILL.md")
    standby.mkdir(METRICS)
    standby.put(INI, ini + walk.text("[metrics]"))
    standby.put(f"/etc/systemd/system/{DAEMON}.d/override.conf", walk.text("[Service]\nReadWritePaths="))
    standby.systemctl("daemon-reload")
    walk.run(standby, "sudo chgrp")
    standby.wait_for(lambda: standby.exists(f"{METRICS}/openclaw-failover.prom"), what="the figures are written")
    walk.text("groups:")
    walk.run(standby, "sudo apt-get remove")
    wait_fails(standby)
    assert not walk.blocks


def test_what_is_not_run_is_in_the_guide():
    guide = "".join(blocks())
    assert [begin for begin in NOT_HERE if not re.search(rf"^{re.escape(begin)}", guide, re.M)] == []
