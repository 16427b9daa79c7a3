"""What every part of the lab uses: where things are, waiting, processes in other namespaces. See lab.py."""

import contextlib
import fcntl
import os
import pathlib
import shlex
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LAB_BUILD", SOURCE / "build")).resolve()
LOWER = os.environ.get("LAB_ROOT", "/")
USER = "openclaw"
HOME = "/home/openclaw"
GATEWAY_PORT = 18789
OUTSIDE = "192.0.2.254"


class LabError(Exception):
    """The lab itself is broken: not a finding about the program under test."""


class CommandError(AssertionError):
    """A command that was expected to succeed did not."""


def wait_for(predicate, deadline=30.0, what=None, every=0.05):
    """Calls PREDICATE until its result is true, and returns that. Fails after DEADLINE seconds. Where a look takes long, the
    machine has better to do than to look again at once."""
    end = time.monotonic() + deadline
    while True:
        begun = time.monotonic()
        result = predicate()
        now = time.monotonic()
        if result:
            return result
        if now > end:
            raise AssertionError(f"not within {deadline} s: {what or getattr(predicate, '__doc__', None) or predicate}")
        time.sleep(max(every, now - begun))


def children(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


class Entered(subprocess.Popen):
    """A program started by nsenter --pid, which waits for it: signals are for the program. Were nsenter killed, the
    program would live on, and another process would have to wait for it."""

    def send_signal(self, number):
        if self.poll() is not None:
            return  # its number may be another's by now
        inner = children(self.pid)
        if not inner:
            super().send_signal(number)
        for child in inner:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)


def run_entered(argv, timeout, input=None, **kwargs):
    """subprocess.run() for Entered, with text in and out."""
    stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
    with Entered(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                 **kwargs) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def checked(completed, argv):
    if completed.returncode != 0:
        text = "\n".join(t.strip() for t in (completed.stdout, completed.stderr) if t and t.strip())
        raise CommandError(f"{shlex.join(map(str, argv))}: exit status {completed.returncode}\n{text}")
    return completed


def argv_of(command):
    return ["bash", "-c", command] if isinstance(command, str) else [str(word) for word in command]


def make(enter, *words):
    """Runs make in the source tree, alone: several test processes share one build directory."""
    BUILD.mkdir(exist_ok=True)
    argv = [*enter, "make", "-s", "-C", str(SOURCE), f"BUILD={os.path.relpath(BUILD, SOURCE)}", *words]
    with open(BUILD / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        checked(subprocess.run(argv, capture_output=True, text=True, timeout=600), argv)
