"""Provenance of the code beside what git, editors and containers leave about."""

import os
from pathlib import Path
import subprocess

import pytest

from benchmarks.harness.store import files, provenance

NAMED = "0123456789abcdef0123456789abcdef01234567"


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "safe.directory=*")
    return subprocess.run(["git", *identity, "-C", folder, *words], check=True,
                          capture_output=True).stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout in the project's place."""
    root = tmp_path / "check out"
    (root / "methods").mkdir(parents=True)
    for name in ("bench.py", "pyproject.toml", "methods/mmd.py"):
        (root / name).write_text("one = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.delenv(provenance.COMMIT, raising=False)
    forget_code()
    yield root
    forget_code()


def forget_code():
    provenance.fingerprint.cache_clear()
    provenance.code.cache_clear()


def owned_by_another(root, monkeypatch):
    if os.geteuid():
        pytest.skip("only root gives files away")
    for path in (root, *root.rglob("*")):
        os.chown(path, 4242, 4242)


def hook_of_another_repository(root, monkeypatch):
    other = root.parent / "other"
    git(root.parent, "init", "-q", "other")
    for name, value in (("DIR", other / ".git"), ("WORK_TREE", other),
                        ("INDEX_FILE", other / "index"), ("CEILING_DIRECTORIES", root.parent)):
        monkeypatch.setenv(f"GIT_{name}", str(value))


def broken_settings_of_the_user(root, monkeypatch):
    (root.parent / ".gitconfig").write_text("[color\nui = always")
    monkeypatch.setenv("HOME", str(root.parent))


def leftovers_of_editors(root, monkeypatch):
    methods = root / "methods"
    (methods / ".#mmd.py").symlink_to("someone@a-host.4711:1")  # Emacs
    (methods / "gone.py").symlink_to("nowhere.py")
    (methods / "mmd.py.orig").write_text("two")
    (methods / ".mmd.py.swp").write_bytes(bytes(8))
    (methods / ".ipynb_checkpoints").mkdir()
    (methods / ".ipynb_checkpoints" / "mmd-checkpoint.py").write_text("two")
    os.mkfifo(methods / "pipe.py")
    (methods / "folder.py").mkdir()


@pytest.mark.parametrize("left", [owned_by_another, hook_of_another_repository,
                                  broken_settings_of_the_user, leftovers_of_editors])
def test_provenance_is_that_of_the_clean_checkout(left, checkout, monkeypatch):
    before = provenance.code()
    assert before["commit"] == git(checkout, "rev-parse", "HEAD")
    assert before["local_edits"] is None
    forget_code()
    left(checkout, monkeypatch)
    assert provenance.code() == before
    assert provenance.unknown_commit() is None


def new_repository(root):
    git(root, "init", "-q", "methods/mine")


def new_repository_with_code(root):
    git(root, "init", "-q", "methods/mine")
    (root / "methods/mine/own.py").write_text("two = 2\n")
    git(root / "methods/mine", "add", ".")
    git(root / "methods/mine", "commit", "-qm", "mine")


def file_with(name):
    def new_file(root):
        Path(os.fsdecode(os.fsencode(root / "methods") + b"/" + name)).write_bytes(b"two = 2\n")
    return new_file


@pytest.mark.parametrize(("new", "edits"), [
    (new_repository, False), (new_repository_with_code, True), (file_with(b"two lines\n.py"), True),
    (file_with(b' "quoted"\t.py'), True), (file_with("λ.py".encode()), True),
    (file_with(b"\xfc.py"), True)])
def test_what_git_names_oddly_is_read(new, edits, checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    new(checkout)
    found = provenance.code()
    assert found["commit"] == commit
    assert (found["local_edits"] is not None) == edits


def test_edits_are_told_apart(checkout):
    seen = set()
    for text in ("one = 1", "one = 3\n", "one = 4\n"):
        (checkout / "methods/mmd.py").write_text(text)
        forget_code()
        seen.add((provenance.code()["local_edits"], provenance.code()["code_digest"]))
    (checkout / "methods/mmd.py").unlink()
    forget_code()
    seen.add((provenance.code()["local_edits"], provenance.code()["code_digest"]))
    assert len({edits for edits, _ in seen} - {None}) == len(seen) == 4


def exported(root, monkeypatch):
    files.discard(root / ".git")


def exported_into_another_repository(root, monkeypatch):
    files.discard(root / ".git")
    git(root.parent, "init", "-q")


def never_committed(root, monkeypatch):
    files.discard(root / ".git")
    git(root, "init", "-q")


def damaged(root, monkeypatch):
    (root / ".git" / "index").write_bytes(b"no index")


def without_git(root, monkeypatch):
    monkeypatch.setenv("PATH", str(root))


@pytest.mark.parametrize(("lost", "reason"), [
    (exported, "not a git repository"), (exported_into_another_repository, "as a part of"),
    (never_committed, "Needed a single revision"), (damaged, "index"),
    (without_git, "git does not run")])
def test_unknown_commit_is_said_in_a_line_and_the_digest_kept(lost, reason, checkout, monkeypatch):
    digest = provenance.fingerprint()
    lost(checkout, monkeypatch)
    assert provenance.code() == {"commit": None, "local_edits": None, "code_digest": digest}
    said = provenance.unknown_commit()
    assert reason in said
    assert len(said.splitlines()) == 1
    monkeypatch.setenv(provenance.COMMIT, NAMED)
    provenance.code.cache_clear()
    assert provenance.code()["commit"] == NAMED
    assert provenance.unknown_commit() is None
