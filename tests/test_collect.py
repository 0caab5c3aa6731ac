"""Runs of other machines: packed, taken in, refused, published; and what is said of them."""

from dataclasses import replace
import io
import json
import lzma
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tarfile

from conftest import ROOT, Place
import pytest
from test_old_store import OLD

from benchmarks import ARTEFACTS
from benchmarks.harness.command import collect, main
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec import artefact
from benchmarks.harness.spec.artefact import Measure
from benchmarks.harness.spec.hyperparameters import UserMethod, resolve
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store import archive, checkpoints, intake, lease
from benchmarks.harness.store.run_folder import RunFolder, Store, digest_of, sealed

# of the old store
SVAE, MMD, OF_TABLE_2 = "d3c15ec9b888f7b2", "741a7f3d7812a330", "2c6a2c8dfa1a6b34"
SMOKE = ("--scale", "smoke", "--cluster", "debug")
CODES = ("fig7", "--methods", "svae", "--seeds", "1")  # asks for SVAE alone
THREE = ("fig1", "--methods", "mmd", "--seeds", "1")  # asks for MMD and two others
WITHOUT_TORCH = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from benchmarks.harness.start import main
status = main()
sys.exit("torch" if "torch" in sys.modules else status)
"""


def ask(capsys, place, *words):
    """Exit status, and what the command said on stdout and stderr, run in this process."""
    status = main.main([*SMOKE, *place.options, *words])
    said = capsys.readouterr()
    return status, said.out.splitlines(), said.err.splitlines()


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}


@pytest.fixture
def there(tmp_path, monkeypatch):
    """The old store as another machine's, a copy of the test's own."""
    monkeypatch.setattr(artefact, "REVISIONS", {})  # its pictures were revised since
    return Path(shutil.copytree(OLD, tmp_path / "there" / "runs"))


def rewrite(path, change):
    """Changes a JSON file and seals it again where it was sealed, as a forger would."""
    content = json.loads(path.read_text())
    was_sealed = content.pop("digest", None)
    change(content)
    path.write_text(json.dumps(sealed(content) if was_sealed else content))


# --- two caches and one

@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """Runs of Figure 7 in one cache, and divided between two."""
    found = {}
    for name, methods in (("one", "svae,mmd"), ("left", "svae"), ("right", "mmd")):
        found[name] = Place(tmp_path_factory.mktemp(name))
        words = ("fig7", "--methods", methods, "--seeds", "1", *found[name].options)
        assert main.main([*SMOKE, *words]) == 0
    return found


def split(cache, out):
    """An archive as the machine with the GPU makes it, in parts."""
    out.mkdir()
    pipeline = (f"cd '{cache}' && tar c --exclude='*.pt' --exclude='*.safetensors' runs"
                f" | xz -T0 -6 | split -b 15k - '{out}/runs.tar.xz.'")
    subprocess.run(["bash", "-o", "pipefail", "-c", pipeline], check=True)
    (out / "train.log").touch()  # which lies beside it
    assert len(list(out.glob("runs.tar.xz.*"))) > 1


def without_torch(place, *words):
    """Runs the command to its end; status 1 and "torch" if it could have trained."""
    command = [sys.executable, "-c", WITHOUT_TORCH, str(ROOT), *words, *place.options]
    return subprocess.run([*command, "--scale", "smoke"], capture_output=True, text=True,
                          check=False, cwd=place.folder)


def test_runs_collected_from_two_caches_give_the_bytes_of_one_cache(divided, place, capsys):
    packed = place.folder / "left.tar.xz"
    status, said, wrong = ask(capsys, divided["left"], "pack", "fig7", "all", str(packed))
    assert (status, wrong) == (0, []), said
    out = place.folder / "out"
    split(divided["right"].cache, out)
    status, said, wrong = ask(capsys, place, "collect", "--from", str(packed), *CODES)
    assert (status, wrong) == (0, []), said
    both = ("fig7", "--methods", "svae,mmd", "--seeds", "1")
    done = without_torch(place, "collect", "--from", str(out), *both)
    assert done.returncode == 0, done.stdout + done.stderr
    one, here = (each.cache / "smoke" / "custom" / "fig7-tsne" for each in (divided["one"], place))
    same = {name: data for name, data in contents(one).items() if name.name != "provenance.json"}
    assert {name: contents(here)[name] for name in same} == same
    assert {name.parts[0] for name in same} >= {"data.csv", "points", "tiles", "figure.png"}
    store = contents(place.cache / "runs")
    assert store == {name: data for each in ("left", "right")
                     for name, data in contents(divided[each].cache / "runs").items()
                     if name.suffix != ".safetensors"}
    status, said, _ = ask(capsys, place, *both)  # for which nothing is left to do
    assert status == 0
    assert "identical to the results that were there" in said
    assert contents(place.cache / "runs") == store
    heavy = place.folder / "heavy.tar.xz"
    ask(capsys, divided["right"], "pack", "--weights", "fig7", "--methods", "mmd", str(heavy))
    status, said, _ = ask(capsys, place, "collect", "--from", str(heavy), *both)
    assert (status, said[0].split(": ")[1]) == (0, "1 completed")
    trained = contents(divided["right"].cache / "runs")
    assert trained.items() <= contents(place.cache / "runs").items()


@pytest.mark.parametrize("name", ["cache", "runs", "parts", "a later part", "joined", "unpacked"])
def test_runs_are_found_in_every_kind_of_source(name, there, tmp_path):
    out = tmp_path / "out"
    split(there.parent, out)
    joined = b"".join(path.read_bytes() for path in sorted(out.glob("runs.tar.xz.*")))
    (tmp_path / "joined").write_bytes(joined)
    (tmp_path / "plain.tar").write_bytes(lzma.decompress(joined))
    source = {"cache": there.parent, "runs": there, "parts": out,
              "a later part": out / "runs.tar.xz.ab", "joined": tmp_path / "joined",
              "unpacked": tmp_path / "plain.tar"}[name]
    with archive.runs_in(source, tmp_path) as found:
        read = {Path(key, name): read() for key, files in found.items()
                for name, read in files.items()}
    assert read == contents(OLD)


def test_collect_without_names_takes_every_run_and_publishes_holes(there, place, capsys):
    for path in there.iterdir():
        if path.name not in (MMD, SVAE):
            shutil.rmtree(path)
    spec = json.loads((there / MMD / "spec.json").read_text()) | {"precision": "bf16"}
    run = Run.from_fields(spec)
    (there / MMD / "spec.json").write_text(json.dumps(spec))
    (there / MMD).rename(there / run.key)
    status, said, wrong = ask(capsys, place, "collect", "--from", str(there))
    assert (status, wrong) == (1, [])
    assert said[0].endswith(": 2 taken")
    assert said[1] == "  1 are in bf16, which --precision bf16 asks for"
    assert contents(place.cache / "runs") == contents(there)
    assert "fig7-tsne, smoke scale: 1 done, 5 missing" in said
    assert (place.codes / "runs.csv").read_text().count(",missing,") == 5
    assert {path.name for path in (place.cache / "smoke").iterdir()} == {"fig7-tsne"}
    before = contents(place.cache)
    _, said, _ = ask(capsys, place, "collect", "--from", str(there))
    assert said[0].endswith(": 2 here already")
    assert contents(place.cache) == before


def test_collect_without_a_source_publishes_the_cache(there, place, capsys):
    place.cache.mkdir()
    there.rename(place.cache / "runs")
    status, _, wrong = ask(capsys, place, "collect", *CODES)
    assert (status, wrong) == (0, [])
    folder = place.cache / "smoke" / "custom" / "fig7-tsne"
    fuller = contents(folder)
    (place.cache / "runs" / SVAE).rename(place.folder / "lost")
    status, said, _ = ask(capsys, place, "collect", *CODES)
    assert (status, said) == (1, ["no finished runs of: fig7-tsne"])
    assert contents(folder) == fuller


def test_collect_asks_for_fid_of_the_runs_that_have_it_only(tmp_path):
    """Inception's weights may be here, and not where the runs were trained: that is no hole."""
    asked = select(ARTEFACTS["table2"], "paper", 1, "mmd", ())
    store = Store(tmp_path)
    first, *others = [entry for entry in asked.entries() if entry.has("inception")]
    for measure in first.measures:
        store.folder(first.run.key).save_measurement(measure, {"x": 1.0}, {}, {"seconds": 1.0})
    found = collect.as_measured(asked, store)
    assert others
    assert [entry.run for entry in found.entries() if entry.has("inception")] == [first.run]
    assert [entry.run for entry in found.entries()] == [entry.run for entry in asked.entries()]
    assert collect.NOT_MEASURED in found.without.values()
    for entry in others:
        for measure in entry.measures:
            store.folder(entry.run.key).save_measurement(measure, {}, {}, {"seconds": 1.0})
    assert collect.as_measured(found, store) == asked  # which was found before they came


def test_runs_of_other_artefacts_are_left_and_counted(there, place, capsys):
    words = ("collect", "--from", str(there), "table1", "--methods", "mmd", "--seeds", "1")
    status, said, _ = ask(capsys, place, *words)
    assert (status, len(said)) == (1, 3)
    assert said[0].endswith(": 5 of other artefacts")
    assert said[1].startswith("  5 belong to no artefact as it is asked for at smoke scale: ")


# --- archives that are not taken

KEY = "runs/0123456789abcdef"


def member(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def packed(*members):
    """The tar file of the old store, and of these members after it, in the format of GNU tar."""
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(OLD, "runs")
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if data else None)
    return text.getvalue()


def at_the_third_run(whole):
    """Where its header begins: tarfile takes damage there, and the end of the file, for the end."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        return tar.getmember(f"runs/{MMD}").offset


def with_a_damaged_header(whole):
    place = at_the_third_run(whole)
    return whole[:place] + b"X" * 512 + whole[place + 512:]


WRONG = {
    "outside": (lambda: packed(member("../outside.json", b"{}")), "points outside"),
    "outside by a detour": (lambda: packed(member(f"{KEY}/../../../x.json", b"{}")), "outside"),
    "absolute": (lambda: packed(member("/tmp/outside.json", b"{}")), "points outside"),
    "link": (lambda: packed(member(f"{KEY}/spec.json", type=tarfile.SYMTYPE,
                                   linkname="/etc/passwd")), "a link or device"),
    "hard link": (lambda: packed(member(f"{KEY}/spec.json", type=tarfile.LNKTYPE,
                                        linkname=f"runs/{MMD}/spec.json")), "a link or device"),
    "device": (lambda: packed(member(f"{KEY}/log.txt", type=tarfile.CHRTYPE)), "link or device"),
    "pipe": (lambda: packed(member(f"{KEY}/log.txt", type=tarfile.FIFOTYPE)), "a link or device"),
    "foreign file": (lambda: packed(member(f"{KEY}/setup.sh", b"rm")), "which is no part of a run"),
    "foreign folder": (lambda: packed(member("cifar-10/data_batch_1", b"1")), "no part of a run"),
    "no key": (lambda: packed(member("runs/table2/spec.json", b"{}")), "no part of a run"),
    "twice": (lambda: packed(member(f"runs/{MMD}/spec.json", b"{}")), "twice"),
    "negative size": (lambda: packed(member(f"{KEY}/log.txt", size=-512)), "no part of a run"),
    "cut off": (lambda: packed()[:-at_the_third_run(packed()) // 2], "cut off"),
    "cut off at a file's end": (lambda: packed()[:at_the_third_run(packed())], "cut off"),
    "cut off in a header": (lambda: packed()[:at_the_third_run(packed()) + 99], "cut off"),
    "damaged": (lambda: with_a_damaged_header(packed()), "is damaged"),
    "empty": (lambda: bytes(10240), "holds no runs"),
    "too large a text": (lambda: packed(member(f"{KEY}/log.txt", bytes(10**5 + 1))), "too large"),
    "bomb": (lambda: packed(member(f"{KEY}/model.safetensors", bytes(10**7))), "unpacks to more"),
    "no tar file": (lambda: b"hello" * 1000, "no archive of runs"),
}


def assert_refused(answer, message, place):
    status, said, wrong = answer
    assert (status, said, len(wrong)) == (2, [], 1)
    assert message in wrong[0]
    assert not [path for path in place.cache.rglob("*") if path.is_file()]
    assert not list(place.folder.rglob("*outside*"))


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_archive_prints_one_line_and_nothing_is_taken(fault, place, capsys, monkeypatch):
    monkeypatch.setattr(archive, "ROOM", 2**20)
    monkeypatch.setattr(archive, "ROOM_PER_BYTE", 1)
    monkeypatch.setattr(archive, "LARGEST_TEXT", 10**5)
    make, message = WRONG[fault]
    path = place.folder / "runs.tar.xz"
    path.write_bytes(lzma.compress(make()))
    assert_refused(ask(capsys, place, "collect", "--from", str(path)), message, place)


@pytest.mark.parametrize("cut", ["half", "empty", "a part is missing", "the last part is missing"])
def test_incomplete_archive_prints_one_line_and_nothing_is_taken(cut, there, place, capsys):
    out = place.folder / "out"
    split(there.parent, out)
    source, message = out, "cut off"
    if cut == "a part is missing":
        (out / "runs.tar.xz.ab").unlink()
        message = f"there is no {out / 'runs.tar.xz.ab'}"
    elif cut == "the last part is missing":
        sorted(out.glob("runs.tar.xz.*"))[-1].unlink()
    else:
        source = place.folder / "one.tar.xz"
        source.write_bytes((out / "runs.tar.xz.aa").read_bytes() if cut == "half" else b"")
    assert_refused(ask(capsys, place, "collect", "--from", str(source)), message, place)


def test_link_in_a_folder_is_refused(there, place, capsys):
    log = there / MMD / "log.txt"
    log.unlink()
    log.symlink_to("/etc/passwd")
    assert_refused(ask(capsys, place, "collect", "--from", str(there)), "a link or device", place)


def test_files_left_by_killed_processes_are_ignored(there, place, capsys):
    for name in (".result.json.host.12.tmp", "claim.3", "checkpoint.pt", "error.json",
                 "checkpoint.previous.pt", "measures/.x.png.host.12.tmp"):
        (there / SVAE / name).write_text("x")
    (there / ".0123456789abcdef.discarded").mkdir()
    (there / "0123456789abcdef").mkdir()
    (there / "0123456789abcdef" / "log.txt").write_text("step 1")
    path = place.folder / "runs.tar.xz"
    subprocess.run(["tar", "cJf", path, "-C", there.parent, "./runs"], check=True)
    status, said, wrong = ask(capsys, place, "collect", "--from", str(path), *CODES)
    assert (status, wrong) == (0, [])
    assert "1 taken, 1 not finished there, 4 of other artefacts" in said[0]
    assert contents(place.cache / "runs" / SVAE) == contents(OLD / SVAE)


# --- outcomes that are not taken

def of_result(change):
    return lambda folder: rewrite(folder / "result.json", change)


def of_measure(change):
    return lambda folder: rewrite(folder / "measures" / "latent_swd@200.json", change)


def seal_then_change(name, change):
    def do(folder):
        path = folder / name
        content = sealed(json.loads(path.read_text()))
        change(content)
        path.write_text(json.dumps(content))
    return do


def set_in(*keys, to):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to
    return change


TAMPERED = {
    "fields": (lambda f: rewrite(f / "spec.json", set_in("lr", to=0.1)), "describes the run"),
    "unknown field": (lambda f: rewrite(f / "spec.json", set_in("x", to=0.1)), "unknown run field"),
    "lost field": (lambda f: rewrite(f / "spec.json", lambda c: c.pop("dim")), "not describe"),
    "no hyper-parameters": (lambda f: rewrite(f / "spec.json", set_in("hyper", to=[])),
                            "does not describe a run"),
    "a loss": (seal_then_change("result.json", set_in("rows", 1, "train_loss", to=0.0)),
               "result.json: it is not as its digest says"),
    "an epoch": (of_result(lambda c: c["rows"].pop()), "it lacks epochs"),
    "an epoch in the middle": (of_result(lambda c: c["rows"].pop(1)), "it lacks epochs"),
    "losses": (of_result(lambda c: c["rows"][2].pop("train_loss")), "it lacks losses"),
    "not a number": (of_result(set_in("rows", 1, "train_loss", to=float("nan"))), "not a finite"),
    "a word": (of_result(set_in("rows", 1, "train_loss", to="low")), "not a finite number"),
    "a curve": (of_result(set_in("curves", to={"latent_swd/1": ["swd2_sq"]})), "points of a curve"),
    "status": (of_result(set_in("status", to="perfect")), "its status is unknown"),
    "divergence": (of_result(set_in("status", to="diverged")), "result.json: an entry"),
    "weights": (of_result(set_in("model", to="")), "it names other weights"),
    "snapshots": (of_result(set_in("snapshots", to={"1": "0" * 64})), "it names other weights"),
    "no rows": (of_result(lambda c: c.pop("rows")), "an entry is missing"),
    "parameters": (of_result(set_in("parameters", to={})), "it lacks the encoder"),
    "deep": (lambda f: (f / "result.json").write_text("[" * 10**6), "result.json cannot be read"),
    "cut": (lambda f: (f / "result.json").write_text('{"rows": ['), "result.json cannot be read"),
    "cost": (lambda f: rewrite(f / "provenance.json", set_in("steps", to="6")), "a cost"),
    "no cost": (lambda f: rewrite(f / "provenance.json", lambda c: c.pop("disk_bytes")), "an ent"),
    "commit": (lambda f: rewrite(f / "provenance.json", set_in("commit", to=1)), "no commit"),
    "no provenance": (lambda f: (f / "provenance.json").unlink(), "provenance.json is missing"),
    "no spec": (lambda f: (f / "spec.json").unlink(), "spec.json is missing"),
    "a method": (lambda f: (f / "method.py").write_text("import os"), "not the method of its run"),
    "a measure": (seal_then_change("measures/latent_swd@200.json",
                                   set_in("numbers", "test_swd2_root", to=0.0)),
                  "measure latent_swd@200 is damaged"),
    "a measure's number": (of_measure(set_in("numbers", "x", to=float("inf"))), "not a finite"),
    "a measure's cost": (of_measure(lambda c: c["provenance"].pop("seconds")), "an entry is"),
    "a measure's file": (lambda f: (f / "measures/tsne@200.points.csv").write_text("label,x,y\n"),
                         "measure tsne@200 is damaged"),
    "a measure's picture": (lambda f: (f / "measures/pictures@10.samples.png").unlink(),
                            "measure pictures@10 is damaged"),
    "model": (lambda f: (f / "model.safetensors").write_bytes(b"other"),
              "model.safetensors is not as its digest says"),
    "a model more": (lambda f: (f / "model.epoch1.safetensors").write_bytes(b"other"),
                     "model.epoch1.safetensors is not named by its outcome"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampered_outcome_prints_one_line_and_is_not_taken(what, there, place, capsys):
    tamper, message = TAMPERED[what]
    tamper(there / SVAE)
    status, said, wrong = ask(capsys, place, "collect", "--from", str(there), *CODES)
    assert (status, wrong, len(said)) == (1, [], 4)
    assert f"{there}: 1 refused, 4 of other artefacts" in said[0]
    assert said[1].startswith(f"  refused: {SVAE}, ")
    assert message in said[1]
    assert said[-1] == "no finished runs of: fig7-tsne"
    assert not [path for path in place.cache.rglob("*") if path.is_file()]


def test_refused_run_leaves_the_others_to_be_taken(there, place, capsys):
    TAMPERED["model"][0](there / MMD)
    status, said, _ = ask(capsys, place, "collect", "--from", str(there), *THREE)
    assert status == 1
    assert "2 taken, 1 refused" in said[0]
    assert not (place.cache / "runs" / MMD).exists()
    assert "fig1-synthetic, smoke scale: 2 done, 1 missing" in said


def test_run_that_diverged_before_its_first_row_is_whole(there):
    """As where a step towards a reconstruction error begins at infinity."""
    folder = RunFolder(there / MMD)
    run = replace(folder.run(), stop_at=50.0)
    (folder.path / "spec.json").unlink()
    folder.write_spec(run, None)
    rewrite(folder.path / "result.json", lambda content: content.update(
        status="diverged", diverged_step=0, rows=[], curves={}))
    assert intake.checked(run.key, archive.files_of(folder.path)).result["rows"] == []


def test_outcome_of_a_users_method_needs_its_file(tmp_path, there):
    method = UserMethod("mine", "class Mine: ...", {})
    folder = RunFolder(there / MMD)
    run = resolve(folder.run(), method, {})
    moved = RunFolder(folder.path.rename(there / run.key))
    (moved.path / "spec.json").unlink()
    moved.write_spec(run, method.source)
    assert "method.py" in intake.checked(run.key, archive.files_of(moved.path)).files
    (moved.path / "method.py").write_text("class Mine: other = True")
    with pytest.raises(UsageError, match="not the method of its run"):
        intake.checked(run.key, archive.files_of(moved.path))


# --- runs that are here too

def test_disagreeing_runs_are_named_and_ours_is_kept(there, place, capsys):
    shutil.copytree(OLD, place.cache / "runs")
    ours = contents(place.cache / "runs")
    rewrite(there / MMD / "result.json", set_in("rows", 1, "train_loss", to=0.25))
    rewrite(there / SVAE / "measures" / "latent_swd@200.json",
            set_in("numbers", "test_swd2_root", to=0.5))
    theirs = contents(there)
    status, said, wrong = ask(capsys, place, "collect", "--from", str(there), *CODES)
    assert (status, wrong) == (1, [])
    assert "1 disagreeing, 4 of other artefacts" in said[0]
    assert said[1].startswith(f"  disagreeing: {SVAE}, fig7-tsne, svae, seed 0: test_swd2_root is ")
    assert said[1].endswith(" here and 0.5 there, measured by latent_swd@200")
    _, said, _ = ask(capsys, place, "collect", "--from", str(there), *THREE)
    (line,) = [line for line in said if MMD in line]
    assert line.endswith(" here and 0.25 there, in epoch 1")
    assert contents(place.cache / "runs") == ours
    assert contents(there) == theirs


def whole(folder):
    return intake.checked(folder.name, archive.files_of(folder))


def test_measures_weights_and_curves_that_ours_lacks_are_added(there, tmp_path):
    """A measure, its weights; and curves, where all others are there too."""
    ours = RunFolder(Path(shutil.copytree(there / SVAE, tmp_path / SVAE)))
    for path in ours.path.glob("measures/tsne*"):
        path.unlink()
    ours.fail("out of memory")
    (there / SVAE / "model.safetensors").write_bytes(b"weights")
    digest = {"model": digest_of(b"weights")}
    for place in (ours.path, there / SVAE):
        rewrite(place / "result.json", lambda content: content.update(digest))
    assert intake.take(whole(there / SVAE), ours) == "completed"
    assert contents(ours.path) == contents(there / SVAE)
    assert intake.take(whole(there / SVAE), ours) == "here already"
    rewrite(ours.path / "result.json", lambda content: content["curves"].update({"x/1": []}))
    more = (ours.path / "result.json").read_bytes()
    assert intake.take(whole(there / SVAE), ours) == "here already"
    assert (ours.path / "result.json").read_bytes() == more
    assert intake.take(whole(ours.path), RunFolder(there / SVAE)) == "completed"
    assert (there / SVAE / "result.json").read_bytes() == more


def test_run_being_trained_here_is_not_taken(there, place, capsys):
    folder = RunFolder(place.cache / "runs" / SVAE)
    folder.path.mkdir(parents=True)
    held = lease.acquire(folder.path)
    try:
        before = contents(folder.path)
        status, said, _ = ask(capsys, place, "collect", "--from", str(there), *CODES)
        assert status == 1
        assert "1 being trained here" in said[0]
        assert SVAE in said[1]
        assert contents(folder.path) == before
    finally:
        held.release()


class Killed(BaseException):
    """Stands for the death of the process."""


def test_death_while_taking_a_run_leaves_it_unfinished_or_whole(there, tmp_path, monkeypatch):
    """Over a run that was begun here: at every moment it is unfinished, or theirs."""
    theirs, rename, moment = whole(there / SVAE), os.replace, 0
    while True:
        ours = RunFolder(tmp_path / str(moment) / SVAE)
        ours.path.mkdir(parents=True)
        checkpoints.save(ours.path, b"step 2")
        ours.fail("out of memory")
        ours.save_measurement(Measure("tsne", 200), {}, {}, {})  # of weights that are gone
        left = iter(range(moment))

        def mortal(*paths, left=left):
            if next(left, None) is None:
                raise Killed
            rename(*paths)

        monkeypatch.setattr(os, "replace", mortal)
        try:
            outcome = intake.take(theirs, ours)
        except Killed:
            outcome = None
        monkeypatch.undo()
        if ours.is_finished():
            assert ours.result() == theirs.result
            for name, data in contents(ours.path).items():
                assert "measures" not in str(name) or data == contents(there / SVAE)[name]
        assert outcome or intake.take(theirs, ours) in ("taken", "completed")
        assert contents(ours.path) == contents(there / SVAE)
        if outcome:
            break
        moment += 1
    assert moment == len(theirs.files)


# --- packing

def test_pack_holds_finished_runs_only_and_is_deterministic(there, place, capsys):
    place.cache.mkdir()
    runs = there.rename(place.cache / "runs")
    (runs / SVAE / "model.safetensors").write_bytes(b"weights")
    keys = {entry.run.key for name in ("fig1-synthetic", "fig7-tsne")
            for entry in select(ARTEFACTS[name], "smoke", None, None, ()).entries()}
    for name in ("first.tar.xz", "second.tar.xz"):
        status, said, wrong = ask(capsys, place, "pack", "fig1", "fig7", str(place.folder / name))
        assert (status, wrong) == (0, [])
        assert f"4 runs packed, 0 refused, {len(keys) - 4} not finished" in said[0]
        os.utime(runs / MMD / "log.txt")
    first, second = (place.folder / name for name in ("first.tar.xz", "second.tar.xz"))
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        names = tar.getnames()
    assert names == sorted(
        f"runs/{path.as_posix()}" for path in contents(runs)
        if path.parts[0] != OF_TABLE_2 and path.name != "model.safetensors")
    status, said, _ = ask(capsys, place, "pack", "fig7", str(first), "--weights")
    assert status == 1
    assert "its weights are missing or damaged" in said[1]
    assert first.read_bytes() == second.read_bytes()


def test_failed_pack_leaves_no_file(there, place, capsys, monkeypatch):
    place.cache.mkdir()
    there.rename(place.cache / "runs")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, wrong = ask(capsys, place, "pack", "fig7", str(place.folder / "runs.tar.xz"))
    assert (status, len(wrong)) == (1, 1)
    assert {path.name for path in place.folder.iterdir()} == {"cache", "there"}
