"""The table of faults, against the system tests that it is made from."""

import pathlib
import re

import tables


def test_the_table_has_the_faults_of_the_tests():
    """In their order; `make faults` makes it again."""
    rows = re.findall(r"^\| (.*?) \|", tables.split("faults")[1], re.M)
    assert rows[1:] == tables.faults()


def test_every_file_with_faults_is_read():
    named = {path for path in (tables.SOURCE / "tests/system").glob("test_*.py") if re.search(r"\bfault\(", path.read_text())}
    assert named == set(tables.FAULTS)
