"""`make dist`: the same to the bit, and all that is in the tree."""

import os
import subprocess
import tarfile

import pytest

from test_manual import SOURCE


def run(*words, **env):
    done = subprocess.run([str(word) for word in words], cwd=SOURCE, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def in_git():
    if subprocess.run(["git", "rev-parse"], cwd=SOURCE, capture_output=True).returncode:
        pytest.skip("this tree is not a git clone")


def dist(build, **env):
    said = run("sh", "-c", f"umask {env.pop('umask', '022')}; exec make -s dist BUILD={build}", **env)
    tarball = next(build.glob("*.tar.gz"))
    assert f"{tarball}\n" in said and "[ ] .ci/run passes on this commit" in said
    return tarball


def test_the_same_to_the_bit(tmp_path):
    config = tmp_path / "gitconfig"
    config.write_text(f"[tar]\n\tumask = user\n[core]\n\tautocrlf = true\n[safe]\n\tdirectory = {SOURCE}\n")
    one = dist(tmp_path / "one", TZ="UTC", umask="022")
    two = dist(tmp_path / "two", TZ="Asia/Tokyo", umask="077", GIT_CONFIG_GLOBAL=str(config), SOURCE_DATE_EPOCH="1")
    assert one.name == two.name and one.read_bytes() == two.read_bytes()


def test_all_that_is_in_the_tree(tmp_path):
    committed = set(run("git", "ls-tree", "-r", "--name-only", "HEAD").splitlines())
    with tarfile.open(dist(tmp_path)) as tar:
        members = tar.getmembers()
    top, = {member.name.partition("/")[0] for member in members}
    assert {member.name.partition("/")[2] for member in members if member.isfile()} == committed
    assert top == "openclaw-failover-" + run("make", "-s", "print-version").strip()
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}


def test_the_version_is_in_one_place():
    version = run("make", "-s", "print-version").strip()
    found = run("git", "grep", "-lwF", version, "--", ":!tests", ":!README.md").split()
    assert found == ["Makefile"]
