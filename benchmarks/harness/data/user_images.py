"""A user's own folder or archive of images as a data set (`--dataset NAME=PATH`)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
import hashlib
import os
from pathlib import Path, PurePosixPath
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.harness.data import image_files
from benchmarks.harness.data.file_sets import Source
from benchmarks.harness.errors import UsageError

READING = "2"  # raised when the same files are read to other pixels, splits or classes
TEST_SHARE, MOST_TEST = 10, 10_000  # without train/ and test/, one image in ten is a test image
STRAY_SHARE = 10  # images beside folders are strays if there are fewer than one in so many
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test",
          "val": "validation", "valid": "validation", "validation": "validation"}
SPLIT_FOLDER = re.compile(rf"({'|'.join(SPLITS)})([ _-]?(set|data|images))?", re.IGNORECASE)
SHOWN_CLASSES = 10
DIGITS = 16  # of a survey's digest


class Survey(NamedTuple):
    """Names, splits and classes of a folder, before any image is decoded."""

    digest: str  # of every used file's name and content, and of its split and class
    splits: dict[str, list[str]]
    classes: dict[str, int] | None  # class folder -> label
    folders: dict[str, str]  # name of an image -> its class folder
    told: str  # what was understood, and what was left out: one line


def survey(path: Path) -> Survey:
    """Names, splits and classes; raises UsageError for fewer than two images."""
    if not path.exists():
        raise UsageError(f"--dataset: there is no {path}")
    images = image_files.ImageCollection(path)
    if len(images.names) < 2:
        raise UsageError(f"--dataset: {path} has {len(images.names)} images (PNG, JPEG or WebP); "
                         "that is not a data set")
    layout = _layout(path, images.names)
    content = hashlib.sha256(READING.encode())
    for split, names in layout.parts.items():
        for name in names:
            pixels = hashlib.sha256(images.read(name)).hexdigest()
            content.update(os.fsencode(
                f"{split}\0{layout.folders.get(name, '')}\0{name}\0{pixels}\n"))
    digest = content.hexdigest()[:DIGITS]
    splits = layout.parts if "test" in layout.parts else _drawn(layout.parts["train"], digest)
    every = set(layout.folders.values())
    has_classes = len(every) > 1 and len(layout.folders) == sum(map(len, splits.values()))
    classes = {folder: label for label, folder in enumerate(sorted(every))} if has_classes else None
    return Survey(digest, splits, classes, layout.folders,
                  _told(path, splits, layout, classes, _left_out(images, layout)))


class Layout(NamedTuple):
    """How the folders of a set are understood."""

    parts: dict[str, list[str]]  # "train", with its own test folder also "test" -> images
    folders: dict[str, str]  # image -> class folder, where it has one
    said_by: dict[str, str]  # split -> the folder that says so
    strays: list[str]  # images beside the folders
    apart: dict[str, int]  # folder beside the splits' -> number of images left out


def _layout(path: Path, names: Sequence[str]) -> Layout:
    """Splits by folders train/ and test/ (or else validation/), classes by the folders below."""
    parts = {name: PurePosixPath(name).parts for name in names}
    names, strays, depth = _below_folders(names, parts)
    folders = {name: parts[name][depth] for name in names if len(parts[name]) > depth + 1}
    tops, kinds = set(folders.values()), _kinds(folders.values())
    if not _are_splits(kinds.values()):
        if len(kinds) == len(tops) > 1 and "train" not in kinds.values():
            raise UsageError(f"--dataset: {path} has {', '.join(f'{top}/' for top in kinds)} "
                             "and no train/")
        return Layout({"train": list(names)}, folders, {}, strays, {})
    tested = "test" if "test" in kinds.values() else "validation"
    made = Layout({}, {}, {}, strays, {})
    for split, kind in (("train", "train"), ("test", tested)):
        mine = [top for top in kinds if kinds[top] == kind]
        made.said_by[split] = " and ".join(f"{top}/" for top in mine)
        inside = [name for name in names if folders[name] in mine]
        _add_split(made, split, inside, parts, depth + 1)
    for top, count in sorted(Counter(folders.values()).items()):
        if kinds.get(top) not in ("train", tested):
            made.apart[top] = count
    return made


def _kinds(tops: Iterable[str]) -> dict[str, str]:
    """Which of the folders are splits, and which split each is."""
    return {top: SPLITS[found[1].lower()] for top in sorted(set(tops))
            if (found := SPLIT_FOLDER.fullmatch(top))}


def _are_splits(kinds: Collection[str]) -> bool:
    """Whether there are images to train on, and others."""
    return "train" in kinds and len(set(kinds)) > 1


Parts = Mapping[str, tuple[str, ...]]  # name of an image -> its folders, and the file


def _below_folders(names: Sequence[str], parts: Parts) -> tuple[Sequence[str], list[str], int]:
    """The images without strays, the strays, and the number of folders around all images."""
    strays: list[str] = []
    depth = 0
    while True:
        below = [name for name in names if len(parts[name]) > depth + 1]
        beside = [name for name in names if len(parts[name]) == depth + 1]
        tops = {parts[name][depth] for name in below}
        if not below or (len(beside) * STRAY_SHARE >= len(names)
                         and not _are_splits(_kinds(tops).values())):
            return names, strays, depth
        names, strays = below, strays + beside
        if len(tops) > 1:
            return names, strays, depth
        depth += 1


def _add_split(
    made: Layout, split: str, names: Sequence[str], parts: Parts, depth: int
) -> None:
    """Adds a split's images with their class folders, without strays beside these."""
    below = [name for name in names if len(parts[name]) > depth + 1]
    while below and {parts[name][depth] for name in below} == {parts[below[0]][depth - 1]}:
        depth += 1  # train/train/, as some archives have it
        below = [name for name in names if len(parts[name]) > depth + 1]
    beside = sorted(set(names) - set(below))
    if below and len(beside) * STRAY_SHARE < len(names):
        made.strays.extend(beside)
        names = below
    made.parts[split] = list(names)
    made.folders.update({name: parts[name][depth] for name in below})


def _drawn(names: Sequence[str], digest: str) -> dict[str, list[str]]:
    """A random share for testing: every class can reach both; by names and content alone."""
    order = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(f"{digest}/{name}")).digest())
    count = min(MOST_TEST, max(1, len(names) // TEST_SHARE))
    return {"train": sorted(order[count:]), "test": sorted(order[:count])}


def _told(
    path: Path, splits: Mapping[str, Sequence[str]], layout: Layout,
    classes: Mapping[str, int] | None, left_out: Sequence[str],
) -> str:
    counts = " and ".join(
        f"{len(names)} {split} images" + (f" ({layout.said_by[split]})" if layout.said_by else "")
        for split, names in splits.items())
    drawn = "" if layout.said_by else " (one in ten, drawn at random)"
    if classes:
        shown = list(classes)[:SHOWN_CLASSES] + ["..."] * (len(classes) > SHOWN_CLASSES)
        kinds = f"{len(classes)} classes ({', '.join(shown)})"
    else:
        flat = sum(len(names) for names in splits.values()) - len(layout.folders)
        kinds = "no classes" + (f": {flat} images lie beside the folders"
                                if flat and layout.folders else ": no folders to tell them")
    rest = f"; left out: {', '.join(left_out)}" if left_out else ""
    return f"data: {path}: {counts}{drawn}, {kinds}{rest}"


def _left_out(images: image_files.ImageCollection, layout: Layout) -> list[str]:
    """What is not used, and why, in words."""
    said = [f"{n} in {top}/ (" + ("for validation" if SPLIT_FOLDER.fullmatch(top) else
            f"beside {layout.said_by['train']}") + ")" for top, n in layout.apart.items()]
    if layout.strays:
        said.append(f"{_some(layout.strays)} (beside the folders)")
    if images.skipped:
        said.append(f"{_some(images.skipped)} (links that lead nowhere, or back)")
    if images.others:
        endings = sorted({PurePosixPath(name).suffix.lower() or PurePosixPath(name).name
                          for name in images.others})
        said.append(f"{len(images.others)} that are no PNG, JPEG or WebP ({_some(endings)})")
    if images.hidden:
        said.append(f"{images.hidden} hidden")
    return said


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def locate(request: image_files.Request) -> Source:
    """The files of the user's set, whose digest the run has."""
    assert request.path
    return Source(request.path, image_files.ImageCollection(request.path).sources(),
                  request.digest)


def find(request: image_files.Request, source: Source | None) -> image_files.FoundDataset:
    """The folder's images: the central square, resized to `request.size`; in colour if any is.

    Raises UsageError if the files have changed since the command began and, when they are packed,
    for images of different sizes."""
    assert request.path
    images, found = image_files.ImageCollection(request.path), survey(request.path)
    if found.digest != request.digest:
        raise UsageError(f"{request.path} has changed since it was looked at; start again")
    names = [name for split in found.splits.values() for name in split]
    form = image_files.format_of(images.image(names[0]))._replace(channels=1)
    channels = 3 if any(_is_coloured(images.image(name)) for name in names) else 1
    size = request.size or min(form.width, form.height)
    splits = {split: image_files.split_of_files(images, names, form, (channels, size, size),
                                                labels=_labels(names, found))
              for split, names in found.splits.items()}
    return image_files.FoundDataset(splits)


def _is_coloured(image: Image.Image) -> bool:
    """Whether any pixel is coloured; WebP stores grey images with three equal channels."""
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels != pixels[..., :1]).any())


def _labels(names: Sequence[str], found: Survey) -> np.ndarray | None:
    if found.classes is None:
        return None
    return np.array([found.classes[found.folders[name]] for name in names], np.int64)
