"""One host with a systemd of its own, and its gateway. See lab.py."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess

from basics import (BUILD, GATEWAY_PORT, USER, Entered, LabError, argv_of, checked, children, run_entered, wait_for)

# What a Debian starts at boot and these hosts do not need.
MASKED = """
console-getty.service container-getty@.service getty.target systemd-ask-password-wall.path
systemd-ask-password-console.path systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket
systemd-udevd-kernel.socket systemd-networkd.service systemd-networkd.socket systemd-resolved.service
systemd-timesyncd.service systemd-tmpfiles-clean.timer systemd-hwdb-update.service systemd-binfmt.service
systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-update-utmp.service
systemd-update-utmp-runlevel.service systemd-machine-id-commit.service systemd-firstboot.service
systemd-journal-catalog-update.service systemd-sysctl.service systemd-modules-load.service
proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount
sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount tmp.mount ldconfig.service
apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer man-db.timer dpkg-db-backup.timer
first-boot-complete.target machines.target
""".split()

# Directories of the lower root that a host must not see, and the modes of the empty ones in their place.
HIDDEN = {
    "etc/systemd/system": 0o755, "etc/systemd/user": 0o755, "etc/ssh": 0o755, "etc/polkit-1/rules.d": 0o755,
    "etc/sudoers.d": 0o755, "etc/cron.d": 0o755, "home": 0o755, "root": 0o700, "srv": 0o755, "mnt": 0o755,
    "tmp": 0o1777, "var/tmp": 0o1777, "var/log": 0o755, "var/lib/systemd": 0o755,
}

ACCOUNTS = {USER: 1500, "alice": 1501}  # alice is an ordinary person

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM no
PasswordAuthentication no
UseDNS no
MaxStartups 100
Subsystem sftp internal-sftp
KexAlgorithms curve25519-sha256
"""


class Host:
    links = {"tailscale0": "tn", "eth0": "in"}  # with what the bridge's end of each is named after
    nspawn_words = []  # what a kind of host needs beside the usual

    def __init__(self, lab, name, number, lower):
        self.lab, self.name, self.number, self.lower = lab, name, number, lower
        self.address = f"100.64.0.{number}"
        self.address6 = f"fd7a:115c:a1e0::{number:x}"
        self.eth0 = f"192.0.2.{number}"
        self.dir = f"/run/lab/{name}"  # as seen in the lab
        self.root = f"{self.dir}/root"
        self.gateway = Gateway(self)
        self._nspawn = None
        self._pid = None
        self._popens = []
        self._cursor = None
        self._make_network()
        self._make_root()

    # Making it.

    def _make_network(self):
        self.lab.sh("""
            ip netns add $1
            ip link add $2 type veth peer name tailscale0 netns $1
            ip link add $3 type veth peer name eth0 netns $1
            ip link set $2 master tailnet up
            ip link set $3 master internet up
            ip -n $1 link set lo up
            # Each rejected packet is answered, and not one a second.
            nsenter --net=/run/netns/$1 sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
            """, self.name, f"tn{self.number}", f"in{self.number}")
        self._configure_links()

    def _configure_links(self):
        """Also undoes whatever a test did to addresses and routes."""
        self.lab.sh("""
            host=$1 v4=$2 v6=$3 inet=$4
            printf 'link set %s up\n' $5 $6 | ip -batch -
            for dev in tailscale0 eth0; do
                    echo "link set $dev up"
                    echo "address flush dev $dev"
            done | ip -n $host -batch -
            ip -n $host -batch - <<END
            address add $v4/10 dev tailscale0
            address add $v6/48 dev tailscale0 nodad
            address add $inet/24 dev eth0
            route replace default via 192.0.2.254
END
            """, self.name, self.address, self.address6, self.eth0, f"tn{self.number}", f"in{self.number}")

    def _make_root(self):
        self.lab.sh("mkdir -p $1/upper $1/work $1/root", self.dir)
        upper = self.lab.root / self.dir[1:] / "upper"
        for directory, mode in HIDDEN.items():
            hidden = upper / directory
            hidden.mkdir(parents=True)
            # An opaque directory of an overlay hides the one below (Documentation/filesystems/overlayfs.rst).
            os.setxattr(hidden, "trusted.overlay.opaque", b"y")
            hidden.chmod(mode)
        for directory in (upper, upper / "etc", upper / "var", upper / "var/lib", upper / "etc/systemd"):
            directory.chmod(0o755)
        self.lab.sh('mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"',
                    self.dir, self.lower)
        self._write_etc()
        self._write_units()
        self._make_accounts()
        self.lab.sh("""
            ssh-keygen -q -t ed25519 -N '' -C "$2" -f $1/etc/ssh/ssh_host_ed25519_key
            mkdir -p $1/var/log/journal $1/usr/local/bin
            touch $1/etc/.updated $1/var/.updated
            """, self.root, self.name)
        # Where npm would put the real one.
        self.put("/usr/local/bin/openclaw", (BUILD / "tests/gateway").read_bytes(), mode=0o755)

    def _write_etc(self):
        names = {"primary": 1, "standby": 2, "third": 3, self.name: self.number}
        self.put("/etc/hostname", self.name + "\n")
        self.put("/etc/machine-id", os.urandom(16).hex() + "\n", mode=0o444)
        self.put("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" + "".join(
            f"100.64.0.{number} {name} {name}.example.ts.net\n" for name, number in names.items()))
        self.put("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
        self.put("/etc/resolv.conf", "# no name server: queries are refused at once\n")
        self.put("/etc/fstab", "")
        self.put("/etc/environment", "")
        self.put("/etc/systemd/journald.conf.d/lab.conf",
                 "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nSystemMaxFileSize=8M\nForwardToSyslog=no\n")
        # Since 9.8, sshd is slow to answer who has often come without a login, as ssh-keyscan does.
        since_9_8 = self.exists("/usr/lib/openssh/sshd-session")
        self.put("/etc/ssh/sshd_config", SSHD_CONFIG + "PerSourcePenalties no\n" * since_9_8)

    def _write_units(self):
        self.symlink("/lib/systemd/system/multi-user.target", "/etc/systemd/system/default.target")
        self.symlink("/lib/systemd/system/ssh.service", "/etc/systemd/system/multi-user.target.wants/ssh.service")
        for unit in MASKED:
            self.symlink("/dev/null", f"/etc/systemd/system/{unit}")

    def _make_accounts(self):
        for name, line in (("passwd", "{u}:x:{n}:{n}::/home/{u}:/bin/bash\n"), ("group", "{u}:x:{n}:\n"),
                           ("shadow", "{u}:*:19000:0:99999:7:::\n")):
            kept = [l for l in self.get(f"/etc/{name}").splitlines(True)
                    if l.partition(":")[0] not in (*ACCOUNTS, "openclaw-failover")]
            text = "".join(kept) + "".join(line.format(u=u, n=n) for u, n in ACCOUNTS.items())
            self.put(f"/etc/{name}", text, mode=0o640 if name == "shadow" else 0o644)
        for user in ACCOUNTS:
            self.mkdir(f"/home/{user}", mode=0o700, user=user)

    # Files. They work on a host that is off too, but for what is on its own tmpfs: /run, /tmp, /dev.

    def path(self, path):
        """Where this machine finds the host's PATH. Beware of absolute symbolic links on the way."""
        base = f"/proc/{self._pid}/root" if self.is_up() else f"/proc/{self.lab.init}/root{self.root}"
        return pathlib.Path(base + str(path))

    def put(self, path, content, mode=0o644, user="root"):
        """Replaces a file, atomically, with its directories."""
        target = self.path(path)
        if not target.parent.is_dir():
            self.mkdir(str(pathlib.PurePath(path).parent), user=user)
        new = target.with_name(f".{target.name}.lab")
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        new.chmod(mode)
        os.chown(new, *self._ids(user))
        new.rename(target)

    def get(self, path):
        return self.path(path).read_text()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def mkdir(self, path, mode=0o755, user="root"):
        target = self.path(path)
        missing = [target, *target.parents][::-1]
        for directory in [d for d in missing if not d.is_dir()]:
            directory.mkdir()
            directory.chmod(mode)
            os.chown(directory, *self._ids(user))

    def symlink(self, to, path):
        self.mkdir(str(pathlib.PurePath(path).parent))
        self.path(path).unlink(missing_ok=True)
        self.path(path).symlink_to(to)

    def remove(self, path):
        target = self.path(path)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def _ids(self, user):
        if user == "root":
            return 0, 0
        for line in self.get("/etc/passwd").splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2]), int(fields[3])
        raise LabError(f"{self.name} has no user {user}")

    # Power.

    def is_up(self):
        return self._pid is not None and os.path.exists(f"/proc/{self._pid}/root/etc")

    @property
    def pid(self):
        """PID 1 of the host, as numbered outside."""
        if not self.is_up():
            raise LabError(f"{self.name} is off")
        return self._pid

    @property
    def _cgroup(self):
        return self.lab.cgroup / self.name

    def boot(self, wait=True):
        """Returns when the host is up, or with wait=False when its PID 1 runs."""
        if self._nspawn and self._nspawn.poll() is None:
            raise LabError(f"{self.name} is on already")
        self._cgroup.mkdir(exist_ok=True)
        # nspawn 252 forbids Landlock by default; a real machine has it.
        landlock = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
                  f"--system-call-filter={landlock}", f"--directory={self.root}", f"--machine={self.name}",
                  "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                  f"--network-namespace-path=/run/netns/{self.name}", *self.nspawn_words, "--boot"]
        self._nspawn = subprocess.Popen(self._joining(self._cgroup) + self.lab.enter() + nspawn,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._await_init()
        if wait:
            self._await_boot()

    @staticmethod
    def _joining(cgroup):
        """Words that run the words after them in CGROUP. It is joined from outside, before any namespace is entered,
        since a cgroup namespace with nsdelegate cannot be entered from within (cgroups(7))."""
        return ["sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec "$@"', str(cgroup)]

    def _await_init(self):
        def init():
            if self._nspawn.poll() is not None:
                raise LabError(f"{self.name} did not boot: {self._nspawn.stderr.read().decode(errors='replace')}")
            for nspawn in children(self._nspawn.pid):
                for child in children(nspawn):
                    with contextlib.suppress(OSError):
                        status = pathlib.Path(f"/proc/{child}/status").read_text()
                        ids = re.search(r"^NSpid:\s(.*)", status, re.M).group(1).split()
                        if ids[-1] == "1" and "\nName:\tsystemd\n" in "\n" + status:
                            return child
            return None

        self._pid = wait_for(init, 30, f"{self.name}'s systemd starts", every=0.01)

    def _await_boot(self):
        def booted():
            done = self.run("systemctl is-system-running --wait", check=False, timeout=90)
            return done.stdout.strip() in ("running", "degraded")

        wait_for(booted, 90, f"{self.name} is up", every=0.02)

    def _await_end(self, timeout=60):
        try:
            self._nspawn.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} does not go off") from None
        self.forget()

    def forget(self):
        """What belongs to it has ended, or is about to."""
        self._pid = None
        ended = [*self._popens, *([self._nspawn] if self._nspawn else [])]
        self._nspawn = None
        for popen in ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(5)
        self._popens.clear()

    def power_cut(self):
        """As if the plug were pulled: every process is gone at once. What was written stays (page cache included)."""
        os.kill(self.pid, signal.SIGKILL)
        self._await_end()

    def poweroff(self):
        self.run("systemctl --no-block poweroff")
        self._await_end(timeout=400)

    def reboot(self, wait=True):
        """A clean reboot."""
        self.run("systemctl --no-block reboot", check=False)  # systemd may be gone before it has answered
        self._await_end(timeout=400)
        self.boot(wait)

    def pause(self):
        """Freezes every process. The kernel goes on answering for them: a connect still succeeds."""
        self._freeze("1")

    def resume(self):
        self._freeze("0")

    def _freeze(self, value):
        payload = self._cgroup / "payload"
        (payload / "cgroup.freeze").write_text(value)
        wait_for(lambda: f"frozen {value}" in (payload / "cgroup.events").read_text(), 10, "freezing")

    # Commands.

    def _enter(self, user, env):
        cgroup = self._cgroup / "payload/lab"
        cgroup.mkdir(exist_ok=True)
        words = self._joining(cgroup) + [
            "nsenter", "-t", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
            "--root", "--"]
        home = "/root" if user == "root" else f"/home/{user}"
        if user != "root":
            uid, gid = self._ids(user)
            words += ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups"]
            if not self.path(home).is_dir():
                home = "/"
        variables = {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "LANG": "C.UTF-8",
                     "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
        return words + ["env", "-i", f"--chdir={home}", *(f"{k}={v}" for k, v in variables.items())]

    def run(self, command, user="root", check=True, env=None, input=None, timeout=60):
        """Runs COMMAND in the host, in USER's home, and returns a subprocess.CompletedProcess with text."""
        done = run_entered(self._enter(user, env) + argv_of(command), timeout, input)
        return checked(done, [f"{self.name}:", *argv_of(command)]) if check else done

    def popen(self, command, user="root", env=None, **kwargs):
        """A process in the host, as subprocess.Popen; killed at the next reset()."""
        kwargs = {"stdin": subprocess.DEVNULL, "text": True, **kwargs}
        popen = Entered(self._enter(user, env) + argv_of(command), **kwargs)
        self._popens.append(popen)
        return popen

    def out(self, command, **kwargs):
        """What COMMAND prints, without the last newline."""
        return self.run(command, **kwargs).stdout.rstrip("\n")

    def systemctl(self, *words, check=True, timeout=120):
        return self.run(["systemctl", "--no-pager", *words], check=check, timeout=timeout)

    def unit(self, unit):
        """All properties of a unit, as `systemctl show` has them."""
        lines = self.out(["systemctl", "show", unit]).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def state(self, unit):
        """active, inactive, failed, activating, deactivating, reloading"""
        return self.run(["systemctl", "is-active", unit], check=False).stdout.strip()

    def is_active(self, unit):
        return self.state(unit) == "active"

    def wait_for(self, predicate, deadline=30.0, what=None, every=0.05):
        return wait_for(predicate, deadline, f"{self.name}: {what or predicate}", every)

    def wait_state(self, unit, *states, deadline=30.0):
        self.wait_for(lambda: self.state(unit) in states, deadline, f"{unit} is {' or '.join(states)}")

    # The journal.

    def cursor(self):
        """The journal's end, now."""
        out = self.out("journalctl --sync; journalctl -q -n 1 --show-cursor -o cat")
        return out.rpartition("-- cursor: ")[2] or None

    def mark(self):
        """From now on journal() and wait_journal() look at what comes after this."""
        self._cursor = self.cursor()

    def journal(self, unit=None, since=None, *matches, sync=True):
        """Entries since the last mark(), or the cursor SINCE: a list of dicts (systemd.journal-fields(7)). With SYNC, all that was
        sent until now are there."""
        words = ["journalctl", "-q", "-o", "json", "--all"]
        since = since or self._cursor
        words += [f"--after-cursor={since}"] if since else []
        before = "journalctl --sync; " if sync else ""
        entries = [json.loads(line) for line in self.out(before + shlex.join([*words, *matches])).splitlines()]
        # Not journalctl's own -u: of several journal files, --after-cursor with a match loses the first entry (252).
        return [e for e in entries if not unit or unit in (e.get("_SYSTEMD_UNIT"), e.get("UNIT"))]

    def messages(self, unit=None, since=None):
        return [entry["MESSAGE"] for entry in self.journal(unit, since) if isinstance(entry.get("MESSAGE"), str)]

    def _journal_headers(self):
        """Another whenever an entry was written: the header of each journal file counts them. To look costs nothing, unlike
        journalctl."""
        found = []
        for kind in ("var", "run"):
            for path in self.path(f"/{kind}/log/journal").glob("*/*.journal"):
                with contextlib.suppress(OSError), open(path, "rb") as file:
                    found.append((str(path), file.read(256)))
        return sorted(found)

    def wait_entries(self, find, unit=None, deadline=30.0, since=None):
        """Calls FIND with journal(unit, since) whenever there is more of it, until its result is true; returns that."""
        seen = []

        def look():
            headers = self._journal_headers()
            if headers and seen == headers:
                return None
            seen[:] = headers
            return find(self.journal(unit, since, sync=False))

        return wait_for(look, deadline)

    def wait_journal(self, pattern, unit=None, deadline=30.0, since=None):
        """Waits for a message that PATTERN (a regular expression) matches, and returns its entry."""
        found = []

        def find(entries):
            found[:] = [entry for entry in entries if isinstance(entry.get("MESSAGE"), str)]
            return next((entry for entry in found if re.search(pattern, entry["MESSAGE"])), None)

        try:
            return self.wait_entries(find, unit, deadline, since)
        except AssertionError:
            tail = "\n".join(entry["MESSAGE"] for entry in found[-30:])
            raise AssertionError(f"{self.name}: no message like {pattern!r} within {deadline} s; last:\n{tail}") from None

    # Faults. What comes in is stopped in the host, what goes out on the bridge's side of its links: dropped on the way
    # out of the host itself it would not be lost in silence, the sender would get EPERM.

    def _nft_in(self, rule):
        self.lab.outside.run(["nsenter", f"--net=/run/netns/{self.name}", "nft", "table inet fault { chain in { type "
                              f"filter hook input priority -300; }}; }}; add rule inet fault in {rule}"])

    def _drop_out(self, match):
        for dev in (f"{link}{self.number}" for link in self.links.values()):
            self.lab.outside.run(["nft", f"table netdev {self.name} {{ chain {dev} {{ type filter hook ingress device "
                                  f"{dev} priority 0; }}; }}; add rule netdev {self.name} {dev} {match} drop"])

    def drop(self, peer=None, port=None):
        """Every packet vanishes, but for loopback; or those from and to the address PEER, or this host's TCP PORT."""
        tcp = [f"tcp {side} {port}" if port else "" for side in ("dport", "sport")]
        ip = [f"ip {side} {peer}" if peer else "" for side in ("saddr", "daddr")]
        self._nft_in(f'iifname != "lo" {ip[0]} {tcp[0]} drop')
        self._drop_out(f"meta protocol {{ ip, ip6 }} {ip[1]} {tcp[1]}")

    def drop_outgoing(self, peer=None, port=None):
        """What this host sends to the address PEER, to the remote TCP or UDP PORT, or anywhere, vanishes."""
        words = f"ip daddr {peer} " if peer else ""
        words += f"meta l4proto {{ tcp, udp }} th dport {port}" if port else ""
        self._drop_out(f"meta protocol {{ ip, ip6 }} {words}")

    def reject(self, how="icmpx port-unreachable", peer=None, port=None):
        """Refuses what comes in (from PEER; to PORT). HOW: "tcp reset", "icmpx host-unreachable", "icmpx no-route",
        "icmpx admin-prohibited", "icmp net-unreachable" … (nft(8), reject statement). Of IPv6 only TCP: without neighbour
        discovery nothing would come in that could be refused."""
        words = f"ip saddr {peer} " if peer else ""
        words += f"tcp dport {port} " if port else "meta l4proto tcp " if how.startswith(("tcp", "icmpv6")) else ""
        self._nft_in(f'iifname != "lo" {words} reject with {how}')

    def link_down(self, dev=None, admin=False):
        """No carrier on tailscale0 or eth0 (default: both); with admin=True the interface itself is set down, which
        takes its routes as well."""
        for name, far in self.links.items():
            if dev in (None, name):
                self.lab.sh(f"ip -n {self.name} link set {name} down" if admin else f"ip link set {far}{self.number} down")

    def tailnet_down(self):
        """tailscaled has stopped: its interface is there, its addresses are not."""
        self.lab.sh(f"ip -n {self.name} address flush dev tailscale0")

    def heal(self):
        """Undoes every network fault."""
        self.lab.sh("""nsenter --net=/run/netns/$1 nft "table inet fault; delete table inet fault"
            nft "table netdev $1; delete table netdev $1" """, self.name)
        self._configure_links()

    def resolver(self, address):
        """Names are asked of ADDRESS from now on, until reset(); None: of none. For a silent name server, name
        lab.outside.address and drop_outgoing(port=53)."""
        self.put("/etc/resolv.conf", f"nameserver {address}\n" if address else "")

    # Reset.

    SNAPSHOT = "etc home root"

    def snapshot(self):
        """What reset() returns to."""
        self.lab.sh('for d in $2; do mkdir -p $1/pristine/$d; rsync -a --delete $1/root/$d/ $1/pristine/$d/; done',
                    self.dir, self.SNAPSHOT)
        self._written = self._list_written()

    def _list_written(self):
        """The paths below SNAPSHOT that differ from this machine's, and what shows that one was touched."""
        upper, found = self.lab.root / self.dir[1:] / "upper", {}
        for top in self.SNAPSHOT.split():
            for directory, dirs, files in os.walk(upper / top):
                for path in [directory, *(os.path.join(directory, f) for f in files)]:
                    s = os.lstat(path)
                    hides = stat.S_ISCHR(s.st_mode) or stat.S_ISDIR(s.st_mode) and "trusted.overlay.opaque" in os.listxattr(path)
                    found[os.path.relpath(path, upper)] = (hides, s.st_ino, s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_ctime_ns)
        return found

    def _restore(self):
        """Puts back what snapshot() found; what rsync says of it. Of a few files only these are looked at."""
        before, now = self._written, self._list_written()
        touched = sorted(p for p in before.keys() | now.keys() if before.get(p) != now.get(p))
        pristine = self.lab.root / self.dir[1:] / "pristine"
        # What hides a whole directory of this machine's does not say what was in it.
        hides = any((now.get(p) or before[p])[0] != (before.get(p) or (False,))[0] for p in touched)
        if hides or not all(p.isascii() and p.isprintable() for p in touched):
            changed = self.lab.sh('for d in $2; do rsync -ai --modify-window=-1 --delete $1/pristine/$d/ $1/root/$d/; done',
                                  self.dir, self.SNAPSHOT).stdout
        elif touched:
            new = [p for p in touched if not os.path.lexists(pristine / p)]
            changed = "\n".join(new) + self.lab.sh("""
                dir=$1; shift; cd $dir/root; rm -rf -- "$@"
                rsync -ai --modify-window=-1 --force --files-from=- $dir/pristine/ $dir/root/
                """, self.dir, *new, input="".join(f"{p}\n" for p in touched if p not in new)).stdout
        else:
            return ""
        self._written = self._list_written()
        return changed

    def reset(self):
        """A running host, as snapshot() found it, with healthy links, no failover state and no stray process."""
        self.heal()
        if not self.is_up():
            if self._nspawn:
                self._await_end()
            self.boot()
        self.resume()
        units = self.run("""
            systemctl --no-block stop 'openclaw*'
            systemctl kill -s KILL 'openclaw*.service' 2>/dev/null
            systemctl stop 'openclaw*'
            users=$(getent passwd openclaw openclaw-failover alice | cut -d : -f 3 | tr '\n' ,)
            pkill -KILL -u ${users%,}
            systemctl reset-failed
            rm -rf /run/openclaw-failover* /var/lib/openclaw-failover* /run/gateway.mode
            ls -A /run/systemd/system /run/systemd/system.control | grep -v :
            rm -rf /run/systemd/system/* /run/systemd/system.control/*
            """, check=False, timeout=120).stdout.strip()
        for popen in self._popens:
            popen.kill()
            popen.wait()
        self._popens.clear()
        changed = self._restore()
        if "polkit-1" in changed:  # and be it a directory's time, on a bare host that has no polkit
            self.systemctl("try-restart", "polkit.service", check=False)
        if units or "systemd/" in changed:
            self.systemctl("daemon-reload")
        self.mark()


class Gateway:
    """The gateway of a host: openclaw.service, running tests/lab/gateway.c."""

    unit = "openclaw.service"

    def __init__(self, host):
        self.host = host

    def mode(self, words="normal"):
        """What it does (gateway.c), now and until the host reboots or is reset; see there for the words."""
        self.host.put("/run/gateway.mode", words + "\n")

    def start(self, wait=True):
        self.host.systemctl("start", self.unit)
        if wait:
            self.host.wait_for(self.answers, 30, "the gateway answers")

    def stop(self):
        self.host.systemctl("stop", self.unit, timeout=400)

    def kill(self):
        """SIGKILL, and systemd does not start it again."""
        self.host.systemctl("--no-block", "stop", self.unit)
        self.host.systemctl("kill", "--signal=KILL", self.unit, check=False)
        self.host.wait_state(self.unit, "inactive", "failed")

    def answers(self):
        """True if it answers as OpenClaw does."""
        done = self.host.run(["curl", "-s", "-m", "2", f"http://127.0.0.1:{GATEWAY_PORT}/health"], check=False)
        return '"ok":true' in done.stdout

    @property
    def pid(self):
        """The main process, as numbered in the host; 0: none."""
        return int(self.host.unit(self.unit).get("MainPID", 0))
