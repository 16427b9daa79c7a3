#!/usr/bin/python3
"""The daemon through one failover and failback under valgrind(1): `make valgrind-check`, as root.

No access that is wrong, no use of what was never written, nothing lost, no descriptor left open.
"""

import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
sys.dont_write_bytecode = True

from lab import Lab, LabError, Pair  # noqa: E402
from story import wait_event  # noqa: E402

PROGRAM = "/usr/bin/openclaw-failover"
LOG = "/run/openclaw-failover/valgrind"

# Valgrind translates the program into code of its own, which is memory that is written and then run.
SANDBOX = f"""\
[Service]
ExecStart=
ExecStart=valgrind --vgdb=no --leak-check=full --track-fds=yes --log-file={LOG} {PROGRAM} run
MemoryDenyWriteExecute=no
WatchdogSec=10min
TimeoutStartSec=5min
TimeoutStopSec=5min
Restart=no
"""

# What is open at the end all the same: the three of every program, valgrind's log, and the socket of sd_journal_send(3),
# which libsystemd never closes.
NOT_OURS = ("standard input", "standard output", "standard error", "log", "journal")

# Slow enough for a program that is fifty times slower than it should be.
INI = {"check_interval": "2s", "timeout": "1s", "fail_threshold": 2, "recover_threshold": 2}


def fail_over_and_back(pair):
    primary, standby = pair.primary, pair.standby
    standby.systemctl("start", pair.UNIT)
    pair.wait_status("^Standby[^:]*: the primary is up", 120)
    primary.gateway.kill()
    wait_event(standby, "promoted", 120)
    for command in ("status", "status --json", "pause 1h", "resume"):
        standby.run(f"openclaw-failover {command}", check=False)  # status: 1, since it is promoted
    standby.systemctl("reload", pair.UNIT)
    primary.gateway.start()
    wait_event(standby, "demoted", 120)
    standby.systemctl("stop", pair.UNIT, timeout=300)


def judge(log):
    """The figure, and whether it is good."""
    errors = re.search(r"ERROR SUMMARY: (\d+) errors", log)
    heap = re.search(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees", log)
    descriptors = re.search(r"FILE DESCRIPTORS: (\d+) open", log)
    if not (errors and heap and descriptors):
        return "valgrind did not come to its end", False
    n = max(0, int(descriptors.group(1)) - len(NOT_OURS))
    figure = (f"a failover and a failback: {errors.group(1)} errors and leaks, {heap.group(1)} allocations, "
              f"{heap.group(2)} frees, {n} descriptors left open")
    return figure, errors.group(1) == "0" and n == 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Lab() as lab:
        pair = Pair(lab)
        pair.standby.put(f"/etc/systemd/system/{pair.UNIT}.d/valgrind.conf", SANDBOX)
        pair.standby.systemctl("daemon-reload")
        pair.configure(primary=INI)
        try:
            fail_over_and_back(pair)
        except AssertionError:
            print("\n".join(pair.standby.messages(pair.UNIT)))
            raise
        log = pair.standby.get(LOG)
    figure, good = judge(log)
    print(figure if good else f"{log}\n{figure}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, AssertionError) as e:
        sys.exit(f"valgrind: {e}")
