"""The tables that programs make, tests/FAULTS.md and tests/NUMBERS.md: what stands between two marks is replaced."""

import ast
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
FILES = {"faults": SOURCE / "tests/FAULTS.md", "bench": SOURCE / "tests/NUMBERS.md"}

# The system tests with faults for the table, in its order: the primary's, the standby's own, the ways between them,
# a third node's.
FAULTS = [SOURCE / f"tests/system/test_{name}.py" for name in ("failover", "unit", "restart", "sync", "cutoff", "third")]


def split(target):
    """What the file of TARGET has before, between and after the marks of what `make TARGET` makes."""
    begin, end = f"<!-- {target}: made by `make {target}` -->\n", f"<!-- end of {target} -->\n"
    before, found, rest = FILES[target].read_text().partition(begin)
    made, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"{FILES[target]} has no place for it: {begin.strip()} … {end.strip()}")
    return before + begin, made, end + after


def replace(target, text):
    """Puts TEXT where the file of TARGET has what `make TARGET` makes."""
    before, _, after = split(target)
    FILES[target].write_text(before + text + after)


def faults():
    """The names in fault("NAME", …) and fault(TABLE[…], …) of the tests' sources, in their order."""
    names = []
    for path in FAULTS:
        tree = ast.parse(path.read_text())
        tables = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "fault"]
        for call in sorted(calls, key=lambda call: call.lineno):
            name = call.args[0]
            names += ast.literal_eval(tables[name.value.id]).values() if isinstance(name, ast.Subscript) else [name.value]
    return names
