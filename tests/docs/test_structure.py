"""The house's rules, held against the tree: which room uses which, how long a file is, and that nothing is left out.

`python3 tests/docs/test_structure.py [TREE [OBJECTS]]` prints what breaks them. Includes are read from the sources; symbols by
nm(1) from the objects, if they are built (`make all`), since a declaration by hand needs no include.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
OBJECTS = pathlib.Path(os.environ.get("LAB_BUILD", SOURCE / "build")).resolve() / "src"

FILE_MAX, FUNCTION_MAX, TEST_MAX, ALL_MAX = 500, 50, 600, 18811

SHARED = {"alert", "probe", "config", "core", "lib", "include"}
# Which rooms a room may use, besides itself. "main" is src/main.c.
MAY_USE = {
    "main": SHARED | {"cli", "daemon", "sync", "doctor"},
    "cli": SHARED,
    "daemon": SHARED,
    "sync": SHARED,
    "doctor": SHARED | {"sync"},
    "alert": {"config", "core", "lib", "include"},
    "probe": {"config", "core", "lib", "include"},
    "config": {"core", "lib", "include"},
    "core": {"include", "lib/util", "lib/text", "lib/json", "lib/backoff"},  # the pure ones
    "lib": set(),
    "include": {"lib/util"},
}
# Who sees a library's header, and its symbols: a room, or a file without its suffix. Parsing a URL is lib/url.h's, inline.
LIBRARIES = {
    "git2": (r"git2(/.*)?\.h", r"git_\w+", {"sync"}),
    "curl": (r"curl/.*\.h", r"curl_(?!url|free$)\w+", {"lib/http", "lib/http_error", "lib/url", "probe", "alert"}),
}

# What core may not ask of the system: it gets the time and what was read, and returns what to do.
IMPURE = re.compile(r"(clock_\w+|time|gettimeofday|\w*sleep|f?open\w*|creat|read\w*|write\w*|fputs|fprintf|printf|puts|socket|connect|"
                    r"accept\d?|bind|listen|send\w*|recv\w*|poll|ppoll|select|epoll_\w+|fork|exec\w*|posix_spawn\w*|system|kill|"
                    r"getenv|secure_getenv|exit|abort|sd_journal_\w+|sd_event_\w+|sd_notify\w*)")


def room(path):
    """The room of src/ROOM/FILE, include/FILE and src/main.c."""
    return "include" if path.parts[0] == "include" else path.parts[1] if len(path.parts) > 2 else "main"


def module(path):
    """A source and its header: "core/role"; "include/status"."""
    return f"{room(path)}/{path.stem}"


def allowed(user, used):
    """Whether module USER may use module USED."""
    mine, its = user.split("/")[0], used.split("/")[0]
    return mine == its or bool(MAY_USE.get(mine, set()) & {its, used})


def sources(tree):
    """Every C file of the program, relative to TREE."""
    found = [*(tree / "src").rglob("*.[ch]"), *(tree / "include").rglob("*.h")]
    return sorted(path.relative_to(tree) for path in found)


def check_rooms(tree):
    for path in sources(tree):
        if room(path) not in MAY_USE or len(path.parts) > 3:
            yield f"{path}: no room of the house"


# Arrows.


def includes(tree):
    """What each file includes, as (file, header, whether it is ours)."""
    for path in sources(tree):
        for mark, header in re.findall(r'^\s*#\s*include\s*(["<])([^">]+)', (tree / path).read_text(), re.M):
            yield path, header, mark == '"'


def header_path(tree, header):
    return next((base / header for base in map(pathlib.Path, ("src", "include")) if (tree / base / header).exists()), None)


def check_includes(tree):
    for path, header, ours in includes(tree):
        used = header_path(tree, header) if ours else None
        if ours and not used:
            yield f'{path}: "{header}" is not below src or include'
        elif ours and not allowed(module(path), module(used)):
            yield f"{path}: includes {used}"
        for name, (pattern, _, users) in LIBRARIES.items():
            if not ours and re.fullmatch(pattern, header) and not {room(path), module(path)} & users:
                yield f"{path}: includes <{header}> of {name}"


def symbols(objects):
    """By module: what its objects define and what they need."""
    paths = sorted(objects.rglob("*.o"))
    if not paths:
        return {}, {}
    done = subprocess.run(["nm", "-A", "-g", *map(str, paths)], check=True, capture_output=True, text=True)
    defined, needed = {}, collections.defaultdict(set)
    for line in done.stdout.splitlines():
        file, _, rest = line.rpartition(":")
        *_, kind, name = rest.split()
        path = pathlib.Path("src") / pathlib.Path(file).relative_to(objects).with_suffix(".c")
        if kind == "U":
            needed[path].add(name)
        elif kind.isupper():
            defined[name] = path
    return defined, needed


def links(objects):
    """What each object needs of another one of ours: (file, its file, the symbol)."""
    defined, needed = symbols(objects)
    for path, names in sorted(needed.items()):
        for name in sorted(names & defined.keys()):
            yield path, defined[name], name


def check_symbols(tree, objects):
    for path, used, name in links(objects):
        # What include/ promises, a room keeps: its symbols are anybody's.
        promised = (tree / "include" / f"{used.stem}.h").exists()
        if (tree / path).exists() and not promised and not allowed(module(path), module(used)):
            yield f"{path}: calls {name}() of {used}"
    for path, names in sorted(symbols(objects)[1].items()):
        for pattern, users in ((pattern, users) for _, pattern, users in LIBRARIES.values()):
            its = sorted(name for name in names if re.fullmatch(pattern, name))
            if its and (tree / path).exists() and not {room(path), module(path)} & users:
                yield f"{path}: calls {its[0]}()"


def check_purity(tree, objects):
    for path, names in sorted(symbols(objects)[1].items()):
        # __write_chk and the like are what _FORTIFY_SOURCE makes of write.
        for name in sorted(re.sub(r"^__(\w+)_chk$", r"\1", name) for name in names):
            if room(path) == "core" and (tree / path).exists() and IMPURE.fullmatch(name):
                yield f"{path}: calls {name}()"


def check_circles(tree, objects):
    """Headers that need each other's types, and objects that need each other's functions."""
    headers, functions = collections.defaultdict(set), collections.defaultdict(set)
    for path, header, ours in includes(tree):
        used = header_path(tree, header) if ours else None
        if used and path.suffix == ".h":
            headers[module(path)].add(module(used))
    for path, used, _ in links(objects):
        if (tree / path).exists() and path != used:
            functions[module(path)].add(module(used))
    for circle in strongly_connected(headers) + strongly_connected(functions):
        yield "circle: " + " ".join(circle)


def strongly_connected(uses):
    """The sets of two or more that reach each other, each sorted."""
    def reach(start):
        seen, left = set(), [start]
        while left:
            for name in uses.get(left.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    left.append(name)
        return seen

    reached = {name: reach(name) for name in uses}
    return sorted({tuple(sorted(other for other in reached[name] if name in reached.get(other, ())))
                   for name in uses if name in reached[name]})


# Sizes and names.


def functions(text):
    """Each function's name and lines, from its head to its last brace, by the form that clang-format gives it."""
    lines = text.splitlines()
    head = None
    for number, line in enumerate(lines):
        if re.match(r"[A-Za-z_]", line) and "(" in line and not re.search(r"[;=]", line.partition("(")[0]):
            head = number
        if head is not None and line.endswith(";"):
            head = None if not any(line.endswith("{") for line in lines[head:number]) else head
        if head is not None and line == "}":
            name = re.search(r"(\w+)\(", lines[head])
            yield name.group(1) if name else lines[head], number - head + 1
            head = None


def check_sizes(tree):
    total = 0
    for path in sources(tree):
        text = (tree / path).read_text()
        n = text.count("\n")
        total += n if path.suffix == ".c" else 0
        if n > FILE_MAX:
            yield f"{path}: {n} lines"
        for name, lines in functions(text):
            if lines > FUNCTION_MAX:
                yield f"{path}: {name}() has {lines} lines"
    if total >= ALL_MAX:
        yield f"src: {total} lines of C"
    for path in sorted((tree / "tests").rglob("*.[chp]*")):
        if path.suffix in (".c", ".h", ".py") and path.read_text().count("\n") > TEST_MAX:
            yield f"{path.relative_to(tree)}: {path.read_text().count(chr(10))} lines"


def check_names(tree):
    """A basename says which file is meant, in src as in tests."""
    for files in (sources(tree), [p.relative_to(tree) for p in (tree / "tests").rglob("*.[chp]*")]):
        by_name = collections.defaultdict(list)
        for path in files:
            if path.suffix in (".c", ".h", ".py"):
                by_name[path.name].append(path)
        for name, paths in sorted(by_name.items()):
            if len(paths) > 1:
                yield f"{name}: {' '.join(map(str, sorted(paths)))}"


# Nothing is left out.

# Found by their place: the README's own, the packaging's (debhelper's names), seeds of the fuzzers.
BY_PLACE = (r"README\.md|LICENSE|Makefile|\.(clang-format|clang-tidy|gitignore|gitattributes|editorconfig)|\.debian/.*|\.ci/run|"
            r"tests/conftest\.py|tests/README\.md|tests/fuzz/corpus/.*|.*\.md")


def committed(tree):
    """The tree's files, but for what is built in it."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=tree, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [pathlib.Path(line) for line in done.stdout.splitlines() if (tree / line).exists()]
    return [path.relative_to(tree) for path in sorted(tree.rglob("*")) if path.is_file()]


def makes(tree, *targets):
    """The commands that make would run for TARGETS, each file in them as a word."""
    argv = ["make", "-s", "-n", "-B", "V=1", "BUILD=/nonexistent", "DESTDIR=/nonexistent", *targets]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"[\w./@+-]+", done.stdout))


def check_left_out(tree):
    files = [path for path in committed(tree) if not re.fullmatch(BY_PLACE, str(path))]
    built = makes(tree, "all", "unit", "fuzzers", "lab", "model", "install")
    linted = makes(tree, "lint-scripts", "lint-tidy")
    included = set()
    for path in files:
        if path.suffix in (".c", ".h"):
            base = (tree / path).parent
            for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', (tree / path).read_text(), re.M):
                found = header_path(tree, header) or next(
                    ((place / header).resolve().relative_to(tree.resolve()) for place in (base, tree / "tests")
                     if (place / header).exists()), None)
                included.add(found)
    texts = {path: (tree / path).read_text(errors="replace") for path in committed(tree)
             if path.parts[0] in ("tests", "Makefile", ".ci", ".debian") and path.name != "test_structure.py"}
    for path in files:
        words = str(path)
        if path.suffix == ".h":
            good = path in included
        elif path.suffix == ".c":
            good = words in built
        elif path.parts[0] == "tests" and path.name.startswith("test_") and path.suffix == ".py":
            good = path.parts[1] in ("docs", "system") and len(path.parts) == 3 or words in texts[pathlib.Path("tests/run")]
        elif words in built:
            good = True
        else:  # a script, a helper, a table: named by whatever uses it
            name = re.escape(path.stem if path.suffix == ".py" else path.name)
            good = any(re.search(rf"(?<![\w-]){name}(?![\w-])", text) for other, text in texts.items() if other != path)
        if not good:
            yield f"{path}: nothing builds, installs or runs it"
    for path in files:
        if path.suffix == ".py" and path.parts[0] == "tests" and str(path) not in linted:
            yield f"{path}: lint-scripts passes it by"
        if path.suffix == ".c" and path.parts[0] == "src" and str(path) not in linted:
            yield f"{path}: lint-tidy passes it by"


def violations(tree, objects, left_out=True):
    tree, objects = pathlib.Path(tree), pathlib.Path(objects)
    return [*check_rooms(tree), *check_includes(tree), *check_symbols(tree, objects), *check_purity(tree, objects),
            *check_circles(tree, objects), *check_sizes(tree), *check_names(tree), *(check_left_out(tree) if left_out else ())]


def without_numbers(text):
    return re.sub(r"\b\d+ (?=lines)", "", text)


def test_the_house():
    if not OBJECTS.is_dir():
        pytest.skip("nothing is built: `make all`")
    broken = list(violations(SOURCE, OBJECTS))
    assert not broken, "\n".join(broken)


# Each rule, broken once in a copy of the tree.


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tree as it is committed, with two objects of small sources; what is broken in it anyway."""
    tree = tmp_path_factory.mktemp("house") / "tree"
    for path in committed(SOURCE):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SOURCE / path, tree / path)
    return tree, collections.Counter(map(without_numbers, violations(tree, tree / "objects")))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def add(path, text):
    return lambda tree: write(tree / path, text)


def append(path, text):
    return lambda tree: write(tree / path, (tree / path).read_text() + text)


def pad(path, lines):
    return lambda tree: write(tree / path, (tree / path).read_text() + "\n" * (lines - (tree / path).read_text().count("\n")))


def compiled(**texts):
    """Sources, by name with __ for the slash, and their objects."""
    def change(tree):
        for name, text in texts.items():
            path = name.replace("__", "/")
            write(tree / "src" / f"{path}.c", text)
            (tree / "objects" / path).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-w", "-c", "-o", tree / "objects" / f"{path}.o", tree / "src" / f"{path}.c"], check=True)
    return change


LONG = "static int very_long(void) {\n" + "        x++;\n" * 49 + "}\n"
AS_LONG_AS_MAY_BE = "static int long_enough(void) {\n" + "        x++;\n" * 48 + "}\n"
BREAKS = [
    ("src/attic/z_new.c: no room of the house", add("src/attic/z_new.c", "")),
    ('src/core/role.c: "core/nothing.h" is not below src or include', append("src/core/role.c", '#include "core/nothing.h"\n')),
    ("src/core/role.c: includes src/lib/log.h", append("src/core/role.c", '#include "lib/log.h"\n')),
    ("src/lib/log.c: includes src/core/role.h", append("src/lib/log.c", '#include "core/role.h"\n')),
    ("src/alert/webhook.c: includes src/probe/probe.h", append("src/alert/webhook.c", '#include "probe/probe.h"\n')),
    ("src/cli/drill.c: includes src/daemon/units.h", append("src/cli/drill.c", '#include "daemon/units.h"\n')),
    ("src/sync/save.c: includes src/doctor/finding.h", append("src/sync/save.c", '#include "doctor/finding.h"\n')),
    ("src/doctor/doctor.c: includes <git2.h> of git2", append("src/doctor/doctor.c", "#include <git2.h>\n")),
    ("src/cli/drill.c: includes <curl/curl.h> of curl", append("src/cli/drill.c", "#include <curl/curl.h>\n")),
    ("src/core/z_a.c: calls z_b() of src/daemon/z_b.c",
     compiled(core__z_a="int z_b(void); int z_a(void) { return z_b(); }\n", daemon__z_b="int z_b(void) { return 1; }\n")),
    ("src/doctor/z_c.c: calls git_z()", compiled(doctor__z_c="int git_z(void); int z_c(void) { return git_z(); }\n")),
    ("src/core/z_d.c: calls time()", compiled(core__z_d="long time(long *); long z_d(void) { return time(0); }\n")),
    ("circle: lib/z_e lib/z_f", compiled(lib__z_e="int z_f(void); int z_e(void) { return z_f(); }\n",
                                         lib__z_f="int z_e(void); int z_f(void) { return z_e(); }\n")),
    ("circle: lib/z_g lib/z_h", lambda tree: [
        write(tree / "src/lib/z_g.h", '#include "lib/z_h.h"\n'), write(tree / "src/lib/z_h.h", '#include "lib/z_g.h"\n')]),
    ("src/lib/z_i.c: lines", add("src/lib/z_i.c", "\n" * 501)),
    (None, pad("src/core/role.c", 500)),
    ("src/lib/z_j.c: very_long() has lines", add("src/lib/z_j.c", LONG)),
    (None, add("src/lib/z_j.c", AS_LONG_AS_MAY_BE)),
    ("tests/unit/test_z.c: lines", add("tests/unit/test_z.c", "\n" * 601)),
    ("tests/system/test_z.py: lines", add("tests/system/test_z.py", "\n" * 601)),
    ("role.c: src/core/role.c src/lib/role.c", add("src/lib/role.c", "")),
    ("lab.py: tests/lab/lab.py tests/system/lab.py", add("tests/system/lab.py", "")),
    ("src/core/deep/z_k.c: nothing builds, installs or runs it", add("src/core/deep/z_k.c", "")),
    ("src/core/z_l.h: nothing builds, installs or runs it", add("src/core/z_l.h", "")),
    ("tests/unit/z_m.c: nothing builds, installs or runs it", add("tests/unit/z_m.c", "")),
    ("tests/system/deep/test_z.py: nothing builds, installs or runs it", add("tests/system/deep/test_z.py", "")),
    ("tests/proof/test_z.py: nothing builds, installs or runs it", add("tests/proof/test_z.py", "")),
    ("tests/lab/z_n.py: nothing builds, installs or runs it", add("tests/lab/z_n.py", "")),
    ("systemd/z_o.conf: nothing builds, installs or runs it", add("systemd/z_o.conf", "")),
    ("tests/docs/deep/z_p.py: lint-scripts passes it by", add("tests/docs/deep/z_p.py", "")),
]


@pytest.mark.parametrize("line, change", BREAKS, ids=[line or f"good {i}" for i, (line, _) in enumerate(BREAKS)])
def test_a_rule_is_broken(copy, line, change):
    tree, before = copy
    kept = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    try:
        change(tree)
        slow = bool(line and re.search("nothing builds|passes it by", line))
        found = collections.Counter(map(without_numbers, violations(tree, tree / "objects", slow))) - before
    finally:
        for path in tree.rglob("*"):
            if path.is_file() and kept.get(path) != path.read_bytes():
                path.write_bytes(kept[path]) if path in kept else path.unlink()
    assert line in found if line else not found, found


def test_too_many_lines_of_c(tmp_path):
    for i in range(38):
        write(tmp_path / f"src/lib/z{i}.c", "\n" * 495)
    assert list(check_sizes(tmp_path)) == []
    write(tmp_path / "src/lib/z_one_more.c", "\n")
    assert list(check_sizes(tmp_path)) == ["src: 18811 lines of C"]


def test_includes_break_rules_without_objects(tmp_path):
    assert symbols(tmp_path / "nothing") == ({}, {})


if __name__ == "__main__":
    where = [*sys.argv[1:], *(SOURCE, OBJECTS)[len(sys.argv) - 1:]]
    print("\n".join(violations(*where)))
