#!/usr/bin/python3
"""Checks without an end, of a peer that behaves otherwise every moment: `make soak`, as root.

SOAK_CHECKS (100000) checks, as often as the ini allows, of a gateway on the standby's own loopback that misbehaves at
random, while a person at random promotes, demotes, reloads and looks. Afterwards the daemon must hold as many file
descriptors as after the first 1000 checks, and as much private dirty memory, give or take TOLERANCE: malloc(3) may need
another page for the same things in another order. Counted is what no file backs (Anonymous, proc_pid_smaps(5)): here the
program lies on a tmpfs, which makes its code dirty, too, in the kernel's eyes.

SOAK_SEED makes a run choose what another one chose. What that led to depends on time, too.
"""

import os
import pathlib
import random
import re
import shlex
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
sys.dont_write_bytecode = True

from lab import Lab, LabError, Pair  # noqa: E402

CHECKS = int(os.environ.get("SOAK_CHECKS") or 100_000)
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
FIRST = 1000
TOLERANCE = 16 * os.sysconf("SC_PAGESIZE") // 1024  # kB
PORT = 18790
STATE_DIR = "/var/lib/openclaw-failover"

INI = {
    "primary": {"host": "127.0.0.1", "port": PORT, "check_interval": "10ms", "timeout": "5ms"},
    "secrets": {"host": None},
    "metrics": {"textfile": f"{STATE_DIR}/soak.prom"},
}
BEHAVIOURS = ["normal"] * 8 + """
    starting draining old hang refuse close reset half short drip flood garbage headers slow-headers html false empty
    redirect 401 404 503
    """.split()
COMMANDS = ["promote", "demote", "auto", "auto", "auto", "pause 1s", "resume", "status", "status --json"]


class Soak:
    def __init__(self, pair):
        self.pair, self.host = pair, pair.standby
        self.random = random.Random(SEED)
        self.count_connects()
        self.host.popen(f"exec openclaw gateway --port {PORT} bind=127.0.0.1 control=/run/soak.mode >/dev/null", "openclaw")
        pair.configure(**INI)
        self.behave("normal")
        pair.start()
        self.pid = self.daemon()

    def daemon(self):
        return int(self.host.unit(self.pair.UNIT)["MainPID"])

    # A check connects once, and no other does, so the kernel counts them.

    def nft(self, *words):
        return self.pair.lab.outside.run(["nsenter", f"--net=/run/netns/{self.host.name}", "nft", *words]).stdout

    def count_connects(self):
        self.nft("table inet soak { counter checks { }; chain in { type filter hook input priority 0; "
                 f"tcp dport {PORT} tcp flags & (syn | ack) == syn counter name checks; }}; }}")

    def checks(self):
        return int(re.search(r"packets (\d+)", self.nft("list", "counter", "inet", "soak", "checks")).group(1))

    def behave(self, mode):
        self.host.put("/run/soak.mode", mode + "\n")

    def command(self, words):
        # Some are refused, as a promotion while paused: that is an answer.
        self.host.run(["openclaw-failover", *shlex.split(words)], check=False)

    def act(self):
        """Something happens, and lasts for a moment."""
        if self.random.random() < 0.1:
            self.command(self.random.choice(COMMANDS))
        if self.random.random() < 0.01:
            self.host.systemctl("reload", self.pair.UNIT)
        self.behave(self.random.choice(BEHAVIOURS))
        time.sleep(self.random.uniform(0.05, 1))

    def first(self):
        """Everything once, so that what is loaded and allocated at its first use is there when it is measured."""
        for mode in dict.fromkeys(BEHAVIOURS):
            self.behave(mode)
            time.sleep(0.2)
        for words in COMMANDS:
            self.command(words)
        self.host.systemctl("reload", self.pair.UNIT)
        self.command("auto")
        self.behave("503")
        self.pair.wait_promoted(60)

    def until(self, target, act):
        seen, since = self.checks(), time.monotonic()
        while seen < target:
            act()
            now = self.checks()
            if now > seen:
                seen, since = now, time.monotonic()
            if time.monotonic() > since + 60:
                raise AssertionError(f"no check for a minute, after {seen} of {target}")
            if sys.stdout.isatty():
                print(f"\r{seen} checks", end="\r", flush=True)

    def measure(self):
        """At rest, on standby: what a check or a message that is under way needs for itself is not counted."""
        self.behave("normal")
        self.command("demote")
        self.pair.wait_standby(60)
        self.host.wait_state(self.pair.SYNC, "inactive", "failed", deadline=60)
        samples = []
        for _ in range(50):
            rollup = self.host.get(f"/proc/{self.pid}/smaps_rollup")
            samples.append((len(os.listdir(self.host.path(f"/proc/{self.pid}/fd"))),
                            int(re.search(r"Anonymous: *(\d+) kB", rollup).group(1))))
            time.sleep(0.02)
        self.command("auto")
        return tuple(map(min, zip(*samples)))

    def promotions(self):
        return int(self.host.out("busctl get-property org.openclaw.Failover1 /org/openclaw/Failover1 "
                                 "org.openclaw.Failover1 Failovers").split()[1])

    def run(self):
        self.first()
        self.until(FIRST, lambda: time.sleep(0.1))
        fds, dirty = self.measure()
        self.until(CHECKS, self.act)
        fds_after, dirty_after = self.measure()
        assert self.daemon() == self.pid, "the daemon was restarted"
        good = fds_after == fds and dirty_after <= dirty + TOLERANCE
        print(f"{self.checks()} checks, {self.promotions()} promotions, seed {SEED}: {fds} file descriptors after the "
              f"first {FIRST}, {fds_after} now; {dirty} kB private dirty memory, {dirty_after} kB now ({TOLERANCE} kB more "
              f"are allowed){'' if good else ': NOT THE SAME'}")
        return 0 if good else 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"{CHECKS} checks, seed {SEED}", flush=True)
    with Lab() as lab:
        return Soak(Pair(lab)).run()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, AssertionError) as e:
        sys.exit(f"soak: {e}")
