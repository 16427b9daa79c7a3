"""The assistant's skill, against what it reads."""

import re

from test_manual import SOURCE, page

SKILL = (SOURCE / "etc/skill/SKILL.md").read_text()


def test_it_has_what_openclaw_wants_of_a_skill():
    front = dict(line.split(": ", 1) for line in re.match(r"---\n(.*?)\n---\n", SKILL, re.S)[1].splitlines())
    assert front["name"] == "openclaw-failover"
    assert len(front["description"]) < 160


def test_every_key_that_it_reads_is_printed():
    """Those of the table, against the manual, which a unit test compares with the program."""
    table = re.search(r"^\| question .*?\n\n", SKILL, re.M | re.S)[0]
    asked = set(re.findall(r"`([a-z_]+)`", table)) - {"standby", "starting", "promoted", "demoting", "auto", "well", "degraded", "unreachable"}
    manual = page("org.openclaw.Failover1.5")
    printed = set(re.findall(r"^\.It Va \S+ Pq . , Cm (\S+)$", manual, re.M))
    printed |= {part for key in printed for part in key.split(".")}
    printed |= set(re.findall(r"^\.Cm (\w+)", manual[manual.index(".Sh JSON"):manual.index(".Sh ALERT FORMAT")], re.M))
    assert asked <= printed, asked - printed


def test_it_only_looks():
    """Its commands, those in code blocks."""
    commands = [line.split("#")[0].strip() for block in re.findall(r"```bash\n(.*?)```", SKILL, re.S) for line in block.splitlines()]
    assert commands == ["openclaw-failover status --json", "git branch --all --list '*failover/*'", "git log --oneline HEAD..BRANCH"]
