"""A small data set in MNIST's file formats that the suite accepts as MNIST."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile

import numpy as np

from benchmarks.harness.data import mnist

COUNTS = {"train": 300, "t10k": 80}


def idx(values):
    """The bytes of an IDX file."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def arrays():
    """Images whose brightness tells the class, stored class by class."""
    found = {}
    for seed, (part, n) in enumerate(COUNTS.items()):
        draws = np.random.default_rng(seed)
        labels = np.sort(draws.integers(0, 10, n))
        noise = draws.integers(0, 20, (n, 28, 28))
        found[f"{part}-images-idx3-ubyte"] = noise + 20 * labels[:, None, None]
        found[f"{part}-labels-idx1-ubyte"] = labels
    return found


FILES = {name: idx(values) for name, values in arrays().items()}


def take_for_mnist(patch):
    """Has the suite expect these files' counts and checksums; `patch` is pytest's monkeypatch."""
    patch.setattr(mnist, "COUNTS", COUNTS)
    patch.setattr(mnist, "FILES", {name: hashlib.md5(data).hexdigest()
                                   for name, data in FILES.items()})


def zipped(files=None):
    """The files compressed with gzip, by name."""
    return {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in (files or FILES).items()}


def write(folder, files):
    """Writes files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def zip_archive(files):
    """The bytes of a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "MNIST")
        for name, data in files.items():
            archive.writestr(f"some/folder/{name}", data)
    return buffer.getvalue()


def tar_archive(files, kind="gz"):
    """The bytes of a packed tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"raw/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
