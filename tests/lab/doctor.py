"""`doctor` on a real standby: each finding is provoked, found, fixed by the very commands that doctor printed, and then
gone.

A scenario is a function that breaks one thing; its decorator says which line must be red, and a word of it. Where the
command is no remedy by itself (an editor, apt-get, a login in a browser), a stand-in for that program does what the
person would do with it."""

import collections
import contextlib
import dataclasses
import re

import pytest
from lab import HOME, USER, Pair, wait_for

DOCTOR = ["openclaw-failover", "doctor"]
LINE = re.compile(r"^(?:✓ ok  |✗ FAIL|! warn|· off |\? skip)  (.{18}) (.*)$")
WORDS = {"✓": "ok", "✗": "FAIL", "!": "warn", "·": "off", "?": "skip"}


@dataclasses.dataclass
class Line:
    kind: str
    title: str
    text: str
    commands: list


class Report:
    def __init__(self, done):
        self.status, self.text = done.returncode, done.stdout
        self.lines = {}
        assert done.stderr == ""
        for row in done.stdout.splitlines():
            match = LINE.match(row)
            if match:
                last = Line(WORDS[row[0]], match[1].rstrip(), match[2], [])
                self.lines[last.title] = last
            elif row.startswith(" " * 17 + "$ "):
                last.commands.append(row[19:])

    def of(self, *kinds):
        return [line.title for line in self.lines.values() if line.kind in kinds]

    def __str__(self):
        return f"exit status {self.status}\n{self.text}"


# What doctor warns of on every host of the lab: no alert, no drill yet, and a key that is not restricted.
USUAL = {"alert", "failover time", "secrets"}


def is_well(report):
    return report.status == 0 and set(report.of("warn")) <= USUAL


def shows(report, title, words):
    return title in report.of("FAIL", "warn") and words in report.lines[title].text


def doctor(host, user="root", **env):
    return Report(host.run(DOCTOR, user=user, check=False, env=env))


def answer_ssh(host, command):
    """Types ssh's line and answers its question; does what ssh says of a key that has changed."""
    host.put("/usr/local/bin/yes-to-ssh", "#!/bin/sh\necho yes\n", mode=0o755)
    env = {"SSH_ASKPASS": "/usr/local/bin/yes-to-ssh", "SSH_ASKPASS_REQUIRE": "force"}
    command = command.replace("sudo ", "sudo --preserve-env=SSH_ASKPASS,SSH_ASKPASS_REQUIRE ", 1)
    said = host.run(command, env=env, check=False).stderr
    for remedy in re.findall(r"^ *(ssh-keygen -f .*)", said, re.M):
        host.run(remedy, user=USER)
        host.run(command, env=env)


def fix(pair, line):
    """Carries out what doctor said, where it said."""
    for command in line.commands:
        command, _, where = command.partition(" # ")
        there = where.startswith(("on the primary", "at 100.64.0.1", f"at {USER}@100.64.0.1"))
        host = pair.primary if there else pair.standby
        user = USER if where.endswith(("as user openclaw", "as that user")) else "root"
        if " ssh " in command or " fetch origin" in command:
            answer_ssh(host, command)
        else:
            host.run(command, user=user, env={"EDITOR": "/root/editor"}, timeout=120)


do_fix = fix


def await_report(pair, condition, what):
    """polkit reads its rules, and a daemon its primary, in their own time."""
    last = []

    def look():
        last[:] = [doctor(pair.standby)]
        return condition(last[0])

    try:
        wait_for(look, 20, what, every=0.2)
    except AssertionError:
        raise AssertionError(f"{what}:\n{last[0]}") from None
    return last[0]


@pytest.fixture
def well(pair):
    """A standby without a fault, whose first sync is over."""
    pair.standby.mkdir(f"{HOME}/.secrets", mode=0o700, user=USER)
    pair.standby.systemctl("enable", "--now", Pair.UNIT)
    pair.wait_status("^Standby[^:]*: the primary is up")
    pair.standby.wait_journal("^Finished ", Pair.SYNC)
    return pair


SCENARIOS = collections.defaultdict(list)  # by the test file that has them


def finds(title, words, rounds=1, fix=fix):
    """A scenario: FUNCTION(pair, later) breaks something; LATER is an ExitStack for what reset() does not put right.
    ROUNDS: how often doctor is obeyed before all is well, where one fault hides another."""
    def add(function):
        SCENARIOS[function.__module__].append(pytest.param(function, title, words, rounds, fix, id=function.__name__))
        return function
    return add


def with_heal(pair, line):
    """What the command shows, a person fixes elsewhere."""
    for command in line.commands:
        pair.standby.run(["timeout", "3", "bash", "-c", command], check=False)
    for host in (pair.primary, pair.standby):
        host.heal()


def drop_in(host, unit, lines, name="aa-test"):
    host.put(f"/etc/systemd/system/{unit}.d/{name}.conf", lines)
    host.systemctl("daemon-reload")


def stand_in(pair, later, name, script):
    """A program of this NAME, found before any other."""
    pair.standby.put(f"/usr/local/sbin/{name}", "#!/bin/sh\n" + script, mode=0o755)
    later.callback(pair.standby.remove, f"/usr/local/sbin/{name}")


def in_words(fix):
    """Marks what doctor says in words, since only the person knows more: no command of its own."""
    fix.in_words = True
    return fix


def find_and_fix(well, provoke, title, words, rounds, fix):
    """One scenario, from the fault to the end of it."""
    with contextlib.ExitStack() as later:
        provoke(well, later)
        report = await_report(well, lambda report: shows(report, title, words), f"{title} is red: {words}")
        assert report.lines[title].commands or hasattr(fix, "in_words"), f"no command fixes it\n{report}"
        assert report.status == (1 if report.of("FAIL") else 0), str(report)
        for _ in range(rounds):
            for found in report.of("FAIL", "warn"):
                if found == title or found not in USUAL:
                    fix(well, report.lines[found])
            report = doctor(well.standby)
            if "in force" in report.of("FAIL"):  # of whatever changed the ini
                do_fix(well, report.lines["in force"])
                report = doctor(well.standby)

        def ended(report):
            return is_well(report) and not shows(report, title, words)
        if not ended(report):
            await_report(well, ended, "all is well again")
