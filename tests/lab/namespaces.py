"""The kernel's namespaces that hosts live in, and the network outside of them. See lab.py."""

import atexit
import contextlib
import os
import pathlib
import shutil
import subprocess

from basics import LOWER, OUTSIDE, Entered, LabError, argv_of, checked, children, make, run_entered
from host import Host


# The outer shell. $1 is the name of the lab's cgroup, $2 the script of the first process in the namespaces. Its mount
# namespace is private, so that it finds a pure cgroup v2 tree wherever the machine has its own.
OUTER = r"""
trap '' INT TERM HUP
umount -R -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup || exit 1
old=$(sed -n 's/^0:://p' /proc/self/cgroup)
lab=/sys/fs/cgroup/$1
mkdir "$lab" && echo $$ > "$lab/cgroup.procs" || exit 1
unshare --mount --net --pid --cgroup --ipc --fork --kill-child=KILL --mount-proc sh -c "$2"
echo $$ > "/sys/fs/cgroup$old/cgroup.procs"
for try in 1 2 3 4 5 6 7 8 9 10; do
        find "$lab" -depth -type d -exec rmdir {} + 2>/dev/null
        [ -d "$lab" ] || break
        sleep 0.1
done
"""

# The first process: its end is the end of everything in the lab. It ignores SIGCHLD, so orphans are reaped by the kernel.
INNER = r"""
set -e
trap '' INT TERM HUP CHLD
cd /
umount -R -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs -o mode=755,size=80% tmpfs /run
mkdir /run/netns /run/lab
sysctl -qw net.ipv4.ip_forward=0 2>/dev/null || true
ip link set lo up
for bridge in tailnet internet; do ip link add $bridge type bridge; ip link set $bridge up; done
ip address add 192.0.2.254/24 dev internet
echo ready
# Not the shell's own read: an orphan's end interrupts that in some shells (dash 0.5.12 of Debian 13).
exec cat >/dev/null
"""


class Lab:
    def __init__(self):
        if os.geteuid() != 0:
            raise LabError("the lab needs root: it makes namespaces and mounts")
        if not shutil.which("systemd-nspawn"):
            raise LabError("the lab needs systemd-nspawn (package systemd-container)")
        make([], "lab")
        self.name = f"openclaw-lab.{os.urandom(6).hex()}"
        self.hosts = {}
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", OUTER, "sh", self.name, INNER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        atexit.register(self.close)
        if self._keeper.stdout.readline().strip() != "ready":
            raise LabError("the lab's namespaces could not be set up")
        unshare = children(self._keeper.pid)[0]
        self.init = children(unshare)[0]
        self.outside = Outside(self)

    @property
    def root(self):
        """The file system as seen inside the lab."""
        return pathlib.Path(f"/proc/{self.init}/root")

    @property
    def cgroup(self):
        return pathlib.Path(f"/proc/{self._keeper.pid}/root/sys/fs/cgroup/{self.name}")

    def pids(self):
        """Every process of the lab, as numbered outside."""
        found = set()
        for procs in self.cgroup.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(p) for p in procs.read_text().split())
        return found

    def enter(self):
        return ["nsenter", "-t", str(self.init), "--mount", "--net", "--pid", "--cgroup", "--ipc", "--root", "--wd",
                "--"]

    def sh(self, script, *args, check=True, timeout=60, input=None):
        """Runs a shell script in the lab's own namespaces, outside every host."""
        argv = self.enter() + ["sh", "-ec", script, "sh", *map(str, args)]
        done = run_entered(argv, timeout, input)
        return checked(done, ["sh", "-ec", script]) if check else done

    def host(self, name, number, lower=LOWER, kind=Host):
        """A new host, not yet booted: 100.64.0.NUMBER, on the file system LOWER."""
        return self.hosts.setdefault(name, kind(self, name, number, lower))

    def close(self):
        if self._keeper.poll() is None:
            self._keeper.stdin.close()
            self._keeper.wait()
        self._keeper.stdout.close()
        for host in self.hosts.values():
            host.forget()
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Outside:
    """The network outside the hosts, 192.0.2.254. Programs run on this machine's own file system."""

    address = OUTSIDE

    def __init__(self, lab):
        self.lab = lab

    def run(self, command, check=True, timeout=60, **kwargs):
        argv = self.lab.enter() + argv_of(command)
        done = run_entered(argv, timeout, **kwargs)
        return checked(done, argv) if check else done

    def popen(self, command, **kwargs):
        """Ends with the lab, if not before."""
        return Entered(self.lab.enter() + argv_of(command), stdin=subprocess.DEVNULL, text=True, **kwargs)
