"""The sync worker in its unit: sandbox, order, result, and what a person reads."""

import json
import re
import subprocess

import pytest
from doctor import answer_ssh
from lab import HOME, Pair
from story import GATEWAY, begin, fail_over, frozen, wait_event

USER = "openclaw"
SYNC = "openclaw-failover-sync.service"
LAST = "/var/lib/openclaw-failover-sync/last"
POLKIT_LETS_NOBODY = """\
polkit.addRule(function (action, subject) {
        return subject.user == "openclaw-failover" ? polkit.Result.NO : null;
});
"""


def sync(pair, ok=True):
    """Runs the unit; returns its result."""
    host = pair.standby
    host.remove(LAST)
    done = host.systemctl("start", SYNC, check=False)
    assert (done.returncode == 0) == ok, host.messages(SYNC)
    return json.loads(host.get(LAST))


def follows(pair):
    """The tree is the remote's."""
    head = pair.primary.out("git -C workspace.git rev-parse main", user=USER)
    assert pair.git("rev-parse", "HEAD") == head
    pair.git("diff", "--exit-code", "HEAD")
    pair.git("fsck", "--strict")
    return True


def test_both_halves(pair):
    new = pair.commit("memory/day-3.md", "third day\n")
    result = sync(pair)
    assert (result["workspace"], result["to"], result["commits"]) == ("updated", new, 1)
    assert (result["secrets"], result["files"]) == ("updated", 2)
    assert follows(pair)
    assert pair.standby.get("/home/openclaw/.secrets/deep/api.key") == "secret of deep/api.key\n"
    said = pair.standby.messages(SYNC)
    assert any(re.search(r"workspace \w{7}\.\.\w{7} \(1 commit\), secrets synced \(2 files\)", m) for m in said), said
    # A second one has nothing to tell, and secrets are told by number alone.
    pair.standby.mark()
    result = sync(pair)
    assert (result["workspace"], result["secrets"]) == ("unchanged", "unchanged")
    assert not any("api.key" in m for m in said)


def test_the_result_is_the_units_status(pair):
    """As the daemon sees it: StatusText comes with PropertiesChanged, before the job is gone."""
    begin(pair, workspace={"refresh": "1s"})
    new = pair.commit("SOUL.md", "I am another.\n")
    pair.standby.wait_for(lambda: pair.git("rev-parse", "HEAD") == new, what="a refresh brings it")
    text = pair.standby.out("openclaw-failover status || true")
    assert re.search(r"sync .*workspace", text), text


def wait_told(pair, words):
    """Until `status` says so of the last sync."""
    host = pair.standby
    host.wait_for(lambda: words in (json.loads(host.run("openclaw-failover status --json", check=False).stdout)["sync"] or ""),
                  10, words)


def test_by_hand_after_polkit_refused(pair):
    """What came to nothing is forgotten when somebody else does it, as `doctor` tells people to."""
    host = pair.standby
    host.put("/etc/polkit-1/rules.d/00-nobody.rules", POLKIT_LETS_NOBODY)
    host.systemctl("restart", "polkit")
    pair.start(up=False)
    wait_told(pair, "polkit refused")
    host.systemctl("start", SYNC)
    wait_told(pair, "workspace unchanged")


def test_by_hand_and_without_a_word(pair):
    """The words of the run before are not its own."""
    host = pair.standby
    begin(pair)
    wait_told(pair, "workspace unchanged")
    host.put(f"/etc/systemd/system/{SYNC}.d/test.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    host.run("systemctl daemon-reload")
    assert host.systemctl("start", SYNC, check=False).returncode != 0
    wait_told(pair, "it ended without a result")


def test_journald_is_late(pair):
    """What the worker said is its unit's even if journald reads it when the process is gone."""
    with frozen(pair.standby, "systemd-journald"):
        sync(pair)
    assert any("secrets synced" in m for m in pair.standby.messages(SYNC))


def test_steady_state_is_silent(pair):
    sync(pair)
    pair.standby.systemctl("start", SYNC)
    pair.standby.mark()
    pair.standby.systemctl("start", SYNC)
    ours = [e["MESSAGE"] for e in pair.standby.journal() if e.get("_COMM", "").startswith("openclaw-failov")]
    assert ours == []


def test_of_an_instance(pair):
    """Its own workspace, secrets and memory, and only those may be written."""
    host, web = pair.standby, "/home/openclaw/.openclaw/workspace-web"
    host.run(f"git clone -q {Pair.REMOTE} {web}; mkdir -m 700 .secrets-web", user=USER)
    ini = host.get("/etc/openclaw-failover.ini").replace("[workspace]\n", f"[workspace]\npath = {web}\n")
    host.put("/etc/openclaw-failover/web.ini", ini.replace("[secrets]\n", "[secrets]\ntarget = /home/openclaw/.secrets-web/\n"))
    new = pair.commit("memory/day-3.md", "third day\n")
    host.systemctl("start", "openclaw-failover-sync@web.service")
    result = json.loads(host.get("/var/lib/openclaw-failover-sync@web/last"))
    assert (result["workspace"], result["to"], result["secrets"]) == ("updated", new, "updated")
    assert host.get(f"{web}/memory/day-3.md") == "third day\n" and host.exists("/home/openclaw/.secrets-web/token")
    assert not host.exists("/home/openclaw/.openclaw/workspace/memory/day-3.md") and not host.exists(LAST)
    # With the plain instance's paths in its ini, it is refused.
    host.put("/etc/openclaw-failover/web.ini", host.get("/etc/openclaw-failover.ini"))
    assert host.systemctl("start", "openclaw-failover-sync@web.service", check=False).returncode != 0
    assert not host.exists("/home/openclaw/.openclaw/workspace/memory/day-3.md")


def test_not_as_root(pair):
    done = pair.standby.run("openclaw-failover sync", check=False)
    assert done.returncode == 77 and "never as root" in done.stderr
    assert pair.standby.run("openclaw-failover sync", user=USER).returncode == 0
    assert follows(pair)


def test_running_gateway_is_left_alone(pair):
    pair.standby.gateway.start()
    pair.commit("SOUL.md", "I am another.\n")
    result = sync(pair)
    assert result["workspace"] == "skipped"
    assert pair.standby.get("/home/openclaw/.openclaw/workspace/SOUL.md") == "I am the agent.\n"
    assert pair.git("show", "origin/main:SOUL.md") == "I am another."
    pair.standby.gateway.stop()
    assert sync(pair)["workspace"] == "updated" and follows(pair)


def test_the_lock_of_a_git_at_work(pair):
    """Seen though the unit's /proc hides what a confined process may not look into."""
    pair.configure(workspace={"timeout": "3s", "refresh": "6s"})
    pair.commit("SOUL.md", "I am another.\n")
    git = pair.standby.popen(["git", "-C", Pair.WORKSPACE, "cat-file", "--batch"], user=USER, stdin=subprocess.PIPE)
    pair.standby.wait_for(lambda: pair.standby.run("pgrep -x git", check=False).returncode == 0, what="git runs")
    pair.standby.put(f"{Pair.WORKSPACE}/.git/index.lock", "", user=USER)
    result = sync(pair, ok=False)
    assert result["workspace"] == "refused" and result["workspace_why"]["code"] == "locked"
    assert pair.standby.exists(f"{Pair.WORKSPACE}/.git/index.lock")
    git.stdin.close()
    pair.standby.wait_for(lambda: pair.standby.run("pgrep -x git", check=False).returncode != 0, what="git has ended")
    pair.standby.run(f"touch -d '2 hours ago' {Pair.WORKSPACE}/.git/index.lock", user=USER)  # a young one may be root's
    assert sync(pair)["workspace"] == "updated" and follows(pair)


def test_dbus_gone_leaves_the_tree_alone(pair):
    pair.commit("SOUL.md", "I am another.\n")
    pair.standby.put("/run/systemd/system/openclaw-failover-sync.service.d/test.conf",
                     "[Service]\nInaccessiblePaths=/run/dbus\n")
    pair.standby.systemctl("daemon-reload")
    result = sync(pair)
    assert result["workspace"] == "skipped"
    assert "cannot be asked" in " ".join(pair.standby.messages(SYNC))


def test_gateway_waits_for_no_sync(pair):
    """Whoever starts it while a sync is on the way: a disk that hangs would hold up the failover."""
    pair.configure(workspace={"timeout": "60s"}, secrets=None)
    pair.primary.drop()
    pair.standby.systemctl("start", "--no-block", SYNC)
    pair.standby.wait_state(SYNC, "activating")
    pair.standby.systemctl("start", GATEWAY)
    assert pair.standby.state(SYNC) == "activating"


def test_outlives_its_deadline(pair):
    """… but no longer than its deadline: then it is told to come to an end."""
    pair.standby.put(f"/run/systemd/system/{SYNC}.d/slow.conf", "[Service]\nExecStartPre=/bin/sleep 300\n")
    pair.standby.systemctl("daemon-reload")
    begin(pair, workspace={"timeout": "1s"}, secrets={"timeout": "1s"})
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    assert int(promoted["FAILOVER_STARTING_USEC"]) < 5_000_000
    assert pair.standby.state(SYNC) == "failed"


def test_may_take_longer_than_its_unit(pair):
    """`refresh` may give a large fetch more time than systemd gives the unit."""
    pair.standby.put(f"/run/systemd/system/{SYNC}.d/short.conf", "[Service]\nTimeoutStartSec=2s\n")
    pair.standby.systemctl("daemon-reload")
    pair.configure(workspace={"timeout": "20s"}, secrets=None)
    pair.primary.drop()  # ssh gives up after 5 s
    result = sync(pair, ok=False)
    assert result["workspace"] == "failed" and result["workspace_why"]["code"] == "ssh"


def test_dead_git_and_secrets_host(pair):
    pair.configure(workspace={"timeout": "1s"}, secrets={"timeout": "1s"})
    pair.primary.drop()
    result = sync(pair, ok=False)
    assert result["workspace"] == result["secrets"] == "failed"
    assert result["workspace_why"]["code"] in ("ssh", "timeout")
    assert "100.64.0.1" in result["secrets_why"]["text"]
    pair.primary.heal()
    pair.configure()  # the usual time, for a busy machine
    assert sync(pair)["secrets"] == "updated"


def test_unknown_host_key(pair):
    pair.standby.remove("/home/openclaw/.ssh/known_hosts")
    result = sync(pair, ok=False)
    assert result["workspace_why"]["code"] == result["secrets_why"]["code"] == "ssh"
    answer_ssh(pair.standby, result["workspace_why"]["command"].replace("sudo -u openclaw", "runuser -u openclaw --"))
    assert sync(pair)["secrets"] == "updated"


def test_missing_secrets_directory(pair):
    """It is made, in the unit's sandbox, and open to nobody else."""
    pair.standby.run("rm -rf /home/openclaw/.secrets")
    assert sync(pair)["secrets"] == "updated"
    assert pair.standby.out("stat -c '%a %U' /home/openclaw/.secrets") == "700 openclaw"
    assert sync(pair)["secrets"] == "unchanged"


def test_secrets_target_that_is_a_file(pair):
    pair.standby.run("rm -rf /home/openclaw/.secrets")
    pair.standby.put("/home/openclaw/.secrets", "precious\n", user=USER)
    result = sync(pair, ok=False)
    assert result["secrets"] == "refused" and result["secrets_why"]["code"] == "target"
    assert pair.standby.get("/home/openclaw/.secrets") == "precious\n"


def test_rotated_secrets(pair):
    sync(pair)
    pair.primary.put("/home/openclaw/.secrets/token", "a new one\n", mode=0o640, user=USER)
    assert sync(pair)["files"] == 1
    assert pair.standby.get("/home/openclaw/.secrets/token") == "a new one\n"
    assert pair.standby.out("stat -c %a /home/openclaw/.secrets/token") == "600"


def test_workspace_of_somebody_else(pair):
    pair.standby.run(f"chown -R root: {pair.WORKSPACE}")
    result = sync(pair, ok=False)
    assert result["workspace"] == "refused" and result["workspace_why"]["code"] == "owner"
    assert result["secrets"] == "updated"
    command = result["workspace_why"]["command"].removeprefix("sudo ")
    pair.standby.run(command)
    assert sync(pair)["workspace"] == "unchanged"


def test_workspace_where_the_unit_may_not_write(pair):
    pair.standby.run("cp -a /home/openclaw/.openclaw/workspace /srv/elsewhere")
    pair.configure(workspace={"path": "/srv/elsewhere"})
    result = sync(pair, ok=False)
    assert result["workspace"] == "refused"
    setting = re.search(r"ReadWritePaths=\S+$", result["workspace_why"]["text"]).group(0)
    pair.standby.put("/run/systemd/system/openclaw-failover-sync.service.d/test.conf", f"[Service]\n{setting}\n")
    pair.standby.systemctl("daemon-reload")
    assert sync(pair)["workspace"] == "unchanged"


def test_writes_nowhere_else(pair):
    """Landlock, from the ini: whatever ssh is told to start may not write even where the unit lets it."""
    pair.configure(workspace={"path": ""})
    pair.standby.put("/home/openclaw/.ssh/config", "Host *\nProxyCommand ~/proxy\n", mode=0o600, user=USER)
    pair.standby.put("/home/openclaw/proxy", """#!/bin/bash
        for d in ~/.openclaw/workspace ~/.secrets ~ /tmp; do touch $d/probe 2>/dev/null; done
        exec 3<>/dev/tcp/100.64.0.1/22; cat <&3 & cat >&3
        """, mode=0o755, user=USER)
    for command in (lambda: sync(pair), lambda: pair.standby.run("openclaw-failover sync", user=USER)):
        command()
        assert pair.standby.exists("/home/openclaw/.secrets/probe")
        assert not pair.standby.exists("/home/openclaw/.openclaw/workspace/probe")
        assert not pair.standby.exists("/home/openclaw/probe")
        pair.standby.remove("/home/openclaw/.secrets/probe")


def test_what_the_agent_wrote_while_promoted(pair):
    """Saved after the failback, named until it is merged, by the very command that is told."""
    fail_over(pair)
    pair.standby.put(f"{pair.WORKSPACE}/memory/night.md", "what the standby learned\n", user=USER)
    pair.standby.put(f"{pair.WORKSPACE}/SOUL.md", "I was the standby.\n", user=USER)
    pair.primary.gateway.start()
    wait_event(pair.standby, "demoted")
    branch = pair.standby.wait_for(lambda: pair.git("branch", "--list", "failover/standby/*"), what="it is saved").strip()
    pair.standby.wait_state(SYNC, "inactive", "failed")
    assert pair.git("show", f"{branch}:memory/night.md") == "what the standby learned"
    assert pair.git("show", f"{branch}:SOUL.md") == "I was the standby."
    assert pair.standby.get(f"{pair.WORKSPACE}/SOUL.md") == "I am the agent.\n"
    assert sync(pair)["unmerged"][0]["name"] == branch
    # Merged on the primary, it is no longer named.
    pair.standby.run("git -C .openclaw/workspace push -q origin "
                     f"{branch}:refs/heads/{branch}", user=USER)
    pair.primary.run(f"""set -e
        git clone -q workspace.git work; cd work; git pull -q --no-rebase --no-edit origin {branch}; git push -q origin main
        """, user=USER)
    assert sync(pair)["unmerged"] == []
    assert follows(pair)
    assert pair.standby.get(f"{pair.WORKSPACE}/memory/night.md") == "what the standby learned\n"


def test_merged_by_the_command_that_is_told(pair):
    """Also if the workspace is not the usual user's; with the key that the guide has the primary given, which can read this
    workspace and nothing else."""
    primary, standby, path = pair.primary, pair.standby, "/home/agent/workspace"
    standby.run(f"""set -e
        install -d -m 700 -o alice -g alice /home/alice/.ssh; install -d /home/agent
        install -m 600 -o alice -g alice {HOME}/.ssh/* /home/alice/.ssh
        mv {pair.WORKSPACE} {path}; chown -R alice: {path}
        """)
    standby.put(f"/etc/systemd/system/{SYNC}.d/user.conf", f"[Service]\nUser=alice\nReadWritePaths={path}\n")
    standby.systemctl("daemon-reload")
    primary.run("install -d -o openclaw /home/agent")
    primary.run(f"ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519; ssh-keyscan -t ed25519 standby >> ~/.ssh/known_hosts;"
                f"git clone -q ~/workspace.git {path}", user=USER)
    key = primary.get(f"{HOME}/.ssh/id_ed25519.pub")
    standby.put("/home/alice/.ssh/authorized_keys", f'command="git upload-pack {path}",restrict {key}', user="alice")
    standby.put(f"{path}/memory/night.md", "what the standby learned\n", user="alice")
    begin(pair, workspace={"path": path, "refresh": "1s"}, secrets=None)
    commands = standby.wait_for(lambda: json.loads(standby.out("openclaw-failover status --json || true"))["merge_commands"])
    assert " alice@standby:/" in commands[0]
    assert all(standby.wait_journal(re.escape(command)) for command in commands)
    assert primary.run(f"git -C {path} push alice@standby:{path} HEAD:refs/heads/mine", user=USER, check=False).returncode
    assert primary.run("ssh -n alice@standby cat /etc/hostname", user=USER, check=False).stdout != "standby\n"
    for command in commands:
        primary.run(command, user=USER)
    standby.wait_for(lambda: not json.loads(standby.out("openclaw-failover status --json || true"))["unmerged_branches"])
    assert primary.out("git -C workspace.git show main:memory/night.md", user=USER) == "what the standby learned"


def test_pushed_only_when_nobody_waits(pair):
    pair.configure(workspace={"save": "push"})
    pair.standby.put(f"{pair.WORKSPACE}/learned.md", "learned\n", user=USER)
    pair.standby.mkdir("/run/openclaw-failover")
    pair.standby.put("/run/openclaw-failover/promoting", "")
    result = sync(pair)
    assert result["saved"] and not result["unmerged"][0]["pushed"]
    pair.standby.remove("/run/openclaw-failover/promoting")
    result = sync(pair)
    assert result["unmerged"][0]["pushed"]
    assert pair.primary.out(f"git -C workspace.git show {result['unmerged'][0]['name']}:learned.md", user=USER) == "learned"


@pytest.mark.parametrize("state, words", [
    ("git checkout -q HEAD~1", "switch main"),
    ("git switch -qc side", "switch main"),
    ("git switch -qc side; echo a > SOUL.md; git commit -qam a; git switch -q main; echo b > SOUL.md;"
     "git commit -qam b; git merge -q side || true", "merge --abort"),
    ("git fetch -q --depth=1 origin; git fetch -q --depth=1 --update-shallow origin main", "fetch --unshallow"),
    ("rm -rf .git", "no git repository"),
])
def test_refused_and_promoted_all_the_same(pair, fault, state, words):
    """What cannot be done right is refused, in words, and never stops a promotion."""
    pair.standby.run(f"cd ~/.openclaw/workspace && {state}", user=USER)
    pair.commit("SOUL.md", "I am another.\n")
    before = pair.standby.get(f"{pair.WORKSPACE}/SOUL.md")
    pair.start(up=False)
    pair.wait_status(r"^Standby, but the sync fails: the primary is up")
    pair.primary.gateway.kill()
    promoted = wait_event(pair.standby, "promoted")
    assert pair.standby.get(f"{pair.WORKSPACE}/SOUL.md") == before
    told = [m for m in pair.standby.messages() if isinstance(m, str) and words in m]
    assert told
    if words == "merge --abort":
        fault("the workspace here is in the middle of a merge", promoted, told[0].split(" in /")[0])


def test_killed_on_the_way_to_a_promotion(pair, fault):
    begin(pair, workspace={"timeout": "20s"}, secrets={"timeout": "20s"})
    pair.primary.drop()
    pair.standby.wait_state(SYNC, "activating")
    pair.standby.systemctl("kill", "--signal=KILL", SYNC)
    promoted = wait_event(pair.standby, "promoted")
    assert int(promoted["FAILOVER_SYNCING_USEC"]) < 5_000_000
    told = pair.standby.wait_journal("ended without a result", "openclaw-failover.service")
    fault("the sync is killed while failures are counted", promoted, told["MESSAGE"].split(": `")[0])


def many_files(pair, round_):
    """A commit that changes thousands of files, replacing a directory by another."""
    pair.primary.run(f"""set -e
        rm -rf work; git clone -q workspace.git work; cd work; rm -rf many*; mkdir many{round_}
        for i in $(seq 3000); do echo "$i {round_}" > many{round_}/$i; done
        git add -A; git commit -qm {round_}; git push -q origin main; rm -rf ../work
        """, user=USER)


def begun(pair):
    """A checkout is under way."""
    return pair.standby.exists(f"{pair.WORKSPACE}/.git/failover-intent")


@pytest.mark.once
@pytest.mark.parametrize("how", ["worker", "power"])
def test_killed_in_the_middle_of_a_checkout(pair, how):
    host = pair.standby
    pair.configure(secrets=None)
    for round_ in range(3):
        many_files(pair, round_)
        host.systemctl("start", "--no-block", SYNC)
        host.wait_for(lambda: begun(pair), every=0.001)
        if how == "worker":
            host.systemctl("kill", "--signal=KILL", SYNC)
            host.wait_state(SYNC, "failed")
        else:
            host.power_cut()
            host.boot()
        sync(pair)
        assert follows(pair) and not begun(pair)
        assert pair.git("status", "--porcelain") == ""  # a file that was half written is saved on a branch, perhaps


@pytest.mark.once
def test_stopped_in_the_middle_of_a_checkout(pair):
    """systemctl stop waits for the tree to be whole."""
    pair.configure(secrets=None)
    many_files(pair, 0)
    pair.standby.systemctl("start", "--no-block", SYNC)
    pair.standby.wait_for(lambda: begun(pair), every=0.001)
    pair.standby.systemctl("stop", SYNC)
    assert follows(pair) and not begun(pair)
