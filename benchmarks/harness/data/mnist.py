"""MNIST from torchvision's files: a local folder, an archive, or a download."""

from collections.abc import Iterator, Mapping
import gzip
import hashlib
from math import prod
from pathlib import Path
import zlib

import numpy as np

from benchmarks.harness.data import image_files
from benchmarks.harness.errors import UsageError

FOLDERS = ("MNIST/raw", "MNIST", "mnist/raw", "mnist", ".")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")
# the original release's files, and the md5 of their decompressed content
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637"}
COUNTS = {"train": 60000, "t10k": 10000}
SIZE = 28


def find(request: image_files.Request) -> image_files.FoundDataset:
    """Training and test images (n, 1, 28, 28) with their classes, every file verified.

    Raises MissingDataError if neither user nor mirror has the files, UsageError for wrong ones."""
    place = request.path or request.data_dir
    files, source = (_local(place), place.name) if place else ({}, "")
    if not files:
        paths = request.fetch("MNIST", "its four files into DIR/MNIST/raw", *_mirrors())
        files, source = _recognised(map(_read, paths)), "download"
    if lacking := [name for name in FILES if name not in files]:
        where = Path(next(iter(files.values())).name).parent
        raise UsageError(f"MNIST in {where} is incomplete: {lacking[0]} is missing")
    splits = {split: image_files.split_of_array(*_checked(
        files[f"{part}-images-idx3-ubyte"], files[f"{part}-labels-idx1-ubyte"], COUNTS[part]))
              for part, split in (("train", "train"), ("t10k", "test"))}
    for name, md5 in FILES.items():
        seen = hashlib.md5(files[name].data).hexdigest()
        if seen != md5:
            raise UsageError(f"{files[name].name} is not MNIST's: its content has md5 {seen}, "
                             f"MNIST's has {md5} (other data sets use the same names)")
    return image_files.FoundDataset(splits, source)


def _checked(
    images: image_files.ArchivedFile, labels: image_files.ArchivedFile, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """One split's images and classes; raises UsageError if their size or number is wrong."""
    x, y = idx_array(*images, dimensions=3), idx_array(*labels, dimensions=1)
    if x.shape[1:] != (SIZE, SIZE):
        raise UsageError(f"{images.name} holds images of {x.shape[1]}x{x.shape[2]}, "
                         f"MNIST's are {SIZE}x{SIZE}")
    if len(x) != len(y):
        raise UsageError(f"{labels.name} holds {len(y)} labels for the {len(x)} images of "
                         f"{Path(images.name).name}")
    if len(x) != count:
        raise UsageError(f"{images.name} holds {len(x)} images, MNIST has {count} there")
    return x[:, None], y


def _local(place: Path) -> dict[str, image_files.ArchivedFile]:
    """MNIST's files in an archive, or in the first folder or archive under a folder with any."""
    if place.is_file():
        return _recognised(image_files.members(place))
    for folder in (place / name for name in FOLDERS):
        files = filter(Path.is_file, sorted(folder.glob("*-ubyte*")))
        if found := _recognised(map(_read, files)):
            return found
        for path in sorted(folder.glob("*")):
            if path.name.lower().startswith("mnist") and path.name.lower().endswith(ARCHIVES):
                return _recognised(image_files.members(path))
    return {}


def _recognised(files: Iterator[image_files.ArchivedFile]) -> dict[str, image_files.ArchivedFile]:
    """The files named as MNIST's are, decompressed, by that name without .gz."""
    found: dict[str, image_files.ArchivedFile] = {}
    for data, name in files:
        stem = Path(name).name.removesuffix(".gz").replace(".idx", "-idx")
        if stem in FILES and stem not in found:
            try:
                content = gzip.decompress(data) if name.endswith(".gz") else data
                found[stem] = image_files.ArchivedFile(content, name)
            except (OSError, EOFError, zlib.error) as error:
                raise UsageError(
                    f"{name} is a damaged gzip file ({error}); fetch it again") from None
    return found


def _read(path: Path) -> image_files.ArchivedFile:
    return image_files.ArchivedFile(path.read_bytes(), str(path))


def _mirrors() -> tuple[list[str], Mapping[str, str]]:
    """Torchvision's mirrors, in its order, and the md5 of each gzip file."""
    from torchvision.datasets import MNIST
    return MNIST.mirrors, dict(MNIST.resources)


BYTES = 8  # the format's code for unsigned bytes, the only type in MNIST


def idx_array(data: bytes, name: str, dimensions: int) -> np.ndarray:
    """The uint8 array of an IDX file; raises UsageError, with the file's name, for other bytes."""
    words = 1 + dimensions  # of 32 bits, before the array's bytes
    if len(data) < 4 * words or data[:4] != bytes((0, 0, BYTES, dimensions)):
        raise UsageError(f"{name} is not an IDX file of {dimensions} dimensions: it begins with "
                         f"{data[:4]!r}")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", words - 1, offset=4))
    expected = 4 * words + prod(shape)
    if len(data) != expected:
        trouble = "truncated" if len(data) < expected else "too long"
        raise UsageError(f"{name} is {trouble}: it has {len(data)} bytes, its header announces "
                         f"{expected}")
    return np.frombuffer(data, np.uint8, offset=4 * words).reshape(shape)
