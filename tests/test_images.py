"""Image data sets as files: CelebA and CelebA-HQ under their names, a user's folder, wrong data."""

from dataclasses import replace
import io
import pickle
import tarfile

import numpy as np
from pictures import encoded, picture, write, zipped
from PIL import Image
import pytest
import torch
from torchvision.transforms import CenterCrop, Compose, Resize

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.data import celeba, cifar10, packed
from benchmarks.harness.data.datasets import points
from benchmarks.harness.data.packed import identity
from benchmarks.harness.data.user_images import survey
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec import user_data
from benchmarks.harness.spec.artefact import Arm, Curve, Measure
from benchmarks.harness.spec.run import Run
from benchmarks.harness.spec.user_data import FILE_DATASETS

BASE = Run("celeba", 8, "a1", "mmd", (), "1", dim=8, epochs=1, batch=4, image_size=64,
           crop="lanczos140")
TRAIN_NUMBERS, TEST_NUMBERS = (1, 7, 162_770, 162_771, 182_637), (182_638, 190_000, 202_599)


def faces():
    return {f"{n:06}.jpg": encoded(picture(n)) for n in (*TRAIN_NUMBERS, *TEST_NUMBERS)}


def packed_images(run, root, split, data_dir=None, path=None):
    paths = {run.dataset: path} if path else {}
    packed.prepare([run], root, data_dir, paths)
    return packed.packed_array(root, run.packed_name, f"{split}.images")


def ordered(images):
    """Images in an order that depends neither on shuffling nor on small differences."""
    return np.stack(sorted(images, key=lambda image: image.astype(float).ravel()[::97].tolist()))


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def as_arrays(images):
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


def test_celeba_is_cropped_resized_and_split_officially(tmp_path):
    files = faces()
    data = write(tmp_path / "data" / "celeba" / "img_align_celeba", files).parents[1]
    recipes = {
        "bilinear140": Compose([CenterCrop(140), Resize(64)]),  # torchvision's, as in CWAE
        "lanczos140": lambda image: image.crop((19, 39, 159, 179)).resize(
            (64, 64), Image.Resampling.LANCZOS),  # WAE's datahandler.py
    }
    for crop, oracle in recipes.items():
        run = replace(BASE, crop=crop)
        for split, numbers in (("train", TRAIN_NUMBERS), ("test", TEST_NUMBERS)):
            ours = packed_images(run, tmp_path / "packed", split, data)
            expected = as_arrays([oracle(decoded(files[f"{n:06}.jpg"])) for n in numbers])
            assert ours.shape == (len(numbers), 3, 64, 64)
            np.testing.assert_array_equal(ordered(ours), ordered(expected))
    assert packed.packed_array(tmp_path / "packed", BASE.packed_name, "train.labels") is None
    both = [identity(replace(BASE, crop=crop), tmp_path / "packed") for crop in recipes]
    assert both[0] != both[1]


def test_celeba_zip_equals_its_folder_and_other_counts_are_noted(tmp_path, capsys):
    files = faces()
    write(tmp_path / "a" / "img_align_celeba", files)
    write(tmp_path / "b" / "celeba", {"img_align_celeba.zip": zipped(
        {f"img_align_celeba/{name}": data for name, data in files.items()})})
    identities = []
    for data_dir in ("a", "b"):
        root = tmp_path / "packed" / data_dir
        packed.prepare([BASE], root, tmp_path / data_dir, {})
        identities.append(identity(BASE, root))
    assert identities[0] == identities[1]
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert notes.count("note: CelebA: 8 images, the official release has 202599") == 2
    assert "note: CelebA: img_align_celeba.zip is not the official zip file" in notes


def test_celeba_partition_file_decides_the_split(tmp_path):
    files = {f"face{k}.jpg": encoded(picture(k)) for k in range(6)}
    partition = "".join(f"face{k}.jpg {k // 2}\n" for k in range(6))
    data = write(tmp_path / "data", {"celeba/list_eval_partition.txt": partition.encode()})
    write(data / "celeba" / "img_align_celeba", files)
    root = tmp_path / "packed"
    assert len(packed_images(BASE, root, "train", data)) == 4
    assert len(packed_images(BASE, root, "test", data)) == 2


def test_celeba_hq_is_resized_and_split_nine_to_one(tmp_path):
    files = {f"{k:05}.png": encoded(picture(k, 128, 128), "PNG") for k in range(40)}
    write(tmp_path / "data" / "celeba_hq", files)
    (tmp_path / "zip").mkdir()
    (tmp_path / "zip" / "celeba_hq.zip").write_bytes(zipped(files))
    for size in (32, 64):
        run = replace(BASE, dataset="celebahq", image_size=size, crop=None)
        splits = {split: packed_images(run, tmp_path / "packed", split, tmp_path / "data")
                  for split in ("train", "test")}
        assert [splits[s].shape for s in splits] == [(36, 3, size, size), (4, 3, size, size)]
        expected = as_arrays([decoded(data).resize((size, size), Image.Resampling.LANCZOS)
                              for data in files.values()])
        every = np.concatenate([splits["train"], splits["test"]])
        np.testing.assert_array_equal(ordered(every), ordered(expected))
        again = packed_images(run, tmp_path / "packed again", "test", tmp_path / "zip")
        np.testing.assert_array_equal(again, splits["test"])


def bad_faces():
    """Case name -> files under img_align_celeba, and the expected message."""
    good = faces()
    small, grey = encoded(picture(1, 178, 217)), encoded(picture(1, grey=True))
    return {
        "mixed sizes": (good | {"000007.jpg": small}, "000007.jpg has 178x217 pixels, others 178x"),
        "grey": (good | {"000007.jpg": grey}, "000007.jpg is grey"),
        "truncated image": (good | {"000007.jpg": good["000007.jpg"][:-300]},
                            "000007.jpg is not a readable image"),
        "no image": (good | {"000007.jpg": b"<html>"}, "000007.jpg is not a readable image"),
        "other names": ({"holiday.jpg": good["000007.jpg"]}, "are not CelebA's, 000001.jpg to"),
        "no test images": ({"000001.jpg": good["000001.jpg"]}, "has no test images"),
        "empty": ({"readme.txt": b"x"}, "there is no image in"),
    }


@pytest.mark.parametrize("case", bad_faces())
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_invalid_celeba_images_print_one_line_and_leave_no_files(case, form, tmp_path):
    files, message = bad_faces()[case]
    data = tmp_path / "data"
    if form == "folder":
        write(data / "img_align_celeba", files)
    else:
        write(data, {"img_align_celeba.zip": zipped(files)})
    with pytest.raises(UsageError, match=r"\A.*\Z") as caught:
        packed_images(BASE, tmp_path / "packed", "train", data)
    assert message in str(caught.value)
    assert not list((tmp_path / "packed" / BASE.packed_name).iterdir())


@pytest.mark.parametrize(("name", "missing"), [("celeba", "img_align_celeba.zip"),
                                               ("celebahq", "celeba_hq")])
def test_missing_celeba_is_named_with_its_expected_path(name, missing, tmp_path):
    run = replace(BASE, dataset=name)
    with pytest.raises(UsageError, match=missing) as caught:
        packed.prepare([run], tmp_path, tmp_path, {})
    assert "--data-dir DIR" in str(caught.value)
    assert "--scale smoke" in str(caught.value)


@pytest.mark.parametrize("entry", ["../evil.png", "/etc/evil.png", "a\\..\\..\\evil.png"])
def test_zip_with_entries_outside_its_folder_is_refused(entry, tmp_path):
    path = tmp_path / "flowers.zip"
    path.write_bytes(zipped({"a.png": encoded(picture(1), "PNG"), entry: b"x"}))
    with pytest.raises(UsageError, match="points outside"):
        survey(path)


def test_truncated_zip_is_named(tmp_path):
    path = tmp_path / "flowers.zip"
    path.write_bytes(zipped({f"{k}.png": encoded(picture(k), "PNG") for k in range(4)})[:-900])
    with pytest.raises(UsageError, match=r"flowers\.zip is a damaged archive"):
        survey(path)


FLOWERS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


def flowers(n=30, grey=False, classes=True):
    """Pictures in every format, in class folders."""
    files = {}
    for k in range(n):
        kind = list(FLOWERS)[k % 3]
        options = {"lossless": True} if kind == "WEBP" else {}
        name = f"{('rose', 'tulip')[k % 2]}/{k}.{FLOWERS[kind]}" if classes else \
            f"{k}.{FLOWERS[kind]}"
        files[name] = encoded(picture(k, 60, 48, grey), kind, **options)
    return files


def flower_run(path, **changes):
    found = survey(path)
    return replace(BASE, dataset="flowers", data_digest=found.digest, crop=None, image_size=32,
                   **changes)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_user_folder_is_read_in_every_image_format(grey, form, tmp_path):
    files = flowers(grey=grey)
    path = tmp_path / "flowers.zip" if form == "zip" else write(tmp_path / "flowers", files)
    if form == "zip":
        path.write_bytes(zipped(files))
    run, root = flower_run(path), tmp_path / "packed"
    images = {split: packed_images(run, root, split, path=path) for split in ("train", "test")}
    channels = 1 if grey else 3
    assert [x.shape for x in images.values()] == [(27, channels, 32, 32), (3, channels, 32, 32)]
    every = np.concatenate(list(images.values()))
    mode = "L" if grey else "RGB"
    expected = np.stack([np.asarray(decoded(data).convert(mode).crop((6, 0, 54, 48)).resize(
        (32, 32), Image.Resampling.LANCZOS)).reshape(32, 32, -1).transpose(2, 0, 1)
        for data in files.values()])
    # WebP decodes grey images as coloured ones
    np.testing.assert_allclose(ordered(every).astype(int), ordered(expected).astype(int), atol=2)
    labels = np.concatenate([packed.packed_array(root, run.packed_name, f"{split}.labels")
                             for split in images])
    assert np.bincount(labels).tolist() == [15, 15]


def test_folder_enclosing_class_folders_is_not_a_class(tmp_path):
    """An archive as `zip -r rose.zip rose/` makes it, here with a class of the same name."""
    path = tmp_path / "rose.zip"
    path.write_bytes(zipped({f"rose/{name}": data for name, data in flowers().items()}))
    run, root = flower_run(path), tmp_path / "packed"
    for split in ("train", "test"):
        packed_images(run, root, split, path=path)
    labels = np.concatenate([packed.packed_array(root, run.packed_name, f"{split}.labels")
                             for split in ("train", "test")])
    assert np.bincount(labels).tolist() == [15, 15]


def test_one_coloured_image_among_grey_ones_keeps_the_set_coloured(tmp_path):
    files = {f"{k:02}.png": encoded(picture(k, 40, 40, grey=k != 5), "PNG") for k in range(12)}
    path = write(tmp_path / "flowers", files)
    run = flower_run(path)
    assert packed_images(run, tmp_path / "packed", "train", path=path).shape[1] == 3


def test_train_and_test_folders_are_the_splits_and_flat_folders_have_no_classes(tmp_path):
    files = {f"{split}/{name}": data for split in ("train", "test")
             for name, data in flowers(12 if split == "train" else 4).items()}
    found = survey(write(tmp_path / "split", files))
    assert [len(names) for names in found.splits.values()] == [12, 4]
    assert found.classes == {"rose": 0, "tulip": 1}
    around = survey(write(tmp_path / "around", {f"in/here/{k}": v for k, v in files.items()}))
    assert [len(names) for names in around.splits.values()] == [12, 4]
    assert around.classes == found.classes
    assert set(around.folders.values()) == set(found.folders.values()) == {"rose", "tulip"}
    flat = survey(write(tmp_path / "flat", flowers(20, classes=False)))
    assert flat.classes is None
    assert [len(names) for names in flat.splits.values()] == [18, 2]


def test_folder_digest_depends_on_names_and_contents(tmp_path):
    files = flowers(4)
    first = survey(write(tmp_path / "a", files)).digest
    assert survey(write(tmp_path / "b", files)).digest == first
    name = next(iter(files))
    assert survey(write(tmp_path / "c", files | {name: files[name] + b" "})).digest != first
    renamed = {f"x{name}": data for name, data in files.items()}
    assert survey(write(tmp_path / "d", renamed)).digest != first


def test_user_folder_replaces_the_images_of_an_artefact(tmp_path, place):
    folder = write(tmp_path / "flowers", flowers(400))
    done = place.bench("fig7", "--scale", "smoke", "--seeds", "1", "--cluster", "debug",
                       "--dataset", f"flowers={folder}")
    assert done.returncode == 0, done.stdout + done.stderr
    table = (place.cache / "smoke" / "custom" / "fig7-tsne" / "data.csv").read_text()
    assert "smoke,flowers,main,moca[tau=0.99],40,1," in table
    assert (place.cache / "data").is_dir()
    again = place.bench("fig7", "--scale", "smoke", "--seeds", "1", "--cluster", "debug",
                        "--dataset", f"flowers={folder}")
    assert "training" not in again.stdout


WRONG = {
    ("fig7", "--dataset", "flowers"): "takes NAME=PATH",
    ("fig7", "--dataset", "flowers="): "takes NAME=PATH",
    ("fig7", "--dataset", "Flo wers=/tmp"): "takes NAME=PATH",
    ("fig7", "--dataset", "flowers=/no/such/place"): "there is no /no/such/place",
    ("fig7", "--dataset", "procedural-28=/tmp"): "the suite draws 'procedural-28' itself",
    ("fig7", "--dataset", "a={flat}", "--dataset", "b={flat}"): "a and b cannot both replace",
    ("fig7", "--dataset", "a={flat}", "--dataset", "a={flat}"): "a is given twice",
    ("fig7", "--dataset", "a={many}"): "compares classes; put the images of each class",
    ("fig7", "--dataset", "a={some}"): "has 9 test images; fig7-tsne measures on at least 31",
    ("fig7", "--dataset", "a={few}"): "5 training images, fewer than a batch of 64",
    ("fig7", "--dataset", "a={empty}"): "has 0 images (PNG, JPEG or WebP)",
    ("fig1", "--dataset", "a={flat}"): "draws its own points",
    ("fig7", "--dataset", "mnist={empty}"): "MNIST is missing",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_invalid_dataset_option_prints_one_line(words, tmp_path, capsys, place, monkeypatch):
    from benchmarks.harness.data import mnist
    monkeypatch.setattr(mnist, "_mirrors", lambda: (["http://127.0.0.1:9/"], {"x.gz": "0" * 32}))
    made = {"flat": flowers(90, classes=False), "many": flowers(400, classes=False),
            "few": flowers(6), "some": flowers(96),
            "empty": {"readme.txt": b"x"}}
    folders = {name: write(tmp_path / name, files) for name, files in made.items()}
    status = main.main([*(word.format(**folders) for word in words), *place.options])
    lines = capsys.readouterr().err.splitlines()
    assert (status, len(lines)) == (2, 1)
    assert WRONG[words] in lines[0]
    assert not list((place.cache / "runs").glob("*"))


@pytest.mark.parametrize(("n_eval", "every", "reason"), [
    (10_000, 3, "celeba has 3 images in its test split, not 10000"),
    (3, 10_000, "celeba has 3 images in its test split, not 10000"),
])
def test_too_few_test_images_are_named_before_training(
    n_eval, every, reason, tmp_path, capsys, place, monkeypatch,
):
    """A measure or a curve at paper scale needs more test images than eight CelebA faces give."""
    whole = ARTEFACTS["fig3-isotropy"]
    artefact = replace(
        whole, arms=lambda scale: (Arm("mmd", replace(BASE, n_train=5)),),
        measures=lambda scale, seed: (Measure("reconstruction", n_eval),),
        curves=lambda scale: (Curve("image_swd", every),), seeds={"paper": 1})
    monkeypatch.setitem(ARTEFACTS, artefact.name, artefact)
    write(tmp_path / "celeba" / "img_align_celeba", faces())
    words = ["fig3", "--cluster", "debug", "--data-dir", str(tmp_path), *place.options]
    assert main.main(words) == 2
    assert capsys.readouterr().err == f"bench.py: {reason}\n"
    assert not list((place.cache / "runs").glob("*"))


def test_known_data_set_names_equal_those_of_the_sources():
    assert set(FILE_DATASETS) == set(packed.SOURCES)
    assert user_data.NATIVE_SIZE.keys() >= {"mnist", "cifar10"}


def batches(patch, images=20):
    """Files in CIFAR-10's format, with the suite patched to expect their checksums."""
    import hashlib
    draws, files = np.random.default_rng(0), {}
    for name in cifar10.FILES:
        files[name] = pickle.dumps({
            "data": draws.integers(0, 256, (images, 3072), np.uint8),
            "labels": draws.integers(0, 10, images).tolist()})
    patch.setattr(cifar10, "FILES", {name: hashlib.md5(data).hexdigest()
                                     for name, data in files.items()})
    return files


CIFAR_RUN = replace(BASE, dataset="cifar10", image_size=None, crop=None)


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_cifar_10_is_read_from_folder_and_archive(tmp_path, monkeypatch):
    files = batches(monkeypatch)
    write(tmp_path / "a" / "cifar-10-batches-py", files)
    write(tmp_path / "b", {"cifar-10-python.tar.gz": tar_of(files)})
    for name in ("a", "b"):
        root = tmp_path / "packed" / name
        packed.prepare([CIFAR_RUN], root, tmp_path / name, {})
        train, test = (points(CIFAR_RUN, *of, root) for of in (("train", 100), ("test", 20)))
        assert train.x.shape == (100, 3, 32, 32)
        content = pickle.loads(files["test_batch"])
        order = np.lexsort(test.x.flatten(1)[:, :5].numpy().T)
        expected = np.lexsort(content["data"][:, :5].T)
        assert torch.equal(test.x[order].flatten(1), torch.from_numpy(content["data"][expected]))
        assert test.labels[order].tolist() == np.array(content["labels"])[expected].tolist()


def damaged_cifar(files):
    archive = tar_of(files)
    return {
        "missing file": ({f"cifar-10-batches-py/{n}": d for n, d in files.items()
                          if n != "data_batch_3"}, "data_batch_3 is missing"),
        "wrong checksum": ({f"cifar-10-batches-py/{n}": d + b" " if n == "test_batch" else d
                            for n, d in files.items()}, "test_batch is damaged or not CIFAR-10's"),
        "truncated archive": ({"cifar-10-python.tar.gz": archive[:len(archive) // 2]},
                              "is a damaged archive"),
        "archive without a file": ({"cifar-10-python.tar.gz": tar_of(
            {n: d for n, d in files.items() if n != "data_batch_3"})}, "data_batch_3 is missing"),
    }


@pytest.mark.parametrize("case", ["missing file", "wrong checksum", "truncated archive",
                                  "archive without a file"])
def test_damaged_cifar_10_is_named(case, tmp_path, monkeypatch):
    found, message = damaged_cifar(batches(monkeypatch))[case]
    write(tmp_path / "data", found)
    with pytest.raises(UsageError, match=r"\A.*\Z") as caught:
        packed.prepare([CIFAR_RUN], tmp_path / "packed", tmp_path / "data", {})
    assert message in str(caught.value)


def test_missing_cifar_10_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MIRRORS", ["http://127.0.0.1:9/"])
    with pytest.raises(UsageError, match=r"cifar-10-python\.tar\.gz or cifar-10-batches-py/"):
        packed.prepare([CIFAR_RUN], tmp_path, None, {})


def test_unknown_crop_is_refused():
    assert set(celeba.RESAMPLE) == {"lanczos140", "bilinear140"}
    with pytest.raises(UsageError, match="needs a crop, lanczos140 or bilinear140"):
        packed.prepare([replace(BASE, crop="centre")], celeba.Path("unused"), None, {})
