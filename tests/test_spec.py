"""Runs and their keys: which fields change a key, and which values are valid."""

from dataclasses import fields, replace
import json

from hypothesis import given
from hypothesis import strategies as st
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.claims import SCALES
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import select

RUN = Run("synthetic-normal", 1000, "mlp2", "mmd", (), "1", dim=128, epochs=80, batch=64)
OTHER = {
    "dataset": "synthetic-uniform", "n_train": 999, "architecture": "a1", "method": "swd",
    "hyper": (("projections", 50),), "revision": "2", "dim": 64, "epochs": 81, "batch": 63,
    "objective": "latent", "prior": "gaussian", "n_prior": 65, "lam": 2.0,
    "lr": 1e-4, "halve_every": 60, "halve_until": 400, "precision": "tf32", "width": 0.25,
    "decoder_start": 8, "image_size": 64, "crop": "lanczos140", "data_digest": "ab", "seed": 1,
    "beta1": 0.5, "snapshots": (40,), "stop_at": 50.0,
}


def test_run_key_depends_on_every_field():
    assert {*OTHER, "optimizer"} == {field.name for field in fields(Run)}  # the only one is Adam
    keys = {replace(RUN, **{name: value}).key for name, value in OTHER.items()}
    assert len(keys | {RUN.key}) == len(OTHER) + 1


def test_run_key_equals_its_golden_value():
    """If the key changes, no stored or committed run is found any more."""
    assert RUN.key == "ceeb84a504dc5a2b"
    assert Run.from_fields(RUN.fields()).key == RUN.key


@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.sampled_from(["sphere", "gaussian"]))
def test_run_is_unchanged_by_a_json_round_trip(seed, lam, prior):
    run = replace(RUN, seed=seed, lam=lam, prior=prior, hyper=(("a", 1), ("b", 0.5)))
    assert Run.from_fields(json.loads(json.dumps(run.fields()))) == run


def test_unknown_run_field_is_named():
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        Run.from_fields(RUN.fields() | {"epoch": 3})


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch": 1001}, {"dim": -1}, {"n_prior": 0},
                                    {"precision": "fp8"}, {"optimizer": "sgd"},
                                    {"prior": "cube"}, {"objective": "gmvae"}])
def test_invalid_run_is_refused(change):
    with pytest.raises(ValueError, match=str(next(iter(change)))):
        replace(RUN, **change)


def test_hyper_parameters_are_resolved_typed_and_checked():
    run = resolve(RUN, "moca", {"tau": 1, "K": 100})
    assert dict(run.hyper) == {"tau": 1.0, "K": 100, "m0": 0.99, "mask_self": False,
                               "decoupled": False}
    assert run.key == resolve(RUN, "moca", {"K": 100, "tau": 1.0}).key
    for wrong, message in (({"taw": 1.0}, "did you mean 'tau'"), ({"K": 10.5}, "a whole number"),
                           ({"tau": True}, "a number"), ({"mask_self": 1}, "True or False")):
        with pytest.raises(UsageError, match=message):
            resolve(RUN, "moca", wrong)
    with pytest.raises(UsageError, match="did you mean 'mmd'"):
        resolve(RUN, "mmmd", {})


def test_user_method_revision_depends_on_its_text():
    runs = [resolve(RUN, UserMethod("mine", text, {"a": 1.0}), {}) for text in ("x", "y", "x")]
    assert runs[0].key == runs[2].key != runs[1].key
    assert dict(runs[0].hyper) == {"a": 1.0}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_declarations_resolve_at_every_scale(name, scale):
    artefact = ARTEFACTS[name]
    arms = artefact.arms(scale)
    assert len({arm.name for arm in arms}) == len({arm.run for arm in arms}) == len(arms)
    assert all(arm.run.seed == 0 for arm in arms)
    for scale in SCALES:
        claims = artefact.claims(scale)
        ids = [one.id for claim in claims for one in (claim, *claim.readings)]
        assert len(set(ids)) == len(ids)


def test_more_seeds_change_no_run_key():
    artefact = ARTEFACTS["fig1-synthetic"]
    few, many = (select(artefact, "paper", n, None, ()) for n in (5, 6))
    keys = [{entry.run.key for entry in chosen.entries()} for chosen in (few, many)]
    assert keys[0] < keys[1]
    assert len(keys[0]) == 180


def test_run_key_ignores_paths_device_and_scale_name(tmp_path, monkeypatch):
    """Paths of data and results, the device and the scale's name leave the key unchanged."""
    artefact = ARTEFACTS["table2"]
    arms = artefact.arms("paper")
    assert {*fields(Run)}.isdisjoint({"scale", "device", "data", "path"})

    def keys(scale, artefact):
        return [entry.run.key for entry in select(artefact, scale, None, None, ()).entries()]

    renamed = replace(
        artefact, arms=lambda scale: arms, seeds={"whole": 3}, claims=lambda scale: (),
        template=lambda scale: artefact.template("paper"), measures=lambda scale, seed: (),
        settings=lambda scale: artefact.settings("paper"))
    expected = keys("paper", artefact)
    assert keys("whole", renamed) == expected
    monkeypatch.setenv("WAE_BENCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.chdir(tmp_path)
    assert keys("paper", artefact) == expected


@pytest.mark.parametrize("scale", SCALES)
def test_select_with_declared_precision_equals_select_without(scale, tmp_path):
    for artefact in ARTEFACTS.values():
        plain, asked, other = (select(artefact, scale, None, None, (), precision=precision)
                               for precision in (None, "fp32", "bf16"))
        assert asked == plain
        folders = [chosen.results(tmp_path, tmp_path) for chosen in (plain, asked, other)]
        assert folders[0] == folders[1] != folders[2]
    first, *others = artefact.arms(scale)
    mixed = replace(artefact, arms=lambda scale: (
        replace(first, run=replace(first.run, precision="tf32")), *others))
    asked = select(mixed, scale, None, None, (), precision="fp32")
    assert asked.precision == "fp32"
    assert [entry.run for entry in asked.entries()] == [entry.run for entry in plain.entries()]


def test_entries_are_ordered_by_stage_and_seed():
    entries = select(ARTEFACTS["fig1-synthetic"], "paper", None, None, ()).entries()
    order = [(entry.arm.stage, entry.run.seed) for entry in entries]
    assert order == sorted(order)


def test_figure_1_declares_the_papers_settings():
    """Section 4.1 and Appendices A and D; no expected value is read from a declaration."""
    arms = {arm.name: arm.run for arm in ARTEFACTS["fig1-synthetic"].arms("paper")}
    main = [name for name, run in arms.items() if run.batch == 64
            and run.dataset == "synthetic-normal" and name not in
            ("moca[tau=0.1]", "moca[tau=0.2]", "moca[tau=0.05,mask_self]",
             "moca[tau=0.05,decoupled]", "uniformity[literal]", "moca[tau=0.1,m0=0]",
             "repulsion[tau=0.1]", "sigreg", "ssw", "koleo", "energy", "moments", "swd[memory]",
             "mmd[memory]", "sae", "swd[projections=1000]")]
    assert main == ["moca[tau=0.05]", "moca[tau=1]", "mmd", "swd", "sinkhorn", "uniformity", "gan",
                    "cramer-wold"]
    for name in main:
        run = arms[name]
        assert (run.n_train, run.dim, run.epochs, run.lr) == (1000, 128, 80, 1e-3)
        assert (run.architecture, run.prior, run.objective) == ("mlp2", "sphere", "latent")
    assert dict(arms["moca[tau=0.05]"].hyper) == {
        "tau": 0.05, "K": 1000, "m0": 0.99, "mask_self": False, "decoupled": False}
    assert dict(arms["moca[tau=1]"].hyper)["tau"] == 1.0
    assert dict(arms["swd"].hyper) == {"projections": 50}
    assert dict(arms["sinkhorn"].hyper)["eps"] == 1.0
    assert dict(arms["gan"].hyper)["hidden"] == 512
    assert dict(arms["swd[memory]"].hyper) == {"projections": 50, "memory": 1000, "m0": 0.99}
    assert arms["mmd full batch"].batch == arms["mmd full batch"].n_prior == 1000
    assert arms["mmd uniform data"].dataset == "synthetic-uniform"
