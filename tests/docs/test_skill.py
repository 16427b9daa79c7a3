"""The assistant's skill."""

import re

from test_manual import SOURCE

SKILL = (SOURCE / "etc/skill/SKILL.md").read_text()


def test_it_has_what_openclaw_wants_of_a_skill():
    front = dict(line.split(": ", 1) for line in re.match(r"---\n(.*?)\n---\n", SKILL, re.S)[1].splitlines())
    assert front["name"] == "openclaw-failover"
    assert len(front["description"]) < 160


def test_it_only_looks():
    """Its commands, those in code blocks."""
    commands = [line.split("#")[0].strip() for block in re.findall(r"```bash\n(.*?)```", SKILL, re.S) for line in block.splitlines()]
    assert commands == ["openclaw-failover status --json", "git branch --all --list '*failover/*'", "git log --oneline HEAD..BRANCH"]
