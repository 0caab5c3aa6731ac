"""MNIST from torchvision's files: a local folder, an archive, or a download."""

from collections.abc import Mapping
import gzip
import hashlib
from math import prod
from pathlib import Path
from typing import NamedTuple
import zlib

import numpy as np

from benchmarks.harness.data import image_files
from benchmarks.harness.data.file_sets import ENDINGS, FileSet, Source
from benchmarks.harness.errors import UsageError

FOLDERS = ("MNIST/raw", "MNIST", "raw", "mnist-dataset", "archive", ".")  # also Kaggle's
GZIP = b"\x1f\x8b"  # how such a file begins
# the original release's files, and the md5 of their decompressed content
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637"}
WANTED = "its four files into DIR/MNIST/raw"
COUNTS = {"train": 60000, "t10k": 10000}
SIZE = 28


class NamedBytes(NamedTuple):
    """A file's bytes, and its name for messages."""

    data: bytes
    name: str


def locate(request: image_files.Request) -> Source | None:
    """The first folder with any of MNIST's files, or archive of its name; None to download it.

    Raises MissingDataError if a path is given that has none of them."""
    for place in request.places(*FOLDERS):
        if place.is_file():
            return Source(place, {place.name: place})
        files = {path.relative_to(place).as_posix(): path  # Kaggle has each in a folder, too
                 for pattern in ("*", "*-ubyte/*") for path in sorted(place.glob(pattern))
                 if _stem(path.name) in FILES and path.is_file()}
        if files:
            return Source(place, files)
        for path in sorted(place.iterdir()):
            if path.name.lower().startswith("mnist") and path.name.lower().endswith(ENDINGS[1:]):
                return Source(path, {path.name: path})
    if request.path:
        raise request.missing("MNIST", WANTED)
    return None


def find(request: image_files.Request, source: Source | None) -> image_files.FoundDataset:
    """Training and test images (n, 1, 28, 28) with their classes, every file verified.

    Raises MissingDataError if no mirror has the files, UsageError for wrong ones."""
    if source is None:
        paths = request.fetch("MNIST", WANTED, *_mirrors())
        files = _recognised({path.name: path.read_bytes() for path in paths}, paths[0].parent)
    elif source.path.is_file():
        archive = FileSet(source.path)
        files = _recognised({name: archive.read(name) for name in archive.names
                             if _stem(Path(name).name) in FILES}, source.path)
    else:
        files = _recognised({name: path.read_bytes() for name, path in source.files.items()},
                            source.path)
    if not files:
        raise request.missing("MNIST", WANTED)
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
    return image_files.FoundDataset(splits)


def _checked(
    images: NamedBytes, labels: NamedBytes, count: int
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


def _stem(name: str) -> str:
    """The file's name as the original release has it, without .gz."""
    return name.lower().removesuffix(".gz").replace(".idx", "-idx")


def _recognised(files: Mapping[str, bytes], place: Path) -> dict[str, NamedBytes]:
    """MNIST's files, by their names; decompressed where their content is compressed."""
    found: dict[str, NamedBytes] = {}
    for name, data in files.items():
        try:
            while data.startswith(GZIP):
                data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(
                f"{place}/{name} is a damaged gzip file ({error}); fetch it again") from None
        found.setdefault(_stem(Path(name).name), NamedBytes(data, f"{place}/{name}"))
    return found


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
