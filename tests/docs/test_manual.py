"""What is written about the program, against the program: no host, no root."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("LAB_BUILD", SOURCE / "build")) / "openclaw-failover"
PAGES = ("openclaw-failover.8", "openclaw-failover.ini.5", "openclaw-failover-guide.7", "org.openclaw.Failover1.5")


def page(name):
    return (SOURCE / "src/man" / name).read_text()


def part(text, head, end):
    """The lines between the line HEAD and the next one that begins with END."""
    return re.search(rf"^{re.escape(head)}\n(.*?)^{re.escape(end)}", text, re.M | re.S)[1]


def plain(words):
    """What an mdoc item line says: "status [--json] [--watch]"."""
    says = re.sub(r"\b(Oo|Op|Oc|Fl|Ar|Cm)\b", lambda m: f"<{m[1]}>", words)
    says = re.sub(r"<Op> (.*)", r"<Oo> \1 <Oc>", says)
    says = says.replace("<Fl> ", "-")
    return re.sub(r"<Oo> ", "[", re.sub(r" <Oc>", "]", re.sub(r"<(Ar|Cm)> ", "", says)))


def help_commands():
    """{"status": "[--json] [--watch]"} as --help has it, and with it what the commands are for."""
    text = subprocess.run([PROGRAM, "--help"], check=True, capture_output=True, text=True).stdout
    lines = part(text, "Commands:", "Options:").splitlines()
    found = (re.match(r"  (\S+)((?: \[[^]]*\])*)  *\S", line) for line in lines if line.strip())
    return {match[1]: match[2].strip() for match in found}


def test_every_command_is_in_the_manual():
    items = re.findall(r"^\.It Cm (.*)$", part(page(PAGES[0]), ".Ss Commands", ".Ss Modes"), re.M)
    manual = dict((plain(item) + " ").split(" ", 1) for item in items)
    assert {command: options.strip() for command, options in manual.items()} == help_commands()


def test_every_option_is_in_the_manual():
    text = subprocess.run([PROGRAM, "--help"], check=True, capture_output=True, text=True).stdout
    assert {"instance", "help", "version"} == set(re.findall(r"--(\w+)  *(?:NAME)?  ", part(text + "Manual", "Options:", "Manual")))
    for option in ("instance", "help", "version"):
        assert re.search(rf"^\.It Fl .*-{option}\b", page(PAGES[0]), re.M), option


@pytest.mark.parametrize("name", PAGES)
def test_manual_has_no_fault(name):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", SOURCE / "src/man" / name], capture_output=True, text=True)
    # Which pages are installed says nothing of these, and lines may be as long as in the sources.
    known = ("STYLE: referenced manual not found: Xr ", "STYLE: input text line longer than 80 bytes: ")
    assert [line for line in done.stdout.splitlines() if not any(words in line for words in known)] == []


@pytest.mark.parametrize("name", PAGES)
def test_what_refers_to_the_manual_finds_it(name):
    """A page that a unit, a header or another page names is one that there is, in the section that is named."""
    known = {f"{base}({section})" for base, _, section in (p.rpartition(".") for p in PAGES)}
    places = ("src/**/*.c", "src/**/*.h", "include/*.h", "systemd/*", "etc/**/*.*")
    for path in [path for place in places for path in SOURCE.glob(place)]:
        named = set(re.findall(r"(?:openclaw-failover(?:\.ini|-guide)?|org\.openclaw\.Failover1)\([0-9]\)", path.read_text()))
        assert named <= known, path
    for named in re.findall(r"^\.Xr (\S*openclaw\S*) ([0-9])", page(name), re.M):
        assert "{}({})".format(*named) in known
