"""Claims, checkpoints and atomic files, with a process killed at every system call."""

import json
from multiprocessing import get_context
import os
from pathlib import Path
import subprocess
import time

from busy import HANG, await_that
from conftest import ROOT
import pytest

from benchmarks.harness.command import main
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.store import checkpoints, files, lease, provenance
from benchmarks.harness.store.files import write_atomically
from benchmarks.harness.store.run_folder import RunFolder, Store, is_unbroken


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "0123456789abcdef"
    path.mkdir()
    return RunFolder(path)


def forge(folder, number, **changes):
    """Writes a claim of another process."""
    other = lease.this_process()._replace(**changes)
    path = folder.path / f"claim.{number}"
    path.write_text(json.dumps(other._asdict()))
    return path


def test_run_is_claimed_once(folder):
    held = lease.acquire(folder.path)
    assert held is not None
    assert lease.acquire(folder.path) is None
    assert folder.state() == "running"
    held.release()
    assert folder.state() == "missing"
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 1}, {"started": "1"}],
                         ids=["no such process", "number taken over by a later process"])
def test_dead_claim_of_this_host_is_taken_over_at_once(folder, changes):
    forge(folder, 4, **changes)
    assert folder.state() == "lost"
    held = lease.acquire(folder.path)
    assert held is not None
    assert held.number == 5
    held.release()


def test_claim_of_another_host_is_alive_while_its_heartbeats_are_recent(folder):
    path = forge(folder, 0, host="elsewhere")
    assert lease.acquire(folder.path) is None
    old = time.time() - lease.HEARTBEAT_SECONDS * (lease.MISSED_HEARTBEATS + 1) - 5
    os.utime(path, (old, old))
    assert lease.acquire(folder.path) is not None


def test_heartbeats_continue_until_the_lease_ends(folder, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.02)
    held = lease.acquire(folder.path)
    os.utime(held.path, (1, 1))
    await_that(lambda: held.path.stat().st_mtime > 1)
    held.release()
    assert not held._thread.is_alive()


def test_superseded_lease_is_not_current(folder):
    held = lease.acquire(folder.path)
    assert held.is_current
    forge(folder, held.number + 1)
    assert not held.is_current
    held.release()
    assert (folder.path / "claim.1").exists()


def _rush(path, start, wins):
    start.wait()
    held = lease.acquire(Path(path))
    wins.put(held is not None)
    start.wait()  # no process exits, and so looks dead, before all have tried


def test_one_of_many_rivals_takes_over_a_dead_claim(folder):
    context = get_context("fork")
    for turn in range(5):
        forge(folder, turn, pid=2**22 + 1)
        start, wins = context.Barrier(6), context.Queue()
        rivals = [context.Process(target=_rush, args=(str(folder.path), start, wins))
                  for _ in range(6)]
        for rival in rivals:
            rival.start()
        assert sorted(wins.get(timeout=HANG) for _ in rivals) == [False] * 5 + [True]
        for rival in rivals:
            rival.join()
        for claim in folder.path.glob("claim.*"):
            claim.unlink()


def test_corrupt_checkpoint_is_named_and_the_previous_one_used(folder):
    checkpoints.save(folder.path, b"first")
    checkpoints.save(folder.path, b"second")
    assert checkpoints.newest(folder.path) == (b"second", None)
    path = folder.path / "checkpoint.pt"
    whole = path.read_bytes()
    for damage in (whole[:-1], b"", whole[:36], whole[:20] + b"x" + whole[21:], whole + b"x"):
        path.write_bytes(damage)
        data, warning = checkpoints.newest(folder.path)
        assert data == b"first"
        assert str(path) in warning


def test_loading_without_an_intact_checkpoint_fails_and_changes_nothing(folder):
    for data in (b"first", b"second"):
        checkpoints.save(folder.path, data)
    for path in folder.path.iterdir():
        path.write_bytes(b"rubbish")
    with pytest.raises(UsageError, match="remove that folder"):
        checkpoints.newest(folder.path)
    assert [path.read_bytes() for path in folder.path.iterdir()] == [b"rubbish"] * 2


class Killed(BaseException):
    """Stands in for the death of the process."""


@pytest.mark.parametrize("moment", range(6))
def test_intact_checkpoint_survives_a_death_at_any_system_call(folder, moment, monkeypatch):
    checkpoints.save(folder.path, b"first")
    checkpoints.save(folder.path, b"second")
    calls = []

    def mortal(real):
        def call(*arguments, **named):
            if len(calls) == moment:
                raise Killed
            calls.append(real)
            return real(*arguments, **named)
        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, mortal(getattr(os, name)))
    try:
        checkpoints.save(folder.path, b"third")
    except Killed:
        assert moment < 4
    else:
        assert moment >= 4
    monkeypatch.undo()
    data, warning = checkpoints.newest(folder.path)
    assert warning is None
    assert data == (b"third" if moment >= 4 else b"second")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_only_temporary_files_of_dead_writers_are_removed(tmp_path):
    host = lease.this_process().host
    names = [f".x.json.{host}.{os.getpid()}.tmp", f".x.json.{host}.{2**22 + 1}.tmp",
             ".x.json.elsewhere.1.tmp"]
    for name in names:
        (tmp_path / name).touch()
    files.remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([names[0], names[2]])


@pytest.mark.parametrize("content", ["", "[]", '{"host": 1}'])
def test_unreadable_claim_counts_as_dead(folder, content):
    (folder.path / "claim.0").write_text(content)
    (folder.path / "claim.bak").touch()
    assert folder.state() == "lost"
    assert lease.acquire(folder.path).number == 1


def test_nan_is_never_written_to_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_result_is_written_last_and_removes_checkpoints(folder):
    checkpoints.save(folder.path, b"first")
    folder.fail("earlier")
    assert folder.state() == "failed"
    assert folder.error() == "earlier"
    folder.finish({"status": "done", "rows": [], "curves": {}}, {"commit": None}, b"weights")
    assert folder.state() == "done"
    assert {p.name for p in folder.path.iterdir()} == {
        "result.json", "provenance.json", "model.safetensors"}


def test_corrupt_result_is_named(folder):
    (folder.path / "result.json").write_text("{")
    with pytest.raises(UsageError, match=r"result\.json is corrupt"):
        folder.state()


def test_run_without_a_folder_is_missing(tmp_path):
    assert Store(tmp_path / "nowhere").folder("ab").state() == "missing"


def test_frozen_choice_is_not_an_edit_of_the_code(tmp_path, monkeypatch):
    """`tune` freezes one table's choices and goes on to train for the next."""
    (tmp_path / "benchmarks" / "tuned").mkdir(parents=True)
    (tmp_path / "benchmarks" / "module.py").write_text("x = 1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "CODE", ("benchmarks",))
    found = {}
    for name in ("benchmarks/tuned/table.csv", "benchmarks/other.py"):
        (tmp_path / name).write_text("panel\n")
        found[name] = provenance.code.__wrapped__()["local_edits"]
    assert found["benchmarks/tuned/table.csv"] is None
    assert found["benchmarks/other.py"] is not None


def test_changed_outcome_or_measure_does_not_match_its_digest(folder):
    folder.finish({"status": "done", "rows": [], "curves": {}}, {"commit": None}, b"weights")
    measure = Measure("tsne", 200)
    folder.save_measurement(measure, {"nmi": 0.5}, {}, {"commit": None})
    path = folder.path / "measures" / "tsne@200.json"
    for content in (folder.result(), folder.measurement(measure)):
        assert "digest" in content
        assert is_unbroken(content)
        assert not is_unbroken(content | {"status": "diverged"})
    path.write_text(path.read_text().replace("0.5", "0.6"))
    assert folder.measurement(measure) is None  # so it is measured again


NAMED = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def outside_git(tmp_path, monkeypatch):
    """The code as it lies where there is no git."""
    provenance.fingerprint()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    for cached in (provenance.code, provenance.note_code):
        cached.cache_clear()
    yield
    for cached in (provenance.code, provenance.note_code):
        cached.cache_clear()


@pytest.mark.parametrize("named", [NAMED, "", None])
def test_environment_names_the_commit_where_git_cannot(named, outside_git, monkeypatch):
    monkeypatch.setenv(provenance.COMMIT, named) if named is not None else monkeypatch.delenv(
        provenance.COMMIT, raising=False)
    assert provenance.code() == {"commit": named or None, "local_edits": None,
                                 "code_digest": provenance.fingerprint()}


@pytest.mark.parametrize("named", ["main", NAMED[1:], NAMED + "0", NAMED + "\n"])
def test_malformed_commit_stops_the_sweep_in_one_line(
        named, outside_git, monkeypatch, place, capsys):
    monkeypatch.setenv(provenance.COMMIT, named)
    status = main.main(["fig1", "--scale", "smoke", "--cluster", "debug", *place.options])
    wrong = capsys.readouterr().err.splitlines()
    assert (status, len(wrong)) == (2, 1)
    assert f"{provenance.COMMIT} must be the 40 hexadecimal digits" in wrong[0]
    assert not list(place.cache.rglob("*.json"))


def test_environment_is_ignored_in_a_checkout(monkeypatch):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    monkeypatch.setenv(provenance.COMMIT, NAMED)
    found = provenance.code.__wrapped__()
    assert found["commit"] not in (None, NAMED)
    assert len(found["code_digest"]) == 64
