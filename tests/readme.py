"""The parts of the README that programs make: what stands between two marks is replaced."""

import pathlib
import sys

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def replace(target, text):
    """Puts TEXT where the README has what `make TARGET` makes."""
    begin, end = f"<!-- {target}: made by `make {target}` -->\n", f"<!-- end of {target} -->\n"
    before, found, rest = README.read_text().partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"{README} has no place for it: {begin.strip()} … {end.strip()}")
    README.write_text(before + begin + text + end + after)
