"""Crashes at every step. The daemon and the worker are killed before each system call that changes something
(tests/proof/crash.c), and the plug is pulled at any moment of a failover: afterwards all is as if nothing had happened.

Here a few points are taken; `make crash` takes many. CRASH_DAEMON, CRASH_WORKER and CRASH_POWER are the numbers.

A power cut is SIGKILL to every process of the host at once. What was written stays, page cache included: that a disk
loses what was never synced to it is not tested here.
"""

import hashlib
import os
import random
import re
import time

import pytest
from lab import BUILD, HOME, USER, wait_for
from story import DAEMON, GATEWAY, marker

pytestmark = pytest.mark.once

POINTS = {what: int(os.environ.get(f"CRASH_{what.upper()}", few)) for what, few in
          (("daemon", 7), ("worker", 8), ("power", 3))}
SEED = os.environ.get("CRASH_SEED", "1")

SYNC = "openclaw-failover-sync.service"
WORKSPACE = f"{HOME}/.openclaw/workspace"
SECRETS = f"{HOME}/.secrets"
PROGRAM = {"daemon": ("run", DAEMON), "worker": ("sync", SYNC)}

DROP_IN = """\
[Service]
ExecStart=
ExecStart=/usr/local/bin/crash /run/crash/{what} /usr/bin/openclaw-failover {command}
SystemCallFilter=
ReadWritePaths=/run/crash
"""
# Every start leaves a line.
GATEWAY_DROP_IN = "[Service]\nExecStartPre=/bin/sh -c 'echo started >>/run/crash/starts'\n"

# Short, so that there is time for many points, and yet patient with a machine that has much to do.
INI = {
    "primary": {"host": "100.64.0.1", "check_interval": "200ms", "timeout": "100ms", "fail_threshold": 2,
                "recover_threshold": 2, "silent_timeout": "8s"},
    "workspace": {"timeout": "10s"},
    "secrets": {"host": "openclaw@100.64.0.1", "source": f"{HOME}/.secrets/", "timeout": "10s"},
}


def spread(count, points):
    """COUNT of POINTS, evenly."""
    return [points[i * len(points) // count] for i in range(count)] if count < len(points) else points


def choose(count, log):
    """COUNT numbers of calls in LOG: half of them spread over all of it, half over those calls that are the first of
    their kind, since most are one file like another."""
    firsts = {}
    for line in log:
        number, name, *about = line.split()
        firsts.setdefault((name, *map(os.path.dirname, about)), int(number))
    chosen = set(spread((count + 1) // 2, sorted(firsts.values())))
    rest = [number for number in range(1, len(log) + 1) if number not in chosen]
    return sorted(chosen.union(spread(count - len(chosen), rest)))


class Crasher:
    """Kills the daemon or the worker at a point."""

    def __init__(self, host, what):
        self.host, self.what, self.dir = host, what, f"/run/crash/{what}"
        command, unit = PROGRAM[what]
        host.put("/usr/local/bin/crash", (BUILD / "tests/crash").read_bytes(), mode=0o755)
        host.put(f"/run/systemd/system/{unit}.d/crash.conf", DROP_IN.format(what=what, command=command))
        host.put(f"/run/systemd/system/{GATEWAY}.d/crash.conf", GATEWAY_DROP_IN)
        host.run(f"mkdir -p {self.dir}; chmod 777 /run/crash {self.dir}; systemctl daemon-reload")
        self.seen = set()

    def arm(self, point):
        """From now on calls are counted, and that with the number POINT is the end; 0: none."""
        self.host.run(f"rm -f /run/crash/starts; : >{self.dir}/log; chmod 666 {self.dir}/log")
        self.host.put(f"{self.dir}/at", f"{point}\n", mode=0o666)

    def log(self):
        return self.host.get(f"{self.dir}/log").splitlines()

    def killed(self):
        """The line of the call that it came to."""
        last = self.log()[-1:]
        return last[0] if last and last[0].endswith(" killed") else None

    def disarm(self):
        self.host.remove(f"{self.dir}/at")

    def starts(self):
        return len(self.host.get("/run/crash/starts").split()) if self.host.exists("/run/crash/starts") else 0


def report(figure, what, crasher, total, points, missed, failures):
    """The figures, and the verdict."""
    calls = ", ".join(sorted(crasher.seen))
    figure(f"the {what} killed at {len(points) - len(missed)} of {total} points, before {calls}: "
           f"{len(failures)} failures" + (f"; {len(missed)} points never came" if missed else ""))
    assert not failures, "\n".join(failures)
    assert len(points) >= min(POINTS[what], 60) and len(missed) <= len(points) // 5, f"never came: {missed}"


# The daemon.

def at_rest(pair):
    """On standby, with nothing under way."""
    host = pair.standby
    return (re.match(r"Standby(, with unmerged work)?: the primary is up", pair.status) and host.state(GATEWAY) in ("inactive", "failed")
            and host.state(SYNC) in ("inactive", "failed") and not marker(host) and host.is_active(DAEMON))


def wait_at_rest(pair, deadline=60):
    try:
        wait_for(lambda: at_rest(pair), deadline)
    except AssertionError:
        raise AssertionError(f"not at rest: {pair.status}; gateway {pair.standby.state(GATEWAY)}, sync "
                             f"{pair.standby.state(SYNC)}, marker {marker(pair.standby)!r}") from None


def there_and_back(pair):
    """A failover and a failback, with whatever comes between."""
    pair.primary.gateway.mode("503")
    pair.standby.wait_for(pair.standby.gateway.answers, 60, "the gateway answers while the primary is down")
    pair.wait_promoted(60)
    assert pair.standby.gateway.answers()
    pair.primary.gateway.mode("normal")
    wait_at_rest(pair)


def crash_daemon(pair, crasher, point):
    """Returns what it came to, or None if that point never came."""
    crasher.arm(point)
    there_and_back(pair)
    try:
        wait_for(crasher.killed, 1)
    except AssertionError:
        crasher.disarm()
        return None
    wait_at_rest(pair)
    assert crasher.starts() == 1, f"{crasher.starts()} starts of the gateway"
    return crasher.killed()


@pytest.mark.as_shipped
def test_daemon(pair, figure):
    """Killed before each call from the first failed check to the sync after the demotion."""
    crasher = Crasher(pair.standby, "daemon")
    pair.standby.put(f"/run/systemd/system/{DAEMON}.d/quick.conf", "[Service]\nRestartSec=50ms\n")
    pair.standby.systemctl("daemon-reload")
    pair.configure(base={**INI, "secrets": {}})
    pair.start()
    wait_at_rest(pair)
    crasher.arm(0)
    there_and_back(pair)
    total = len(crasher.log())
    points, missed, failures = choose(POINTS["daemon"], crasher.log()), [], []
    for point in points:
        try:
            came_to = crash_daemon(pair, crasher, point)
        except AssertionError as e:
            failures.append(f"{point} ({crasher.killed()}): {e}")
            pair.primary.gateway.mode("normal")
            pair.standby.systemctl("restart", DAEMON)
            pair.standby.systemctl("stop", GATEWAY)
            wait_at_rest(pair)
            continue
        if came_to:
            crasher.seen.add(came_to.split()[1])
        else:
            missed.append(point)
    report(figure, "daemon", crasher, total, points, missed, failures)


# The worker. What it is to do: follow a commit that changes most of 300 files, over work of all kinds.

FILES = 300
KEPT = {  # the standby's work: each file's content must be found in a saved branch, whatever happens
    "SOUL.md": b"I am the standby's agent.\n",              # changed
    "memory/learned.md": b"learned, committed, not pushed\n",
    "memory/today.md": b"untracked\n",
    "incoming/0.md": b"untracked, and in the way\n",
    "notes.log": b"ignored, and in the way\n",
    "staged.md": b"in the index alone\n",
    "way/deep/own.md": b"untracked, in a directory where a file is to come\n",
    "bulk/1.md": b"changed here and there\n",
    "swap": b"a file where a directory is to come\n",
    ".env": b"TOKEN=never pushed\n",
}
GONE = "bulk/3.md"  # deleted by the standby
STAY = {"memory/today.md", ".env"}  # nothing is in their way: they are left where they are
OLD_SECRETS = {f"key-{i}": f"old {i} ".encode() * 2000 for i in range(12)}
# Of another length: two files of one length and one second are the same to rsync.
NEW_SECRETS = {f"key-{i}": f"newer {i} ".encode() * 2000 for i in range(2, 14)}

SEED_SCRIPT = r"""
set -e
cd ~; rm -rf seed; git clone -q workspace.git seed; cd seed
git checkout -q -B main; git rm -q --cached -r . ; git clean -qfdx
printf '*.log\n' >.gitignore; echo 'I am the agent.' >SOUL.md; mkdir memory bulk; echo first >memory/day-1.md
for i in $(seq 0 $(($1 - 1))); do echo "file $i, old" >bulk/$i.md; done
echo 'a file' >swap
git add -A; git commit -qm old; git tag -f old; git push -qf origin main old
for i in $(seq 0 2 $(($1 - 1))); do echo "file $i, new" >bulk/$i.md; done
for i in $(seq 1 8 $(($1 - 1))); do echo "file $i, new" >bulk/$i.md; done
git rm -q bulk/5.md bulk/7.md swap; mkdir -p incoming swap
for i in $(seq 0 19); do echo "incoming $i" >incoming/$i.md; done
echo inside >swap/file; echo file >way; echo log >notes.log; chmod +x SOUL.md; ln -s SOUL.md link
git add -Af; git commit -qm new; git tag -f new; git push -qf origin main new
cd ..; rm -rf seed secrets-old secrets-new; mkdir -m 700 secrets-old secrets-new
"""


def write_tree(host, base, files):
    for name, content in files.items():
        host.put(f"{base}/{name}", content, mode=0o600, user=USER)


def read_tree(host, base, skip=".git"):
    """{path: (kind, content)} of all files below BASE."""
    root, found = str(host.path(base)), {}
    for directory, dirs, names in os.walk(root):
        if skip in dirs:
            dirs.remove(skip)
        for name in [*names, *(d for d in dirs if os.path.islink(os.path.join(directory, d)))]:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = ("link", os.readlink(path).encode())
            else:
                with open(path, "rb") as file:
                    kind = "program" if os.stat(path).st_mode & 0o100 else "file"
                    found[os.path.relpath(path, root)] = (kind, file.read())
    return found


def difference(found, expected):
    """The paths at which two trees differ, a few of them."""
    return sorted(p for p in found.keys() | expected.keys() if found.get(p) != expected.get(p))[:8]


class Work:
    """The standby's workspace and secrets before a sync, and what they must be after it."""

    PRISTINE = "/var/lib/crash"

    def __init__(self, pair):
        self.pair, self.host = pair, pair.standby
        pair.primary.run(["bash", "-c", SEED_SCRIPT, "seed", FILES], user=USER)
        for name, secrets in (("old", OLD_SECRETS), ("new", NEW_SECRETS)):
            write_tree(pair.primary, f"{HOME}/secrets-{name}", secrets)
        self.remote("old")
        self.host.run(f"rm -rf {WORKSPACE}; git clone -q --no-tags {pair.REMOTE} {WORKSPACE}", user=USER)
        self._make_work()
        self.remote("new")
        self.host.remove(SECRETS)
        self.host.mkdir(SECRETS, mode=0o700, user=USER)
        # With what an rsync leaves that was killed: the host's file system is an overlay, on which nftw(3) has its traps.
        write_tree(self.host, SECRETS, {**OLD_SECRETS, "of-the-standby": b"stays", ".openclaw-failover/key-1.Ab3dEf": b"h",
                                        ".~tmp~/key-2": b"half"})
        self.host.run(f"rm -rf {self.PRISTINE}; mkdir -p {self.PRISTINE}; cp -a {WORKSPACE} {SECRETS} {self.PRISTINE}")
        self.old = read_tree(self.host, WORKSPACE)
        pair.git("fsck")
        self.restore()
        assert sync(self.host)
        self.new = read_tree(self.host, WORKSPACE)
        self.check_new()

    def _make_work(self):
        git = self.pair.git
        self.old_id = git("rev-parse", "HEAD")
        self.new_id = self.pair.primary.out("git -C workspace.git rev-parse new", user=USER)
        write_tree(self.host, WORKSPACE, {"memory/learned.md": KEPT["memory/learned.md"]})
        self.host.run(f"cd {WORKSPACE}; chmod 644 memory/learned.md; git add memory; git commit -qm learned", user=USER)
        write_tree(self.host, WORKSPACE, KEPT)
        self.host.run(f"cd {WORKSPACE}; git add staged.md; rm staged.md {GONE}", user=USER)
        self.local_id = git("rev-parse", "HEAD")

    def remote(self, age):
        """What the primary offers: "old" or "new"."""
        self.pair.primary.run(f"""git -C workspace.git update-ref refs/heads/main {age}
            rm -rf .secrets; ln -sfn secrets-{age} .secrets""", user=USER)

    def restore(self):
        self.host.run(f"""rm -rf {WORKSPACE} {SECRETS}; cp -a {self.PRISTINE}/workspace {WORKSPACE}
            cp -a {self.PRISTINE}/.secrets {SECRETS}; rm -f /var/lib/openclaw-failover-sync/*""")

    def check_between(self):
        """After a crash, before anything is repaired."""
        self.check_secrets()
        self.check_repository()

    def check_secrets(self):
        """Each is what it was or what it is to be. The host may be off."""
        secrets = {name: content for name, (_, content) in read_tree(self.host, SECRETS).items()
                   if not name.startswith(".") and "/." not in name}
        halves = [n for n, c in secrets.items() if c not in (OLD_SECRETS.get(n), NEW_SECRETS.get(n), b"stays")]
        assert not halves, f"secrets neither old nor new: {halves}"
        assert secrets.keys() >= OLD_SECRETS.keys(), f"secrets are missing: {OLD_SECRETS.keys() - secrets.keys()}"

    def check_repository(self):
        done = self.host.run(f"git -C {WORKSPACE} fsck --no-dangling --no-progress 2>&1", user=USER, check=False)
        assert done.returncode == 0, f"git fsck: {done.stdout}"

    def check_whole(self):
        """After a crash and a sync that did not reach the primary: the whole old tree, or the whole new one."""
        found = read_tree(self.host, WORKSPACE)
        head = self.pair.git("rev-parse", "HEAD")
        assert head in (self.local_id, self.new_id), f"HEAD is {head}"
        age, expected = ("new", self.new) if head == self.new_id else ("old", self.old)
        assert not difference(found, expected), f"HEAD is {age}, these are not: {difference(found, expected)}"

    def check_new(self, extra=None):
        """After a sync that did well: all of the remote's, and nothing lost."""
        extra = extra or {}
        found = read_tree(self.host, WORKSPACE)
        expected = {**self.new, **{name: ("file", content) for name, content in extra.items()}}
        assert not difference(found, expected), f"not as the remote: {difference(found, expected)}"
        out = self.host.out(f"""cd {WORKSPACE}; git rev-parse HEAD; git status --porcelain -uall
            find .git -name '*.lock' -o -name 'failover-intent*' -o -name '*_git2_*' -o -name 'tmp_*'""", user=USER)
        lines = out.splitlines()
        assert lines[0] == self.new_id, f"HEAD is {lines[0]}"
        assert sorted(lines[1:]) == sorted(f"?? {name}" for name in STAY | extra.keys()), f"left: {lines[1:]}"
        self.check_kept({**KEPT, **extra})
        self.check_repository()
        secrets = {n: c for n, (_, c) in read_tree(self.host, SECRETS).items()}
        expected = {**OLD_SECRETS, **NEW_SECRETS, "of-the-standby": b"stays"}
        assert not difference(secrets, expected), f"secrets: {difference(secrets, expected)}"
        left = [d for d, _, _ in os.walk(self.host.path(SECRETS))][1:]
        assert not left, f"directories are left: {left}"

    def check_kept(self, kept):
        """Every piece of the standby's work is on a branch of its own."""
        out = self.host.out(f"""cd {WORKSPACE}
            for c in $(git rev-list --branches='failover/*' --not {self.old_id} {self.new_id}); do
                    echo $c; git ls-tree -r $c | sed 's/^.* //'
            done | sort -u
            echo; git for-each-ref --format='%(objectname)' refs/heads/failover | while read c; do
                    git cat-file -e $c:{GONE} 2>/dev/null || echo gone
            done""", user=USER)
        saved, _, gone = out.partition("\n\n")
        saved = set(saved.splitlines())
        missing = [name for name, content in kept.items() if f"{blob_id(content)}\t{name}" not in saved]
        assert not missing, f"lost: {missing}"
        assert self.local_id in saved, "lost: the commit that was not pushed"
        assert "gone" in gone, "lost: a deletion"


def blob_id(content):
    """As git names it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sync(host):
    """Whether it did well."""
    host.systemctl("reset-failed", SYNC, check=False)  # here it is started more often than systemd likes
    return host.systemctl("start", SYNC, check=False).returncode == 0


def why(host):
    """What the last sync said."""
    return [m for m in host.messages(SYNC) if "failed" in m and ".service" not in m][-1:]


def crash_worker(work, crasher, point):
    """Returns what it came to, or None if that point never came."""
    host = work.host
    work.restore()
    crasher.arm(point)
    sync(host)
    came_to = crasher.killed()
    crasher.disarm()
    work.check_between()
    host.run("ip route add unreachable 100.64.0.1")  # the primary is what has died, so the next sync is alone
    try:
        assert not sync(host)
    finally:
        host.run("ip route del unreachable 100.64.0.1")
    work.check_whole()
    assert sync(host), f"the next sync fails: {why(host)}"
    work.check_new()
    return came_to


@pytest.mark.as_shipped
def test_worker(pair, figure):
    """Killed, with git, ssh and rsync, before each call from its first to its last."""
    pair.configure(base=INI)
    work, crasher = Work(pair), Crasher(pair.standby, "worker")
    crasher.arm(0)
    work.restore()
    assert sync(pair.standby)
    total = len(crasher.log())
    points, missed, failures = choose(POINTS["worker"], crasher.log()), [], []
    for point in points:
        try:
            came_to = crash_worker(work, crasher, point)
        except AssertionError as e:
            failures.append(f"{point} ({crasher.killed()}): {e}")
            continue
        if came_to:
            crasher.seen.add(came_to.split()[1])
        else:
            missed.append(point)
    report(figure, "worker", crasher, total, points, missed, failures)


# The power.

LEARNED = {"memory/promoted.md": b"written here while promoted\n"}


def begin_anew(pair, work):
    """A standby on watch, whose tree has work in it, and whose remote has just gone on."""
    work.remote("old")
    work.restore()
    pair.start()
    wait_at_rest(pair)  # and the sync of the beginning is over
    work.restore()
    work.remote("new")


def pull_the_plug(pair, work, after):
    time.sleep(after)  # any moment is the right one
    pair.standby.power_cut()
    work.check_secrets()
    pair.standby.boot()
    work.check_repository()


def cut_on_the_way_there(pair, work, after):
    pair.primary.gateway.mode("503")
    pull_the_plug(pair, work, after)
    pair.standby.wait_for(pair.standby.gateway.answers, 60, "the gateway answers while the primary is down")
    pair.wait_promoted(60)
    return {}


def cut_on_the_way_back(pair, work, after):
    pair.primary.gateway.mode("503")
    pair.wait_promoted(60)
    write_tree(pair.standby, WORKSPACE, LEARNED)
    pair.primary.gateway.mode("normal")
    pull_the_plug(pair, work, after)
    return LEARNED


def measure(pair, work):
    """How long each way takes without a cut, the syncs included: moments are chosen within."""
    begin_anew(pair, work)
    begun = time.monotonic()
    pair.primary.gateway.mode("503")
    pair.wait_promoted(60)
    there = time.monotonic() - begun
    pair.primary.gateway.mode("normal")
    wait_at_rest(pair)
    return there, time.monotonic() - begun - there


def cut(pair, work, way, after):
    begin_anew(pair, work)
    extra = way(pair, work, after)
    pair.primary.gateway.mode("normal")
    wait_at_rest(pair)
    assert not pair.standby.gateway.answers()
    assert sync(pair.standby), f"the next sync fails: {why(pair.standby)}"
    work.check_new(extra)


def test_power(pair, figure):
    """Cut at any moment of the way there and the way back."""
    pair.configure(base=INI)
    work, dice, failures = Work(pair), random.Random(SEED), []
    pair.standby.systemctl("enable", DAEMON)
    there, back = measure(pair, work)
    for i in range(POINTS["power"]):
        way, span = ((cut_on_the_way_there, there), (cut_on_the_way_back, back))[i % 2]
        after = dice.uniform(0, span)
        try:
            pair.standby.systemctl("stop", DAEMON, GATEWAY, SYNC)
            cut(pair, work, way, after)
        except AssertionError as e:
            failures.append(f"{way.__name__}, after {after:.3f} s: {e}")
            if not pair.standby.is_up():
                pair.standby.boot()
            pair.primary.gateway.mode("normal")
    figure(f"power cut at {POINTS['power']} moments (seed {SEED}) of {there:.1f} s there and {back:.1f} s back: "
           f"{len(failures)} failures")
    assert not failures, "\n".join(failures)
