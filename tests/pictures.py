"""Image files made for a test, alone, in folders and in archives."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image


def picture(seed, width=178, height=218, grey=False):
    """Smooth colours, so that JPEG changes little."""
    draws = np.random.default_rng(seed)
    corners = draws.integers(0, 256, (4, 4, 1 if grey else 3), np.uint8)
    image = Image.fromarray(corners[..., 0] if grey else corners)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files, kind="gz", links=()):
    """The bytes of a tar archive; `links`: pairs of a name and its target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return buffer.getvalue()
