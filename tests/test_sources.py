"""Data is what the user named: usual places of known sets; a packed set knows its files."""

from argparse import Namespace
from dataclasses import replace
import gzip
import hashlib
import io
import os
import shutil

import numpy as np
from pictures import encoded, tarred, write, zipped
from PIL import Image
import pytest
import small_mnist
import torch

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.data import celeba, cifar10, mnist, packed
from benchmarks.harness.data.image_files import Request
from benchmarks.harness.errors import MissingDataError, UsageError
from benchmarks.harness.launch import train_and_measure
from benchmarks.harness.spec.artefact import Arm, Measure
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.run_folder import Store
from benchmarks.harness.store.task import Task

CELEBA = Run("celeba", 4, "a1", "mmd", (), "1", dim=4, epochs=1, batch=4, image_size=8,
             width=0.0625, crop="lanczos140")
HQ = replace(CELEBA, dataset="celebahq", crop=None)
MNIST = Run("mnist", 300, "mlp3", "mmd", (), "1", dim=6, epochs=1, batch=8)
TRAIN, TEST = range(1, 7), range(182_638, 182_641)


def face(colour):
    return encoded(Image.new("RGB", (178, 218), colour))


def faces(*colour, ending=".jpg", train=TRAIN):
    return {f"{k:06}{ending}": face(colour) for k in (*train, *TEST)}


def prepared(run, root, data_dir=None, path=None):
    """The images of the training split after `prepare`."""
    packed.prepare([run], root, data_dir, {run.dataset: path} if path else {})
    return np.array(packed.packed_array(root, run.packed_name, "train.images"))


def said(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if "packing celeba" in line
            and "again" in line]


def test_second_folder_replaces_the_first_and_says_so(tmp_path, capsys):
    red = write(tmp_path / "a" / "celeba" / "img_align_celeba", faces(200, 0, 0))
    blue = write(tmp_path / "b" / "img_align_celeba", faces(0, 0, 200, train=range(1, 10)))
    root = tmp_path / "packed"
    assert prepared(CELEBA, root, tmp_path / "a")[:, 0].min() > 150
    assert not said(capsys)
    assert packed.foreseen(CELEBA, root, None, {"celeba": blue}) == (
        f"data: {CELEBA.packed_name}: 9 train images and 3 test images from {blue}, to be packed "
        "again")
    images = prepared(CELEBA, root, tmp_path / "a", blue)
    assert (len(images), images[:, 0].max() < 9) == (9, True)
    (line,) = said(capsys)
    assert f"was made of other files ({red}) than are in {blue} now" in line
    assert prepared(CELEBA, root)[:, 2].min() > 150  # nothing is named: what is there
    assert prepared(CELEBA, root, tmp_path / "a")[:, 0].min() > 150


def changes(folder):
    """Kind of change -> a function that makes it in the folder of images."""
    first = folder / "000001.jpg"

    def same_size_and_time():
        before, data = first.stat(), bytearray(first.read_bytes())
        at = data.index(b"\xff\xda") + 20  # in the compressed pixels
        data[at] ^= 1
        first.write_bytes(data)
        os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))

    return {"added": lambda: write(folder, {"000007.jpg": face((9, 9, 9))}),
            "removed": first.unlink, "renamed": lambda: first.rename(folder / "000009.jpg"),
            "same size and time": same_size_and_time,
            "other split": lambda: write(folder.parent, {"list_eval_partition.txt": "".join(
                f"{path.name} {2 * (k < 2)}\n"
                for k, path in enumerate(sorted(folder.iterdir()))).encode()})}


@pytest.mark.parametrize("kind", changes(celeba.Path()))
def test_changed_files_at_the_same_place_are_packed_again(kind, tmp_path, capsys):
    folder = write(tmp_path / "img_align_celeba", faces(200, 100, 0))
    prepared(CELEBA, tmp_path / "packed", tmp_path)
    prepared(CELEBA, tmp_path / "packed", tmp_path)
    assert not said(capsys)
    changes(folder)[kind]()
    prepared(CELEBA, tmp_path / "packed", tmp_path)
    assert "was made of other files" in said(capsys)[0]


def test_moved_or_touched_files_are_not_packed_again(tmp_path, capsys):
    folder = write(tmp_path / "celeba_hq", {f"{k}.png": encoded(Image.new(
        "RGB", (16, 16), (9 * k, 0, 0)), "PNG") for k in range(12)})
    root = tmp_path / "packed"
    before = prepared(HQ, root, tmp_path)
    (folder / "1.png").touch()
    moved = folder.rename(tmp_path / "other")
    np.testing.assert_array_equal(prepared(HQ, root, None, moved), before)
    np.testing.assert_array_equal(prepared(HQ, root, None, shutil.copytree(moved, folder)), before)
    assert not said(capsys)
    assert packed._told_packed(root, HQ.packed_name).endswith(f"from {folder}")


def test_replaced_archive_is_packed_again(tmp_path, capsys):
    (tmp_path / "img_align_celeba.zip").write_bytes(zipped(faces(200, 0, 0)))
    assert prepared(CELEBA, tmp_path / "packed", tmp_path)[:, 0].min() > 150
    (tmp_path / "img_align_celeba.zip").write_bytes(tarred(faces(0, 0, 200), ""))
    assert prepared(CELEBA, tmp_path / "packed", tmp_path)[:, 0].max() < 9
    assert len(said(capsys)) == 1


def test_older_packed_set_without_a_note_is_packed_again(tmp_path, capsys):
    write(tmp_path / "img_align_celeba", faces(200, 0, 0))
    before = prepared(CELEBA, tmp_path / "packed", tmp_path)
    note = packed.packed_folder(tmp_path / "packed", CELEBA.packed_name) / packed.SOURCE
    for damage in (note.unlink, lambda: note.write_text("{"), lambda: note.write_text("[]")):
        damage()
        np.testing.assert_array_equal(prepared(CELEBA, tmp_path / "packed", tmp_path), before)
        assert "does not tell of which files it was made" in said(capsys)[0]


def test_faulty_successor_leaves_what_was_packed(tmp_path):
    write(tmp_path / "a" / "img_align_celeba", faces(200, 0, 0))
    broken = write(tmp_path / "b", faces(0, 0, 200) | {"000003.jpg": b"<html>"})
    root = tmp_path / "packed"
    before = prepared(CELEBA, root, tmp_path / "a")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"000003\.jpg is not a readable image"):
            prepared(CELEBA, root, None, broken)
    np.testing.assert_array_equal(prepared(CELEBA, root), before)
    assert [path.name for path in (root / CELEBA.packed_name).iterdir()] == ["packed.1"]


def test_files_that_change_while_they_are_packed_are_refused(tmp_path, monkeypatch):
    folder = write(tmp_path / "img_align_celeba", faces(200, 0, 0))
    whole = packed._write_split

    def meanwhile(*arguments):
        whole(*arguments)
        write(folder, {"000001.jpg": face((1, 2, 3))})

    monkeypatch.setattr(packed, "_write_split", meanwhile)
    with pytest.raises(UsageError, match="changed while it was packed"):
        prepared(CELEBA, tmp_path / "packed", tmp_path)
    assert not list((tmp_path / "packed" / CELEBA.packed_name).iterdir())


def test_wrong_path_of_a_verified_set_is_not_hidden_by_the_packed_one(tmp_path, monkeypatch):
    small_mnist.take_for_mnist(monkeypatch)
    small_mnist.write(tmp_path / "a" / "MNIST" / "raw", small_mnist.FILES)
    other = {name: data[:-1] + bytes([data[-1] ^ 1]) for name, data in small_mnist.FILES.items()}
    small_mnist.write(tmp_path / "fashion", other)
    (tmp_path / "empty").mkdir()
    root = tmp_path / "packed"
    before = prepared(MNIST, root, tmp_path / "a")
    with pytest.raises(UsageError, match="is not MNIST's"):
        prepared(MNIST, root, None, tmp_path / "fashion")
    with pytest.raises(MissingDataError, match="empty has none of its files"):
        prepared(MNIST, root, None, tmp_path / "empty")
    np.testing.assert_array_equal(prepared(MNIST, root, tmp_path / "empty"), before)


def artefact_of(run):
    whole = ARTEFACTS["fig3-isotropy"]
    return replace(whole, arms=lambda scale: (Arm("mmd", run),), curves=lambda scale: (),
                   measures=lambda scale, seed: (Measure("reconstruction", 3),),
                   claims=lambda scale: (), seeds={"paper": 1})


def test_runs_on_other_images_do_not_pass_for_runs_on_the_named_ones(
    tmp_path, capsys, place, monkeypatch,
):
    run = replace(CELEBA, image_size=32)
    monkeypatch.setitem(ARTEFACTS, "fig3-isotropy", artefact_of(run))
    monkeypatch.setattr("benchmarks.harness.command.sweep.publish", lambda *_: "")
    for name, colour in (("a", (200, 0, 0)), ("b", (0, 0, 200))):
        write(tmp_path / name / "img_align_celeba", faces(*colour))
    words = ["fig3", "--cluster", "debug", *place.options, "--data-dir"]
    assert main.main([*words, str(tmp_path / "a")]) == 0, capsys.readouterr()
    assert Store(place.cache / "runs").folder(run.key).is_finished()
    assert main.main([*words, str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert main.main([*words, str(tmp_path / "b")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "1 finished runs, such as mmd, seed 0, were trained on other images of celeba" in line
    assert "--rerun" in line


def test_checkpoint_of_other_images_is_not_resumed(tmp_path):
    task = Task(Store(tmp_path).folder("run"))
    state = {"columns": {}, "attempts": [{"data": "one"}, {"data": "two"}]}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    checkpoints.save(task.folder.path, buffer.getvalue())
    restored = []
    training = Namespace(restore=restored.append)
    assert "other images" in train_and_measure._resume(task, training, "two")
    assert not restored
    state["attempts"][0]["data"] = "two"
    buffer = io.BytesIO()
    torch.save(state, buffer)
    checkpoints.save(task.folder.path, buffer.getvalue())
    assert train_and_measure._resume(task, training, "two") is None
    assert len(restored) == 1


PNG = {name.replace(".jpg", ".png"): data for name, data in faces(1, 2, 3).items()}
PARTITION = "".join(f"{k:06}.jpg {0 if k < 4 else 2}\n" for k in (*TRAIN, *TEST))
AS_CSV = "image_id,partition\r\n" + PARTITION.replace(" ", ",").replace("\n", "\r\n")
PARTITIONS = {  # name -> content; each puts the training images from 4 on into the test set
    "list_eval_partition.txt": PARTITION.encode(), "LIST_EVAL_PARTITION.TXT": PARTITION.encode(),
    "list_eval_partition.txt ": b"\xef\xbb\xbf" + PARTITION.replace("\n", "\r\n").encode(),
    "list_eval_partition.txt  ": PARTITION.encode("utf-16"),
    "list_eval_partition.csv": AS_CSV.encode(),
    "list_eval_partition.csv ": b"\xef\xbb\xbf" + AS_CSV.replace(",", '","').encode()}


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("ending", [".jpg", ".JPG", ".png", ".JpEg"])
def test_partition_is_read_in_every_form_for_images_of_every_ending(partition, ending, tmp_path):
    files = {f"{k:06}{ending}": face((9, 9, 9)) for k in (*TRAIN, *TEST)}
    folder = write(tmp_path / "img_align_celeba", files)
    write(tmp_path, {partition.strip(): PARTITIONS[partition]})
    request = Request(None, tmp_path, tmp_path, 8, "lanczos140")
    found = celeba.find(request, celeba.locate(request))
    assert [part.size for part in found.splits.values()] == [3, 6]
    assert celeba._partition_files(folder)


CELEBA_PLACES = [  # folder of the images or archive, of the partition, what is named
    ("celeba/img_align_celeba", "celeba", "."), ("CelebA/Img/img_align_celeba", "CelebA/Eval", "."),
    ("d/Img/img_align_celeba", "d/Eval", "d"), ("Img/img_align_celeba_png", "Eval", "."),
    ("img_align_celeba/img_align_celeba", ".", "."), ("d/IMG_ALIGN_CELEBA", "d", "d"),
    ("celeba/img_align_celeba", "celeba", "celeba/img_align_celeba"),
    ("archive/img_align_celeba/img_align_celeba", "archive", "."),
    ("Img/img_align_celeba.zip", "Eval", "."), ("celeba/Img_Align_CelebA.ZIP", "celeba", "."),
    ("img_align_celeba.tar.gz", ".", "."), ("celeba/img_align_celeba_png.TGZ", "celeba", "celeba")]


@pytest.mark.parametrize("place", CELEBA_PLACES, ids="-".join)
@pytest.mark.parametrize("option", ["--data-dir", "--dataset"])
def test_celeba_is_found_at_its_usual_places(place, option, tmp_path):
    images, partition, named = place
    if images.lower().endswith((".zip", ".gz", ".tgz")):
        pack = zipped if images.lower().endswith(".zip") else tarred
        write(tmp_path, {images: pack({f"top/{name}": data for name, data in PNG.items()})})
    else:
        write(tmp_path / images, PNG)
    write(tmp_path / "Img" / "img_celeba", {"000001.jpg": face((0, 0, 0))})  # not the aligned ones
    write(tmp_path / partition, {"list_eval_partition.txt": PARTITION.encode()})
    given = (tmp_path / named).resolve()
    request = Request(*((None, given) if option == "--data-dir" else (given, None)), tmp_path, 8,
                      "lanczos140")
    source = celeba.locate(request)
    assert source.path == tmp_path / images or source.path in (tmp_path / images).parents
    assert [part.size for part in celeba.find(request, source).splits.values()] == [3, 6]


def test_masks_of_celeba_hq_are_no_faces(tmp_path):
    files = {f"CelebAMask-HQ/CelebA-HQ-img/{k}.jpg": face((k, 0, 0)) for k in range(10)}
    masks = {f"CelebAMask-HQ/CelebAMask-HQ-mask-anno/0/{k}_hair.png": b"x" for k in range(10)}
    write(tmp_path / "folder", files | masks)
    write(tmp_path / "zip", {"CelebAMask-HQ.zip": zipped(files | masks)})
    for given in (tmp_path / "folder", tmp_path / "folder" / "CelebAMask-HQ", tmp_path / "zip"):
        for request in (Request(None, given, tmp_path, 8, None),
                        Request(given, None, tmp_path, 8, None)):
            source = celeba.locate_hq(request)
            images = celeba._faces(source.path)
            assert len(images.names) == 10
            assert all(name.endswith(".jpg") for name in images.names)


def mnist_files(kind):
    renamed = {"twice": lambda name: f"{name}.gz", "upper": lambda name: f"{name}.GZ",
               "raw in gz": lambda name: f"{name}.gz", "gz without": lambda name: name,
               "nested": lambda name: f"{name}/{name.replace('-idx', '.idx')}"}[kind]
    pressed = {"twice": lambda data: gzip.compress(gzip.compress(data)), "upper": gzip.compress,
               "gz without": gzip.compress}.get(kind, lambda data: data)
    return {renamed(name): pressed(data) for name, data in small_mnist.FILES.items()}


@pytest.mark.parametrize("kind", ["twice", "upper", "raw in gz", "gz without", "nested"])
@pytest.mark.parametrize("form", ["MNIST/raw", "raw", ".", "mnist/RAW", "archive", "a.zip",
                                  "a.txz"])
def test_mnist_is_read_by_content_at_its_usual_places(kind, form, tmp_path, monkeypatch):
    small_mnist.take_for_mnist(monkeypatch)
    files = mnist_files(kind)
    if "." in form[1:]:
        write(tmp_path, {form: zipped(files) if form == "a.zip" else tarred(files, "xz")})
        asked = [Request(tmp_path / form, None, tmp_path, None, None)]
    else:
        write(tmp_path / "d" / form, files)
        asked = [Request(*places, tmp_path, None, None) for places in (
            (tmp_path / "d", None), (None, tmp_path / "d"), (tmp_path / "d" / form, None))]
    for request in asked:
        found = mnist.find(request, mnist.locate(request))
        assert [part.size for part in found.splits.values()] == [300, 80]


BATCHES = {name: name.encode() for name in cifar10.FILES}


@pytest.mark.parametrize("form", [
    "cifar-10-batches-py/", "cifar10/CIFAR-10-batches-py/", "./", "some/where/",
    "cifar-10-python.tar.gz", "cifar-10-python.tar", "cifar10/cifar-10-python.ZIP",
    "CIFAR-10-Python.tgz", "cifar-10-python/cifar-10-batches-py/", "batches.xz"])
def test_cifar_10_is_found_by_its_batches(form, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(cifar10, "_batch", lambda data, name, md5: read.append(data) or (
        np.zeros((1, 3, 32, 32), np.uint8), np.zeros(1, np.uint8)))
    if form.endswith("/"):
        write(tmp_path / form, BATCHES)
    else:
        files = {f"cifar-10-batches-py/{name}": data for name, data in BATCHES.items()}
        write(tmp_path, {form: zipped(files) if form.lower().endswith("zip") else tarred(
            files, {".tar": "", "s.xz": "xz"}.get(form[-4:], "gz"))})
    place = (tmp_path / form).resolve()
    asked = [Request(place, None, tmp_path, None, None)]
    if form not in ("some/where/", "batches.xz"):
        asked += [Request(tmp_path, None, tmp_path, None, None),
                  Request(None, tmp_path, tmp_path, None, None)]
    if place.is_dir():
        asked.append(Request(None, place, tmp_path, None, None))
    for request in asked:
        read.clear()
        cifar10.find(request, cifar10.locate(request))
        assert read == list(BATCHES.values())


def test_plan_shows_what_is_found_of_known_sets(tmp_path, capsys, place):
    folder = write(tmp_path / "Img" / "img_align_celeba", faces(1, 2, 3))
    words = ["plan", "table5", "fig15", "--scale", "mini", *place.options, "--data-dir"]
    assert main.main([*words, str(tmp_path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "data: celeba" in line]
    assert lines == [f"  data: celeba-64-lanczos140: 6 train images and 3 test images from "
                     f"{folder}, to be packed first"]
    assert main.main(["plan", "fig8", "fig15", "--scale", "mini", *place.options]) == 0
    told = capsys.readouterr().out  # where nothing is named, nothing is looked for
    assert "data to be found and packed first: celeba-64-lanczos140" in told
    assert not (place.cache / "data").exists()


def test_note_of_a_relative_folder_names_it_from_the_root(tmp_path, monkeypatch):
    folder = write(tmp_path / "img_align_celeba", faces(1, 2, 3))
    monkeypatch.chdir(tmp_path)
    prepared(CELEBA, tmp_path / "packed", celeba.Path())
    assert packed._told_packed(tmp_path / "packed", CELEBA.packed_name).endswith(f"from {folder}")


def test_source_note_names_path_listing_sizes_and_digests(tmp_path):
    files = faces(1, 2, 3)
    folder = write(tmp_path / "img_align_celeba", files)
    prepared(CELEBA, tmp_path / "packed", tmp_path)
    source = celeba.locate(Request(folder, None, tmp_path, 8, "lanczos140"))
    note = source.note()
    assert (note["path"], note["files"]) == (str(folder), 9)
    assert note["bytes"] == sum(map(len, files.values()))
    content = hashlib.sha256()
    for name, data in sorted(files.items()):
        content.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    assert note["digest"] == content.hexdigest()
