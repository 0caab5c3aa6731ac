"""The loop: exact resume, shared randomness, learning rate, divergence, the full WAE loss."""

from dataclasses import replace
import io
import math

from contract import CASES, method_of
import pytest
import torch
from torch import Tensor

from benchmarks.harness.data.datasets import points
from benchmarks.harness.launch.execute import execute
from benchmarks.harness.launch.options import Options
from benchmarks.harness.measure.latent_metrics import LatentSWD
from benchmarks.harness.spec.artefact import Curve
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task
from benchmarks.harness.train.build import evaluated
from benchmarks.harness.train.curves import TrainingSetup
from benchmarks.harness.train.interrupts import InterruptedRun, StopRequest
from benchmarks.harness.train.loop import Trainer, train
from methods import METHODS, OBJECTIVES

SMALL = {  # 12 is not a multiple of the batch
    "moca": {"K": 12}, "repulsion": {"K": 12}, "gan": {"hidden": 16, "layers": 2},
    "mmd[memory]": {"memory": 12, "m0": 0.9}, "swd[memory]": {"memory": 12}}
# 5 steps an epoch, 20 in all; the rate is halved after every epoch
BASE = Run("synthetic-normal", 43, "mlp2", "mmd", (), "1", dim=8, epochs=4, batch=8,
           objective="latent", n_prior=8, halve_every=1, halve_until=3, seed=3)


def run_of(name, **changes):
    if name in OBJECTIVES:
        changes = {"objective": "wae", "dataset": "procedural", **changes}
    return resolve(replace(BASE, **changes), method_of(name), SMALL.get(name, {}))


def scene_of(run, folder):
    return TrainingSetup(run, points(run, "train", run.n_train, folder).x, folder, "cpu")


def training_of(run, folder):
    return Trainer(scene_of(run, folder), (Curve("latent_swd"),), folder / "method.py")


def finish(training, stop_at=None):
    saved = []
    stop = (lambda: training.step >= stop_at) if stop_at else (lambda: False)
    outcome = None
    try:
        outcome = train(training, math.inf, stop,
                        lambda: saved.append(training.state()), lambda: None)
    except InterruptedRun:
        buffer = io.BytesIO()
        torch.save(saved[-1], buffer)
        buffer.seek(0)
        outcome = torch.load(buffer, weights_only=True)
    return outcome


def same(a, b, path=""):
    """Asserts bitwise equality of nested states of tensors and plain values."""
    if isinstance(a, Tensor):
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), path
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{path}/{k}")
    else:
        assert a == b, path


@pytest.mark.parametrize("cut", [2, 10, 13])  # within an epoch, at its end, in a later epoch
@pytest.mark.parametrize("name", [*CASES, *OBJECTIVES])
def test_resumed_run_is_bit_for_bit_the_same(name, cut, tmp_path):
    run = run_of(name)
    whole = training_of(run, tmp_path)
    expected = finish(whole)
    resumed = training_of(run, tmp_path)
    resumed.restore(finish(training_of(run, tmp_path), stop_at=cut))
    assert resumed.step == cut
    assert finish(resumed) == expected
    a, b = whole.state(), resumed.state()
    for name_ in ("seconds", "attempts"):
        a.pop(name_), b.pop(name_)
    same(a, b)
    assert len(expected["rows"]) == 5


# 2 steps an epoch, 4 in all; width 1/64 keeps every layer and norm of the networks
IMAGES = replace(BASE, dataset="procedural", objective="wae", n_train=19, epochs=2, width=1 / 64,
                 image_size=32)


@pytest.mark.parametrize("architecture", ["a1", "a2", "residual"])
@pytest.mark.parametrize("name", [*CASES, *OBJECTIVES])
def test_convolutional_runs_resume_bit_for_bit(name, architecture, tmp_path):
    run = resolve(replace(IMAGES, architecture=architecture), method_of(name), SMALL.get(name, {}))
    whole = training_of(run, tmp_path)
    expected = finish(whole)
    resumed = training_of(run, tmp_path)
    resumed.restore(finish(training_of(run, tmp_path), stop_at=3))
    assert finish(resumed) == expected
    same(whole.objective.state_dict(), resumed.objective.state_dict())
    norms = [m for m in whole.objective.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert all(norm.running_mean.any() for norm in norms)


def test_checkpoint_of_another_device_is_refused(tmp_path):
    state = finish(training_of(run_of("mmd"), tmp_path), stop_at=3)
    state["device"] = "cuda"
    with pytest.raises(ValueError, match="--device cuda"):
        training_of(run_of("mmd"), tmp_path).restore(state)


def first_batches(training, n):
    """The first n batches of the next epoch, without training."""
    training.batches.renew()
    return [training.batches.at(step) for step in range(n)]


def test_methods_share_initial_weights_batches_and_prior_draws(tmp_path):
    seen = {}
    for name in METHODS:
        training = training_of(run_of(name), tmp_path)
        weights = {k: v.clone() for k, v in training.objective.encoder.state_dict().items()}
        order = first_batches(training, 12)
        prior = [training.prior.sample(8, training.draws["prior"]) for _ in range(3)]
        seen[name] = [weights, order, prior, training.data,
                      LatentSWD(run_of(name), training.data, "cpu").reference.tolist()]
    for name in METHODS:
        same(seen["mmd"], seen[name], name)
    other = training_of(run_of("mmd", seed=4), tmp_path)
    assert not torch.equal(other.data, seen["mmd"][3])
    assert not torch.equal(first_batches(other, 1)[0], seen["mmd"][1][0])


def test_one_epoch_visits_every_point_once(tmp_path):
    training = training_of(run_of("mmd", n_train=40), tmp_path)
    for _ in range(2):
        epoch = torch.cat(first_batches(training, 5))
        assert sorted(epoch.tolist()) == list(range(40))


def test_learning_rate_is_halved_until_it_stays_constant(tmp_path):
    rates = {"main": [], "adversary": []}
    training = training_of(run_of("gan", epochs=5, lr=0.01), tmp_path)
    for _ in range(5):
        training.advance()
        for name, seen in rates.items():
            seen.append(training.optimizers.adams[name].param_groups[0]["lr"])
        for _ in range(4):
            training.advance()
    factors = [1, 0.5, 0.25, 0.25, 0.25]
    assert rates["main"] == pytest.approx([0.01 * f for f in factors])
    assert rates["adversary"] == pytest.approx([1e-3 * f for f in factors])


def test_adversary_is_trained_only_by_its_own_loss(tmp_path):
    training = training_of(run_of("gan"), tmp_path)
    moved = {id(p) for p in training.optimizers.adams["main"].param_groups[0]["params"]}
    adversary = training.objective.regularizer.adversary()
    critic = {id(p) for p in adversary.parameters()}
    assert not moved & critic
    before = [p.clone() for p in adversary.parameters()]
    training.optimizers.adams["adversary"].step = lambda: None
    for _ in range(3):
        training.advance()
    same(before, [p.detach() for p in adversary.parameters()])


DIVERGING = """
import torch
from methods.base import Regularizer

class Diverging(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        return step.z.square().sum() * torch.where(step.progress >= 0.6, torch.nan, 1.0)
"""


@pytest.mark.parametrize("cut", [None, 5, 7])
def test_run_stops_at_the_first_epoch_below_stop_at(cut, tmp_path):
    """So does a resumed run, interrupted in that epoch or at the end of it."""
    run = run_of("mmd", objective="wae", dataset="procedural", architecture="a1", width=1 / 64)
    errors = [row["train_reconstruction"] for row in finish(training_of(run, tmp_path))["rows"][1:]]
    aim = errors[1]
    assert errors[0] > aim > errors[3]
    short = replace(run, stop_at=aim)
    assert short.key != run.key
    training = training_of(short, tmp_path)
    if cut:
        state = finish(training, stop_at=cut)
        training = training_of(short, tmp_path)
        training.restore(state)
    outcome = finish(training)
    assert [row["epoch"] for row in outcome["rows"]] == [0, 1, 2]
    assert [row["train_reconstruction"] for row in outcome["rows"][1:]] == errors[:2]
    assert outcome["status"] == "done"


def test_divergence_is_recorded_with_its_step(tmp_path):
    (tmp_path / "method.py").write_text(DIVERGING)
    run = resolve(BASE, UserMethod("diverging", DIVERGING, {}), {})
    outcome = finish(training_of(run, tmp_path))
    assert (outcome["status"], outcome["diverged_step"]) == ("diverged", 12)
    assert [row["epoch"] for row in outcome["rows"]] == [0, 1, 2]
    assert all(math.isfinite(value) for row in outcome["rows"] for value in row.values())
    resumed = training_of(run, tmp_path)
    resumed.restore(finish(training_of(run, tmp_path), stop_at=13))
    assert finish(resumed) == outcome


@pytest.mark.parametrize("lr", [1e20, 1e30])
def test_svae_whose_codes_become_nan_has_diverged(lr, tmp_path):
    """It is not an error that torch has no cross entropy of NaN."""
    run = run_of("svae", lr=lr)
    task = Task(Store(tmp_path / "runs").folder(run.key))
    task.folder.write_spec(run, None)
    state = execute(task, Options(tmp_path / "data", "cpu"), StopRequest(), float)
    assert state == "diverged", task.folder.error()
    assert 0 < task.folder.result()["diverged_step"] < run.steps


@pytest.mark.parametrize("name", METHODS)
def test_wae_learns_to_reconstruct_images_under_every_method(name, tmp_path):
    run = run_of(name, dataset="procedural", objective="wae", n_train=64, epochs=12, lam=1.0,
                 halve_every=None, halve_until=None, lr=3e-3)
    training = Trainer(scene_of(run, tmp_path), (), tmp_path)
    outcome = finish(training)
    losses = [row["train_reconstruction"] for row in outcome["rows"][1:]]
    assert outcome["status"] == "done"
    assert losses[-1] < 0.6 * losses[0]


def test_loss_is_reconstruction_plus_lambda_times_penalty(tmp_path):
    run = run_of("mmd", dataset="procedural", objective="wae", lam=7.0)
    training = Trainer(scene_of(run, tmp_path), (), tmp_path)
    training.advance()
    loss, penalty, reconstruction = (
        float(training.epoch_log.sums[k]) for k in ("loss", "penalty", "reconstruction"))
    assert loss == pytest.approx(reconstruction + 7 * penalty, rel=1e-6)


def test_sphere_methods_at_lambda_0_are_one_run(tmp_path):
    rows = []
    for name in ("moca", "mmd", "swd"):
        run = run_of(name, dataset="procedural", objective="wae", lam=0.0)
        outcome = finish(training_of(run, tmp_path))
        rows.append([{k: v for k, v in row.items() if k != "train_penalty"}
                     for row in outcome["rows"]])
    assert rows[0] == rows[1] == rows[2]


def test_latent_swd_equals_pot_and_its_floor_that_of_uniform_draws(tmp_path):
    import ot
    training = training_of(run_of("mmd", n_train=500), tmp_path)
    codes = training.objective.encoder(training.data).detach()
    curve = LatentSWD(training.run, training.data, "cpu")
    reference_draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        values = curve(training.objective.encoder)
    assert values["swd2_root"] == pytest.approx(values["swd2_sq"] ** 0.5)
    other = training.prior.sample(500, reference_draws)
    again = type(curve)(training.run, training.data, "cpu")
    again.reference = again._slices(other)
    oracle = ot.sliced_wasserstein_distance(codes, other, projections=curve.projections, p=2)
    with torch.no_grad():
        measured = again(training.objective.encoder)
    assert measured["swd2_root"] == pytest.approx(float(oracle), rel=1e-4)
    assert 0 < values["floor_root"] < 0.5 * values["swd2_root"]


def test_latent_swd_floor_at_the_papers_size(tmp_path):
    """METHODS section 3: root .0066 to .0068 for 1000 points in 128 dimensions."""
    runs = [run_of("mmd", n_train=1000, dim=128, seed=seed) for seed in range(3)]
    floors = [LatentSWD(run, scene_of(run, tmp_path).data, "cpu").floor["floor_root"]
              for run in runs]
    assert all(0.0064 < floor < 0.0072 for floor in floors)


def test_loop_updates_momentum_encoder_and_queue(tmp_path):
    training = training_of(run_of("moca"), tmp_path)
    method = training.objective.regularizer
    before = {name: value.clone() for name, value in method.state_dict().items()}
    indices = first_batches(training, 1)
    training = training_of(run_of("moca"), tmp_path)
    method = training.objective.regularizer
    training.advance()
    assert method.owner[:8].tolist() == indices[0].tolist()
    assert torch.equal(method.queue[8:], before["queue"][8:])
    assert not torch.equal(method.queue[:8], before["queue"][:8])
    name = "key_encoder.network.1.weight"
    assert not torch.equal(method.state_dict()[name], before[name])


def test_loop_trains_the_critic_with_its_own_settings(tmp_path):
    training = training_of(run_of("gan"), tmp_path)
    adversary = training.objective.regularizer.adversary()
    before = [p.clone() for p in adversary.parameters()]
    training.advance()
    assert all(not torch.equal(a, b) for a, b in zip(before, adversary.parameters(), strict=True))
    adams = training.optimizers.adams
    assert adams["adversary"].param_groups[0]["betas"] == (0.5, 0.999)
    assert adams["main"].param_groups[0]["betas"] == (0.9, 0.999)
    other = training_of(run_of("gan", beta1=0.5), tmp_path)
    assert other.optimizers.adams["main"].param_groups[0]["betas"] == (0.5, 0.999)
    assert float(training.epoch_log.sums["adversary"]) > 0


def test_loop_gives_every_method_the_same_prior_draws_and_batches(tmp_path, monkeypatch):
    seen = {}
    for name in METHODS:
        training = training_of(run_of(name), tmp_path)
        batches, loss = [], training.objective.loss

        def spy(batch, batches=batches, loss=loss):
            batches.append([batch.prior, batch.index, batch.x, batch.progress])
            return loss(batch)

        monkeypatch.setattr(training.objective, "loss", spy)
        for _ in range(6):
            training.advance()
        seen[name] = batches
    for name in METHODS:
        same(seen["mmd"], seen[name], name)
    priors = [batch[0] for batch in seen["mmd"]]
    assert not torch.equal(priors[0], priors[1])  # new at every step
    assert [round(float(batch[3]) * 20) for batch in seen["mmd"]] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("curves", [(Curve("latent_swd"),), ()])
def test_weights_not_finite_after_the_last_step_are_a_divergence(curves, tmp_path):
    """Also without a curve, which would show it."""
    training = Trainer(scene_of(run_of("mmd"), tmp_path), curves, tmp_path)
    advance = training.advance

    def sabotage():
        advance()
        if training.step == 20:
            next(training.objective.encoder.parameters()).data.fill_(torch.nan)

    training.advance = sabotage
    outcome = finish(training)
    assert (outcome["status"], outcome["diverged_step"]) == ("diverged", 19)
    assert [row["epoch"] for row in outcome["rows"]] == [0, 1, 2, 3]


def test_curves_are_measured_in_evaluation_mode(tmp_path):
    run = resolve(replace(IMAGES, architecture="a1"), "mmd", {})
    objective = training_of(run, tmp_path).objective
    norm = next(m for m in objective.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen = []
    with evaluated(objective) as model:
        seen += [norm.training, model.encoder.training, model.decoder.training,
                 torch.is_grad_enabled()]
    assert not any(seen)
    assert norm.training
    assert objective.decoder.training
    assert torch.is_grad_enabled()


CARELESS = """
import torch
from methods.base import Regularizer

class Careless(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        return (step.z - torch.rand(8)).square().mean()
"""


def test_method_using_the_global_generator_is_reproducible(tmp_path):
    (tmp_path / "method.py").write_text(CARELESS)
    run = resolve(BASE, UserMethod("careless", CARELESS, {}), {})
    expected = finish(training_of(run, tmp_path))
    torch.rand(17)
    assert finish(training_of(run, tmp_path)) == expected
    resumed = training_of(run, tmp_path)
    saved = finish(training_of(run, tmp_path), stop_at=7)
    torch.rand(17)
    resumed.restore(saved)
    assert finish(resumed) == expected


@pytest.mark.parametrize(("returned", "shown"), [
    ("1.0", "not 1.0"), ("step.z.square().sum(1)", r"not shape \(8,\)"), ("None", "not None")])
def test_penalty_other_than_a_scalar_tensor_is_named(returned, shown, tmp_path):
    text = CARELESS.replace("(step.z - torch.rand(8)).square().mean()", returned)
    (tmp_path / "method.py").write_text(text)
    run = resolve(BASE, UserMethod("careless", text, {}), {})
    with pytest.raises(TypeError, match=f"Careless.penalty must return a scalar tensor, {shown}"):
        finish(training_of(run, tmp_path))
