"""The parts of the README that programs make: what stands between two marks is replaced."""

import ast
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
README = SOURCE / "README.md"

# The system tests with faults for the README's table, in its order: the primary's, the standby's own, the ways between them,
# a third node's.
FAULTS = [SOURCE / f"tests/system/test_{name}.py" for name in ("failover", "unit", "restart", "sync", "cutoff", "third")]


def split(target):
    """What the README has before, between and after the marks of what `make TARGET` makes."""
    begin, end = f"<!-- {target}: made by `make {target}` -->\n", f"<!-- end of {target} -->\n"
    before, found, rest = README.read_text().partition(begin)
    made, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"{README} has no place for it: {begin.strip()} … {end.strip()}")
    return before + begin, made, end + after


def replace(target, text):
    """Puts TEXT where the README has what `make TARGET` makes."""
    before, _, after = split(target)
    README.write_text(before + text + after)


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
