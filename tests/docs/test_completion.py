"""What bash offers behind the Tab key."""

import shlex
import subprocess

import pytest

from test_manual import SOURCE, help_commands

COMPLETION = SOURCE / "src/cli/openclaw-failover.bash"


def complete(tmp_path, line):
    """What is offered at the end of LINE, split into words as readline does it ('=' is a word)."""
    file = tmp_path / "completion"
    file.write_text(COMPLETION.read_text().replace("@SYSCONFDIR@", str(tmp_path)))
    words = shlex.split(line.replace("=", " = ")) + ([""] if line.endswith((" ", "=")) else [])
    script = f"""set -u; source {file}
        COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}
        $(complete -p openclaw-failover | sed 's/.*-F \\([^ ]*\\).*/\\1/') && printf '%s\\n' "${{COMPREPLY[@]}}" """
    # Not `$(…)`, which would set COMPREPLY in a subshell: the function's name alone comes from it.
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_every_command_is_offered(tmp_path):
    assert complete(tmp_path, "openclaw-failover ") == {*help_commands(), "--instance", "--help", "--version"}


def test_every_option_of_a_command_is_offered(tmp_path):
    for command, takes in help_commands().items():
        options = {word for word in takes.strip("[]").replace("] [", " ").split() if word.startswith("-")}
        offered = complete(tmp_path, f"openclaw-failover {command} ")
        assert {word for word in offered if word.startswith("-")} == options, command


@pytest.mark.parametrize("line, offered", [
    ("openclaw-failover pro", {"promote"}),
    ("openclaw-failover pause 1", {"10m", "1h"}),
    ("openclaw-failover history --since y", {"yesterday"}),
    ("openclaw-failover history --since=to", {"today"}),
    ("openclaw-failover history --since 7d --j", {"--json"}),
    ("openclaw-failover promote ", set()),
    ("openclaw-failover nonsense ", set()),
    ("openclaw-failover -i ", {"web", "mail"}),
    ("openclaw-failover --instance=w", {"web"}),
    ("openclaw-failover --instance=", {"web", "mail"}),
    ("openclaw-failover -i web res", {"resume"}),
    ("openclaw-failover --instance web status --w", {"--watch"}),
])
def test_offered(tmp_path, line, offered):
    (tmp_path / "openclaw-failover").mkdir()
    for name in ("web.ini", "mail.ini", "web.alert-url"):
        (tmp_path / "openclaw-failover" / name).touch()
    assert complete(tmp_path, line) == offered


def test_no_instances(tmp_path):
    assert complete(tmp_path, "openclaw-failover -i ") == set()
