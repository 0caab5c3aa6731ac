"""Own methods in their shortest form, and what is found out about them before anything trains."""

import pytest
import torch

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.command.method_trial import try_methods
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.selection import select
from benchmarks.harness.train.user_method import read

SHORTEST = """from methods.base import Regularizer
class Own(Regularizer):
    def penalty(self, step):
        return step.z.square().mean()
"""
KEEPING = """import copy, random, torch
from methods.base import Regularizer
COUNT = [0]
class Own(Regularizer):
    calls = 0
    def __init__(self, context):
        super().__init__()
        self.draws = context.generator
        self.n, self.kept, self.net = 0, None, torch.nn.Linear(context.dim, 1)
        self.register_buffer("lost", torch.zeros(context.dim), persistent=False)
        self.register_buffer("queue", torch.zeros(context.dim))
    def penalty(self, step):
        KEEP
        return step.z.square().mean() + self.net(step.z).square().mean()
"""


def tried(text, folder, artefact="fig1-synthetic"):
    """Tries the method as `bench.py ARTEFACT --with own.py` does."""
    path = folder / "own.py"
    path.write_text(text, encoding="utf-8")
    chosen = select(ARTEFACTS[artefact], "smoke", 1, "own", [read(path)])
    try_methods([entry.run for entry in chosen.entries()], [path])


def test_shortest_method_trains(place, capsys):
    path = place.folder / "own.py"
    path.write_text(SHORTEST, encoding="utf-8")
    words = ("--methods", "own", "--with", str(path), "--seeds", "1", "--cluster", "debug")
    assert main.main(["fig1", "--scale", "smoke", *words, *place.options]) == 0
    assert "1 done" in capsys.readouterr().out


@pytest.mark.parametrize("artefact", ["fig7-tsne", "table1", "fig5-celebahq"])
def test_shortest_method_fits_the_networks_of_other_artefacts(artefact, tmp_path):
    tried(SHORTEST, tmp_path, artefact)


@pytest.mark.parametrize(("penalty", "says"), [
    ("step.z.detach().square().mean()", "no gradient for the encoder"),
    ("torch.tensor(1.0, requires_grad=True)", "no gradient for the encoder"),
    ("step.prior.square().mean()", "no gradient for the encoder"),
    ("step.encoder(step.x).detach().norm()", "no gradient for the encoder"),
    ("step.z.square().mean(0)", "must return a scalar"),
    ("step.z.square().mean().item()", "must return a scalar"),
    ("step.no_such_field", "line 4 fails when it is tried: AttributeError"),
    ("self.never.mean()", "line 4 fails when it is tried: AttributeError"),
    ("exit()", "line 4 fails when it is tried: SystemExit")])
def test_penalty_that_cannot_train_is_refused_in_one_line(penalty, says, tmp_path):
    text = SHORTEST.replace("step.z.square().mean()", penalty).replace("class", "import torch;", 0)
    text = text.replace("from methods.base import", "import torch; from methods.base import")
    with pytest.raises(UsageError, match=says) as raised:
        tried(text, tmp_path)
    assert str(tmp_path / "own.py") in str(raised.value) or "scalar" in says
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(("keep", "named"), [
    ("self.n += 1", "n"), ("self.kept = (self.kept or []) + [step.z.detach()]", "kept"),
    ("self.kept = step.z.detach() if self.kept is None else self.kept", "kept"),
    ("self.kept = {'mean': 0.9 * (self.kept or {'mean': 0})['mean'] + step.z.mean().item()}",
     "kept"),
    ("self.lost += step.z.detach().mean(0)", "lost"), ("self.net.count = self.n = self.n + 1", "n"),
    ("COUNT[0] += 1; step.z.data.mul_(COUNT[0])", "something"),
    ("Own.calls += 1; step.z.data.mul_(Own.calls)", "something"),
    ("step.z.data.mul_(random.random())", "something")])
def test_state_that_a_checkpoint_loses_is_named(keep, named, tmp_path):
    with pytest.raises(UsageError, match=rf"since .*\b{named}\b.* is not stored; .*buffers"):
        tried(KEEPING.replace("KEEP", keep), tmp_path)


@pytest.mark.parametrize("keep", [
    "pass", "self.queue.add_(step.z.detach().mean(0))", "self.queue = self.queue + 1",
    "self.kept = step.z.detach()",  # of this step alone, for whoever wants to see it
    "self.kept = self.kept or [torch.ones(3)]",  # the same in every training
    "step.z.data.add_(torch.rand(1, generator=self.draws))", "step.z.data.add_(torch.rand(1))",
    "self.kept = lambda: 1", "self.kept = self.draws, step.encoder, copy"])
def test_what_a_checkpoint_holds_or_nobody_needs_is_accepted(keep, tmp_path):
    tried(KEEPING.replace("KEEP", keep), tmp_path)


def test_trial_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    tried(KEEPING.replace("KEEP", "step.z.data.add_(torch.rand(1))"), tmp_path)
    assert torch.equal(torch.rand(1), expected)
