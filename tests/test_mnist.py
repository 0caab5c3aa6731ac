"""MNIST's files in every form, intact and damaged; packing; the command."""

import contextlib
import gzip
import hashlib
import os
import random
import signal
import subprocess
import sys

from busy import HANG, await_that
from conftest import ROOT
from mirror import Mirror
import numpy as np
import pytest
import small_mnist
from small_mnist import COUNTS, FILES, idx
import torch

from benchmarks.harness.command import main
from benchmarks.harness.data import mnist, packed
from benchmarks.harness.data.datasets import points
from benchmarks.harness.data.image_files import Request
from benchmarks.harness.data.packed import identity
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run

RUN = Run("mnist", COUNTS["train"], "mlp3", "mmd", (), "1", dim=6, epochs=1, batch=8)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


@pytest.fixture(autouse=True)
def small(monkeypatch):
    small_mnist.take_for_mnist(monkeypatch)
    monkeypatch.setattr(mnist, "_mirrors", lambda: (["http://127.0.0.1:9/"], {
        f"{name}.gz": "0" * 32 for name in FILES}))


def find(place):
    request = Request(None, place, place / "unused", None, None)
    return mnist.find(request, mnist.locate(request))


def prepare(root, data_dir):
    packed.prepare([RUN], root, data_dir, {})


def train(root, n=COUNTS["train"]):
    return points(RUN, "train", n, root)


def places(folder):
    """Each form in a data folder of its own."""
    renamed = {name.replace("-idx", ".idx"): data for name, data in FILES.items()}
    for name, files in (("raw", FILES), ("gz", small_mnist.zipped()), ("dotted", renamed)):
        small_mnist.write(folder / name / "MNIST" / "raw", files)
    small_mnist.write(folder / "flat", FILES)
    archives = {"MNIST.zip": small_mnist.zip_archive(FILES),
                "mnist.zip": small_mnist.zip_archive(small_mnist.zipped()),
                "mnist.tar.gz": small_mnist.tar_archive(FILES)}
    for name, data in archives.items():
        small_mnist.write(folder / f"archive {name}", {name: data})
    return sorted(folder.iterdir())


def test_mnist_in_every_form_equals_what_torchvision_reads(tmp_path):
    from torchvision.datasets import MNIST
    forms = places(tmp_path)
    assert len(forms) == 7
    for folder in forms:
        found = find(folder)
        for split, is_train in (("train", True), ("test", False)):
            oracle, ours = MNIST(tmp_path / "raw", train=is_train), found.splits[split]
            images = np.stack([ours.make(k) for k in range(ours.size)])
            np.testing.assert_array_equal(images[:, 0], oracle.data.numpy())
            np.testing.assert_array_equal(ours.labels, oracle.targets.numpy())
            assert images.dtype == ours.labels.dtype == np.uint8


def damaged():
    """Damaged file and kind of damage -> the expected message."""
    images = np.frombuffer(FILES[TRAIN_IMAGES], np.uint8, offset=16).reshape(-1, 28, 28)
    labels = np.frombuffer(FILES[TRAIN_LABELS], np.uint8, offset=8)
    whole = gzip.compress(FILES[TEST_IMAGES])
    flipped = whole[:500] + bytes([whole[500] ^ 255]) + whole[501:]
    return {
        "truncated": (TRAIN_IMAGES, FILES[TRAIN_IMAGES][:-9], "truncated: it has 235207 bytes"),
        "header only": (TEST_LABELS, FILES[TEST_LABELS][:6], "is not an IDX file"),
        "empty": (TEST_LABELS, b"", "is not an IDX file"),
        "too long": (TRAIN_LABELS, FILES[TRAIN_LABELS] + b"xx", "too long"),
        "web page": (TEST_IMAGES, b"<html><body>moved</body></html>", "begins with b'<htm'"),
        "corrupt gzip": (f"{TEST_IMAGES}.gz", flipped, "damaged gzip file"),
        "gzip broken off": (f"{TEST_IMAGES}.gz", whole[:-50], "damaged gzip file"),
        "no gzip": (f"{TEST_IMAGES}.gz", b"<html>", "is not an IDX file"),
        "other size": (TRAIN_IMAGES, idx(images[:, :27]), "images of 27x28, MNIST's are 28x28"),
        "fewer labels": (TRAIN_LABELS, idx(labels[:-3]), "holds 297 labels for the 300 images"),
        "fewer images": (TRAIN_IMAGES, idx(images[:-3]), "holds 300 labels for the 297 images"),
        "other content": (TRAIN_IMAGES, idx(255 - images), "is not MNIST's: its content has md5"),
        "labels as images": (TRAIN_IMAGES, FILES[TRAIN_LABELS], "is not an IDX file of 3 dim"),
    }


@pytest.mark.parametrize("kind", damaged())
def test_damaged_mnist_file_is_named_in_one_line(kind, tmp_path, capsys, place):
    name, data, message = damaged()[kind]
    others = {other: content for other, content in FILES.items() if other not in name}
    small_mnist.write(tmp_path / "MNIST" / "raw", {**others, name: data})
    with pytest.raises(UsageError, match=r"\A.*\Z") as caught:
        find(tmp_path)
    assert message in str(caught.value)
    wrong = TRAIN_LABELS if kind == "fewer images" else name
    assert str(tmp_path / "MNIST" / "raw" / wrong) in str(caught.value)
    status = main.main(["fig7", "--data-dir", str(tmp_path), *place.options])
    assert (status, len(capsys.readouterr().err.splitlines())) == (2, 1)
    assert not list((place.cache / "runs").iterdir())
    assert not packed.packed_folder(place.cache / "data", "mnist").exists()


def test_wrong_counts_of_images_and_labels_are_named(tmp_path):
    few = {name: idx(values[:-5]) for name, values in small_mnist.arrays().items()}
    small_mnist.write(tmp_path, few)
    with pytest.raises(UsageError, match="holds 295 images, MNIST has 300 there"):
        find(tmp_path)


def test_missing_mnist_file_is_named(tmp_path):
    small_mnist.write(tmp_path, {name: FILES[name] for name in FILES if name != TEST_LABELS})
    with pytest.raises(UsageError, match=f"incomplete: {TEST_LABELS} is missing"):
        find(tmp_path)


def test_damaged_archives_never_end_in_a_traceback(tmp_path):
    draws = random.Random(0)
    for name, kind in (("mnist.tar.xz", "xz"), ("mnist.tar.gz", "gz"), ("mnist.zip", None)):
        whole = small_mnist.tar_archive(FILES, kind) if kind else small_mnist.zip_archive(FILES)
        for _ in range(12):
            place = draws.randrange(len(whole))
            (tmp_path / name).write_bytes(
                whole[:place] + draws.randbytes(20) + whole[place + 20:])
            with contextlib.suppress(UsageError):
                find(tmp_path)
        (tmp_path / name).unlink()


@pytest.mark.parametrize("name", ["mnist.zip", "mnist.tar.gz"])
def test_damaged_archive_is_named(name, tmp_path):
    make = small_mnist.zip_archive if name.endswith("zip") else small_mnist.tar_archive
    (tmp_path / name).write_bytes(make(FILES)[:-2000])
    with pytest.raises(UsageError, match=rf"{name} is a damaged archive"):
        find(tmp_path)


def test_missing_mnist_without_network_prints_instructions_in_one_line(tmp_path, capsys, place):
    for words in ([], ["--data-dir", str(tmp_path)]):
        status = main.main(["fig7", *words, *place.options])
        (line,) = capsys.readouterr().err.splitlines()
        assert status == 2
        for hint in ("MNIST is missing", "DIR/MNIST/raw", "--data-dir DIR", "--scale smoke"):
            assert hint in line
        assert not list((place.cache / "runs").iterdir())


def test_missing_data_folder_is_named(capsys, place):
    assert main.main(["fig7", "--data-dir", "/no/such/folder", *place.options]) == 2
    assert "--data-dir: there is no folder /no/such/folder" in capsys.readouterr().err


def test_mnist_is_downloaded_from_the_mirrors_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    zipped = small_mnist.zipped()
    mirrors = [Mirror(zipped, mode) for mode in ("page", "breaks", "fine")]
    md5s = {name: hashlib.md5(data).hexdigest() for name, data in zipped.items()}
    urls = ["http://127.0.0.1:9/", *(mirror.url for mirror in mirrors)]
    monkeypatch.setattr(mnist, "_mirrors", lambda: (urls, md5s))
    prepare(tmp_path, None)
    for mirror in mirrors:
        mirror.close()
    assert all(len(mirror.ranges) == 4 for mirror in mirrors)
    assert all(wanted for wanted in mirrors[2].ranges)  # it resumed the interrupted file
    manifest = packed.manifest(tmp_path, "mnist")
    assert manifest["source"] == "download"
    assert not (tmp_path / "mnist" / "downloads").exists()
    split = train(tmp_path)
    assert torch.equal(split.labels.sort().values, torch.from_numpy(
        small_mnist.arrays()[TRAIN_LABELS]))


def test_mnist_mirrors_and_checksums_equal_torchvisions(monkeypatch):
    monkeypatch.undo()
    mirrors, md5s = mnist._mirrors()
    assert set(md5s) == {f"{name}.gz" for name in mnist.FILES}
    assert len(mirrors) > 1
    assert all(mirror.endswith("/") for mirror in mirrors)


@pytest.fixture
def packed_root(tmp_path):
    small_mnist.write(tmp_path / "files", FILES)
    prepare(tmp_path, tmp_path / "files")
    return tmp_path


def test_packed_images_are_shuffled_with_their_labels(packed_root):
    original = small_mnist.arrays()
    for which, part in (("train", "train"), ("test", "t10k")):
        split = points(RUN, which, COUNTS[part], packed_root)
        assert split.x.shape == (COUNTS[part], 1, 28, 28)
        # brightness tells the class, so a label shuffled without its image would show
        assert torch.equal(split.x.flatten(1).float().mean(1).div(20, rounding_mode="floor").long(),
                           split.labels.long())
        sums = np.sort(original[f"{part}-images-idx3-ubyte"].reshape(len(split.x), -1).sum(1))
        np.testing.assert_array_equal(np.sort(split.x.flatten(1).long().sum(1)), sums)
    first = train(packed_root, 100).labels
    assert len(first.unique()) == 10  # unshuffled, the first 100 would hold only four classes
    with pytest.raises(UsageError, match="mnist has 80 images in its test split, not 81"):
        points(RUN, "test", 81, packed_root)


def test_packing_twice_gives_the_same_arrays(packed_root, tmp_path):
    prepare(tmp_path / "again", tmp_path / "files")
    identities = [identity(RUN, root) for root in (packed_root, tmp_path / "again")]
    assert identities[0] == identities[1]


def test_packed_arrays_are_copy_on_write(packed_root):
    x = train(packed_root, 10).x
    before = x.clone()
    x.zero_()
    assert torch.equal(train(packed_root, 10).x, before)


@pytest.mark.parametrize("damage", [b"", None, "zeroed", "gone"])
def test_damaged_packed_set_is_packed_again(damage, packed_root, capsys):
    path = packed.packed_folder(packed_root, "mnist") / "test.images.npy"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        half = whole[:-100] if damage is None else whole[:200] + bytes(len(whole) - 200)
        path.write_bytes(half if damage in (None, "zeroed") else damage)
    prepare(packed_root, packed_root / "files")
    assert path.read_bytes() == whole
    assert "is damaged: packing mnist again" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", None])
def test_corrupt_packed_file_is_named(damage, packed_root):
    path = packed.packed_folder(packed_root, "mnist") / "train.images.npy"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(UsageError, match=r"train\.images\.npy is corrupt; remove"):
        train(packed_root, 10)


PACKER = """
import os, sys, time
from pathlib import Path
import numpy as np
from benchmarks.harness.data import packed
from benchmarks.harness.data.image_files import FoundDataset, split_of_array

def find():
    (Path(sys.argv[1]) / f"call.{os.getpid()}").touch()
    time.sleep(float(sys.argv[2]))
    images = np.full((1000, 1, 10, 10), 2, np.uint8)
    return FoundDataset({"train": split_of_array(images, np.arange(1000))})

packed.pack(Path(sys.argv[1]), "toy", find)
print(packed.packed_array(Path(sys.argv[1]), "toy", "train.images").sum())
"""
SUM = "200000"


def packer(folder, seconds):
    return subprocess.Popen([sys.executable, "-c", PACKER, str(folder), str(seconds)], cwd=ROOT,
                            stdout=subprocess.PIPE, text=True)


def test_one_of_several_processes_packs_and_all_read_the_result(tmp_path):
    rivals = [packer(tmp_path, 1.0) for _ in range(4)]
    sums = {rival.communicate(timeout=HANG)[0].split()[-1] for rival in rivals}
    assert sums == {SUM}
    assert len(list(tmp_path.glob("call.*"))) == 1
    assert sorted(p.name for p in (tmp_path / "toy").iterdir()) == ["packed.1"]


def test_waiting_process_packs_after_the_first_was_killed(tmp_path):
    victim = packer(tmp_path, HANG)
    await_that(lambda: list(tmp_path.glob("call.*")))
    heir = packer(tmp_path, 0)
    assert "waiting for it" in heir.stdout.readline()
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    assert heir.communicate(timeout=HANG)[0].split()[-1] == SUM
    assert sorted(p.name for p in (tmp_path / "toy").iterdir()) == ["packed.1"]
