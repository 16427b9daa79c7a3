#!/usr/bin/python3
"""What people wait for: the outage with default settings, the daemon's beside a shell monitor's, one fault for both.

    outages.py SHARD       one of SHARDS; prints JSON, the seconds from the fault for each round

Two standbys watch one primary: the daemon on one, bench_monitor (three times ten seconds) on the other. The faults are spread
evenly over the interval between two checks: over both intervals, since the daemon's divides the monitor's.
"""

import json
import pathlib
import re
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lab")]
sys.dont_write_bytecode = True

from lab import GATEWAY_PORT, HOME, Lab, LabError, Pair, install  # noqa: E402
from story import wait_event, wait_up  # noqa: E402

BOOT = 1  # s, of the standby's gateway
MONITOR_INTERVAL = 10
LONGEST = 125  # s; whoever has not started the gateway by then has missed the outage

KILLED, VANISHED = "the gateway killed", "the host gone, with git and secrets"
START_FAILS, FROZEN = "the gateway killed, and its first start here fails", "the host frozen: it accepts and is silent"
# By shard: the fault, how far into the monitor's interval each round's is (s), and how long the monitor takes at most.
SHARDS = {
    "killed-1": (KILLED, (0.5, 2.5, 4.5, 6.5, 8.5), 33),
    "killed-2": (KILLED, (1.5, 3.5, 5.5, 7.5, 9.5), 33),
    "vanished": (VANISHED, (1, 4, 7, 9.5), 48),
    "start-fails": (START_FAILS, (1.5, 5, 8.5), 55),
    "frozen": (FROZEN, (5,), LONGEST),
}

INI = {
    "primary": {"host": "100.64.0.1"},
    "secrets": {"host": "openclaw@100.64.0.1", "source": f"{HOME}/.secrets/"},
}
FAIL_ONCE = "[Service]\nExecStartPre=+/bin/sh -c 'test -e /run/failed || { mkdir /run/failed; exit 1; }'\n"
GATEWAY = "openclaw.service"


def inflict(primary, case):
    """Returns when it happened."""
    now = time.monotonic()
    if case == VANISHED:
        primary.drop()
    elif case == FROZEN:
        primary.pause()
    else:
        primary.gateway.kill()
    return now


def first_answer(host):
    """When the gateway began to listen, once it does."""
    found = re.findall(r"listening on port \d+ at (\S+)", "\n".join(host.messages(GATEWAY)))
    return float(found[-1]) if found else None


class Outages:
    def __init__(self, lab):
        self.pair = Pair(lab)
        self.primary, self.standby = self.pair.primary, self.pair.standby
        self.other = lab.host("third", 3)
        install(lab, self.other)
        self.other.put("/usr/local/bin/bench_monitor", (TESTS / "bench/bench_monitor").read_bytes(), mode=0o755)
        self.other.boot()
        self.other.snapshot()

    def begin(self, case):
        threads = [threading.Thread(target=reset) for reset in (self.pair.reset, self.other.reset)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for host in (self.standby, self.other):
            host.gateway.mode(f"boot={BOOT}")
            host.run("rm -rf /run/failed")
            if case == START_FAILS:
                host.put(f"/etc/systemd/system/{GATEWAY}.d/fail.conf", FAIL_ONCE)
                host.systemctl("daemon-reload")
        self.pair.configure(base=INI)
        self.standby.systemctl("start", self.pair.UNIT)
        wait_up(self.standby, 60)
        self.other.popen(["bench_monitor", self.primary.address, GATEWAY_PORT, MONITOR_INTERVAL, 1000, GATEWAY])
        self.other.wait_journal("primary is healthy", deadline=30)

    def round(self, case, delay, longest):
        """Seconds from the fault to the first answer and to "promoted" here, and to the monitor's first answer."""
        self.begin(case)
        time.sleep(delay)
        since = inflict(self.primary, case)
        entry = wait_event(self.standby, "promoted", LONGEST + 30)
        promoted = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        answered = first_answer(self.standby)
        end = since + longest + 20
        while not first_answer(self.other) and time.monotonic() < end:
            time.sleep(0.5)
        theirs = first_answer(self.other)
        self.primary.resume()
        self.primary.heal()
        return answered - since, promoted - since, theirs - since if theirs else None


def main(shard):
    case, delays, longest = SHARDS[shard]
    found = []
    with Lab() as lab:
        outages = Outages(lab)
        for delay in delays:
            found.append(outages.round(case, delay, longest))
            print(f"{time.strftime('%H:%M:%S')} {case}: {found[-1]}", file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (LabError, AssertionError) as e:
        sys.exit(f"bench: {e}")
