"""Who holds a run, across hosts, containers, file systems and skewed clocks."""

import json
import os
from pathlib import Path
import subprocess
import sys
import time

from busy import await_that
from conftest import ROOT
import pytest

from benchmarks.harness.store import files, lease

HOLDER = """
import sys, time
from pathlib import Path
from benchmarks.harness.store import lease
assert lease.acquire(Path(sys.argv[1])) is not None
print("held", flush=True)
time.sleep(1000)
"""


@pytest.fixture(params=[[], ["--mount-proc"], ["--uts"], ["--user", "--map-root-user"]],
                ids=["PID namespace", "with its own /proc", "host of its own", "with other users"])
def container(request, tmp_path):
    """A process in another PID namespace on a host of the same name, which holds the run."""
    with subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", *request.param,
             sys.executable, "-c", HOLDER, str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_claim_from_another_pid_namespace_is_alive_while_it_sends_heartbeats(container, tmp_path):
    (claim,) = tmp_path.glob("claim.*")
    assert not lease.owner_of(claim).is_here
    assert lease.acquire(tmp_path) is None
    old = time.time() - lease.HEARTBEAT_SECONDS * lease.MISSED_HEARTBEATS - 5
    os.utime(claim, (old, old))
    assert lease.acquire(tmp_path) is not None


def test_claim_of_a_hidden_process_is_judged_by_its_heartbeats(tmp_path, monkeypatch):
    """Another user's process, under hidepid, is not in /proc, and may not be signalled."""
    def hidden(pid, number):
        raise PermissionError
    (tmp_path / "claim.0").write_text(json.dumps(lease.this_process()._asdict()))
    monkeypatch.setattr(lease, "start_time", lambda pid: None)
    assert not lease.is_alive(tmp_path / "claim.0")
    monkeypatch.setattr(lease.os, "kill", hidden)
    assert lease.is_alive(tmp_path / "claim.0")
    os.utime(tmp_path / "claim.0", (1, 1))
    assert not lease.is_alive(tmp_path / "claim.0")


def test_claim_that_may_not_be_read_is_judged_by_its_heartbeats(tmp_path, monkeypatch):
    def refuse(path, **how):
        raise PermissionError
    (tmp_path / "claim.0").touch()
    monkeypatch.setattr(Path, "read_text", refuse)
    assert lease.is_alive(tmp_path / "claim.0")
    os.utime(tmp_path / "claim.0", (1, 1))
    assert not lease.is_alive(tmp_path / "claim.0")


def test_claims_of_earlier_versions_are_understood(tmp_path):
    old = {key: value for key, value in lease.this_process()._asdict().items()
           if key != "processes"}
    (tmp_path / "claim.0").write_text(json.dumps(old))
    assert lease.is_alive(tmp_path / "claim.0")
    (tmp_path / "claim.0").write_text(json.dumps(old | {"started": "1"}))
    assert not lease.is_alive(tmp_path / "claim.0")


@pytest.mark.parametrize("ahead", [-600, 600])
def test_skewed_clock_of_this_host_changes_no_verdict(ahead, tmp_path, monkeypatch):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    monkeypatch.setattr(lease, "_ahead", 0.0)
    claim = tmp_path / "claim.0"
    claim.write_text(json.dumps(lease.this_process()._replace(host="elsewhere")._asdict()))
    assert lease.acquire(tmp_path) is None
    then = claim.stat().st_mtime - lease.HEARTBEAT_SECONDS * lease.MISSED_HEARTBEATS - 5
    os.utime(claim, (then, then))
    held = lease.acquire(tmp_path)
    assert held is not None
    held.release()


@pytest.mark.parametrize("number", [1, 38, 95], ids=["not permitted", "not there", "not supported"])
def test_run_is_claimed_once_without_hard_links(number, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(lease.os, "link", refuse)
    (tmp_path / "claim.3").write_text("rubbish")
    held = lease.acquire(tmp_path)
    assert held.number == 4
    assert lease.acquire(tmp_path) is None
    assert not lease._create(held.path, "another")
    assert lease.owner_of(held.path) == lease.this_process()
    held.release()
    assert [path.name for path in tmp_path.iterdir()] == ["claim.3"]


def test_link_whose_answer_was_lost_counts_as_made(tmp_path, monkeypatch):
    """The NFS client repeats the call and hears that the name exists."""
    real = os.link

    def repeated(source, target):
        real(source, target)
        real(source, target)
    monkeypatch.setattr(lease.os, "link", repeated)
    held = lease.acquire(tmp_path)
    assert held is not None
    held.release()


def test_looking_at_a_claim_writes_nothing(tmp_path):
    claim = tmp_path / "claim.0"
    claim.write_text(json.dumps(lease.this_process()._replace(host="elsewhere")._asdict()))
    before = os.stat(tmp_path).st_mtime_ns
    assert lease.is_alive(claim)
    assert os.stat(tmp_path).st_mtime_ns == before


def test_heartbeats_continue_after_one_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.02)
    held = lease.acquire(tmp_path)
    real, failed = os.utime, []

    def once(path):
        if not failed:
            failed.append(path)
            raise OSError(5, "Input/output error")
        real(path)
    monkeypatch.setattr(lease.os, "utime", once)
    await_that(lambda: failed)
    real(held.path, (1, 1))
    await_that(lambda: held.path.stat().st_mtime > 1)
    held.release()


def test_leftovers_of_other_hosts_are_removed_once_those_are_silent(tmp_path, monkeypatch):
    names = [".x.pt.elsewhere.1.tmp", ".x.pt.node-1.cluster-0badcafe.7.tmp"]
    for name in names:
        (tmp_path / name).write_text("half")
    monkeypatch.setattr(lease, "processes", lambda: "another container of this name")
    twin = files.temporary(tmp_path / "x.pt")
    twin.touch()
    monkeypatch.undo()
    own = files.temporary(tmp_path / "x.pt")
    assert own != twin
    own.touch()
    files.remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    files.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [own]
