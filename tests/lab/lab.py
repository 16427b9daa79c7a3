"""Throwaway hosts with a real systemd, for the system tests and the demo.

A Lab is a private set of kernel namespaces. In it, Hosts boot in about a second: the root file system is an overlay
of this machine's / (or of $LAB_ROOT, another Debian root), its upper layer lives on a tmpfs, and systemd-nspawn
starts systemd as PID 1 with journald, D-Bus, polkit and sshd. Nothing is mocked but OpenClaw (tests/lab/gateway.c).

    lab = Lab()
    host = lab.host("alone", 7)                  # 100.64.0.7 on tailscale0, 192.0.2.7 on eth0
    host.boot()
    host.run("systemctl is-system-running")      # a shell line as root; a list is run without a shell
    host.run(["git", "fetch"], user="openclaw", check=False).returncode
    lab.close()

A Pair is what most tests want: a primary (100.64.0.1) with its gateway, a bare git repository and secrets behind sshd,
and a standby (100.64.0.2) with openclaw-failover installed by `make install`, a clone and an ini. Tests get it from the
fixture `pair` (conftest.py), clean, with the daemon stopped:

    def test_takeover(pair):
        pair.configure(primary={"fail_threshold": 2})     # only what differs from Pair.INI
        pair.start()                                      # and wait until it has seen the primary up
        pair.primary.gateway.kill()
        pair.wait_promoted()
        assert pair.standby.gateway.answers()
        pair.primary.gateway.start()
        pair.wait_standby()

Host
    run, popen, put, get, exists, path, systemctl, unit, is_active, wait_for
    mark, journal, wait_journal       the journal since the last mark (each reset() marks)
    boot, reboot, poweroff, power_cut the upper layer survives them all; /run does not
    pause, resume                     freezes every process (the kernel still accepts connections for them)
    drop, drop_outgoing, reject, link_down, tailnet_down, resolver   network faults; heal() undoes them
    gateway                           .mode("hang"), .start(), .stop(), .kill(), .answers(); the words: gateway.c
Lab
    host, outside (run and popen in the network outside the hosts, 192.0.2.254: witness, alert receiver, name server)

Time: wait for a condition with a deadline (wait_for, wait_journal); never sleep and hope.

Cleaning up. All of a lab's processes are in one PID namespace, all of its mounts in one mount namespace, all of its
devices in network namespaces that only that mount namespace names. The namespace's first process reads from a pipe that
only the test process can write to. When that closes, be it by SIGKILL, the first process ends and the kernel takes down
everything else. An outer shell then removes the lab's cgroups, the only thing that would be left.

Environment: LAB_ROOT (default /), LAB_BUILD (directory of the programs, default build/), LAB_KEEP=1 (on a failing
test, wait for Enter before cleaning up, and say how to get in).
"""

from basics import (BUILD, GATEWAY_PORT, HOME, LOWER, OUTSIDE, SOURCE, USER, CommandError, Entered, LabError,  # noqa: F401
                    make, wait_for)
from host import Gateway, Host  # noqa: F401
from namespaces import Lab, Outside  # noqa: F401
from pair import Pair, install  # noqa: F401
