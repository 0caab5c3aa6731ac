"""`--cluster slurm` on two nodes that have host names, networks and mounts of their own."""

from busy import await_that
from cluster import TwoNodes
from conftest import Place, send
import pytest
from test_slurm import FEW, Slowed, collect, hold_up, log_of, runs

from benchmarks.harness.store import lease


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with TwoNodes(tmp_path_factory.mktemp("nodes")) as running:
        yield running


@pytest.fixture(scope="module")
def slowed(tmp_path_factory):
    return Slowed(tmp_path_factory.mktemp("slowed"))


@pytest.fixture
def wide(nodes, tmp_path, monkeypatch):
    """A test's own place that can reach the two nodes; its jobs end with the test."""
    monkeypatch.setenv("SLURM_CONF", nodes.env["SLURM_CONF"])
    monkeypatch.setenv("WAE_BENCH_VISIBLE_SECONDS", "1")  # files are seen at once here
    yield Place(tmp_path)
    if nodes.queue():
        nodes.say("scancel", "--user=root")
        nodes.await_empty()


def node_of(folder):
    return lease.owner_of(lease.latest(folder.path)[1]).host


@pytest.mark.parametrize("how", ["off", "off, not requeued", "cut off"])
def test_slurm_run_on_a_lost_node_is_trained_from_step_0_once(how, slowed, wide, nodes):
    folder = hold_up(slowed, wide, *(["--slurm", "no-requeue"] if "not" in how else []))
    others = [other for other in runs(wide) if other.key != folder.key]
    await_that(lambda: {other.state() for other in others} == {"done"})
    node = node_of(folder)
    assert node in nodes.NODES
    try:
        (nodes.cut if how == "cut off" else nodes.switch_off)(node)
        if "not" in how:
            await_that(lambda: not nodes.queue())
            assert "1 tasks for 1 runs" in send(wide, *slowed.words)
        await_that(lambda: node_of(folder) != node)
        slowed.brake.unlink()
        nodes.await_empty()
    finally:
        nodes.restore(node)
    assert "submitted" not in collect(wide, slowed, nodes)
    assert folder.state() == "done"
    assert log_of(folder).count("from step 0") == 1


def test_slurm_node_without_the_cache_is_named_and_left_out(wide, nodes):
    words = (*FEW, "--slurm", "exclusive")  # a run on each node
    nodes.stop("nodeb")
    wide.cache.mkdir()
    nodes.start("nodeb", f"mount -t tmpfs none '{wide.cache}'")
    nodes.await_up()
    try:
        send(wide, *words)
        await_that(lambda: "held" in nodes.say("squeue", "--noheader", "--format=%r"))
        assert "node nodeb does not see" in send(wide, *words)
        nodes.await_empty()
    finally:
        nodes.stop("nodeb")
        nodes.start("nodeb")
        nodes.await_up()
    assert "2 done" in wide.bench(*words, "--cluster", "slurm").stdout
    assert all(log_of(folder).count("from step") == 1 for folder in runs(wide))
