"""What a check costs, and what the daemon adds to an outage, on throwaway hosts: see bench.

What is compared is measured in turn within each round, so that a ratio is one of the same minute. Processor time is what
the kernel has charged: to the daemon's cgroup (cpu.stat); to a process and all it has waited for (wait4(2)). Packets are
handled by the last processor, and what is measured runs on the first one: otherwise the kernel does the primary's half of a
connection in the time of whoever sends, though in earnest that is another machine's. Processors are kept awake: otherwise
everybody pays for cold caches, and a guest for its hypervisor. System calls are counted by strace(1) in a pass of its own,
since that makes everything slower. So are the daemon's wake-ups: each return of epoll_wait(2). Moments are systemd's own, the
test gateway's (it prints when it was asked, and when it began to listen), and the journal's: all CLOCK_MONOTONIC.
"""

import collections
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]

from lab import BUILD, GATEWAY_PORT, USER, Pair  # noqa: E402
from story import wait_event, wait_up  # noqa: E402

# Of what is measured, and of the packets on the wire. With one processor, both are the same.
OUR_CPU, WIRE_CPU = 0, os.cpu_count() - 1

# As root of the network outside the hosts, whose own sysfs is read-only.
STEER = """
mount -t sysfs none /mnt && mount -o remount,rw /mnt
for queue in /mnt/class/net/tn*/queues/rx-0/rps_cpus; do echo $1 >$queue; done
"""

INTERVAL = 0.2
CHECKS, SHELL_CHECKS = 40, 20
PATHS = "/startupz", "/health"  # that a check asks for, of which the shell's loop knows the second
INSTANCES, INSTANCE_INTERVAL = 100, 5

DAEMON_CGROUP = "system.slice/" + Pair.UNIT
INSTANCES_CGROUP = r"system.slice/system-openclaw\x2dfailover.slice"
TLS_PORT = GATEWAY_PORT + 1
CA = "/etc/ssl/certs/bench.pem"
TLS_GATEWAY = (TESTS / "bench/tls_gateway.py").read_bytes()

MANY = """
mkdir many && cd many
python3 -c 'import os
for d in range(600):
    os.mkdir(str(d))
    for f in range(100):
        open(f"{d}/{f}.md", "w").write(f"{d} {f}")'
git add -A . && git commit -qm "60,000 files" && git push -q origin HEAD
"""

# What is made of the workspace before each case, the interval of its checks, and whether the sync outlasts the counting.
Case = collections.namedtuple("Case", "name script interval outlasts")
CASES = [
    Case("three files", "true", 0.7, False),
    Case("secrets that hang, to their deadline", "true", 0.4, True),
    Case("60,000 files", MANY, 0.7, False),
    Case("60,000 files and one of 4 GB", "truncate -s 4G model.bin", 0.7, False),
]
SYNC_TIMEOUT = 1
BOOT = 0.5

# libcurl alone runs as an instance of the daemon's own unit, so in its sandbox.
CURL_UNIT = "openclaw-failover@curl.service"
CURL_WORDS, CURL_FOUND = "/etc/bench_curl", "/run/bench_curl"
CURL_DROP_IN = f"""\
[Service]
Type=oneshot
ExecStart=
EnvironmentFile={CURL_WORDS}
ExecStart=/usr/local/bin/bench_curl $WORDS
StandardOutput=truncate:{CURL_FOUND}
Restart=no
WatchdogSec=0
"""

INSTANCE_INI = """\
[primary]
host = 100.64.0.1
[gateway]
unit = openclaw@{name}.service
url = http://127.0.0.1:{port}/health
[workspace]
path =
"""


def pin_to(cpu):
    return ["taskset", "--cpu-list", str(cpu)]


class Figures:
    """Samples by name."""

    def __init__(self):
        self.samples = collections.defaultdict(list)

    def add(self, **values):
        for name, value in values.items():
            self.samples[name].append(value)

    def median(self, name):
        return statistics.median(self.samples[name])

    def say(self, name, digits, unit=""):
        values = self.samples[name]
        low, middle, high = (f"{f(values):,.{digits}f}" for f in (min, statistics.median, max))
        return f"{middle}{unit} ({low} – {high})"


def progress(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def awake():
    """No processor sleeps: each runs a loop that makes way for everybody."""
    spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]
    loops = [subprocess.Popen([*pin_to(cpu), *spin]) for cpu in range(os.cpu_count())]
    try:
        time.sleep(0.5)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


# Costs.


def cgroup_usec(host, cgroup):
    return int(re.search(r"usage_usec (\d+)", host.get(f"/sys/fs/cgroup/{cgroup}/cpu.stat")).group(1))


def memory(host, pid):
    """What is the process' own, and its share of all, in kB. Own is what no file backs: here the program lies on a tmpfs,
    which makes its code dirty, too, in the kernel's eyes."""
    rollup = host.get(f"/proc/{pid}/smaps_rollup")
    return tuple(int(re.search(rf"^{field}: +(\d+) kB", rollup, re.M).group(1)) for field in ("Anonymous", "Pss"))


def run_costly(host, argv):
    """Runs ARGV in the host; its processor time in µs, with that of all it has waited for."""
    process = host.popen([*pin_to(OUR_CPU), *map(str, argv)], stdout=subprocess.PIPE)
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    host._popens.remove(process)
    if process.returncode:
        raise AssertionError(f"{argv}: exit status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e6


def shell_cost(host):
    """Of one check of the shell's loop in µs, without the shell's own start."""
    words = ["bench_monitor", host.primary_address, GATEWAY_PORT, INTERVAL]
    full, nothing = (run_costly(host, [*words, checks]) for checks in (SHELL_CHECKS, 0))
    return (full - nothing) / SHELL_CHECKS


def curl_cost(host, url, what="request", paths=PATHS):
    """Of one check of libcurl alone, in µs: with "connect", of one connection."""
    host.put(CURL_WORDS, " ".join(["WORDS=" + what, CA, str(INTERVAL), str(CHECKS), *(url + path for path in paths)]))
    host.systemctl("start", CURL_UNIT)
    return int(host.get(CURL_FOUND).split()[0]) / CHECKS


class Bench:
    def __init__(self, lab, rounds):
        self.rounds = rounds
        self.pair = Pair(lab)
        self.primary, self.standby = self.pair.primary, self.pair.standby
        self.standby.primary_address = self.primary.address
        for program in (TESTS / "bench/bench_monitor", BUILD / "tests/bench_curl"):
            self.standby.put(f"/usr/local/bin/{program.name}", program.read_bytes(), mode=0o755)
        self.serve_tls()
        self.keep_apart()
        self.f = Figures()

    def serve_tls(self):
        """A gateway behind TLS on the primary, whose certificate the standby trusts as it trusts any: by its hash."""
        self.primary.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=primary "
                         f"-addext subjectAltName=IP:{self.primary.address} -keyout /etc/tls.key -out /etc/tls.crt 2>/dev/null")
        self.standby.put(CA, self.primary.get("/etc/tls.crt"))
        self.standby.run(f"ln -s {CA} /etc/ssl/certs/$(openssl x509 -noout -hash -in {CA}).0")
        self.primary.put("/usr/local/bin/tls_gateway.py", TLS_GATEWAY)
        self.primary.popen(["/usr/bin/python3", "/usr/local/bin/tls_gateway.py", str(TLS_PORT)])
        self.primary.wait_for(lambda: self.primary.run(f"curl -sk https://127.0.0.1:{TLS_PORT}/health", check=False).stdout)

    def in_workspace(self, script):
        self.standby.run(f"cd {self.pair.WORKSPACE} && " + script.strip(), user=USER, timeout=300)

    def keep_apart(self):
        """Packets are steered as soon as they are on the wire: "RPS" in the kernel's Documentation/networking/scaling.rst."""
        subprocess.run(["nsenter", "-t", str(self.pair.lab.init), "--net", "unshare", "--mount", "sh", "-c", STEER, "sh",
                        f"{1 << WIRE_CPU:x}"], check=True)
        self.standby.put("/etc/systemd/system/openclaw-failover@.service.d/bench.conf", f"[Service]\nCPUAffinity={OUR_CPU}\n")
        self.standby.put(f"/etc/systemd/system/{CURL_UNIT}.d/curl.conf", CURL_DROP_IN)
        self.standby.systemctl("daemon-reload")

    def primary_nft(self, *words):
        return self.pair.lab.outside.run(["nsenter", f"--net=/run/netns/{self.primary.name}", "nft", *words]).stdout

    def count_checks(self):
        """Again in each round, since heal() flushes it."""
        self.primary_nft("table inet bench { counter checks { }; chain in { type filter hook input priority 0; "
                         f"tcp dport {{ {GATEWAY_PORT}, {TLS_PORT} }} tcp flags & (syn | ack) == syn counter name checks; }}; }}")

    def checks(self):
        """How often the primary's gateway was connected to, by one program at a time: once for each check."""
        return int(re.search(r"packets (\d+)", self.primary_nft("list", "counter", "inet", "bench", "checks")).group(1))

    # The daemon.

    def start(self):
        """As on the first day: nothing it remembers is left. Returns its process."""
        self.standby.run("""
            systemctl stop openclaw-failover.service
            systemctl kill -s KILL openclaw.service openclaw-failover-sync.service 2>/dev/null
            systemctl stop openclaw.service openclaw-failover-sync.service
            rm -rf /run/openclaw-failover /var/lib/openclaw-failover
            """, check=False)
        self.primary.mark()
        self.standby.mark()
        self.standby.systemctl("start", self.pair.UNIT)
        properties = self.standby.unit(self.pair.UNIT)
        took = int(properties["ActiveEnterTimestampMonotonic"]) - int(properties["ExecMainStartTimestampMonotonic"])
        self.f.add(ready=took / 1000)
        wait_up(self.standby)
        return int(properties["MainPID"])

    def configure(self, interval, scheme="http", **sections):
        keys = {"check_interval": f"{interval * 1000:g}ms", "timeout": f"{interval * 1000:g}ms", "scheme": scheme}
        if scheme == "https":
            keys.update(port=TLS_PORT)
        self.pair.configure(primary=keys, **sections)

    # A check's cost.

    def daemon_cost(self, scheme):
        """Of one check, in µs of processor time."""
        self.configure(INTERVAL, scheme)
        pid = self.start()
        self.standby.wait_journal("Finished .*workspace and secrets", self.pair.SYNC)
        self.standby.run(["taskset", "--cpu-list", "--pid", str(OUR_CPU), str(pid)])
        self.count_checks()
        with awake():
            before = self.checks(), cgroup_usec(self.standby, DAEMON_CGROUP)
            time.sleep(CHECKS * INTERVAL)
            after = self.checks(), cgroup_usec(self.standby, DAEMON_CGROUP)
        self.primary_nft("delete table inet bench")
        if scheme == "http":
            own, share = memory(self.standby, pid)
            self.f.add(own=own, share=share)
        self.standby.systemctl("stop", self.pair.UNIT)
        n, usec = (b - a for a, b in zip(before, after))
        return usec / n

    def cost(self):
        """One round: the daemon, libcurl alone, a loop in bash."""
        cost = {}
        for scheme, port in (("http", GATEWAY_PORT), ("https", TLS_PORT)):
            cost[scheme] = self.daemon_cost(scheme)
            with awake():
                url = f"{scheme}://{self.primary.address}:{port}"
                cost[f"curl_{scheme}"] = curl_cost(self.standby, url)
                cost[f"connect_{scheme}"] = curl_cost(self.standby, url, "connect", PATHS[:1])
        with awake():
            cost["shell"] = shell_cost(self.standby)
        handshake = cost["connect_https"] - cost["connect_http"]
        self.f.add(**{name: value / 1000 for name, value in cost.items()}, handshake=handshake / 1000,
                   over_curl=100 * (cost["http"] / cost["curl_http"] - 1),
                   over_curl_https=100 * (cost["https"] / cost["curl_https"] - 1),
                   https_ratio=(cost["https"] - handshake) / cost["http"], shell_ratio=cost["shell"] / cost["http"])

    def peak(self):
        """Of its memory, while it promotes."""
        self.configure(INTERVAL)
        pid = self.start()
        self.primary.gateway.mode("503")
        seen = []
        end = time.monotonic() + 30
        while not self.standby.is_active("openclaw.service") and time.monotonic() < end:
            watched = time.monotonic() + 0.3
            while time.monotonic() < watched:
                seen.append(memory(self.standby, pid))
        wait_event(self.standby, "promoted")
        seen.append(memory(self.standby, pid))
        self.f.add(own_peak=max(own for own, _ in seen), share_peak=max(share for _, share in seen))
        self.primary.gateway.mode()

    # What it adds to an outage.

    def failover(self, number, case):
        self.configure(case.interval, workspace={"timeout": f"{SYNC_TIMEOUT}s", "refresh": 0},
                       secrets={"timeout": f"{SYNC_TIMEOUT}s"})
        self.standby.gateway.mode(f"boot={BOOT}")
        if case.outlasts:
            self.primary.drop(port=22)
        self.start()
        self.primary.gateway.mode("503 log")
        # Nothing is asked meanwhile, which would take time from what is timed.
        time.sleep(3 * case.interval + SYNC_TIMEOUT * case.outlasts + BOOT + 0.5)
        promoted = wait_event(self.standby, "promoted")
        asked = [float(t) for t in re.findall(r"request at (\S+): GET /health", "\n".join(self.primary.messages()))]
        listening = self.listening_since()
        started = int(self.standby.unit("openclaw.service")["InactiveExitTimestampMonotonic"]) / 1e6
        until = asked[0] + SYNC_TIMEOUT if case.outlasts else asked[2]
        if (asked[2] > until) if case.outlasts else (asked[2] > started):
            raise AssertionError(f"{case.name}: the counting ended at {asked[2]}, the sync at {until}, start at {started}")
        to_start, to_promoted = 1000 * (started - until), 1000 * (sent(promoted) - listening)
        self.f.add(**{f"to_start{number}": to_start, f"to_promoted{number}": to_promoted,
                      f"added{number}": to_start + to_promoted})
        self.primary.gateway.mode()
        self.primary.heal()

    def listening_since(self):
        found = re.findall(r"listening on port \d+ at (\S+)", "\n".join(self.standby.messages("openclaw.service")))
        return float(found[-1])

    # Many of them.

    def instances(self):
        self.standby.run("systemctl stop openclaw-failover.service openclaw.service", check=False)
        names = [f"n{i}" for i in range(INSTANCES)]
        for i, name in enumerate(names):
            self.standby.put(f"/etc/openclaw-failover/{name}.ini", INSTANCE_INI.format(name=name, port=20000 + 20 * i))
        units = [f"openclaw-failover@{name}.service" for name in names]
        self.standby.mark()
        self.standby.systemctl("start", *units)
        self.standby.wait_for(lambda: sum(bool(re.match("The primary .* is up", m)) for m in self.standby.messages()) >= INSTANCES,
                              60, "all have seen the primary up", every=1)
        for _ in range(self.rounds):
            before, since = cgroup_usec(self.standby, INSTANCES_CGROUP), time.monotonic()
            time.sleep(INSTANCE_INTERVAL)
            usec, passed = cgroup_usec(self.standby, INSTANCES_CGROUP) - before, time.monotonic() - since
            self.f.add(load=usec / 1000 / passed)
        pids = re.findall(r"MainPID=(\d+)", self.standby.out(["systemctl", "show", "-p", "MainPID", *units]))
        for own, share in (memory(self.standby, pid) for pid in pids):
            self.f.add(own_many=own, share_many=share)

    def run(self):
        for i in range(self.rounds):
            progress(f"a check's cost, round {i + 1} of {self.rounds}")
            self.cost()
            self.peak()
        for number, case in enumerate(CASES):
            progress(f"what the daemon adds: {case.name}")
            self.in_workspace(case.script)
            for _ in range(self.rounds):
                self.failover(number, case)
        progress(f"{INSTANCES} instances")
        self.instances()
        return self.f


def sent(entry):
    """When an entry was sent to the journal, in seconds of CLOCK_MONOTONIC: the kernel's stamp on the message, which is of
    CLOCK_REALTIME, as journald's own is of both."""
    late = int(entry["__REALTIME_TIMESTAMP"]) - int(entry["_SOURCE_REALTIME_TIMESTAMP"])
    return (int(entry["__MONOTONIC_TIMESTAMP"]) - late) / 1e6
