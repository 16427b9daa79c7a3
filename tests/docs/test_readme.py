"""The README, and its translation."""

import re
import subprocess

from test_manual import PROGRAM, SOURCE, help_commands, page

README = (SOURCE / "README.md").read_text()
CHINESE = (SOURCE / "src/man/README.zh-CN.md").read_text()


def blocks(text):
    """What is in code blocks, fenced or indented."""
    fenced = re.findall(r"^```\n(.*?)^```\n", text, re.M | re.S)
    rest = re.sub(r"^```\n.*?^```\n", "", text, flags=re.M | re.S)
    return fenced, [block for block in re.findall(r"(?:^    .*\n)+", rest, re.M)]


def test_the_translation_has_the_same_code_blocks():
    assert blocks(CHINESE) == blocks(README)


def test_the_translation_has_the_same_tables_and_headings():
    rows, headings = r"^\|", r"^##? "
    source = re.search(r"^## The source.*?(?=^## )", README, re.M | re.S)[0] + "## Licence\n"
    assert len(re.findall(rows, CHINESE, re.M)) == len(re.findall(rows, README, re.M)) - len(re.findall(rows, source, re.M))
    assert len(re.findall(headings, CHINESE, re.M)) == len(re.findall(headings, README, re.M)) - 2


def test_it_is_short():
    assert len(README.splitlines()) <= 240


def test_every_link_leads_to_a_file():
    for text, where in ((README, SOURCE), (CHINESE, SOURCE / "src/man")):
        for link in re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", text):
            assert (where / link).exists(), link


def test_every_command_is_one_of_the_program():
    """In the code of README and guide."""
    guide = "\n".join(re.findall(r"^\.Bd.*?\n(.*?)^\.Ed", page("openclaw-failover-guide.7"), re.M | re.S))
    for text in ("\n".join(sum(blocks(README), [])), guide):
        commands = set(re.findall(r"(?<![\w/@-])openclaw-failover (?:-i \w+ )?([a-z]+(?:-[a-z]+)*)\b", text))
        commands -= {"daemon", "failover"}
        assert commands and commands <= set(help_commands()), commands - set(help_commands())


def test_every_key_is_one_of_the_ini():
    """`[section] key` in the README, and its default."""
    keys = {}
    for section in re.split(r"^\.Sh ", page("openclaw-failover.ini.5"), flags=re.M):
        for key, default in re.findall(r"^\.It Cm (\w+)$.*?^Default: ([^\n]*)\.$", section, re.M | re.S):
            keys[section.partition("\n")[0].lower(), key] = default
    rows = re.findall(r"^\| `\[(\w+)\] (\w+)` \| `?([^`|]+)`? \|", README, re.M)
    assert len(rows) == 6
    for section, key, default in rows:
        assert keys[section, key] == default.strip(), key
    for key in re.findall(r"\(`([a-z_]+)`\)", README):
        assert any(key == name for _, name in keys), key
