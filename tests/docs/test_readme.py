"""The README, and its translation."""

import re

from test_manual import SOURCE

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
