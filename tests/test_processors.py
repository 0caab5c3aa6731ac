"""Processors that a process may use, in containers and jobs of either kind of control groups."""

import os

import pytest

from benchmarks.harness.store import processors

V1 = "12:memory:/a b/c\n4:cpu,cpuacct:{}\n1:name=systemd:/x\n0::/x\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A process that may use 16 processors, with the files by which Linux tells its groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr(processors, "USUAL", (tmp_path / "usual",))

    def told(groups, mounts, limits):
        for name, text in {"groups": groups, "mounts": mounts}.items():
            (tmp_path / name).write_text(text.replace("TMP", str(tmp_path)))
            monkeypatch.setattr(processors, name.upper(), tmp_path / name)
        for name, text in limits.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return processors.cores()

    return told


def mount(root, place, kind, options):
    return f"30 23 0:26 {root} TMP/{place} rw,nosuid shared:4 - {kind} {kind} {options}\n"


@pytest.mark.parametrize(("limits", "expected"), [
    ({}, 16),
    ({"fs/job/step/cpu.max": "max 100000\n"}, 16),
    ({"fs/job/step/cpu.max": "300000 100000\n"}, 3),
    ({"fs/job/cpu.max": "250000 100000\n", "fs/job/step/cpu.max": "max 100000\n"}, 2),
    ({"fs/job/cpu.max": "250000 50000\n", "fs/job/step/cpu.max": "800000 100000\n"}, 5),
    ({"fs/job/step/cpu.max": "50000 100000\n"}, 1),
    ({"fs/job/step/cpu.max": "6400000 100000\n"}, 16),
    ({"fs/job/step/cpu.max": "what?\n", "fs/job/cpu.max": ""}, 16)])
def test_cores_follow_the_quota_of_every_group_above(limits, expected, machine):
    mounts = mount("/", "fs", "cgroup2", "rw") + mount("/", "fs/x", "tmpfs", "rw")
    assert machine("0::/job/step\n", mounts, limits) == expected


@pytest.mark.parametrize(("group", "root", "quota", "expected"), [
    ("/docker/1", "/docker/1", "200000", 2), ("/docker/1", "/docker/1", "-1", 16),
    ("/docker/1", "/docker/1", "150000", 1), ("/../elsewhere", "/", "400000", 4),
    ("/", "/kube\\040pods/2", "200000", 2)])
def test_cores_follow_the_quota_of_a_container_of_version_1(group, root, quota, expected, machine):
    mounts = (mount("/", "fs/memory", "cgroup", "rw,memory")
              + mount(root, "fs/cpu", "cgroup", "rw,cpu,cpuacct"))
    assert machine(V1.format(group), mounts, {
        "fs/cpu/cpu.cfs_quota_us": quota, "fs/cpu/cpu.cfs_period_us": "100000",
        "fs/memory/cpu.max": "100000 100000"}) == expected


def test_cores_are_found_without_a_list_of_mounts(machine, tmp_path, monkeypatch):
    assert machine("0::/\n", "", {"usual/cpu.max": "700000 100000"}) == 7
    monkeypatch.setattr(processors, "GROUPS", tmp_path / "nowhere")
    assert processors.cores() == 7


def test_cores_are_those_of_the_affinity_where_that_is_less(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3}, raising=False)
    assert machine("0::/\n", mount("/", "fs", "cgroup2", "rw"), {"fs/cpu.max": "3 1"}) == 2
